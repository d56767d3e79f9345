"""Columns that a feed class declares for storages with a schema: their types, and the values that each takes.

The types are those of CQL: `text`, `int`, `bigint`, `timestamp` ..., and `list<...>`, `set<...>` and `map<..., ...>` of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from streamfw_core.errors import EncodeError, FeedConflict, given, shown

__all__ = ["check_columns", "check_value"]

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_COLLECTION: Final = re.compile(r"(list|set|map)<([a-z]+)(?:, ?([a-z]+))?>")


def _whole(bits: int) -> Callable[[Any], bool]:
    limit = 1 << (bits - 1)
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


def _any_of(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types) and not (isinstance(value, bool) and bool not in types)


_PLAIN: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "text": (_any_of(str), "a text"),
    "ascii": (lambda value: isinstance(value, str) and value.isascii(), "a text of ASCII characters"),
    "boolean": (_any_of(bool), "True or False"),
    "tinyint": (_whole(8), "a whole number of 8 bits"),
    "smallint": (_whole(16), "a whole number of 16 bits"),
    "int": (_whole(32), "a whole number of 32 bits"),
    "bigint": (_whole(64), "a whole number of 64 bits"),
    "varint": (_any_of(int), "a whole number"),
    "float": (_any_of(int, float), "a number"),
    "double": (_any_of(int, float), "a number"),
    "decimal": (_any_of(int, Decimal), "a Decimal"),
    "blob": (_any_of(bytes), "bytes"),
    "uuid": (_any_of(UUID), "a UUID"),
    "timestamp": (
        lambda value: isinstance(value, datetime) and value.tzinfo is not None,
        "a datetime with its time zone",
    ),
    "date": (lambda value: isinstance(value, date) and not isinstance(value, datetime), "a date"),
    "time": (_any_of(time), "a time of day"),
}
_COLLECTIONS: Final[Mapping[str, tuple[type, ...]]] = {"list": (list, tuple), "set": (set, frozenset), "map": (dict,)}


def check_columns(feed: str, columns: object) -> Mapping[str, str]:
    """Columns as a feed class declares them.

    :raises FeedConflict: no mapping of names to types, in words that say what is wrong.
    """
    if not isinstance(columns, Mapping):
        raise FeedConflict(
            f"{feed}.columns must be a mapping of names to types, such as {{'color': 'text'}}, got {given(columns)}"
        )
    for name, kind in columns.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise FeedConflict(
                f"{feed}.columns names a column {shown(name)}: names are lower-case letters, digits and _, a letter first"
            )
        if not isinstance(kind, str) or not _is_type(kind):
            raise FeedConflict(
                f"{feed}.columns gives {name!r} the type {shown(kind)}: types are {', '.join(_PLAIN)},"
                " and list<...>, set<...> and map<..., ...> of them"
            )
    return dict(columns)


def check_value(feed: str, column: str, kind: str, value: object) -> object:
    """The value, if the type takes it.

    :raises EncodeError: it does not.
    """
    fits, words = _judged(kind, value)
    if not fits:
        raise EncodeError(
            f"column {column!r} of feed {feed!r} is of the type {kind}, which takes {words}, got {given(value)}"
        )
    return value


def _is_type(kind: str) -> bool:
    collection = _COLLECTION.fullmatch(kind)
    if collection is None:
        return kind in _PLAIN
    parts = [part for part in collection.groups()[1:] if part is not None]
    return len(parts) == (2 if collection[1] == "map" else 1) and all(part in _PLAIN for part in parts)


def _judged(kind: str, value: Any) -> tuple[bool, str]:
    collection = _COLLECTION.fullmatch(kind)
    if collection is None:
        fits, words = _PLAIN[kind]
        return fits(value), words
    name, inner, of_values = collection.groups()
    fits, words = _PLAIN[inner]
    collected: Any = value
    all_fit = isinstance(value, _COLLECTIONS[name]) and all(map(fits, collected))
    if of_values is not None:
        fits_value, words_value = _PLAIN[of_values]
        all_fit = all_fit and all(map(fits_value, collected.values()))
        words = f"{words} -> {words_value}"
    return all_fit, f"a {name} of {words}"

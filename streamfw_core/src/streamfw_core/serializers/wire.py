"""The values that formats have no word for: one table of them, and the walk that finds them.

Each row of `TYPES` has a number, by which msgpack knows it (an extension type),
and a name, by which JSON does (`{"!name": ...}`).
Numbers and names are what is stored: they never change and are never used again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

from attrs import frozen

from streamfw_core.serializers import zones

__all__ = ["BY_CODE", "BY_NAME", "MAX_DEPTH", "TYPES", "Refused", "WireType", "Writer"]

MAX_DEPTH = 64
"""How deep lists and mappings may stand in each other."""


@frozen
class WireType:
    """How the values of one type travel."""

    code: int
    name: str
    type: type
    pack: Callable[[Any], Any]
    """The value as text, a number, or a list."""
    unpack: Callable[[Any], Any]
    """The value again; of what `pack` cannot have made, a value of `type` all the same, or any Exception."""
    holds_values: bool = False
    """The list that `pack` makes holds values that must be packed in turn."""
    to_bytes: Callable[[Any], bytes] | None = None
    """A shorter form for formats that have bytes."""
    from_bytes: Callable[[bytes], Any] | None = None


def _text(plain: Any) -> str:
    if type(plain) is not str:
        raise ValueError(f"expected text, got {type(plain).__name__}")
    return plain


def _list(plain: Any) -> list[Any]:
    if type(plain) is not list:
        raise ValueError(f"expected a list, got {type(plain).__name__}")
    return plain


def _int_to_bytes(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _int_from_bytes(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def _pack_dict(value: dict[Any, Any]) -> list[Any]:
    return [part for item in value.items() for part in item]


def _unpack_dict(plain: Any) -> dict[Any, Any]:
    parts = iter(_list(plain))
    return dict(zip(parts, parts, strict=True))


TYPES = (
    # Hexadecimal, as reading decimal digits takes time quadratic in their number.
    WireType(1, "int", int, "{:x}".format, lambda x: int(_text(x), 16), False, _int_to_bytes, _int_from_bytes),
    WireType(2, "float", float, repr, lambda x: _FLOATS[x]),
    WireType(3, "bytes", bytes, lambda x: b64encode(x).decode(), lambda x: b64decode(_text(x), validate=True)),
    WireType(4, "decimal", Decimal, str, lambda x: Decimal(_text(x))),
    WireType(5, "uuid", UUID, str, lambda x: UUID(_text(x)), False, lambda x: x.bytes, lambda x: UUID(bytes=x)),
    WireType(6, "datetime", datetime, zones.pack_datetime, zones.unpack_datetime),
    WireType(7, "date", date, date.isoformat, lambda x: date.fromisoformat(_text(x))),
    WireType(8, "time", time, zones.pack_time, zones.unpack_time),
    WireType(
        9,
        "timedelta",
        timedelta,
        lambda x: [x.days, x.seconds, x.microseconds],
        lambda x: timedelta(*_list(x)),
    ),
    WireType(10, "tuple", tuple, list, lambda x: tuple(_list(x)), True),
    WireType(11, "set", set, list, lambda x: set(_list(x)), True),
    WireType(12, "frozenset", frozenset, list, lambda x: frozenset(_list(x)), True),
    # Only where a format's own mapping cannot have such keys: keys and values in turn.
    WireType(13, "dict", dict, _pack_dict, _unpack_dict, True),
)

BY_CODE = {row.code: row for row in TYPES}
BY_NAME = {row.name: row for row in TYPES}
_BY_TYPE = {row.type: row for row in TYPES}

INT, DATETIME, DICT = _BY_TYPE[int], _BY_TYPE[datetime], _BY_TYPE[dict]


class Refused(Exception):
    """A value that cannot be stored; `path` grows from the value outwards while the error passes by."""

    def __init__(self, reason: str, value: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""
        self._containers = [value]

    def passing(self, container: object, step: str) -> None:
        self.path = step + self.path
        self._containers.append(container)

    def explained(self) -> str:
        """The reason; of nesting without end it says so."""
        seen = {id(container) for container in self._containers}
        if len(self._containers) > MAX_DEPTH and len(seen) < len(self._containers):
            return "contains itself: store each value once, and ids instead of references"
        return self.reason


class Writer:
    """Turns values into what one format has words for."""

    native: frozenset[type] = frozenset()
    """Types whose values the format writes as they are, beside str, list, dict and integers of 64 bits."""

    def fits_as_key(self, key: object) -> bool:
        """Whether the format's own mapping can have this key."""
        raise NotImplementedError

    def extended(self, row: WireType, value: Any, depth: int) -> Any:
        """What stands for the value of a type in the table."""
        raise NotImplementedError

    def plain(self, value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - a table would be slower
        """The value as the format takes it.

        :raises Refused: it would not come back equal.
        """
        kind = type(value)
        if kind in self.native:
            return value
        if kind is str:
            return checked_text(value)
        if kind is int and -(2**63) <= value < 2**64:
            return value
        if kind is float and isfinite(value):
            return value
        if kind is list:
            return self.items(value, depth)
        if kind is dict:
            if all(map(self.fits_as_key, value)):
                return self.mapping(value, depth)
            return self.extended(DICT, value, depth)
        row = _BY_TYPE.get(kind)
        if row is None:
            raise Refused(_why_not(value))
        return self.extended(row, value, depth)

    def packed(self, row: WireType, value: Any, depth: int) -> Any:
        """`row.pack(value)`, with the values in it packed too."""
        if not row.holds_values:
            return row.pack(value)
        if row is DICT:
            return self._pairs(value, depth)
        return self.items(value, depth, ordered=row.type is tuple)

    def items(self, value: Iterable[Any], depth: int, *, ordered: bool = True) -> list[Any]:
        _check_depth(value, depth)
        plain: list[Any] = []
        try:
            for item in value:
                plain.append(self.plain(item, depth + 1))  # noqa: PERF401 - its length says where an error is
        except Refused as refused:
            refused.passing(value, f"[{len(plain)}]" if ordered else "{...}")
            raise
        return plain

    def mapping(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        _check_depth(value, depth)
        plain = {}
        key: Any = None
        try:
            for key, item in value.items():
                plain[checked_text(key) if type(key) is str else key] = self.plain(item, depth + 1)
        except Refused as refused:
            refused.passing(value, f"[{_short(key)}]")
            raise
        return plain

    def _pairs(self, value: dict[Any, Any], depth: int) -> list[Any]:
        _check_depth(value, depth)
        plain = []
        for key, item in value.items():
            try:
                plain.append(self.plain(key, depth + 1))
            except Refused as refused:
                refused.passing(value, f" key {_short(key)}")
                raise
            try:
                plain.append(self.plain(item, depth + 1))
            except Refused as refused:
                refused.passing(value, f"[{_short(key)}]")
                raise
        return plain


def is_utc(value: datetime) -> bool:
    """Whether it is a time that msgpack's own timestamp brings back as it was."""
    return value.tzinfo is UTC and not value.fold


def checked_text(value: str) -> str:
    """:raises Refused: it has lone surrogates."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Refused(
                f"is a text with a lone surrogate at {error.start}, which UTF-8 cannot express:"
                ' clean it with value.encode("utf-8", "replace").decode()'
            ) from None
    return value


def _check_depth(value: object, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise Refused(f"stands more than {MAX_DEPTH} containers deep: store it flatter", value)


def _short(key: object) -> str:
    # Only of these is repr() known to be harmless: of an integer of 5,000 digits it raises.
    if type(key) in (str, bytes, bool, float, type(None)) or (type(key) is int and abs(key) < 2**64):
        text = repr(key)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"<{type(key).__name__}>"


def _why_not(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, Enum):
        return f"is a member of the enum {name}, and would come back as a bare value: store its value or name"
    if kind in (bytearray, memoryview):
        return f"is a {name}, and would come back as bytes: store bytes(value)"
    for base in (str, list, *_BY_TYPE):
        if isinstance(value, base):
            return f"is of the type {name}, and would come back as {base.__name__}: store the {base.__name__}"
    return f"is of the type {name}, which cannot be stored: store its id, or a dict of plain values"

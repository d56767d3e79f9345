"""The options that stand in the query of a URL: texts there, and in the backend's own attrs class what they are."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Collection
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import attrs

from streamfw_core.settings.report import Report

__all__ = ["options_in_query"]

_WHOLE: Final = re.compile(r"-?[0-9]+")


def options_in_query(cls: type, url: str, path: str, *, without: Collection[str] = ()) -> dict[str, object]:
    """The options in the query of a URL, such as `?timeout=5&tls=true`, as what the fields of the class are.

    A field may be a text or a choice of texts, a number, or `true` or `false`, or that or None.
    Where it may be a text, it stays one; what only a mapping can say, such as a list, is refused.
    Give what comes back to `structure_options`.

    ```python
    @attrs.frozen
    class MyOptions:
        host: str = "localhost"
        pool_size: int = 10
        timeout: float | None = None

    options_in_query(MyOptions, "mydb://db1?timeout=5", "storages.hot.options")  # -> {'timeout': 5.0}
    ```

    :param cls: the attrs class of the options.
    :param path: where the options stand in the settings, for messages.
    :param without: fields that no query may have, such as those that the rest of the URL says.
    :raises SettingsError: with every problem.
    """
    hints = get_type_hints(cls)
    kinds = {field.alias: _kind(hints.get(field.name)) for field in attrs.fields(cls) if field.init}
    known = sorted(name for name, kind in kinds.items() if name and kind and name not in without)
    report, said = Report("", {}), dict[str, object]()
    for key, text in parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True):
        if key not in known:
            # Of a password with a question mark, the rest would be taken for a query.
            shown = repr(key) if key.isidentifier() else "a key"
            words = f"its query has {shown}, and may have {', '.join(known)}; for others give a mapping of options"
            report.problem(f"{path}.url", f"cannot be read: {words}")
            continue
        must, convert = _KINDS[kinds[key] or str]
        try:
            said[key] = convert(text)
        except ValueError:
            report.problem(f"{path}.url", f"cannot be read: {key} must be {must}, is {text[:60]!r}")
    report.raise_problems()
    return said


def _kind(wanted: Any) -> type | None:
    """What a text becomes for a field of this type; None: there is no text for it."""
    if get_origin(wanted) in {Union, types.UnionType}:
        members = {_kind(member) for member in get_args(wanted)}
        return next((kind for kind in (str, float, int, bool) if kind in members), None)
    if get_origin(wanted) is Literal:
        return str if all(isinstance(choice, str) for choice in get_args(wanted)) else None
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return str  # the name of a member
    return wanted if wanted in _KINDS else None


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _truth(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


_KINDS: Final[dict[type, tuple[str, Callable[[str], object]]]] = {
    str: ("a text", str),
    int: ("a whole number", _whole),
    float: ("a number", float),
    bool: ("true or false", _truth),
}

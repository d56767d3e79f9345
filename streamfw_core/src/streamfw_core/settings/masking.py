"""Hiding secrets, for every place where settings are shown: the command line, `repr` and error messages.

Rather too much is hidden than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Final
from urllib.parse import unquote

__all__ = ["MASK", "is_secret", "mask", "mask_text", "mask_values"]

MASK: Final = "***"

# Part of a longer word is enough for these ...
_ANYWHERE: Final = re.compile(r"passw|passphrase|secret|token|credential")
# ... while these are secrets only as a word of a name, or at the end of one: `ssl_key`, not `keyspace`.
_WORD_ENDS: Final = re.compile(r"(key|pass|pwd|\Aauth|\Aauthorization|\Acreds)\Z")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# Everything up to the last @, because a password may contain what a URL must not.
_USERINFO: Final = re.compile(r"(://).*@", re.DOTALL)
# The same without a scheme: `user:password@host`.
_BARE_USERINFO: Final = re.compile(r"[^\s:/@'\"]*:[^\s@'\"]+@")
_ASSIGNMENT: Final = re.compile(r"([\w.%-]+)(\s*=\s*)('[^']*'|\"[^\"]*\"|[^&#\s]+)")

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def is_secret(name: object) -> bool:
    """Whether a setting of this name holds a secret."""
    if not isinstance(name, str):
        return False
    squeezed = name.lower().replace("_", "").replace("-", "")
    if _ANYWHERE.search(squeezed):
        return True
    return any(_WORD_ENDS.search(word.lower()) for word in _WORD.findall(name))


def mask_text(text: str) -> str:
    """The text without the user and password of a URL in it, and without `password=...` of any kind."""
    if "@" in text:
        pattern, shown = (_USERINFO, rf"\1{MASK}@") if "://" in text else (_BARE_USERINFO, f"{MASK}@")
        text = pattern.sub(shown, text)
    if "=" in text:
        text = _ASSIGNMENT.sub(_mask_assignment, text)
    return text


def mask(value: object, name: object = None) -> Plain:  # noqa: PLR0911 (one per type)
    """The value of the setting `name` as JSON-compatible data, without secrets at any depth."""
    if value is None or isinstance(value, bool):
        return value
    if is_secret(name):
        return MASK
    if isinstance(value, Mapping):
        return {mask_text(str(key)): mask(item, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and is_secret(value[0]):  # a pair of name and value
            return [str(value[0]), mask(value[1], value[0])]
        return [mask(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((mask(item) for item in value), key=str)
    return _mask_scalar(value)


def mask_values(text: str, values: Iterable[object]) -> str:
    """The text without any of these values, which are known to be secret."""
    for value in sorted({str(value) for value in values if value not in {None, ""}}, key=len, reverse=True):
        text = text.replace(value, MASK)
    return mask_text(text)


def _mask_scalar(value: object) -> Plain:  # noqa: PLR0911 (one per type)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        # JSON has no words for these.
        return float(value) if value - value == 0 else str(value)
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, type):
        return f"{value.__module__}:{value.__qualname__}"
    # Its repr may show anything.
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def _mask_assignment(match: re.Match[str]) -> str:
    name, equals, value = match.groups()
    return f"{name}{equals}{MASK if is_secret(unquote(name)) else value}"

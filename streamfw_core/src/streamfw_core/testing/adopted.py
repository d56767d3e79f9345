"""Backends by token: how a contract hands the instances that it made to an application, whose settings are plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4
from weakref import WeakValueDictionary

__all__ = ["adopt", "adopted"]

_instances: Final[WeakValueDictionary[str, Any]] = WeakValueDictionary()


def adopt(instance: Any) -> dict[str, Any]:
    """The settings of a backend that is this instance, for as long as somebody else keeps it."""
    token = uuid4().hex
    _instances[token] = instance
    return {"backend": f"{__name__}:adopted", "options": {"kept_as": token}}


def adopted(_name: str, options: Mapping[str, object]) -> Any:
    """The factory of such a backend."""
    return _instances[str(options["kept_as"])]

"""What the code of a row can name, beside the application itself: classes with something wrong about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

from streamfw_core.plugins import Kind, hookimpl

from streamfw_core import Activity, Add, FanoutPriority, Feed, Love, Manager, Verb, register

__all__ = [
    "UTC",
    "Activity",
    "Add",
    "Book",
    "Decimal",
    "FanoutPriority",
    "Feed",
    "Kind",
    "Love",
    "Manager",
    "Node",
    "OffersHot",
    "OtherActivity",
    "Raises",
    "Verb",
    "WarmHot",
    "WithoutHooks",
    "WithoutOffset",
    "datetime",
    "loop",
    "register",
    "subclass",
    "timedelta",
    "timezone",
]


class Book:
    """A thing of somebody's that is not saved yet, so that it has no id."""

    id = None

    def __repr__(self) -> str:
        return "<Book>"


class Node:
    """A thing that has no id at all."""

    def __repr__(self) -> str:
        return "<Node>"


class OtherActivity(Activity):
    """Not what the feeds here keep."""


class WithoutOffset(tzinfo):
    """A time zone that does not say how far it is from UTC."""

    def utcoffset(self, time: datetime | None, /) -> timedelta | None:
        return None

    def dst(self, time: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, time: datetime | None, /) -> str:
        return "nowhere"


class OffersHot:
    """A plugin."""

    @staticmethod
    @hookimpl
    def streamfw_register_storages(register: Any) -> None:
        register("hot", "json:JSONDecoder")


class WarmHot:
    """A plugin that offers what another one offers."""

    @staticmethod
    @hookimpl
    def streamfw_register_storages(register: Any) -> None:
        register("hot", "json:JSONEncoder")


class Raises:
    """A plugin that fails."""

    @staticmethod
    @hookimpl
    def streamfw_register_storages(register: Any) -> None:
        raise RuntimeError("no license")


class WithoutHooks:
    """A plugin that forgot its decorators."""

    def streamfw_register_storages(self, register: Any) -> None:
        """Not called."""


def loop() -> list[Any]:
    """A list that contains itself."""
    made: list[Any] = []
    made.append(made)
    return made


def subclass(base: type, name: str, /, **attributes: Any) -> Any:
    """`class name(base)` with these attributes, in one expression."""
    return type(name, (base,), {"__module__": "shop", "__qualname__": name, **attributes})

"""Feeds and managers on an event loop: the same code, awaited. See `docs/async.md`.

What is exported here is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_core.aio.applications import AioStreams
    from streamfw_core.aio.bridge import in_aio, in_thread, wait
    from streamfw_core.aio.feeds import AioAggregatedFeed, AioFeed, AioNotificationFeed
    from streamfw_core.aio.managers import AioManager

__all__ = [
    "AioAggregatedFeed",
    "AioFeed",
    "AioManager",
    "AioNotificationFeed",
    "AioStreams",
    "in_aio",
    "in_thread",
    "wait",
]

_HOMES = {
    "applications": ("AioStreams",),
    "bridge": ("in_aio", "in_thread", "wait"),
    "feeds": ("AioAggregatedFeed", "AioFeed", "AioNotificationFeed"),
    "managers": ("AioManager",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

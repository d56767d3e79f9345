"""Metrics: what streamfw tells about its work. The default collects nothing.

Subclass `Metrics` and name the class in the settings (`"metrics": {"backend": "myapp.metrics:MyMetrics"}`),
or install a plugin that offers a backend.
Every method is called once per batch, never once per delivery; timers measure seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_core.feeds import Feed

__all__ = ["Metrics", "NoMetrics"]


class _NoTimer:
    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


_NO_TIMER = _NoTimer()


class Metrics:
    """What is counted and timed; each method does nothing here."""

    def __init__(self, name: str = "none", options: Mapping[str, object] | None = None) -> None:
        self.name = name

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        """Around the writing of one chunk of feeds."""
        return _NO_TIMER

    def feed_reads_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        """Around the reading of one slice or page, hydration and decoding included."""
        return _NO_TIMER

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many activities were read."""

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many activities were added to a feed directly (`add`, `add_many`)."""

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many activities were removed from a feed directly (`remove`, `remove_many`)."""

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        """So many deliveries (activities times feeds) of an operation: `"add"`, `"remove"` or `"update"`."""

    def on_activity_published(self) -> None:
        """A manager published an activity."""

    def on_activity_removed(self) -> None:
        """A manager removed an activity."""

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many entries were skipped on read, as their activities do not exist (any more)."""

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many entries were skipped on read, as their bytes are not activities."""

    def on_dead_letter(self, reason: str) -> None:
        """A task message was given up."""


class NoMetrics(Metrics):
    """The default: collects nothing."""

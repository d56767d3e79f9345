"""What is counted, timed and traced; each method of `Metrics` does nothing.

Every method is called once per batch, never once per delivery; timers measure seconds.
What a method raises is logged and reaches nobody: see `streamfw_core.metrics.CompositeMetrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_core.feeds import Feed
    from streamfw_core.queues.tasks import Task

__all__ = ["NOTHING", "Metrics", "NoMetrics"]


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


NOTHING = _Nothing()
"""A context manager that does nothing, again and again."""


class Metrics:
    """What is counted, timed and traced; each method does nothing here.

    :param name: the backend's name, for messages.
    :param options: as the settings have them.
    """

    def __init__(self, name: str = "none", options: Mapping[str, object] | None = None) -> None:
        self.name = name

    # --- timers ---

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        """Around the writing of one chunk of feeds."""
        return NOTHING

    def feed_reads_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        """Around the reading of one slice or page, hydration and decoding included."""
        return NOTHING

    def reads_noted(self, feed_class: type[Feed]) -> Callable[[int, float], None] | None:
        """What is told of each read instead of `feed_reads_timer` and `on_feed_read`: how many activities, how many seconds.

        For backends that need to know no more: it is asked for once for each feed class, and costs a fraction of them.
        None: they are called.
        """
        return None

    # --- counts ---

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many activities were read."""

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many activities were added to a feed directly (`add`, `add_many`)."""

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many activities were removed from a feed directly (`remove`, `remove_many`)."""

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        """So many deliveries (activities times feeds) of an operation: `"add"`, `"remove"` or `"update"`."""

    def on_activity_published(self, activities_count: int = 1) -> None:
        """A manager published an activity; `batch_import` says how many, chunk by chunk."""

    def on_activity_removed(self) -> None:
        """A manager removed an activity."""

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many entries were skipped on read, as their activities do not exist (any more)."""

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        """So many entries that a read met are not activities: it skipped them, or raised `DecodeError` at the first."""

    def on_dead_letter(self, reason: str) -> None:
        """A task message was given up."""

    # --- traces ---

    def publishing(self, operation: str, manager: str) -> AbstractContextManager[None]:
        """Around what a manager does before its call returns.

        :param operation: `"add"`, `"remove"`, `"update"`, `"follow"` or `"unfollow"`.
        """
        return NOTHING

    def carrier(self) -> Mapping[str, str]:
        """What task messages take along of the trace that is in force, so that whoever executes them goes on with it.

        Up to 8 ASCII texts of up to 512 characters each, such as the headers `traceparent` and `tracestate` of W3C.
        """
        return {}

    def executing(self, task: Task, carrier: Mapping[str, str]) -> AbstractContextManager[None]:
        """Around the execution of a task message, in whatever process that is.

        :param carrier: what `carrier` returned where the message was made; whoever can write to the broker can write it.
        """
        return NOTHING

    # --- the end ---

    def close(self) -> None:
        """Send what is held back; the application was closed. May be repeated, and more may be told afterwards."""


class NoMetrics(Metrics):
    """The default: collects nothing."""

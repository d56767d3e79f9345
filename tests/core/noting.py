"""Metrics that note what they are told, and some that fail at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from streamfw_core.metrics import Metrics
from streamfw_core.queues import Task

from streamfw_core import Feed


class Noting(Metrics):
    """`notes` has (method, what it was told); contexts are noted at their end."""

    def __init__(self, name: str = "noting", options: Mapping[str, object] | None = None) -> None:
        super().__init__(name, options)
        self.options = dict(options or {})
        self.notes: list[tuple[Any, ...]] = []

    def note(self, *what: Any) -> None:
        self.notes.append(what)

    @contextmanager
    def around(self, *what: Any) -> Iterator[None]:
        yield
        self.note(*what)

    def fanout_timer(self, feed_class: type[Feed]) -> Any:
        return self.around("fanout_timer", feed_class.name)

    def feed_reads_timer(self, feed_class: type[Feed]) -> Any:
        return self.around("feed_reads_timer", feed_class.name)

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        self.note("on_feed_read", feed_class.name, activities_count)

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        self.note("on_feed_write", feed_class.name, activities_count)

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        self.note("on_feed_remove", feed_class.name, activities_count)

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        self.note("on_fanout", feed_class.name, operation, activities_count)

    def on_activity_published(self, activities_count: int = 1) -> None:
        self.note("on_activity_published", activities_count)

    def on_activity_removed(self) -> None:
        self.note("on_activity_removed")

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self.note("on_hydration_miss", feed_class.name, activities_count)

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        self.note("on_decode_error", feed_class.name, activities_count)

    def on_dead_letter(self, reason: str) -> None:
        self.note("on_dead_letter", reason)

    def publishing(self, operation: str, manager: str) -> Any:
        return self.around("publishing", operation, manager)

    def carrier(self) -> Mapping[str, str]:
        return {"number": str(len(self.notes))}

    def executing(self, task: Task, carrier: Mapping[str, str]) -> Any:
        return self.around("executing", task.kind, {**carrier})

    def close(self) -> None:
        self.note("close")


class Failing(Noting):
    """Every method raises, and so do its contexts, at their beginning or, with the option `late`, at their end."""

    def note(self, *what: Any) -> None:
        raise RuntimeError(f"cannot note {what[0]}")

    @contextmanager
    def around(self, *what: Any) -> Iterator[None]:
        if not self.options.get("late"):
            self.note(*what)
        yield
        self.note(*what)

    def carrier(self) -> Mapping[str, str]:
        raise RuntimeError("cannot carry")

"""Several metrics as one, which never raises: what core tells about its work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from streamfw_core.metrics.protocol import NOTHING, Metrics

if TYPE_CHECKING:
    from streamfw_core.feeds import Feed
    from streamfw_core.queues.tasks import Task

__all__ = ["CompositeMetrics"]

logger = logging.getLogger(__name__)

Failed: TypeAlias = Callable[[object, Exception], None]


class CompositeMetrics(Metrics):
    """Tells each of several metrics, in their order.

    What one of them raises is logged, once for each of its methods, and neither the others nor the caller notice:
    a publish and a read must not fail because they could not be counted.

    :param backends: those that are told.
    """

    def __init__(self, backends: Sequence[Metrics]) -> None:
        super().__init__("several")
        self.backends = tuple(backends)
        self._failing: set[tuple[int, str]] = set()
        # Only what a backend does something at: most listen to some methods, and an empty tuple costs next to nothing.
        self._listeners = {name: tuple(self._listening(name)) for name in _METHODS}
        self._fanout_timers = self._listeners["fanout_timer"]
        self._read_timers = self._listeners["feed_reads_timer"]
        self._reads = self._listeners["on_feed_read"]

    # --- timers ---

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        timers = self._fanout_timers
        return _Around(timers, (feed_class,), self._failed) if timers else NOTHING

    def feed_reads_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        timers = self._read_timers
        return _Around(timers, (feed_class,), self._failed) if timers else NOTHING

    def reads_noted(self, feed_class: type[Feed]) -> Callable[[int, float], None] | None:
        listening = [
            backend
            for backend in self.backends
            if self._listens(backend, "feed_reads_timer") or self._listens(backend, "on_feed_read")
        ]
        noting = [(backend, self._noting(backend, feed_class)) for backend in listening]
        # All or none: what one of them does with a timer takes a timer.
        if not noting or any(note is None for _, note in noting):
            return None
        failed, noted = self._failed, tuple((note, backend.reads_noted) for backend, note in noting if note is not None)

        def tell(activities_count: int, seconds: float) -> None:
            for note, whose in noted:
                try:
                    note(activities_count, seconds)
                except Exception as error:  # noqa: BLE001 - whatever it is, the read was made
                    failed(whose, error)

        return tell

    # --- counts ---

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        for tell in self._reads:
            try:
                tell(feed_class, activities_count)
            except Exception as error:  # noqa: BLE001 - whatever it is, the read was made
                self._failed(tell, error)

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        self._tell("on_feed_write", feed_class, activities_count)

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        self._tell("on_feed_remove", feed_class, activities_count)

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        self._tell("on_fanout", feed_class, operation, activities_count)

    def on_activity_published(self, activities_count: int = 1) -> None:
        # Without the one: classes that were written for Stream-Framework take no argument.
        self._tell("on_activity_published", *([] if activities_count == 1 else [activities_count]))

    def on_activity_removed(self) -> None:
        self._tell("on_activity_removed")

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self._tell("on_hydration_miss", feed_class, activities_count)

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        self._tell("on_decode_error", feed_class, activities_count)

    def on_dead_letter(self, reason: str) -> None:
        self._tell("on_dead_letter", reason)

    # --- traces ---

    def publishing(self, operation: str, manager: str) -> AbstractContextManager[None]:
        spans = self._listeners["publishing"]
        return _Around(spans, (operation, manager), self._failed) if spans else NOTHING

    def carrier(self) -> Mapping[str, str]:
        carried: dict[str, str] = {}
        for ask in self._listeners["carrier"]:
            try:
                carried.update(ask())
            except Exception as error:  # noqa: BLE001 - the message goes without
                self._failed(ask, error)
        return carried

    def executing(self, task: Task, carrier: Mapping[str, str]) -> AbstractContextManager[None]:
        spans = self._listeners["executing"]
        return _Around(spans, (task, carrier), self._failed) if spans else NOTHING

    # --- the end ---

    def close(self) -> None:
        self._tell("close")

    # --- inside ---

    def _listening(self, name: str) -> list[Callable[..., Any]]:
        """A method of the backends that do not leave it as it is."""
        return [getattr(backend, name) for backend in self.backends if self._listens(backend, name)]

    @staticmethod
    def _listens(backend: Metrics, name: str) -> bool:
        method = getattr(backend, name, None)
        return method is not None and getattr(method, "__func__", None) is not getattr(Metrics, name)

    def _noting(self, backend: Metrics, feed_class: type[Feed]) -> Callable[[int, float], None] | None:
        if not self._listens(backend, "reads_noted"):
            return None
        try:
            return backend.reads_noted(feed_class)
        except Exception as error:  # noqa: BLE001 - it may still have its timer
            self._failed(backend.reads_noted, error)
            return None

    def _tell(self, name: str, *arguments: Any) -> None:
        for tell in self._listeners[name]:
            try:
                tell(*arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is, what is told of has happened
                self._failed(tell, error)

    def _failed(self, told: object, error: Exception) -> None:
        """Log what a method raised, the first time."""
        backend = getattr(told, "__self__", told)
        name = getattr(told, "__name__", "?")
        if (id(backend), name) not in self._failing:
            self._failing.add((id(backend), name))
            logger.error(
                "metrics %r failed in %s(), which is said once: the work went on",
                getattr(backend, "name", type(backend).__name__),
                name,
                exc_info=error,
            )


_METHODS = [name for name in vars(Metrics) if not name.startswith("_")]


class _Around:
    """Contexts of several backends as one, which lets errors of what it encloses pass and has none of its own."""

    __slots__ = ("_arguments", "_entered", "_failed", "_makers")

    def __init__(self, makers: Sequence[Callable[..., Any]], arguments: tuple[Any, ...], failed: Failed) -> None:
        self._makers = makers
        self._arguments = arguments
        self._failed = failed
        self._entered: list[tuple[Callable[..., Any], Any]] = []

    def __enter__(self) -> None:
        for make in self._makers:
            try:
                context = make(*self._arguments)
                context.__enter__()
            except Exception as failure:  # noqa: BLE001 - what it encloses is done all the same
                self._failed(make, failure)
            else:
                self._entered.append((make, context))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for make, context in reversed(self._entered):
            try:
                context.__exit__(kind, error, traceback)
            except Exception as failure:  # noqa: BLE001 - the same
                if failure is not error:
                    self._failed(make, failure)

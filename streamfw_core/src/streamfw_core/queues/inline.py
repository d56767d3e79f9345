"""The queue that is none: a message is executed at once, in the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from attrs import field, frozen
from attrs.validators import ge, instance_of

from streamfw_core.errors import QueueClosed
from streamfw_core.queues.protocol import FanoutPriority, Handler, OnDead, untold
from streamfw_core.queues.retry import Backoff, MessageFailed, run
from streamfw_core.storage.protocol import Scope

__all__ = ["InlineQueue"]

_executing: ContextVar[tuple[object, ...]] = ContextVar("streamfw_executing", default=())
"""The inline queues that are executing a message here, in this thread or task, each once for every message."""


@frozen
class Options:
    """`attempts`: how often a message is tried in all. `pause`: seconds before the second try, doubling after that."""

    attempts: int = field(default=3, validator=[instance_of(int), ge(1)])
    pause: float = field(default=0.05, validator=[instance_of((int, float)), ge(0)])


class InlineQueue:
    """Fan-out in the caller: publishing returns when every follower has the activity. Errors reach the publisher."""

    scope = Scope.PROCESS

    def __init__(self, name: str = "inline", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        self.name = name
        parsed = structure_options(Options, options or {}, "task_queue.options")
        self._backoff = Backoff(parsed.attempts, parsed.pause)
        self._handler: Handler | None = None
        self._on_dead: OnDead = untold
        self._closed = False

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        self._handler = handler
        self._on_dead = on_dead

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self._check_open()
        self._run(message)

    def begin(self, message: bytes, start: Callable[[bytes], Callable[[], None]]) -> Callable[[], None]:
        """`enqueue`, of which the rest is done when what is returned is called.

        :param start: begins to execute the message; what it returns does the rest, and raises what the handler would.
        """
        self._check_open()
        rest = start(message)
        return partial(self._run, message, rest)

    def _check_open(self) -> None:
        if self._closed:
            raise QueueClosed(f"task queue {self.name!r} is closed: make new Streams to publish again")

    def _run(self, message: bytes, begun: Callable[[], None] | None = None) -> None:
        """:param begun: the rest of the first attempt."""
        assert self._handler is not None, "bind() comes before enqueue()"
        handler, first = self._handler, [] if begun is None else [begun]

        def attempt(some: bytes) -> None:
            if first:
                first.pop()()
            else:
                handler(some)

        is_part = self in _executing.get()
        try:
            with self._executes():
                run(attempt, message, self._backoff)
        except MessageFailed as failed:
            error = failed.__cause__ or failed
            # What becomes of a part is up to the message that it is a part of, which may be tried again.
            if not is_part:
                self._on_dead(f"{type(error).__name__}: {error}")
            raise error from None

    @contextmanager
    def _executes(self) -> Iterator[None]:
        token = _executing.set((*_executing.get(), self))
        try:
            yield
        finally:
            _executing.reset(token)

    def drain(self, timeout: float | None = None) -> None:
        """There is never anything left."""

    def close(self) -> None:
        """Accept nothing more; there is never anything left."""
        self._closed = True

"""A background pool in this process: publishing returns at once, threads fan out.

- Back-pressure: at most `max_pending` messages of each priority wait. A publisher waits for room;
  a worker that has more to enqueue (a fan-out that splits into chunks) makes room by executing the most urgent message
  that waits, so that the pool cannot lock up.
- Priorities: HIGH before NORMAL before LOW, also in the middle of a large LOW fan-out;
  one thread of the pool takes only HIGH.
- What fails for good is logged, kept (the newest `MAX_DEAD`), and raised by `drain`.
- The pool drains when the interpreter exits.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from attrs import field, frozen
from attrs.validators import ge, instance_of

from streamfw_core.errors import FanoutFailed, QueueClosed
from streamfw_core.messages import about
from streamfw_core.queues.protocol import DeadLetter, FanoutPriority, Handler, OnDead, untold
from streamfw_core.queues.retry import Backoff, MessageFailed, run
from streamfw_core.queues.tasks import delivering
from streamfw_core.storage.protocol import Scope

__all__ = ["ThreadsQueue"]

logger = logging.getLogger(__name__)

MAX_DEAD = 1000
MAX_DEPTH = 8
"""How many messages a worker may begin in the middle of others."""
_ORDER = (FanoutPriority.HIGH, FanoutPriority.NORMAL, FanoutPriority.LOW)


@frozen
class Options:
    """`workers`: threads, 2 or more. `max_pending`: messages of each priority that may wait.

    `attempts` and `pause`: see the inline queue.
    """

    workers: int = field(default=4, validator=[instance_of(int), ge(2)])
    max_pending: int = field(default=1000, validator=[instance_of(int), ge(1)])
    attempts: int = field(default=3, validator=[instance_of(int), ge(1)])
    pause: float = field(default=0.05, validator=[instance_of((int, float)), ge(0)])


class ThreadsQueue:
    """Fan-out by threads of this process."""

    scope = Scope.PROCESS

    def __init__(self, name: str = "threads", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        self.name = name
        self._options = structure_options(Options, options or {}, "task_queue.options")
        self._backoff = Backoff(self._options.attempts, self._options.pause)
        self._handler: Handler | None = None
        self._on_dead: OnDead = untold
        self._closed = False
        self._worker = threading.local()
        self._start_afresh()
        # Weak, so that a queue nobody uses any more can go before the interpreter does.
        atexit.register(_drain_at_exit, weakref.ref(self))

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        self._handler = handler
        self._on_dead = on_dead

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Accept a message; waits while `max_pending` others wait.

        :raises QueueClosed: after `close`.
        """
        assert self._handler is not None, "bind() comes before enqueue()"
        if self._pid != os.getpid():
            self._start_afresh()
        served: Sequence[FanoutPriority] | None = getattr(self._worker, "served", None)
        while not self._accept(message, priority, wait=served is None):
            # A worker must not wait for room that only workers make.
            if served is None or not self._help(served):
                self._execute(message, priority)
                return

    def _accept(self, message: bytes, priority: FanoutPriority, *, wait: bool) -> bool:
        """Let a message wait for its turn, if there is room for it."""
        with self._changed:
            self._start_workers()
            waiting = self._waiting[priority]
            while not self._closed and wait and len(waiting) >= self._options.max_pending:
                self._changed.wait()
            if self._closed:
                raise QueueClosed(f"task queue {self.name!r} is closed: make new Streams to publish again")
            if len(waiting) >= self._options.max_pending:
                return False
            waiting.append(message)
            self._changed.notify_all()
            return True

    def _help(self, served: Sequence[FanoutPriority]) -> bool:
        """Execute the most urgent message that waits, in the middle of another; False when that goes too deep."""
        if self._worker.depth >= MAX_DEPTH:
            return False
        with self._changed:
            taken = self._take(served)
        if taken is not None:
            self._worker.depth += 1
            try:
                self._run(*taken)
            finally:
                self._worker.depth -= 1
        return taken is not None

    def drain(self, timeout: float | None = None) -> None:
        """Wait until nothing waits or runs.

        :param timeout: seconds; None: as long as it takes.
        :raises TimeoutError: it took longer.
        :raises FanoutFailed: messages were given up since the last drain; `dead_letters()` has them until then.
        """
        if self._pid != os.getpid():
            return
        with self._changed:
            if not self._changed.wait_for(lambda: not self._running and not any(self._waiting.values()), timeout):
                left = self._running + sum(map(len, self._waiting.values()))
                raise TimeoutError(f"task queue {self.name!r}: {left} messages are not done after {timeout} s")
            dead = [*self._dead]
            self._dead.clear()
        if dead:
            errors = [error for _, error in dead]
            many = "1 message" if len(dead) == 1 else f"{len(dead)} messages, first"
            raise FanoutFailed(f"task queue {self.name!r} gave up {many}: {_told(dead[0][0])}", errors) from errors[0]

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        """The messages given up since the last drain, oldest first; only the newest thousand are kept.

        :param limit: at most so many.
        """
        with self._changed:
            return [letter for letter, _ in self._dead][:limit]

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        """Enqueue letters again, and forget them; `drain` does not report them then, unless they fail again.

        :param ids: None: all that are there now.
        :returns: how many.
        """
        letters = [letter for letter in self.dead_letters() if ids is None or letter.id in ids]
        for letter in letters:
            self.enqueue(letter.message, letter.priority)
            self.drop_dead([letter.id])
        return len(letters)

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        """Forget letters, which `drain` does not report then.

        :param ids: None: all that are there now.
        :returns: how many.
        """
        with self._changed:
            kept = [pair for pair in self._dead if ids is not None and pair[0].id not in ids]
            dropped = len(self._dead) - len(kept)
            self._dead.clear()
            self._dead.extend(kept)
        return dropped

    def close(self) -> None:
        """Execute what is left, stop the threads, accept nothing more."""
        try:
            self.drain()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            for thread in self._threads:
                thread.join()

    def _start_afresh(self) -> None:
        """After a fork the threads and the messages are the parent's."""
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: dict[FanoutPriority, deque[bytes]] = {priority: deque() for priority in _ORDER}
        self._running = 0
        self._dead: deque[tuple[DeadLetter, Exception]] = deque(maxlen=MAX_DEAD)
        self._threads: list[threading.Thread] = []

    def _start_workers(self) -> None:
        if self._threads:
            return
        for number in range(self._options.workers):
            served = _ORDER[:1] if number == 0 else _ORDER
            thread = threading.Thread(
                target=_work, args=(self, served), name=f"streamfw-{self.name}-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _next(self, served: Sequence[FanoutPriority]) -> tuple[bytes, FanoutPriority] | None:
        """The next message to execute; None: the queue was closed."""
        with self._changed:
            while (taken := self._take(served)) is None and not self._closed:
                self._changed.wait()
            return taken

    def _take(self, served: Sequence[FanoutPriority]) -> tuple[bytes, FanoutPriority] | None:
        for priority in served:
            if self._waiting[priority]:
                self._running += 1
                return self._waiting[priority].popleft(), priority
        return None

    def _run(self, message: bytes, priority: FanoutPriority) -> None:
        try:
            self._execute(message, priority)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _execute(self, message: bytes, priority: FanoutPriority) -> None:
        id, attempts, handler = uuid4().hex, 0, self._handler
        assert handler is not None

        def counting(message: bytes) -> None:
            nonlocal attempts
            attempts += 1
            with delivering(id, priority, attempts):
                handler(message)

        try:
            run(counting, message, self._backoff)
        except Exception as error:  # noqa: BLE001  # whatever it is, the thread goes on and the message is kept
            rest, cause = message, error
            if isinstance(error, MessageFailed):
                rest = error.rest
                cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            reason = f"{type(cause).__name__}: {cause}"
            letter = DeadLetter(id, rest, priority, reason, datetime.now(UTC), attempts)
            logger.error("task queue %r gave up a message: %s", self.name, _told(letter))
            with self._changed:
                self._dead.append((letter, cause))
            self._on_dead(reason)


def _told(letter: DeadLetter) -> str:
    """What was given up and why, for people."""
    attempts = "1 attempt" if letter.attempts == 1 else f"{letter.attempts} attempts"
    return f"{about(letter.message)}, after {attempts}: {letter.reason}"


def _work(queue: ThreadsQueue, served: Sequence[FanoutPriority]) -> None:
    queue._worker.served = served
    queue._worker.depth = 0
    while (taken := queue._next(served)) is not None:
        queue._run(*taken)


def _drain_at_exit(reference: Callable[[], ThreadsQueue | None]) -> None:
    queue = reference()
    if queue is None or queue._closed:
        return
    started = time.monotonic()
    try:
        queue.close()
    except FanoutFailed as failed:
        logger.error("task queue %r at exit: %s", queue.name, failed)
    logger.debug("task queue %r drained at exit in %.1f s", queue.name, time.monotonic() - started)

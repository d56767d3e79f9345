"""Many messages to one queue, which may be the one that executes them here and now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self

from streamfw_core.aio.bridge import give_way, in_thread
from streamfw_core.errors import StorageError
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.queues.protocol import FanoutPriority, TaskQueue

__all__ = ["Sending", "enqueue"]

AHEAD = 2
"""Messages that are begun and not ended while the next one is made."""


def enqueue(queue: TaskQueue, message: bytes, priority: FanoutPriority) -> None:
    """Hand a message to a task queue: from an event loop in a thread, as a broker may be slow, or the queue full.

    The inline queue executes it here, where storages wait for the event loop.
    """
    if isinstance(queue, InlineQueue):
        queue.enqueue(message, priority)
    else:
        in_thread(queue.enqueue, message, priority)


class Sending:
    """Messages for feeds on their way to a task queue, until the `with` block ends.

    The inline queue begins some before it ends the first of them, so that storages have work while the next is made,
    and while it waits for what must be known before it is written.

    :param begin: begins to execute a message; what it returns does the rest.
    """

    def __init__(self, queue: TaskQueue, begin: Callable[[bytes], Callable[[], None]]) -> None:
        self.failed: list[Exception] = []
        """What a queue that executes at once reports here, as the other messages are still sent."""
        self._queue = queue
        self._begin = begin
        self._begun: deque[Callable[[], None]] = deque()

    def send(self, message: bytes, priority: FanoutPriority) -> None:
        if type(self._queue) is InlineQueue:  # what a subclass does in `enqueue` must be done
            self._begun.append(self._queue.begin(message, self._begin))
            if len(self._begun) > AHEAD:
                self._finish(self._begun.popleft())
        else:
            self._finish(partial(enqueue, self._queue, message, priority))
        give_way()

    def _finish(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StorageError as error:
            self.failed.append(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            while error is None and self._begun:
                self._finish(self._begun.popleft())
        finally:
            while self._begun:
                # The publisher should know what ended the fan-out.
                with suppress(Exception):
                    self._begun.popleft()()

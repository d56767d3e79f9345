"""Many messages to one queue, which may be the one that executes them here and now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self

from streamfw_core.aio.bridge import give_way, in_thread
from streamfw_core.errors import StorageError
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.queues.protocol import FanoutPriority, TaskQueue

__all__ = ["Sending", "enqueue"]


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

    The inline queue begins each before it ends the one before, so that storages have work while the next is made.

    :param begin: begins to execute a message; what it returns does the rest.
    """

    def __init__(self, queue: TaskQueue, begin: Callable[[bytes], Callable[[], None]]) -> None:
        self.failed: list[Exception] = []
        """What a queue that executes at once reports here, as the other messages are still sent."""
        self._queue = queue
        self._begin = begin
        self._end: Callable[[], None] | None = None

    def send(self, message: bytes, priority: FanoutPriority) -> None:
        if type(self._queue) is InlineQueue:  # what a subclass does in `enqueue` must be done
            before, self._end = self._end, self._queue.begin(message, self._begin)
            self._finish(before)
        else:
            self._finish(partial(enqueue, self._queue, message, priority))
        give_way()

    def _finish(self, work: Callable[[], None] | None) -> None:
        if work is not None:
            try:
                work()
            except StorageError as error:
                self.failed.append(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self._finish(self._end)
        elif self._end is not None:
            # The publisher should know what ended the fan-out.
            with suppress(Exception):
                self._end()

"""The task-queue protocol: what core asks of a task queue.

A queue carries messages: bytes of versioned JSON (see `streamfw_core.messages`) that name everything by text and data.
Each is handed to the handler at least once; the handler bears repetition and reordering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from threading import Event
from typing import Protocol, TypeAlias, runtime_checkable

from attrs import frozen

from streamfw_core.storage.protocol import Scope

__all__ = ["DeadLetter", "DeadLetterQueue", "FanoutPriority", "Handler", "OnDead", "TaskQueue", "WorkerQueue", "untold"]


class FanoutPriority(StrEnum):
    """Which queue the fan-out to some followers goes to: `HIGH` is served first, then `NORMAL`, and `LOW` never delays them."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


Handler: TypeAlias = Callable[[bytes], None]
"""Executes a message.

It raises `MessageFailed` (see `streamfw_core.queues.retry`) when part of it remains to be done: with the message
that has only the rest, and whether trying again can help.
"""

OnDead: TypeAlias = Callable[[str], None]
"""Is told why a message was given up. It never raises: what is given up was kept, and is over."""


def untold(reason: str) -> None:
    """An `OnDead` that does nothing."""


@runtime_checkable
class TaskQueue(Protocol):
    """One configured task queue of an application; `name` is its backend's in the settings."""

    name: str
    scope: Scope
    """PROCESS: messages stay in this process; SHARED: other processes execute them."""

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        """Say what executes messages in this process; called once, before anything is enqueued.

        :param on_dead: is told of each message that this process gives up, once, when it is kept with its reason:
            because trying again cannot help, or because it was tried often enough.
        """
        ...

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Accept a message; once this returns, it will be executed.

        :raises QueueUnavailable: it was not accepted, as whoever keeps the messages cannot be reached.
        :raises QueueClosed: after `close`.
        """
        ...

    def drain(self, timeout: float | None = None) -> None:
        """Return when all that was enqueued here has been executed; raise what failed for good since the last drain.

        A queue whose messages leave the process returns at once.
        """
        ...

    def close(self) -> None:
        """Execute what is left and accept nothing more."""
        ...


@frozen
class DeadLetter:
    """A message that was given up, and why.

    :param id: by which its queue finds it.
    :param message: what remains to be done; other bytes than a message of ours where those were what failed.
    :param priority: of the queue that it was in.
    :param reason: the error, as a text.
    :param died_at: when it was given up; an aware time.
    :param attempts: how often it was tried.
    """

    id: str
    message: bytes
    priority: FanoutPriority
    reason: str
    died_at: datetime
    attempts: int = 1


@runtime_checkable
class DeadLetterQueue(TaskQueue, Protocol):
    """A task queue that keeps what was given up where people can look at it, and try it again."""

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        """What was given up, oldest first.

        :param limit: at most so many.
        """
        ...

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        """Enqueue these letters again, each where it was, and forget them then: never the other way around.

        :param ids: None: all that are there now. One that is gone is passed over.
        :returns: how many were enqueued.
        """
        ...

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        """Forget these letters.

        :param ids: None: all that are there now. One that is gone is passed over.
        :returns: how many were forgotten.
        """
        ...


@runtime_checkable
class WorkerQueue(TaskQueue, Protocol):
    """A task queue that brings its worker along: what `streamfw worker` runs."""

    def work(self, priorities: Sequence[FanoutPriority], stop: Event) -> None:
        """Execute messages of these priorities in this process, the most urgent first, until `stop` is set.

        What is being executed then is finished; what was only fetched goes back.
        """
        ...

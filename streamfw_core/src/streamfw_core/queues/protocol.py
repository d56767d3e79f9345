"""The task-queue protocol: what core asks of a task queue.

A queue carries messages: bytes of versioned JSON (see `streamfw_core.messages`) that name everything by text and data.
Each is handed to the handler at least once; the handler bears repetition and reordering.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from streamfw_core.storage.protocol import Scope


class FanoutPriority(StrEnum):
    """Which queue the fan-out to some followers goes to: HIGH is served first, and LOW never delays it."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


Handler: TypeAlias = Callable[[bytes], None]
"""Executes a message.

It raises `MessageFailed` (see `streamfw_core.queues.retry`) when part of it remains to be done: with the message
that has only the rest, and whether trying again can help.
"""


@runtime_checkable
class TaskQueue(Protocol):
    """One configured task queue of an application."""

    name: str
    scope: Scope
    """PROCESS: messages stay in this process; SHARED: other processes execute them."""

    def bind(self, handler: Handler) -> None:
        """Say what executes messages in this process; called once, before anything is enqueued."""
        ...

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Accept a message; once this returns, it will be executed."""
        ...

    def drain(self, timeout: float | None = None) -> None:
        """Return when all that was enqueued here has been executed; raise what failed for good since the last drain.

        A queue whose messages leave the process returns at once.
        """
        ...

    def close(self) -> None:
        """Execute what is left and accept nothing more."""
        ...

"""A task queue that keeps every message, so that tests can deliver late, twice, and in another order;
and a storage that notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from streamfw_core.queues.protocol import FanoutPriority, Handler, OnDead
from streamfw_core.storage.protocol import Scope, Storage

__all__ = ["RecordingQueue", "RecordingStorage"]


class RecordingQueue:
    """`waiting`: what was not executed yet. `recorded`: all that was ever enqueued."""

    scope = Scope.PROCESS

    def __init__(self, call: Callable[..., None] | None = None) -> None:
        """:param call: calls what executes a message; by default nothing is in between."""
        self.name = "recording"
        self._call = call
        self.waiting: list[bytes] = []
        self.recorded: list[bytes] = []
        self._handler: Handler | None = None

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self._handler = handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self.waiting.append(message)
        self.recorded.append(message)

    def drain(self, timeout: float | None = None) -> None:
        """Execute what waits, and what that enqueues, in order."""
        while self.waiting:
            self.execute(self.waiting.pop(0))

    def execute(self, message: bytes) -> None:
        """Execute one message, once more if it was executed before."""
        if self._handler is None:
            raise RuntimeError("bind() comes before execute()")
        if self._call is None:
            self._handler(message)
        else:
            self._call(self._handler, message)

    def replay(self, seed: int) -> None:
        """Execute all that was recorded, some of it twice, in a random order; then what that enqueued, likewise."""
        random = Random(seed)
        delivered = 0
        for _ in range(3):
            late = self.recorded[delivered:]
            delivered = len(self.recorded)
            late += late[:: 1 + random.randrange(3)]
            random.shuffle(late)
            for message in late:
                self.execute(message)
        self.waiting.clear()

    def close(self) -> None:
        self.drain()


class RecordingStorage:
    """Passes on every call to another storage; `calls`: the names of the methods. To start a write is to write."""

    def __init__(self, storage: Storage) -> None:
        self.name = storage.name
        self.capabilities = storage.capabilities
        self.tombstone_ttl = storage.tombstone_ttl
        self.calls: list[str] = []
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._storage, name)

        def called(*given: Any, **named: Any) -> Any:
            self.calls.append(name.removeprefix("start_"))
            return method(*given, **named)

        return called

"""A task queue whose workers are processes, and whose handler is in the process of the test all the same.

A worker hands each message over a socket of this machine to the process of the test, which executes it and sends back
what came of it. So what is written for one process, such as the conformance kit, holds for workers in others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Final, cast

from streamfw_core.queues import DeadLetter, DeadLetterQueue, FanoutPriority, Handler, OnDead
from streamfw_core.queues.protocol import untold
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.storage.protocol import Scope

from tests.services.waiting import wait_for

__all__ = ["VARIABLES", "HandOver", "Remote", "RemoteQueue"]

VARIABLES: Final = ("STREAMFW_TEST_REMOTE_PORT", "STREAMFW_TEST_REMOTE_KEY")

DONE, FAILED, CRASHED = b"done", b"failed", b"crashed"
# The first byte of what a worker sends, as two small messages in a row would wait for each other.
EXECUTE, GIVEN_UP = b"x", b"d"


class Remote:
    """Executes, in this process, what workers in others were given."""

    def __init__(self, handler: Handler, on_dead: OnDead = untold) -> None:
        self._handler = handler
        self._on_dead = on_dead
        self._key = b"of this test"
        self._listener = Listener(("127.0.0.1", 0), authkey=self._key)
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What a worker must have to find this process; see `HandOver`."""
        _, port = cast("tuple[str, int]", self._listener.address)
        return dict(zip(VARIABLES, (str(port), self._key.decode()), strict=True))

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):
            # Wakes the thread that accepts.
            Client(self._listener.address, authkey=self._key).close()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError):
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection, suppress(EOFError, OSError):
            while True:
                told = connection.recv_bytes()
                if told.startswith(GIVEN_UP):
                    self._on_dead(told[1:].decode())
                    continue
                for part in self._execute(told[1:]):
                    connection.send_bytes(part)

    def _execute(self, message: bytes) -> list[bytes]:
        try:
            self._handler(message)
            return [DONE]
        except MessageFailed as failed:
            text = str(failed.__cause__ or failed).encode()
            return [FAILED, text, failed.rest, b"1" if failed.retriable else b""]
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker is told
            return [CRASHED, repr(error).encode()]


class HandOver:
    """The handler of a worker: the one of the test, in whose `Remote.environment` it runs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        port, key = (environment[name] for name in VARIABLES)
        self._connection = Client(("127.0.0.1", int(port)), authkey=key.encode())

    def __call__(self, message: bytes) -> None:
        self._connection.send_bytes(EXECUTE + message)
        answer = self._connection.recv_bytes()
        if answer == FAILED:
            text, rest, retriable = (self._connection.recv_bytes() for _ in range(3))
            raise MessageFailed(text.decode(), rest=rest, retriable=bool(retriable)) from RuntimeError(text.decode())
        if answer == CRASHED:
            raise RuntimeError(self._connection.recv_bytes().decode())

    def given_up(self, reason: str) -> None:
        self._connection.send_bytes(GIVEN_UP + reason.encode())


class RemoteQueue:
    """A task queue for the kit: it starts the workers when the handler is known, and knows when they are done.

    :param queue: the one under test, as a publisher has it.
    :param start_workers: starts workers with these variables of `Remote`.
    """

    def __init__(self, queue: DeadLetterQueue, start_workers: Callable[[Mapping[str, str]], None]) -> None:
        self.queue = queue
        self.name = queue.name
        self.scope: Scope = queue.scope
        self._start_workers = start_workers
        self._lock = threading.Lock()
        self._open = 0
        self._remote: Remote | None = None

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        def handle(message: bytes) -> None:
            try:
                handler(message)
            except MessageFailed as failed:
                if not failed.retriable:
                    self._count(-1)
                raise
            self._count(-1)

        self.queue.bind(handler, on_dead)
        self._remote = Remote(handle, on_dead)
        self._start_workers(self._remote.environment)

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self._count(1)
        try:
            self.queue.enqueue(message, priority)
        except BaseException:
            self._count(-1)
            raise

    def wait(self, within: float) -> None:
        """Wait until everything was executed, or given up.

        :raises TimeoutError: it takes longer.
        """
        asked = time.monotonic()

        def done() -> bool:
            nonlocal asked
            if self._open <= 0:
                return True
            if time.monotonic() - asked < 0.5:
                return False
            # Those whose retries ended were counted as open ones until now.
            asked = time.monotonic()
            return self._open <= sum(letter.attempts > 1 for letter in self.queue.dead_letters())

        wait_for(done, "everything is executed", within=within)

    def drain(self, timeout: float | None = None) -> None:
        self.queue.drain(timeout)

    def close(self) -> None:
        self.queue.close()

    def end(self) -> None:
        """Let the workers find nobody."""
        if self._remote is not None:
            self._remote.close()

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        return self.queue.dead_letters(limit)

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        retried = self.queue.retry_dead(ids)
        self._count(retried)
        return retried

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        return self.queue.drop_dead(ids)

    def _count(self, by: int) -> None:
        with self._lock:
            self._open += by

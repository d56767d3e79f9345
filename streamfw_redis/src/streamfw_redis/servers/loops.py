"""Connections to one server on event loops: those of redis.asyncio, used by sync code that waits through core's bridge."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import TimeoutError as TooSlow
from streamfw_core.aio.bridge import wait

__all__ = ["LoopConnection", "LoopPool", "pool_of_loop"]

MOST_AT_ONCE: Final = 64
"""How many tasks of a loop have connections to one server at a time: more would not keep a core busier."""

_KINDS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind for kind in (Connection, SSLConnection, UnixDomainSocketConnection)
}


class LoopConnection:
    """What `Line` needs of a connection, on the event loop where it was made: each answer is awaited."""

    def __init__(self, pool: LoopPool, connection: Any, holder: object) -> None:
        self.holder = holder
        """The task that uses it."""
        self._pool = pool
        self._connection = connection

    def connect(self) -> None:
        wait(self._connection.connect())
        # From here on the time is kept here: the driver would make a task for each request.
        self._connection.socket_timeout = None

    def send_packed_command(self, command: list[bytes], check_health: bool = False) -> None:
        send = self._connection.send_packed_command
        wait(_within(self._pool.timeout, lambda: send(command, check_health=check_health)))

    def read_response(self, disable_decoding: bool = True) -> Any:
        read = self._connection.read_response
        return wait(_within(self._pool.timeout, lambda: read(disable_decoding=disable_decoding)))

    def give_back(self) -> None:
        """Keep it for the next, as nothing is left on it to be read."""
        self._pool.keep(self)

    def disconnect(self) -> None:
        """Close it, whatever is on its way."""
        self._pool.leave(self.holder)
        self.abort()

    def abort(self) -> None:
        """Close it at once: the driver's own ways may wait, which who was cancelled does not, and a closed loop cannot."""
        connection = self._connection
        writer = getattr(connection, "_writer", None)
        with suppress(RuntimeError):  # the loop is closed, and all that was on it is over
            if writer is not None:
                writer.transport.abort()
            connection._close()  # noqa: SLF001 (forgets the writer)

    @property
    def is_open(self) -> bool:
        """Whether it can be used, as far as the loop has heard of its other end."""
        reader = getattr(self._connection, "_reader", None)
        return reader is not None and not reader.at_eof() and reader.exception() is None


class LoopPool:
    """Connections of one event loop to one server. A task that has one may have more: it must not wait for itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, kind: type[Any], arguments: Mapping[str, Any]) -> None:
        self.loop = loop
        self.timeout: float | None = arguments["socket_timeout"]
        """Seconds that an answer may take."""
        self._kind = _KINDS[kind.__name__]
        self._arguments = arguments
        self._idle: deque[LoopConnection] = deque()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._holding: dict[object, int] = {}

    def take(self, greet: Callable[[LoopConnection], None]) -> LoopConnection:
        """A connection; it waits while others have all that there may be.

        :param greet: gets one that was just made.
        """
        holder = self._enter()
        while self._idle:
            kept = self._idle.pop()
            if kept.is_open:
                kept.holder = holder
                return kept
            kept.abort()
        try:
            made = LoopConnection(self, self._kind(**self._arguments), holder)
        except BaseException:
            self.leave(holder)
            raise
        try:
            made.connect()
            greet(made)
        except BaseException:
            made.disconnect()
            raise
        return made

    def keep(self, connection: LoopConnection) -> None:
        self.leave(connection.holder)
        if len(self._idle) < MOST_AT_ONCE:
            self._idle.append(connection)
        else:
            connection.abort()

    def leave(self, holder: object) -> None:
        """A task has one connection less."""
        if self._holding[holder] > 1:
            self._holding[holder] -= 1
        else:
            del self._holding[holder]
            self._places.release()

    def close(self) -> None:
        """Close what is idle; from whatever thread."""
        if self.loop.is_closed():
            self._idle.clear()
            return
        with suppress(RuntimeError):  # it was closed meanwhile
            self.loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().abort()

    def _enter(self) -> object:
        holder: object = asyncio.current_task()
        if holder in self._holding:
            self._holding[holder] += 1
            return holder
        try:
            wait(self._admit(holder))
        except BaseException:
            if holder in self._holding:  # it was let in, and then cancelled
                self.leave(holder)
            raise
        return holder

    async def _admit(self, holder: object) -> None:
        await self._places.acquire()
        self._holding[holder] = 1


Pools = dict[asyncio.AbstractEventLoop, LoopPool]


def pool_of_loop(pools: Pools, kind: type[Any], arguments: Mapping[str, Any]) -> LoopPool:
    """The pool of the running loop; those of loops that are closed are forgotten."""
    loop = asyncio.get_running_loop()
    found = pools.get(loop)
    if found is None:
        for other in [*pools]:
            if other.is_closed():
                pools.pop(other, None)
        found = pools[loop] = LoopPool(loop, kind, arguments)
    return found


async def _within(seconds: float | None, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await call()
    except TimeoutError as error:
        raise TooSlow(f"no answer within {seconds} s") from error

"""Connections to one server: made when they are needed, kept for the next, never used after a fork."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError
from streamfw_core.aio.bridge import in_aio

from streamfw_redis.options import Options

if TYPE_CHECKING:
    from streamfw_redis.servers.loops import Pools

__all__ = ["Pool", "connection_arguments", "kind_of"]

MOST_IDLE = 64
"""How many connections are kept that nobody uses: as many as threads once needed at the same time, but no more than these."""
FRESH = 0.1
"""Seconds after its last use in which a connection is taken to be open: asking the socket costs a tenth of a small request."""

Greeting = Callable[[Any, str], None]
"""What is done with the first connection to a server, before anything else is sent; it gets the address too."""


_of_parents: list[object] = []
"""Connections of event loops that a process had before it was forked: to close one here would disturb the loop there."""


class Pool:
    """Idle connections to one server. A connection is used by one thread at a time.

    Each event loop has connections of its own; see `loops`.
    """

    def __init__(
        self, address: str, kind: type[Any], arguments: Mapping[str, Any], greeting: Greeting | None = None
    ) -> None:
        self.address = address
        self._kind = kind
        self._arguments = arguments
        self._greeting = greeting
        self._greeted, self._greets = False, threading.Lock()
        self._idle: deque[tuple[Any, float]] = deque()
        self._of_loops: Pools = {}
        self._pid = os.getpid()

    @classmethod
    def of(cls, options: Options, host: str, port: int, greeting: Greeting | None = None) -> Pool:
        """Of the server at an address."""
        arguments = connection_arguments(options)
        if options.unix_socket is not None:
            return cls(options.unix_socket, kind_of(options), {**arguments, "path": options.unix_socket}, greeting)
        return cls(f"{host}:{port}", kind_of(options), {**arguments, "host": host, "port": port}, greeting)

    def take(self) -> Any:
        """A connection; it is given back after use, or closed after an error.

        One that the server closed meanwhile is not returned, so whatever was sent to a returned one may have arrived.
        """
        if self._pid != os.getpid():
            # The sockets are shared with the parent: whoever reads first would take the other's answers.
            _of_parents.append(self._of_loops)
            self._idle, self._of_loops, self._pid = deque(), {}, os.getpid()
            self._greeted, self._greets = False, threading.Lock()
        if in_aio():
            from streamfw_redis.servers.loops import pool_of_loop

            return pool_of_loop(self._of_loops, self._kind, self._arguments).take(self._greet)
        while True:
            try:
                connection, used = self._idle.pop()
            except IndexError:
                return self._make()
            if time.monotonic() - used < FRESH or _is_open(connection):
                return connection
            connection.disconnect()

    def give_back(self, connection: Any) -> None:
        """Keep a connection on which nothing is left to be read."""
        give_back = getattr(connection, "give_back", None)
        if give_back is not None:  # one of an event loop knows where it belongs
            give_back()
        elif self._pid == os.getpid() and len(self._idle) < MOST_IDLE:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.disconnect()

    def close(self) -> None:
        """Close what is idle."""
        if self._pid != os.getpid():
            return
        while self._idle:
            self._idle.pop()[0].disconnect()
        for of_loop in [*self._of_loops.values()]:
            of_loop.close()

    def _make(self) -> Any:
        connection = self._kind(**self._arguments)
        connection.connect()
        try:
            self._greet(connection)
        except BaseException:
            connection.disconnect()
            raise
        return connection

    def _greet(self, connection: Any) -> None:
        """Once; threads that come meanwhile wait, as the server may be refused."""
        if self._greeting is None or self._greeted:
            return
        if in_aio():
            # Each task by itself: a lock that one has while it waits would stop the loop, and so itself.
            self._greeting(connection, self.address)
            self._greeted = True
            return
        with self._greets:
            if not self._greeted:
                self._greeting(connection, self.address)
                self._greeted = True


def kind_of(options: Options) -> type[Any]:
    """The class of connections."""
    if options.unix_socket is not None:
        return UnixDomainSocketConnection
    return SSLConnection if options.tls else Connection


def connection_arguments(options: Options) -> dict[str, Any]:
    """What redis-py's connections are made with, beside the address."""
    arguments: dict[str, Any] = {
        "db": options.db,
        "username": options.username,
        "password": options.password,
        "socket_timeout": options.timeout,
        "socket_connect_timeout": options.connect_timeout,
        "client_name": "streamfw",
        "protocol": 2,  # the same answers from every version of server and driver, and no HELLO
    }
    if options.unix_socket is None:
        arguments["socket_keepalive"] = True
    return arguments | {key: value for key, value in options.driver_options.items() if key != "address_remap"}


def _is_open(connection: Any) -> bool:
    """Whether an idle connection can be used: there is nothing to be read, not even its end."""
    try:
        return not connection.can_read(timeout=0)
    except (RedisError, OSError):
        return False

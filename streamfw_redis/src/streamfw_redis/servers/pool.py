"""Connections to one server: made when they are needed, kept for the next, never used after a fork."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from streamfw_redis.options import Options

__all__ = ["Pool", "connection_arguments"]


class Pool:
    """Idle connections. A connection is used by one thread at a time; there are as many as threads need at once.

    That one was closed by the server meanwhile shows when it is used: whoever uses it tries again with a new one.
    redis-py's own pool asks the socket before each use, which costs as much as a small request.
    """

    def __init__(self, address: str, kind: type[Any], arguments: Mapping[str, Any]) -> None:
        self.address = address
        self._kind = kind
        self._arguments = arguments
        self._idle: deque[Any] = deque()
        self._pid = os.getpid()

    @classmethod
    def of(cls, options: Options, host: str, port: int) -> Pool:
        """Of the server at an address."""
        arguments = connection_arguments(options)
        if options.unix_socket is not None:
            return cls(options.unix_socket, UnixDomainSocketConnection, {**arguments, "path": options.unix_socket})
        kind = SSLConnection if options.tls else Connection
        return cls(f"{host}:{port}", kind, {**arguments, "host": host, "port": port})

    def take(self) -> Any:
        """A connection; it is given back, or closed after an error."""
        if self._pid != os.getpid():
            # The sockets are shared with the parent: whoever reads first would take the other's answers.
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._kind(**self._arguments)

    def give_back(self, connection: Any) -> None:
        if self._pid == os.getpid():
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        if self._pid != os.getpid():
            return
        while self._idle:
            self._idle.pop().disconnect()


def connection_arguments(options: Options) -> dict[str, Any]:
    """What redis-py's connections are made with, beside the address."""
    return {
        "db": options.db,
        "username": options.username,
        "password": options.password,
        "socket_timeout": options.timeout,
        "socket_connect_timeout": options.connect_timeout,
        "socket_keepalive": True,
        "client_name": "streamfw",
        **options.driver_options,
    }

"""One connection during one exchange."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import BusyLoadingError, ResponseError

from streamfw_redis.failures import at
from streamfw_redis.servers.pool import Pool

__all__ = ["Line"]

ENOUGH = 8192
"""So many bytes are sent together: hundreds of small requests are not worth a packet each."""


class Line:
    """Requests go out as they are made; then the replies are read, in the same order.

    When the connection cannot be made or breaks, every request without a reply ends in that error.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.lost = False
        """Whether a request went out whose reply was not read."""
        self._connection: Any = None
        self._failure: Exception | None = None
        self._waiting: list[bytes] = []
        self._size = 0
        self._given = self._out = self._read = 0
        self._receive: Callable[..., Any]

    def send(self, request: bytes) -> None:
        self._given += 1
        self._waiting.append(request)
        self._size += len(request)
        if self._size >= ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Send what waits to be sent."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if self._failure is not None or not waiting:
            return
        try:
            if self._connection is None:
                self._connection = self.pool.take()
                self._receive = self._connection.read_response
            # Of what fails to be sent a part may have arrived.
            self._out = self._given
            self._connection.send_packed_command([b"".join(waiting)], check_health=False)
        except Exception as failure:  # noqa: BLE001 (reported for each request)
            self._failure = at(self.pool.address, failure)

    def receive(self) -> Any:
        """The reply to the next request, or the error."""
        answered = False
        try:
            reply = self._failure or self._receive(disable_decoding=True)
        except ResponseError as failure:
            reply = at(self.pool.address, failure)
        except Exception as failure:  # noqa: BLE001 (reported for each request)
            reply = self._failure = at(self.pool.address, failure)
            answered = isinstance(failure, BusyLoadingError)  # after which the driver hangs up
        # What raises something else, such as KeyboardInterrupt, leaves the reply unread.
        self._read += 1
        if reply is self._failure and self._read <= self._out and not answered:
            self.lost = True
        return reply

    def end(self) -> None:
        """Give the connection back, or close it where replies are left on it."""
        if self._connection is None:
            return
        if self._failure is None and self._read == self._given:
            self.pool.give_back(self._connection)
        else:
            with suppress(Exception):
                self._connection.disconnect()

"""The master that sentinels name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError
from redis.sentinel import Sentinel as Driver
from streamfw_core.aio.bridge import in_thread

from streamfw_redis.checks import greet
from streamfw_redis.options import Options, address
from streamfw_redis.scripts import Call
from streamfw_redis.servers.pool import Pool, connection_arguments
from streamfw_redis.servers.running import Servers

__all__ = ["Sentinel"]


class Sentinel(Servers):
    """One master, which changes: after every failure that may pass the sentinels are asked again."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self._driver: Any = Driver([address(node) for node in options.nodes], sentinel_kwargs=_arguments(options))  # type: ignore[no-untyped-call]
        self._pools: dict[tuple[str, int], Pool] = {}
        self._master: Pool | None = None

    @property
    def where(self) -> str:
        master = self._master
        return (
            f"master {self.options.service!r} of {', '.join(self.options.nodes)}" if master is None else master.address
        )

    def _route(self, call: Call, met: BaseException | None) -> tuple[Pool, bool]:
        return self._master or self._find(), False

    def _learn_from(self, errors: Sequence[BaseException]) -> None:
        self._master = None

    def _find(self) -> Pool:
        try:
            host, port = in_thread(self._driver.discover_master, self.options.service)
        except MasterNotFoundError as error:
            # The driver takes a wrong password for a sentinel that is away.
            if "AuthenticationError" in str(error):
                raise AuthenticationError(f"the sentinels refuse `sentinel_password`: {error}") from error
            raise
        pool = self._pools.get((host, port))
        if pool is None:
            pool = self._pools.setdefault((host, port), Pool.of(self.options, host, port, greet(self.name)))
        self._master = pool
        return pool

    def every_master(self) -> list[Pool]:
        return [self._master or self._find()]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()
        for sentinel in self._driver.sentinels:
            sentinel.close()


def _arguments(options: Options) -> dict[str, object]:
    """Sentinels have credentials of their own, or none, and no databases."""
    arguments = connection_arguments(options)
    del arguments["db"]
    arguments |= {"username": options.sentinel_username, "password": options.sentinel_password}
    # They answer at once or not at all, and the next one knows too.
    arguments["socket_timeout"] = min(options.timeout, options.connect_timeout)
    return arguments | {"ssl": options.tls, "retry": Retry(NoBackoff(), 0)}

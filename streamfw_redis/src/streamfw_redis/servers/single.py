"""One server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamfw_redis.options import Options
from streamfw_redis.scripts import Call
from streamfw_redis.servers.pool import Pool
from streamfw_redis.servers.running import Servers, exchange

__all__ = ["Single"]


class Single(Servers):
    """Everything is in one place."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self._pool = Pool.of(options, options.host, options.port)

    @property
    def where(self) -> str:
        return self._pool.address

    def _exchange(self, calls: Iterable[Call], *, by_source: bool) -> list[tuple[Call, Any]]:
        return exchange(self._pool, calls, by_source=by_source)

    def every_master(self) -> list[Pool]:
        return [self._pool]

    def close(self) -> None:
        self._pool.close()

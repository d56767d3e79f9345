"""One server."""

from __future__ import annotations

from streamfw_redis.checks import greet
from streamfw_redis.failures import code_of
from streamfw_redis.options import Options
from streamfw_redis.scripts import Call
from streamfw_redis.servers.pool import Pool
from streamfw_redis.servers.running import Servers

__all__ = ["Single"]


class Single(Servers):
    """Everything is in one place."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self._pool = Pool.of(options, options.host, options.port, greet(name))

    @property
    def where(self) -> str:
        return self._pool.address

    def _route(self, call: Call, met: BaseException | None) -> tuple[Pool, bool]:
        return self._pool, False

    def _may_pass(self, error: BaseException) -> bool:
        # A node of a cluster sends us elsewhere, and nothing changes that.
        return code_of(error) not in {"MOVED", "ASK"} and super()._may_pass(error)

    def every_master(self) -> list[Pool]:
        return [self._pool]

    def close(self) -> None:
        self._pool.close()

"""A Redis server with replicas, and the sentinels that watch over it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Self

import redis
from redis.exceptions import ResponseError

from tests.services.binaries import Binary
from tests.services.process import HOST, Process
from tests.services.redis import Server
from tests.services.waiting import wait_for

SERVICE = "mymaster"
SENTINELS = 3
# Redis 7 can be told to look more often; an older one needs some seconds more to find its peers.
# Not its ping-period: of a replica that has not answered for five of these it makes no master.
_HURRY = ["info-period", "publish-period", "ask-period"]


class Sentinel(Process):
    """One of those that watch."""

    mode = ("--sentinel",)

    def __init__(self, binary: Binary, master: Server, *, password: str | None = None) -> None:
        super().__init__(binary, password=password)
        self._master = master

    def config(self) -> list[str]:
        lines = [
            *super().config(),
            f"sentinel monitor {SERVICE} {HOST} {self._master.port} {SENTINELS // 2 + 1}",
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        if self._master.password is not None:
            lines.append(f"sentinel auth-pass {SERVICE} {self._master.password}")
        if self.password is not None:
            lines.append(f"sentinel sentinel-pass {self.password}")
        return lines

    def wait_until_ready(self) -> None:
        super().wait_until_ready()
        with contextlib.suppress(ResponseError):
            self.ask("SENTINEL", "DEBUG", *(word for name in _HURRY for word in (name, 100)))

    def says(self) -> dict[str, str]:
        """What it knows of the master."""
        words = self.ask("SENTINEL", "MASTER", SERVICE)
        return dict(zip(words[::2], words[1::2], strict=True))


class Watched:
    """A master, its replicas and three sentinels; the sentinels know the master as `mymaster`.

    :param password: of the servers.
    :param sentinel_password: of the sentinels.
    """

    def __init__(
        self,
        binary: Binary,
        *,
        replicas: int = 1,
        password: str | None = None,
        sentinel_password: str | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        self.binary = binary
        self.password = password
        self.sentinel_password = sentinel_password
        self.servers: list[Server] = []
        self.sentinels: list[Sentinel] = []
        self._replicas = replicas
        self._extra = ["repl-ping-replica-period 1", *extra]

    @property
    def url(self) -> str:
        """As streamfw reads it; the password of sentinels is an option of its own."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis+sentinel://{secret}{','.join(sentinel.address for sentinel in self.sentinels)}/{SERVICE}"

    def client(self, **options: Any) -> redis.Redis:
        """A client of redis-py for whichever server is the master, to be closed by whoever asks for it."""
        addresses = [(HOST, sentinel.port) for sentinel in self.sentinels]
        sentinel: Any = redis.Sentinel  # its types are incomplete
        asking = sentinel(addresses, sentinel_kwargs={"password": self.sentinel_password})
        client: redis.Redis = asking.master_for(SERVICE, password=self.password, **options)
        return client

    def start(self) -> Self:
        master = self._start_server()
        for _ in range(self._replicas):
            self._start_server(replica_of=master.port)
        wait_for(lambda: all(map(_has_its_data, self.servers)), "every replica has its data")
        self.sentinels = [Sentinel(self.binary, master, password=self.sentinel_password) for _ in range(SENTINELS)]
        for sentinel in self.sentinels:
            sentinel.launch()
        for sentinel in self.sentinels:
            sentinel.wait_until_ready()
        self.wait_until_ok()
        return self

    def close(self) -> None:
        for process in [*self.sentinels, *self.servers]:
            process.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def master(self) -> Server:
        """The master, as the first sentinel says that runs."""
        sentinel = next(sentinel for sentinel in self.sentinels if sentinel.running)
        return self._named_by(sentinel)

    def kill_master(self) -> Server:
        """Kill the master, and return it; `wait_until_ok` waits until a replica has taken over."""
        master = self.master()
        master.kill()
        return master

    def wait_until_ok(self, within: float = 30.0) -> None:
        """Wait until the sentinels that run know each other and every replica, and agree on a master that is one."""
        wait_for(self._is_ok, "the sentinels agree on a master", within=within)

    def _start_server(self, replica_of: int | None = None) -> Server:
        server = Server(self.binary, password=self.password, replica_of=replica_of, extra=self._extra)
        self.servers.append(server)
        return server.start()

    def _is_ok(self) -> bool:
        watching = [sentinel for sentinel in self.sentinels if sentinel.running]
        masters = {self._named_by(sentinel) for sentinel in watching}
        if len(masters) > 1 or not all(map(self._knows_all, watching)):
            return False
        master = masters.pop()
        return master.running and master.info("INFO", "replication")["role"] == "master"

    def _knows_all(self, sentinel: Sentinel) -> bool:
        said = sentinel.says()
        return (
            said["flags"] == "master"
            and int(said["num-other-sentinels"]) == SENTINELS - 1
            and int(said["num-slaves"]) == self._replicas
        )

    def _named_by(self, sentinel: Sentinel) -> Server:
        port = int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])
        return next(server for server in self.servers if server.port == port)


def _has_its_data(server: Server) -> bool:
    return server.info("INFO", "replication").get("master_link_status", "up") == "up"

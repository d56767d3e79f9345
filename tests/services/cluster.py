"""A Redis Cluster of three masters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, Self

import redis
from redis.cluster import ClusterNode

from tests.services.binaries import Binary
from tests.services.ports import BUS
from tests.services.process import HOST
from tests.services.redis import Server
from tests.services.waiting import wait_for

SLOTS = 16_384
MASTERS = 3
_BOUNDS = [SLOTS * index // MASTERS for index in range(MASTERS + 1)]

# A failed node is noticed, and a replica takes over, within seconds; a replica never finds its data too old for that.
_LINES = [
    "cluster-enabled yes",
    "cluster-node-timeout 1000",
    "cluster-replica-validity-factor 0",
    "repl-ping-replica-period 1",
    f"cluster-announce-ip {HOST}",
]


class Cluster:
    """Three masters with a third of the slots each, and as many replicas of each as asked for.

    `servers` are the masters, as they were at the start, then their replicas in the same order.
    """

    def __init__(
        self, binary: Binary, *, replicas: int = 0, password: str | None = None, extra: Sequence[str] = ()
    ) -> None:
        self.binary = binary
        self.password = password
        lines = [*_LINES, *extra]
        self.servers = [Server(binary, password=password, extra=lines) for _ in range(MASTERS * (1 + replicas))]

    @property
    def url(self) -> str:
        """As streamfw reads it."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis+cluster://{secret}{','.join(server.address for server in self.servers)}"

    @property
    def running(self) -> list[Server]:
        return [server for server in self.servers if server.running]

    def client(self, **options: Any) -> redis.RedisCluster:
        """A client of redis-py, to be closed by whoever asks for it."""
        node: Any = ClusterNode  # its types are incomplete
        nodes = [node(HOST, server.port) for server in self.servers]
        return redis.RedisCluster(startup_nodes=nodes, password=self.password, **options)

    def start(self) -> Self:
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait_until_ready()
        self._give_slots()
        self._meet()
        self._replicate()
        self.wait_until_ok()
        return self

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_until_ok(self, within: float = 30.0) -> None:
        """Wait until all that run agree that every slot has a master that runs, and every replica has its data."""
        wait_for(lambda: all(map(self._is_ok, self.running)), "every node finds the cluster well", within=within)

    def masters(self) -> list[Server]:
        """Those that have slots now, by their lowest slot."""
        ports = [port for _, _, port in sorted(self._ranges(self.running[0]))]
        return [self._by_port(port) for port in dict.fromkeys(ports)]

    def master_of(self, slot: int) -> Server:
        """The server that has a slot, as a node says that runs."""
        for first, last, port in self._ranges(self.running[0]):
            if first <= slot <= last:
                return self._by_port(port)
        raise LookupError(f"no master has slot {slot}")

    def kill_master(self, index: int) -> Server:
        """Kill one of `masters()`, and return it; `wait_until_ok` waits until its replica has taken over."""
        master = self.masters()[index]
        master.kill()
        return master

    def migrate_slot(self, slot: int, source: Server, target: Server) -> int:
        """Move a slot with its keys, and return how many these were."""
        *_, moved = self.migrating(slot, source, target)
        return moved

    def migrating(self, slot: int, source: Server, target: Server, batch: int = 10) -> Iterator[int]:
        """Move a slot step by step, as redis-cli does, and tell how many keys have been moved.

        The first step opens the slot and moves nothing, each one after it moves a batch of keys;
        after the last the target has the slot. Whoever does not ask for all leaves the slot open.
        """
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self._id(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self._id(target))
        moved = 0
        yield moved
        secret = ["AUTH", self.password] if self.password else []
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, batch):
            source.ask("MIGRATE", HOST, target.port, "", 0, 5_000, "REPLACE", *secret, "KEYS", *keys)
            moved += len(keys)
            yield moved
        others = [server for server in self.masters() if server not in {source, target}]
        for server in [target, source, *others]:
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", self._id(target))

    def flush(self) -> None:
        """Remove every key and every script."""
        for server in self.masters():
            server.flush()

    def _give_slots(self) -> None:
        for index, server in enumerate(self.servers):
            # Without a difference nodes that meet change theirs one by one, which takes seconds.
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            if index < MASTERS:
                server.ask("CLUSTER", "ADDSLOTS", *range(_BOUNDS[index], _BOUNDS[index + 1]))

    def _meet(self) -> None:
        for server, other in permutations(self.servers, 2):  # each with each: gossip takes seconds
            server.ask("CLUSTER", "MEET", HOST, other.port, other.port + BUS)
        wait_for(lambda: all(map(self._knows_all, self.servers)), "every node knows every other")

    def _replicate(self) -> None:
        for index, replica in enumerate(self.servers[MASTERS:]):
            replica.ask("CLUSTER", "REPLICATE", self._id(self.servers[index % MASTERS]))

    def _knows_all(self, server: Server) -> bool:
        nodes = str(server.ask("CLUSTER", "NODES"))
        return len(nodes.splitlines()) == len(self.servers) and "handshake" not in nodes

    def _is_ok(self, server: Server) -> bool:
        said = server.info("CLUSTER", "INFO")
        ranges = self._ranges(server)
        mastered = sum(last - first + 1 for first, last, port in ranges if self._by_port(port).running)
        link = server.info("INFO", "replication").get("master_link_status", "up")
        return said["cluster_state"] == "ok" and mastered == SLOTS and link == "up"

    def _ranges(self, server: Server) -> list[tuple[int, int, int]]:
        """First slot, last slot and port of the master, as one node says."""
        return [(first, last, master[1]) for first, last, master, *_ in server.ask("CLUSTER", "SLOTS")]

    def _by_port(self, port: int) -> Server:
        return next(server for server in self.servers if server.port == port)

    def _id(self, server: Server) -> str:
        return str(server.ask("CLUSTER", "MYID"))

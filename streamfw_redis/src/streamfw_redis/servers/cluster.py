"""The nodes of a cluster."""

from __future__ import annotations

import random
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import ClusterDownError, RedisError
from redis.exceptions import ConnectionError as NoAnswer

from streamfw_redis.checks import greet
from streamfw_redis.failures import code_of, may_pass, redirect_of, where_of
from streamfw_redis.options import Options, address
from streamfw_redis.scripts import Call, command
from streamfw_redis.servers.pool import Pool
from streamfw_redis.servers.running import Servers, ask

__all__ = ["Cluster"]

SLOTS = 16_384
WHERE = command(b"CLUSTER", b"SLOTS", bucket=None)
ELSEWHERE = {"MOVED", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "LOADING", ""}
"""After these the slots may have other masters; the last is a connection that broke."""


class Cluster(Servers):
    """Every bucket is in one slot, and every slot on one master; where they are is asked when it is first needed,
    and again when a node says that it is not so, or says nothing."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self._slots = [_slot(number) for number in range(options.tags)]
        self._seeds = [address(node) for node in options.nodes] or [(options.host, options.port)]
        self._remap = options.driver_options.get("address_remap", lambda node: node)
        self._pools: dict[tuple[str, int], Pool] = {}
        self._by_slot: list[Pool | None] = []
        self._masters: Sequence[Pool] = ()

    @property
    def where(self) -> str:
        return "cluster of " + ", ".join(f"{host}:{port}" for host, port in self._seeds)

    def _route(self, call: Call, met: BaseException | None) -> tuple[Pool, bool]:
        if met is not None and code_of(met) == "ASK":
            _, host, port = redirect_of(met)
            return self._pool(host, port), True
        if not self._by_slot:
            self._learn()
        if call.bucket is None:
            return random.choice(self._masters), False
        slot = self._slots[call.bucket] if call.bucket < len(self._slots) else _slot(call.bucket)
        pool = self._by_slot[slot]
        if pool is None:
            raise ClusterDownError(f"CLUSTERDOWN no node has slot {slot}")
        return pool, False

    def _learn_from(self, errors: Sequence[BaseException]) -> None:
        codes = {code_of(error) for error in errors}
        if not codes & ELSEWHERE:
            return
        moved = [redirect_of(error) for error in errors if code_of(error) == "MOVED"]
        named = [self._pool(host, port) for _, host, port in moved]
        try:
            self._learn(dict.fromkeys(named), {where_of(error) for error in errors if code_of(error) == ""})
        except (RedisError, OSError):
            return  # what is known stays, and the next attempt asks again
        # Who was named by a node knows better than who was asked, as long as the others have not heard of it.
        by_slot = [*self._by_slot]
        for (slot, _, _), pool in zip(moved, named, strict=True):
            by_slot[slot] = pool
        self._by_slot = by_slot

    def _learn(self, first: Iterable[Pool] = (), silent: Container[str] = ()) -> None:
        """Ask one node after the other which slots are where, until one knows.

        :param silent: addresses that do not answer, and are asked last.
        :raises RedisError: none does.
        """
        seeds = [self._pool(host, port) for host, port in self._seeds]
        known = random.sample([*self._masters], len(self._masters)) + seeds
        known.sort(key=lambda pool: pool.address in silent)
        failure: Exception = ClusterDownError("CLUSTERDOWN no node knows of any slot")
        for pool in dict.fromkeys((*first, *known)):
            try:
                [ranges] = ask(pool, [WHERE])
            except (RedisError, OSError) as error:
                failure = error
                continue
            by_slot: list[Pool | None] = [None] * SLOTS
            for low, high, node in _masters(ranges, pool):
                by_slot[low : high + 1] = [self._pool(*node)] * (high + 1 - low)
            masters = [master for master in dict.fromkeys(by_slot) if master is not None]
            if masters:
                self._masters, self._by_slot = masters, by_slot
                return
        if may_pass(failure):
            raise NoAnswer(f"no node of it answers, and the last said: {failure}") from failure
        raise failure

    def _pool(self, host: str, port: int) -> Pool:
        """Of the node at an address, as it is seen from here."""
        host, port = node = self._remap((host, port))
        pool = self._pools.get(node)
        if pool is None:
            pool = self._pools.setdefault(node, Pool.of(self.options, host, port, greet(self.name)))
        return pool

    def every_master(self) -> list[Pool]:
        self._learn()
        return [*self._masters]

    def close(self) -> None:
        for pool in [*self._pools.values()]:
            pool.close()


def _slot(bucket: int) -> int:
    return int(key_slot(b"{b%d}" % bucket))


def _masters(ranges: Sequence[Any], asked: Pool) -> Iterator[tuple[int, int, tuple[str, int]]]:
    """First slot, last slot and the master's address. A node that does not know its own address leaves it out."""
    for low, high, (host, port, *_), *_ in ranges:
        name = host.decode() if host and host != b"?" else asked.address.rpartition(":")[0]
        yield low, high, (name, port)

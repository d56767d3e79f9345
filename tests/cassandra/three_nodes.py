"""A fan-out to feeds on three nodes, one of which dies in the middle and comes back, beside readers who look at every answer.

python -m tests.cassandra.three_nodes [DELIVERIES] does that and prints its figures.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

from attrs import define, field, frozen
from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import FeedSpec, Query, Removal, Write
from streamfw_core.testing.storages.running import in_processes

from tests.cassandra.feeds import START, at, made_keyspace, options_on, spec
from tests.services.cassandra import Cassandra, Node, find_cassandra

__all__ = ["Figures", "run"]

ACTIVITIES = 50
KEPT = 30
CHUNK = 100
WRITERS = 2
READERS = 2
READ_AT_ONCE = 20

SHORT = spec(name="short", key_format=KeyFormat("short:%(user_id)s"), keep=KEPT)
"""Feeds that lose their oldest entries; what is written to them comes in any order, some of it twice."""
LONG = spec(name="long", key_format=KeyFormat("long:%(user_id)s"), keep=10 * ACTIVITIES)
"""Feeds of which a part is removed again; some removals come before what they remove."""
REMOVED = range(0, ACTIVITIES, 7)


@frozen
class Delivery:
    """One write: an activity to a chunk of feeds, or its removal from them."""

    spec: FeedSpec
    owners: Sequence[str]
    number: int
    is_removal: bool = False

    @property
    def write(self) -> Write:
        entry = at(self.number)
        if self.is_removal:
            return Write(self.owners, removes=[Removal(entry.id, entry.stamp + 1)])
        return Write(self.owners, puts=[entry])


@define
class Progress:
    """What was begun and what was acknowledged, of one chunk of feeds."""

    spec: FeedSpec
    owners: Sequence[str]
    begun: dict[bool, set[int]] = field(factory=lambda: {False: set(), True: set()})
    """Numbers of what was put, and (True) of what was removed."""
    done: dict[bool, set[int]] = field(factory=lambda: {False: set(), True: set()})

    def begin(self, delivery: Delivery) -> None:
        # In place of the old one, so that who looks at that sees no half of a change; so below.
        self.begun[delivery.is_removal] = self.begun[delivery.is_removal] | {delivery.number}

    def end(self, delivery: Delivery) -> None:
        self.done[delivery.is_removal] = self.done[delivery.is_removal] | {delivery.number}

    def look(self, read: Callable[[FeedSpec, Sequence[str]], list[list[int]]], owners: Sequence[str]) -> None:
        """See that readers get what was acknowledged before they asked, and nothing that was never written."""
        put, removed = self.done[False], self.done[True]
        found = read(self.spec, owners)
        possible = self.begun[False] - removed
        newest = sorted(possible, reverse=True)[: self.spec.keep]
        for owner, shown in zip(owners, found, strict=True):
            where = f"{self.spec.key(owner)} of {sorted(put)}"
            assert shown == sorted({*shown}, reverse=True), f"{where}: out of order: {shown}"
            assert {*shown} <= possible, f"{where}: shows what was not written, or was removed: {shown}"
            missing = (put & {*newest}) - self.begun[True] - {*shown}
            assert not missing, f"{where}: lost {sorted(missing)}"

    @property
    def expected(self) -> list[int]:
        return sorted(self.done[False] - self.done[True], reverse=True)[: self.spec.keep]


@define
class Figures:
    """What a run came to."""

    deliveries: int
    seconds: float = 0.0
    slowest_write: float = 0.0
    reads: int = 0
    slowest_read: float = 0.0
    away: float = 0.0
    """Seconds for which the node was not there."""
    while_away: int = 0
    """Deliveries that were acknowledged in these."""
    feeds: int = 0

    def __str__(self) -> str:
        return (
            f"{self.deliveries} deliveries in {self.seconds:.1f} s ({self.deliveries / self.seconds:.0f}/s), the slowest"
            f" write of {CHUNK} took {self.slowest_write * 1000:.0f} ms; one of three nodes was away for {self.away:.1f} s,"
            f" in which {self.while_away} were acknowledged; {self.reads} reads of {READ_AT_ONCE} feeds, the slowest took"
            f" {self.slowest_read * 1000:.0f} ms; no error, nothing lost, {self.feeds} feeds as they should be"
        )


def run(server: Cassandra, deliveries: int) -> Figures:
    """See that nothing is lost; `server` has three nodes."""
    figures = Figures(deliveries)
    chunks = _chunks(deliveries)
    work = _deliveries(chunks)
    figures.deliveries = sum(len(delivery.owners) for delivery, _ in work)
    with made_keyspace(server, replicas=3) as keyspace:
        options = options_on(server, keyspace, retry_for=60.0, slack=KEPT)
        assert in_processes(lambda _: _prepare(options), 3) == []
        storage = create("feeds", options)
        try:
            assert storage.schema.plan([SHORT, LONG]) == []
            with _readers(storage, chunks, figures):
                _write_while_a_node_dies(storage, server, work, figures)
            _compare(storage, chunks, figures)
            server.wait_until_ok()
            # What the node that came back did not get meanwhile must not be missed when another one goes.
            server.nodes[0].kill()
            _compare(storage, chunks, figures)
            server.start()
        finally:
            storage.close()
    return figures


def _prepare(options: dict[str, object]) -> None:
    """As workers do it that start at the same time."""
    storage = create("feeds", options)
    storage.prepare([SHORT, LONG])
    storage.close()


def _chunks(deliveries: int) -> list[Progress]:
    feeds = max(2 * CHUNK, deliveries // ACTIVITIES)
    owners = [f"user-{number}" for number in range(feeds // 2)]
    return [
        Progress(spec, owners[start : start + CHUNK])
        for spec in (SHORT, LONG)
        for start in range(0, len(owners), CHUNK)
    ]


def _deliveries(chunks: Sequence[Progress]) -> list[tuple[Delivery, Progress]]:
    """All, in an order of their own for each run; each process of a fan-out may be behind the others."""
    work = []
    for chunk in chunks:
        work += [(Delivery(chunk.spec, chunk.owners, number), chunk) for number in range(ACTIVITIES)]
        if chunk.spec is LONG:
            work += [(Delivery(chunk.spec, chunk.owners, number, is_removal=True), chunk) for number in REMOVED]
        else:
            work += [(Delivery(chunk.spec, chunk.owners, number), chunk) for number in REMOVED]
    Random(len(work)).shuffle(work)
    return work


def _write_while_a_node_dies(
    storage: CassandraStorage, server: Cassandra, work: Sequence[tuple[Delivery, Progress]], figures: Figures
) -> None:
    """The node dies after a quarter and is started after half; the last quarter waits until it is there, and so meets both."""
    victim = server.nodes[1]
    started = time.monotonic()
    quarter = len(work) // 4
    with ThreadPoolExecutor(WRITERS) as pool, ThreadPoolExecutor(1) as starter:

        def send(each: tuple[Delivery, Progress]) -> tuple[int, bool]:
            return _write(storage, victim, *each, figures=figures)

        def write(some: Iterable[tuple[Delivery, Progress]]) -> None:
            for delivered, was_away in pool.map(send, some):
                figures.while_away += delivered if was_away else 0

        write(work[:quarter])
        killer = threading.Timer(0.05, victim.kill)
        killer.start()
        died = time.monotonic()
        write(work[quarter : 2 * quarter])
        killer.join()
        back = starter.submit(server.start)
        write(work[2 * quarter : 3 * quarter])
        back.result()
        figures.away = time.monotonic() - died
        write(work[3 * quarter :])
    figures.seconds = time.monotonic() - started


def _write(
    storage: CassandraStorage, victim: Node, delivery: Delivery, chunk: Progress, *, figures: Figures
) -> tuple[int, bool]:
    """How much it was, and whether the node was away."""
    with _noting:
        chunk.begin(delivery)
    is_away, begun = not victim.running, time.monotonic()
    outcome = storage.write(delivery.spec, [delivery.write])
    took = time.monotonic() - begun
    assert not outcome.failures, f"not written: {dict(outcome.failures)}"
    with _noting:
        chunk.end(delivery)
        figures.slowest_write = max(figures.slowest_write, took)
    return len(delivery.owners), is_away


_noting = threading.Lock()


@contextmanager
def _readers(storage: CassandraStorage, chunks: Sequence[Progress], figures: Figures) -> Iterator[None]:
    """Look at feeds again and again, while the body runs."""
    done = threading.Event()

    def look(seed: int) -> None:
        random = Random(seed)
        while not done.is_set():
            chunk = random.choice(chunks)
            begun = time.monotonic()
            chunk.look(lambda spec, owners: _read(storage, spec, owners), random.sample(chunk.owners, READ_AT_ONCE))
            with _noting:
                figures.reads += 1
                figures.slowest_read = max(figures.slowest_read, time.monotonic() - begun)

    with ThreadPoolExecutor(READERS) as pool:
        looking = [pool.submit(look, seed) for seed in range(READERS)]
        try:
            yield
        finally:
            done.set()
    for each in looking:
        each.result()


def _compare(storage: CassandraStorage, chunks: Sequence[Progress], figures: Figures) -> None:
    """Every feed is what all that was acknowledged makes of it."""
    figures.feeds = 0
    for chunk in chunks:
        for owner, shown in zip(chunk.owners, _read(storage, chunk.spec, chunk.owners), strict=True):
            assert shown == chunk.expected, f"{chunk.spec.key(owner)} shows {shown}, and not {chunk.expected}"
            figures.feeds += 1


def _read(storage: CassandraStorage, of: FeedSpec, owners: Sequence[str]) -> list[list[int]]:
    return [[number_of(id) for id in page.ids] for page in storage.read(of, [Query(owner) for owner in owners])]


def number_of(id: int) -> int:
    return (id >> 64) - START


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cassandra.three_nodes", description=__doc__)
    parser.add_argument("deliveries", nargs="?", type=int, default=200_000, help="how many (default: 200000)")
    asked = parser.parse_args()
    with Cassandra(find_cassandra(), nodes=3) as server:
        print(run(server, asked.deliveries), flush=True)


if __name__ == "__main__":
    main()

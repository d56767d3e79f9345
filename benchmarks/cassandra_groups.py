"""Groups on Cassandra, beside the way that needs no design: read a feed's groups, merge, and write them back with a condition.

    python benchmarks/cassandra_groups.py [--runs N] [--feeds N] [--rounds N] [--writers N]
        [--nodes 3 | --at HOST:PORT] [--json OUT]

- One activity to 1,000 notification feeds of 20 groups with 15 members each, in one call of `storage.write`.
- A notification, both counts, and a mark of everything, in feeds of 20 groups, by 8 writers at once: to 8 feeds in turn,
  and all to one feed, as when many react to one thing; afterwards every feed has exactly what was added.

Bare is a row for each feed with its groups and a version: read, merged in Python, and written `IF version = ?`, again and again
until no one came in between. Feeds of the fan-out are merged 32 at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from cassandra import WriteTimeout
from cassandra.protocol import ErrorMessage
from cassandra_bench import KEYSPACE, CassandraBench, cassandra_bench
from measure import Case, measure
from streamfw_core.clock import next_stamp
from streamfw_core.storage import Entry, Query, Write
from workloads import Source, owners_to

from streamfw_core import Activity, NotificationFeed, Streams

CAS_WRITE_UNKNOWN = 0x1700
GROUPS, MEMBERS, CONCURRENCY = 20, 15, 32
TABLE = f"{KEYSPACE}.merged"
CREATE = f"CREATE TABLE {TABLE} (owner text PRIMARY KEY, version int, data blob)"
SELECT = f"SELECT version, data FROM {TABLE} WHERE owner = ?"
INSERT = f"INSERT INTO {TABLE} (owner, version, data) VALUES (?, 1, ?) IF NOT EXISTS"
UPDATE = f"UPDATE {TABLE} SET version = ?, data = ? WHERE owner = ? IF version = ?"

Merged = dict[str, list[list[Any]]]
"""Group -> members, each an id, an actor, and whether it was seen and read."""


class NoticeFeed(NotificationFeed):
    name = "bench_notice"
    key_format = "bench_notice:%(user_id)s"
    activities = None


class Bare:
    """Read, merge, and write if nobody else did meanwhile."""

    def __init__(self, bench: CassandraBench) -> None:
        self.uncertain = 0
        self.session: Any = bench.session()
        self.session.execute(CREATE)
        self.select, self.insert, self.update = map(self.session.prepare, (SELECT, INSERT, UPDATE))

    def read(self, owner: str) -> tuple[int, Merged]:
        row = self.session.execute(self.select, (owner,)).one()
        return (0, {}) if row is None else (row[0], msgspec.msgpack.decode(row[1]))

    def change(self, owner: str, merge: Callable[[Merged], None]) -> None:
        while True:
            version, groups = self.read(owner)
            merge(groups)
            data = msgspec.msgpack.encode(groups)
            try:
                written = (
                    self.session.execute(self.update, (version + 1, data, owner, version))
                    if version
                    else self.session.execute(self.insert, (owner, data))
                )
            except (WriteTimeout, ErrorMessage) as error:
                if isinstance(error, ErrorMessage) and error.code != CAS_WRITE_UNKNOWN:
                    raise
                # Others came in between too often. Whether this one got through is to be read again.
                self.uncertain += 1
                continue
            if written.one()[0]:
                return

    def add(self, owner: str, entry: Entry) -> None:
        member = [f"{entry.id:032x}", entry.actor, False, False]

        def merge(groups: Merged) -> None:
            members = groups.setdefault(entry.group or "", [])
            if all(one[0] != member[0] for one in members):
                members.append(member)

        self.change(owner, merge)

    def counts(self, owner: str) -> tuple[int, int]:
        _, groups = self.read(owner)
        unseen = sum(not all(member[2] for member in members) for members in groups.values())
        return unseen, sum(not all(member[3] for member in members) for members in groups.values())

    def mark(self, owner: str) -> None:
        def merge(groups: Merged) -> None:
            for members in groups.values():
                for member in members:
                    member[2] = member[3] = True

        self.change(owner, merge)


def member(number: int, activity: Activity, payload: bytes | None = None) -> Entry:
    return Entry(activity.serialization_id, next_stamp(), payload, f"group {number % GROUPS}", str(number))


def add(streams: Streams, owners: Sequence[str], puts: Sequence[Entry]) -> None:
    binding = streams.bind(NoticeFeed)
    outcome = binding.timelines.write(binding.spec, [Write(owners, puts=puts)])
    assert not outcome.failures, outcome.failures


def fan_out(bench: CassandraBench, streams: Streams, bare: Bare) -> None:
    source, owners = Source(), owners_to(bench.options.feeds)
    sources = iter(range(10**9))
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for number, activity in enumerate(source.many(GROUPS * MEMBERS)):
            add(streams, owners, [member(number, activity, b"x" * 60)])
        filled: Merged = {}
        for number, activity in enumerate(source.many(GROUPS * MEMBERS)):
            one = [f"{activity.serialization_id:032x}", str(number), False, False]
            filled.setdefault(f"group {number % GROUPS}", []).append(one)
        data = msgspec.msgpack.encode(filled)
        list(pool.map(lambda owner: bare.session.execute(bare.insert, (owner, data)), owners))

        def one_by_one() -> None:
            entry = member(next(sources), source.next)
            list(pool.map(lambda owner: bare.add(owner, entry), owners))

        cases = [
            Case(
                "streamfw, one call of storage.write",
                lambda: add(streams, owners, [member(next(sources), source.next, b"x" * 60)]),
                len(owners),
                source.advance,
            ),
            Case(
                "read, merged and written IF version = ?, 32 at once",
                one_by_one,
                len(owners),
                source.advance,
                bare=True,
            ),
        ]
        title = f"adds to {len(owners):,} feeds of {GROUPS} groups of {MEMBERS}"
        bench.add(measure(title, "adds", cases, runs=bench.options.runs))


def notices(bench: CassandraBench, streams: Streams, bare: Bare, feeds: int) -> None:
    writers, rounds = bench.options.writers, bench.options.rounds
    binding = streams.bind(NoticeFeed)
    groups: Any = binding.timelines
    owners = [f"shared-{feeds}-{number}" for number in range(feeds)]
    source, lock = Source(), threading.Lock()
    added = {"streamfw": 0, "bare": 0}

    def together(work: Callable[[str, Entry], None], side: str) -> None:
        with lock:
            entries = [
                member(added[side] + number, activity, b"x" * 60)
                for number, activity in enumerate(source.many(rounds * writers))
            ]
        added[side] += len(entries)

        def one(writer: int) -> None:
            for number, entry in enumerate(entries[writer::writers]):
                work(owners[(writer + number) % feeds], entry)

        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(one, range(writers)))

    def through_streamfw(owner: str, entry: Entry) -> None:
        add(streams, [owner], [entry])
        for count in ("unseen", "unread"):
            groups.stats(binding.spec, [Query(owner, counts=(count,))])
        groups.mark(binding.spec, owner, None, seen=True, read=True, stamp=next_stamp())

    def by_hand(owner: str, entry: Entry) -> None:
        bare.add(owner, entry)
        bare.counts(owner)
        bare.counts(owner)
        bare.mark(owner)

    cases = [
        Case("streamfw, add, two counts, mark", lambda: together(through_streamfw, "streamfw"), rounds * writers),
        Case("read, merged and written IF version = ?", lambda: together(by_hand, "bare"), rounds * writers, bare=True),
    ]
    title = f"a notification, its counts and its mark, {writers} writers to {feeds} feed{'s' if feeds > 1 else ''}"
    bench.add(measure(title, "rounds", cases, runs=bench.options.runs, warm_up=1))
    found = groups.read_groups(binding.spec, [Query(owner) for owner in owners])
    counted = sum(group.member_count for of_owner in found for group in of_owner)
    print(f"members added by {writers} writers: {added['streamfw']:,}; members counted: {counted:,}")
    print(f"conditional writes that nobody could tell the end of, and that were tried again: {bare.uncertain:,}")
    if counted != added["streamfw"]:
        raise SystemExit("the groups do not have what was added")


def main() -> None:
    with cassandra_bench(__doc__ or "", runs=5, feeds=1_000, rounds=10, writers=8) as bench:
        streams = bench.streams(NoticeFeed)
        bare = Bare(bench)
        fan_out(bench, streams, bare)
        for feeds in (bench.options.writers, 1):
            notices(bench, streams, bare, feeds)


if __name__ == "__main__":
    main()

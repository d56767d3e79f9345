"""Groups on Cassandra, beside the way that needs no design: read a feed's groups, merge, and write them back with a condition.

    python benchmarks/cassandra_groups.py [--runs N] [--feeds N] [--rounds N] [--writers N]
        [--nodes 3 | --at HOST:PORT] [--json OUT]

- One activity to 1,000 notification feeds of 20 groups with 15 members each, in one call of `storage.write`.
- A notification, both counts, and a mark of everything, in feeds of 20 groups with 15 members each that are marked,
  by 8 writers at once: to 8 feeds in turn, and all to one feed, as when many react to one thing;
  after each run every feed has exactly what was added.

Bare is a row for each feed with its groups, their members and payloads, and a version: read, merged in Python, and written
`IF version = ?`, again and again until no one came in between. Feeds of the fan-out are merged 32 at once.
"""

from __future__ import annotations

import secrets
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
PAYLOAD = b"x" * 60
WARM_UP = 10
"""Rounds before the first that counts: a node that was just started is slower."""
TABLE = f"{KEYSPACE}.merged"
CREATE = f"CREATE TABLE {TABLE} (owner text PRIMARY KEY, version int, data blob)"
SELECT = f"SELECT version, data FROM {TABLE} WHERE owner = ?"
INSERT = f"INSERT INTO {TABLE} (owner, version, data) VALUES (?, 1, ?) IF NOT EXISTS"
UPDATE = f"UPDATE {TABLE} SET version = ?, data = ? WHERE owner = ? IF version = ?"

Merged = dict[str, list[list[Any]]]
"""Group -> members, each an id, an actor, whether it was seen and read, and its payload."""


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

    def fill(self, owner: str, entries: Sequence[Entry], *, marked: bool = False) -> None:
        groups: Merged = {}
        for entry in entries:
            groups.setdefault(entry.group or "", []).append(
                [f"{entry.id:032x}", entry.actor, marked, marked, entry.payload]
            )
        self.session.execute(self.insert, (owner, msgspec.msgpack.encode(groups)))

    def add(self, owner: str, entry: Entry) -> None:
        member = [f"{entry.id:032x}", entry.actor, False, False, entry.payload]

        def merge(groups: Merged) -> None:
            members = groups.setdefault(entry.group or "", [])
            if all(one[0] != member[0] for one in members):
                members.append(member)

        self.change(owner, merge)

    def held(self, owner: str) -> int:
        return sum(map(len, self.read(owner)[1].values()))

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


def member(number: int, activity: Activity) -> Entry:
    return Entry(activity.serialization_id, next_stamp(), PAYLOAD, f"group {number % GROUPS}", str(number))


def add(streams: Streams, owners: Sequence[str], puts: Sequence[Entry]) -> None:
    binding = streams.bind(NoticeFeed)
    outcome = binding.timelines.write(binding.spec, [Write(owners, puts=puts)])
    assert not outcome.failures, outcome.failures


def fan_out(bench: CassandraBench, streams: Streams, bare: Bare) -> None:
    source, owners = Source(), owners_to(bench.options.feeds)
    sources = iter(range(10**9))
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        entries = [member(number, activity) for number, activity in enumerate(source.many(GROUPS * MEMBERS))]
        for entry in entries:
            add(streams, owners, [entry])
        list(pool.map(lambda owner: bare.fill(owner, entries), owners))

        def one_by_one() -> None:
            entry = member(next(sources), source.next)
            list(pool.map(lambda owner: bare.add(owner, entry), owners))

        cases = [
            Case(
                "streamfw, one call of storage.write",
                lambda: add(streams, owners, [member(next(sources), source.next)]),
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


class Notified:
    """What both sides do to feeds that are full at the start of each run, and marked."""

    def __init__(self, bench: CassandraBench, streams: Streams, bare: Bare, feeds: int) -> None:
        self.writers, self.rounds, self.feeds = bench.options.writers, bench.options.rounds, feeds
        self.streams, self.bare, self.source = streams, bare, Source()
        self.binding = streams.bind(NoticeFeed)
        self.groups: Any = self.binding.timelines
        self.owners: list[str] = []
        self.name, self.run, self.number = secrets.token_hex(4), 0, 0

    def begin(self) -> None:
        self.check()
        self.run += 1
        self.owners = [f"{self.name}-{self.run}-{number}" for number in range(self.feeds)]
        for owner in self.owners:
            entries = self.make(GROUPS * MEMBERS)
            add(self.streams, [owner], entries)
            self.mark(owner)
            self.bare.fill(owner, entries, marked=True)

    def make(self, number: int) -> list[Entry]:
        self.number += number
        return [
            member(self.number - number + index, activity) for index, activity in enumerate(self.source.many(number))
        ]

    def mark(self, owner: str) -> None:
        self.groups.mark(self.binding.spec, owner, None, seen=True, read=True, stamp=next_stamp())

    def through_streamfw(self, owner: str, entry: Entry) -> None:
        add(self.streams, [owner], [entry])
        for count in ("unseen", "unread"):
            self.groups.stats(self.binding.spec, [Query(owner, counts=(count,))])
        self.mark(owner)

    def by_hand(self, owner: str, entry: Entry) -> None:
        self.bare.add(owner, entry)
        self.bare.counts(owner)
        self.bare.counts(owner)
        self.bare.mark(owner)

    def together(self, work: Callable[[str, Entry], None]) -> None:
        entries = self.make(self.writers * self.rounds)

        def one(writer: int) -> None:
            for number, entry in enumerate(entries[writer :: self.writers]):
                work(self.owners[(writer + number) % self.feeds], entry)

        with ThreadPoolExecutor(self.writers) as pool:
            list(pool.map(one, range(self.writers)))

    def check(self) -> None:
        """See that of the last run nothing was lost."""
        filled = 2 * len(self.owners) * GROUPS * MEMBERS
        found = sum(self.held(owner) + self.bare.held(owner) for owner in self.owners)
        if self.owners and found != filled + self.writers * self.rounds:
            raise SystemExit(f"{found - filled:,} members are there of {self.writers * self.rounds:,} that were added")

    def held(self, owner: str) -> int:
        [groups] = self.groups.read_groups(self.binding.spec, [Query(owner)])
        return sum(group.member_count for group in groups)


def notices(bench: CassandraBench, streams: Streams, bare: Bare, feeds: int) -> None:
    notified = Notified(bench, streams, bare, feeds)

    def through_streamfw() -> None:
        notified.together(notified.through_streamfw)

    def by_hand() -> None:
        notified.together(notified.by_hand)

    number = notified.writers * notified.rounds
    cases = [
        Case("streamfw, add, two counts, mark", through_streamfw, number, notified.begin),
        Case("read, merged and written IF version = ?", by_hand, number, notified.begin, bare=True),
    ]
    writers = f"{notified.writers} writers to {feeds} feed{'s' if feeds > 1 else ''}"
    title = f"a notification, its counts and its mark, {writers}"
    bench.add(measure(title, "rounds", cases, runs=bench.options.runs, warm_up=WARM_UP))
    notified.check()
    print(f"conditional writes that nobody could tell the end of, and that were tried again: {bare.uncertain:,}")


def main() -> None:
    with cassandra_bench(__doc__ or "", runs=5, feeds=1_000, rounds=10, writers=8) as bench:
        streams = bench.streams(NoticeFeed)
        bare = Bare(bench)
        fan_out(bench, streams, bare)
        for feeds in (bench.options.writers, 1):
            notices(bench, streams, bare, feeds)


if __name__ == "__main__":
    main()

"""Fan-out on Cassandra, and pages.

    python benchmarks/cassandra_fanout.py [--runs N] [--feeds N] [--at HOST:PORT] [--json OUT]

One activity is delivered, as a row with its payload, to 10,000 feeds of 100:

- through the manager with the inline queue, in chunks of 1,000 followers (the default) and of 5,000, and through one call of
  `storage.write`; what is too old is deleted now and then;
- bare: unlogged batches of 30 prepared statements, 32 of them under way at once, that write the same rows and nothing else:
  no look for removals, no trimming, no answer about single feeds;
- bare: `execute_concurrent_with_args`, as the driver's documentation has it, with 100 under way.

Then `feed[:25]` beside one prepared SELECT of the same 25 rows whose payloads are decoded too.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import BatchStatement, BatchType
from cassandra_bench import KEYSPACE, CassandraBench, cassandra_bench
from measure import Case, measure
from streamfw_core.storage import Entry
from workloads import PAGE, PUBLISHER, BenchManager, BenchUserFeed, Source, owners_to, stamp_of, write

from streamfw_core import Activity, Feed, Streams

BATCH, WINDOW, CONCURRENCY = 30, 32, 100
WARM_UP = 30
"""Rounds before the first that counts: on a node that was just started one costs more than twice as much."""

TABLE = f"{KEYSPACE}.bare"
CREATE = f"""CREATE TABLE {TABLE} (owner text, id blob, added boolean, data blob, PRIMARY KEY (owner, id))
    WITH CLUSTERING ORDER BY (id DESC)"""
INSERT = f"UPDATE {TABLE} USING TIMESTAMP ? SET added = true, data = ? WHERE owner = ? AND id = ?"
SELECT = f"SELECT id, WRITETIME(added), data FROM {TABLE} WHERE owner = ? AND id >= ? AND id <= ? LIMIT ?"


class InlineFeed(Feed):
    name = "bench_inline"
    key_format = "bench_inline:%(user_id)s"
    max_length = 100
    activities = None


class InlineUserFeed(BenchUserFeed):
    activities = None


class InlineManager(BenchManager):
    name = "bench_inline"
    feed_classes: ClassVar[Any] = {"bench": InlineFeed}
    user_feed_class = InlineUserFeed


class LargeChunks(InlineManager):
    name = "bench_large_chunks"
    fanout_chunk_size = 5_000


class Bare:
    """The driver without streamfw."""

    def __init__(self, bench: CassandraBench, streams: Streams) -> None:
        self.session: Any = bench.session()
        self.session.execute(CREATE)
        self.insert = self.session.prepare(INSERT)
        self.select = self.session.prepare(SELECT)
        self.serializer = streams.bind(InlineFeed).serializer

    def row(self, activity: Activity) -> tuple[int, bytes, bytes]:
        return stamp_of(activity), self.serializer.dumps(activity), activity.serialization_id.to_bytes(16, "big")

    def batches(self, owners: list[str], activity: Activity) -> None:
        stamp, data, id = self.row(activity)
        waiting: deque[Any] = deque()
        for start in range(0, len(owners), BATCH):
            batch = BatchStatement(BatchType.UNLOGGED)
            for owner in owners[start : start + BATCH]:
                batch.add(self.insert, (stamp, data, owner, id))
            if len(waiting) >= WINDOW:
                waiting.popleft().result()
            waiting.append(self.session.execute_async(batch))
        for future in waiting:
            future.result()

    def concurrently(self, owners: list[str], activity: Activity) -> None:
        stamp, data, id = self.row(activity)
        values = [(stamp, data, owner, id) for owner in owners]
        execute_concurrent_with_args(self.session, self.insert, values, concurrency=CONCURRENCY)

    def page(self, owner: str) -> list[Activity]:
        rows = self.session.execute(self.select, (owner, bytes(16), b"\xff" * 16, PAGE))
        return [self.serializer.loads(data, int.from_bytes(id, "big")) for id, _, data in rows]


def puts(streams: Streams, activity: Activity) -> list[Entry]:
    payload = streams.bind(InlineFeed).serializer.dumps(activity)
    return [Entry(activity.serialization_id, stamp_of(activity), payload)]


def fan_out(bench: CassandraBench, streams: Streams, bare: Bare, feeds: int) -> None:
    source, owners = Source(), owners_to(feeds)
    manager, large = InlineManager(streams=streams), LargeChunks(streams=streams)
    manager.followers = large.followers = feeds
    cases = [
        Case(name, work, feeds, source.advance, bare=not name.startswith("streamfw"))
        for name, work in (
            ("streamfw, through the manager", lambda: manager.add_user_activity(PUBLISHER, source.next)),
            ("streamfw, in chunks of 5,000", lambda: large.add_user_activity(PUBLISHER, source.next)),
            (
                "streamfw, one call of storage.write",
                lambda: write(streams, InlineFeed, owners, puts(streams, source.next)),
            ),
            ("unlogged batches of 30, 32 at once", lambda: bare.batches(owners, source.next)),
            ("execute_concurrent_with_args, 100 at once", lambda: bare.concurrently(owners, source.next)),
        )
    ]
    measure("while the node compiles what it runs often", "deliveries", cases[:4], runs=0, warm_up=WARM_UP)
    title = f"fan-out to {feeds:,} feeds of {InlineFeed.max_length}"
    bench.add(measure(title, "deliveries", cases, runs=bench.options.runs))


def pages(bench: CassandraBench, streams: Streams, bare: Bare) -> None:
    source, owners, reads = Source(), owners_to(20), 300
    for activity in source.many(InlineFeed.max_length):
        write(streams, InlineFeed, owners, puts(streams, activity))
        bare.batches(owners, activity)
    feeds = [InlineFeed(owner, streams=streams) for owner in owners]
    binding = streams.bind(InlineFeed)

    def through_feed() -> None:
        for number in range(reads):
            assert len(feeds[number % 20][:PAGE]) == PAGE

    def by_hand() -> None:
        for number in range(reads):
            assert len(bare.page(owners[number % 20])) == PAGE

    assert binding.spec.inline
    cases = [
        Case("streamfw, feed[:25]", through_feed, reads),
        Case("a prepared SELECT, and decoding", by_hand, reads, bare=True),
    ]
    bench.add(measure("a page of 25 from a feed of 100", "pages", cases, runs=bench.options.runs, warm_up=WARM_UP // 3))


def main() -> None:
    with cassandra_bench(__doc__ or "", runs=9, feeds=10_000) as bench:
        streams = bench.streams(InlineFeed, InlineUserFeed)
        bare = Bare(bench, streams)
        fan_out(bench, streams, bare, bench.options.feeds)
        pages(bench, streams, bare)


if __name__ == "__main__":
    main()

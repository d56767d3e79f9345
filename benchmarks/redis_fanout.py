"""Fan-out on Redis, and the memory that feeds take.

    python benchmarks/redis_fanout.py [--runs N] [--server redis-8.2] [--old-python PYTHON] [--json OUT]

One activity is delivered to 10,000 feeds that are full with 100 entries:

- through the manager with the inline queue: the activity is stored, a message is made for each thousand followers, all is
  counted and checked; and through one call of `storage.write`;
- bare: a redis-py pipeline of ZADD and ZREMRANGEBYRANK for each feed, a thousand feeds at a time, not in a transaction;
- bare: a script that appends 16 bytes to a thousand lists and pops the oldest, its requests packed by hand, without order,
  removals, or answers about single feeds;
- the old library, which calls Redis once for each feed, where a Python that has it is given.

Then the bytes for each entry that readers see, by MEMORY USAGE, in feeds of 100 and of 1,000, beside the old layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from measure import Case, Figure, Table, measure
from redis_bare import APPEND, append_raw, fan_out_by_pipeline, fill_sorted_sets
from redis_bench import Bench, redis_bench
from workloads import PUBLISHER, BenchFeed, BenchManager, LongFeed, Source, entries, fill, owners_to, write

from streamfw_core import Feed, Streams

LENGTH = BenchFeed.max_length
SAMPLE = 500
"""Feeds whose memory is looked at; the first gets one more entry, the last as many: what is allocated goes up and down."""


def fan_out(bench: Bench, streams: Streams, feeds: int) -> None:
    source, owners = Source(), owners_to(feeds)
    manager = BenchManager(streams=streams)
    manager.followers = feeds
    raw, old = bench.raw(APPEND), bench.old(feeds)
    fill(streams, BenchFeed, owners, source)
    for activity in source.many(LENGTH):
        append_raw(raw, b"raw:", feeds, activity, LENGTH)
    names = {"pipeline:", "old:"} if old else {"pipeline:"}
    for prefix in names:
        fill_sorted_sets(bench.client, [prefix + owner for owner in owners], source, LENGTH)
    pipelined = ["pipeline:" + owner for owner in owners]

    def through_manager() -> None:
        manager.add_user_activity(PUBLISHER, source.next)

    def through_storage() -> None:
        write(streams, BenchFeed, owners, entries([source.next]))

    def through_pipeline() -> None:
        fan_out_by_pipeline(bench.client, pipelined, source.next, LENGTH)

    def through_raw() -> None:
        append_raw(raw, b"raw:", feeds, source.next, LENGTH)

    def warmed(work: Callable[[], None]) -> Callable[[], None]:
        """Once before it is timed: whoever comes after the old library would find cold caches."""

        def prepare() -> None:
            source.advance()
            work()
            source.advance()

        return prepare

    cases = [
        Case(name, work, feeds, warmed(work), bare=not name.startswith("streamfw"))
        for name, work in (
            ("streamfw, through the manager", through_manager),
            ("streamfw, one call of storage.write", through_storage),
            ("redis-py pipeline, ZADD and ZREMRANGEBYRANK", through_pipeline),
            ("script that appends and pops, packed by hand", through_raw),
        )
    ]
    if old:
        cases.append(
            Case("Stream-Framework 1.4, through its manager", lambda: old.ask("publish", PUBLISHER), feeds, bare=True)
        )
    bench.add(measure(f"fan-out to {feeds:,} feeds of {LENGTH}", "deliveries", cases, runs=bench.options.runs))


def memory(bench: Bench, streams: Streams) -> None:
    for feed_class in (BenchFeed, LongFeed):
        length, owners, source = feed_class.max_length, owners_to(SAMPLE), Source()
        fill(streams, feed_class, owners, source)
        for fewer, activity in enumerate(source.many(SAMPLE)):
            write(streams, feed_class, owners[fewer:], entries([activity]))
        fill_sorted_sets(bench.client, [f"pipeline:{length}:{owner}" for owner in owners], source, length)
        figures = [
            Figure(
                "streamfw", [bytes_of(bench, [b"streamfw:f:" + key(feed_class, owner) for owner in owners], length)]
            ),
            Figure(
                "the old layout, a sorted set",
                [bytes_of(bench, [b"pipeline:%d:%b" % (length, owner.encode()) for owner in owners], length)],
                bare=True,
            ),
        ]
        bench.add(Table(f"memory of a feed of {length:,}", "bytes/entry", figures))


def key(feed_class: type[Feed], owner: str) -> bytes:
    return (feed_class.key_format % {"user_id": owner}).encode()


def bytes_of(bench: Bench, keys: Sequence[bytes], length: int) -> float:
    """The mean of the bytes for each entry that readers see."""
    used = [bench.client.memory_usage(key, samples=0) for key in keys]
    assert all(used), "there is no such key"
    return round(sum(number or 0 for number in used) / len(keys) / length, 2)


def main() -> None:
    with redis_bench(__doc__ or "", runs=15) as bench:
        streams = bench.streams()
        fan_out(bench, streams, 10_000)
        memory(bench, streams)


if __name__ == "__main__":
    main()

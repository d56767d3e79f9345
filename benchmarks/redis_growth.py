"""How the cost of a write grows on Redis: with the number of followers, and with the length of a feed.

    python benchmarks/redis_growth.py [--runs N] [--server redis-8.2] [--json OUT]

- fan-out through the manager to 1,000, 10,000, 100,000 and 1,000,000 full feeds of 100: deliveries a second should not become
  fewer (there are fewer for a thousand, as they are one message, beside which nothing else is done);
- one activity into one feed that holds 100, 1,000, 10,000, 100,000 and 1,000,000: writes a second should stay the same.
  Bare is redis-py's RPUSH of 16 bytes to a list, which needs a round trip too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from measure import Case, measure
from redis_bench import Bench, redis_bench
from streamfw_core.storage import Entry
from workloads import (
    ENTRIES_AT_ONCE,
    PUBLISHER,
    BenchFeed,
    BenchManager,
    EndlessFeed,
    Source,
    entries,
    fill,
    owners_to,
    write,
)

from streamfw_core import Streams

FOLLOWERS = (1_000, 10_000, 100_000, 1_000_000)
ENTRIES = (100, 1_000, 10_000, 100_000, 1_000_000)
APPENDS = 500


def followers(bench: Bench, streams: Streams) -> None:
    source = Source()
    manager = BenchManager(streams=streams)
    fill(streams, BenchFeed, owners_to(max(FOLLOWERS)), source)

    def publish(count: int) -> None:
        manager.followers = count
        for _ in range(10_000 // count or 1):  # the same work at least, so that the clock is fine enough for all
            source.advance()
            manager.add_user_activity(PUBLISHER, source.next)

    cases = [
        Case(f"{count:,} followers", partial(publish, count), max(count, 10_000), bare=count == min(FOLLOWERS))
        for count in FOLLOWERS
    ]
    bench.add(measure("fan-out by the number of followers", "deliveries", cases, runs=bench.options.runs))


def lengths(bench: Bench, streams: Streams) -> None:
    source = Source()
    for length in ENTRIES:
        first = Entry(source.next.serialization_id, 0).id - (length << 64)
        old = [Entry(first + (number << 64), ((first >> 64) + number) * 1000 + 40_000) for number in range(length)]
        for start in range(0, length, ENTRIES_AT_ONCE):
            write(streams, EndlessFeed, [str(length)], old[start : start + ENTRIES_AT_ONCE])

    def append(owner: str) -> Callable[[], None]:
        def work() -> None:
            for entry in waiting:
                write(streams, EndlessFeed, [owner], [entry])

        return work

    waiting: list[Entry] = []

    def prepare() -> None:
        waiting[:] = entries(source.many(APPENDS))

    def push() -> None:
        for entry in waiting:
            bench.client.rpush("bare", entry.id.to_bytes(16, "big"))

    cases = [Case(f"{length:,} entries", append(str(length)), APPENDS, prepare) for length in ENTRIES]
    cases.append(Case("redis-py, RPUSH", push, APPENDS, prepare, bare=True))
    bench.add(measure("one write by the length of the feed", "writes", cases, runs=bench.options.runs))


def main() -> None:
    with redis_bench(__doc__ or "", runs=9) as bench:
        streams = bench.streams()
        followers(bench, streams)
        bench.client.flushdb()
        lengths(bench, streams)


if __name__ == "__main__":
    main()

"""A thousand readers on one event loop, on Redis and in memory, and how long the loop is blocked.

    python benchmarks/aio_readers.py [--runs N] [--readers N] [--server redis-8.2] [--json OUT]

Each reader is a task that reads `feed[:25]` of a feed of its own, of 100 activities, again and again. Beside it:

- the sync client: the same feeds, one page after the other in one thread;
- bare, on Redis: as many tasks that call EVALSHA of a script that returns the same bytes, which are not decoded,
  through redis.asyncio with as many connections;
- while an activity is fanned out to 10,000 feeds by the inline queue, again and again, on the same loop.

The loop is watched by a task that sleeps 5 ms at a time: what it oversleeps is how long a turn of the loop took.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from statistics import quantiles
from typing import Any

from measure import Case, Figure, Table, measure
from redis.asyncio import BlockingConnectionPool, Redis
from redis_bench import Bench, redis_bench
from redis_reads import SAME
from workloads import PAGE, PUBLISHER, BenchFeed, BenchManager, Source, fill, owners_to

from streamfw_core import Streams

READERS, READS_EACH, WATCH = 1_000, 5, 0.005
CONNECTIONS = 64

Read = Callable[[int], Awaitable[object]]


class Watched:
    """One event loop, for one application, and how long its turns took in each run."""

    def __init__(self, streams: Streams) -> None:
        self.runner = asyncio.Runner()
        self.streams = streams
        self.worst: dict[str, list[float]] = {}
        self.usual: dict[str, list[float]] = {}

    def case(self, name: str, read: Read, readers: int, *, bare: bool = False, beside: Any = None) -> Case:
        def work() -> None:
            lags = self.runner.run(_readers(read, readers, beside))
            self.worst.setdefault(name, []).append(max(lags) * 1000)
            self.usual.setdefault(name, []).append(quantiles(lags, n=100, method="inclusive")[-1] * 1000)

        return Case(name, work, readers * READS_EACH, bare=bare)

    def tables(self, where: str, runs: int) -> list[Table]:
        return [
            Table(
                f"{what} that the loop was blocked, {where}",
                "ms",
                [Figure(name, values[-runs:]) for name, values in found.items()],
            )
            for what, found in (("longest", self.worst), ("99th percentile", self.usual))
        ]

    def close(self) -> None:
        self.runner.run(self.streams.aio.close())
        self.runner.close()


async def _readers(read: Read, readers: int, beside: Callable[[], Awaitable[None]] | None) -> list[float]:
    """What a watcher overslept while so many readers read."""
    lags: list[float] = []

    async def reader(owner: int) -> None:
        for _ in range(READS_EACH):
            await read(owner)

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(WATCH)
            lags.append(time.perf_counter() - began - WATCH)

    others = [asyncio.create_task(watch())]
    if beside is not None:
        others.append(asyncio.create_task(_again_and_again(beside)))
    await asyncio.sleep(2 * WATCH)
    await asyncio.gather(*(reader(owner) for owner in range(readers)))
    await asyncio.sleep(2 * WATCH)
    for other in others:
        other.cancel()
        with suppress(asyncio.CancelledError):
            await other
    return lags


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await work()


def cases_of(watched: Watched, readers: int) -> list[Case]:
    """Of one application."""
    streams, source = watched.streams, Source()
    manager = BenchManager(streams=streams)
    fill_all(manager, readers, source)

    def through_aio(owner: int) -> Awaitable[object]:
        return BenchFeed(owner, streams=streams).aio[:PAGE]

    def through_feeds() -> None:
        for _ in range(READS_EACH):
            for owner in range(readers):
                BenchFeed(owner, streams=streams)[:PAGE]

    async def fan_out() -> None:
        await manager.aio.add_user_activity(PUBLISHER, source.make())

    # What is loaded and connected at the first use is not what is measured, nor looking for garbage in all that was made.
    assert len(watched.runner.run(_first(through_aio, fan_out))) == PAGE
    gc.collect()
    gc.freeze()
    return [
        watched.case(f"{readers:,} tasks, feed.aio[:25]", through_aio, readers),
        watched.case(
            f"{readers:,} tasks, feed.aio[:25], beside fan-outs to 10,000", through_aio, readers, beside=fan_out
        ),
        Case("one thread, feed[:25]", through_feeds, readers * READS_EACH, bare=True),
    ]


def fill_all(manager: BenchManager, readers: int, source: Source) -> None:
    """Feeds of a hundred activities that have records."""
    streams = manager.streams
    fill(streams, BenchFeed, owners_to(readers), source)
    manager.followers = readers
    for activity in source.many(BenchFeed.max_length):
        manager.add_user_activity(PUBLISHER, activity)
    manager.followers = 10_000


async def _first(read: Read, fan_out: Callable[[], Awaitable[None]]) -> Any:
    await fan_out()
    return await read(1)


def on_redis(bench: Bench) -> None:
    readers = bench.options.readers
    watched = Watched(bench.streams())
    bench.stack.callback(watched.close)
    cases = cases_of(watched, readers)
    pool: Any = BlockingConnectionPool(host="127.0.0.1", port=bench.server.port, max_connections=CONNECTIONS)
    client: Any = Redis(connection_pool=pool)
    bench.stack.callback(lambda: watched.runner.run(client.aclose()))
    script = bench.client.script_load(SAME)
    prefix = b"streamfw:a:" + watched.streams.bind(BenchFeed).records.encode() + b":"

    def bare(owner: int) -> Awaitable[object]:
        found: Awaitable[object] = client.evalsha(
            script, 1, f"streamfw:f:{BenchFeed.key_format}" % {"user_id": owner}, prefix
        )
        return found

    cases.append(watched.case(f"{readers:,} tasks, EVALSHA of redis.asyncio", bare, readers, bare=True))
    title = f"pages of {PAGE}, on Redis, {READS_EACH} of each reader"
    bench.add(measure(title, "pages", cases, runs=bench.options.runs))
    for table in watched.tables("on Redis", bench.options.runs):
        bench.add(table)


def in_memory(bench: Bench) -> None:
    watched = Watched(Streams({}))
    bench.stack.callback(watched.close)
    cases = cases_of(watched, bench.options.readers)
    title = f"pages of {PAGE}, in memory, {READS_EACH} of each reader"
    bench.add(measure(title, "pages", cases, runs=bench.options.runs))
    for table in watched.tables("in memory", bench.options.runs):
        bench.add(table)


def main() -> None:
    with redis_bench(__doc__ or "", runs=9, more=_add_readers) as bench:
        on_redis(bench)
        in_memory(bench)


def _add_readers(command: Any) -> None:
    command.add_argument("--readers", type=int, default=READERS, help="tasks (default: %(default)s)")


if __name__ == "__main__":
    main()

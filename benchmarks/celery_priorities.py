"""Whether followers that can wait delay those that cannot: the same activities, published beside a busy worker and without.

    python benchmarks/celery_priorities.py [--broker redis] [--runs N] [--backlog N] [--nice N] [--prefetch N] [--json OUT]

One activity has a backlog of 100,000 messages made in `streamfw.low`, one for each follower, by the worker of `streamfw.high`.
Then activities with urgent followers are published, one at a time, in turn

- while the worker of `streamfw.low` is paused,
- and while it works on the backlog,

and it is measured how long it takes until one of the followers sees each. So it was measured before there was a backlog, too.

Both workers have one process each, and the one of `streamfw.low` runs with `nice`: 0 and more, up to 19.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery_bench import CeleryBench, celery_bench, newest, percentiles, wait_until
from celery_program import HIGH, LOW, LowManager
from measure import Figure, Table
from workloads import PUBLISHER, BenchFeed, BenchManager, Source, fill, owners_to

from tests.services.workers import Worker

IDLE = "no backlog"
PAUSED = "a backlog, and its worker is paused"
BUSY = "a backlog, and its worker is busy"
PAUSES = (0.005, 0.03)
"""Seconds between one activity that has been seen and the next."""


class Urgent:
    """Publishing for followers that cannot wait."""

    def __init__(self, bench: CeleryBench, followers: int) -> None:
        self._bench = bench
        self._source = Source()
        self._manager = BenchManager(streams=bench.streams)
        self._followers = followers
        fill(bench.streams, BenchFeed, owners_to(followers), self._source)

    def latencies(self, number: int) -> list[float]:
        """Milliseconds from before an activity is published until a follower sees it."""
        return [self._latency() for _ in range(number)]

    def _latency(self) -> float:
        time.sleep(random.uniform(*PAUSES))
        self._source.advance()
        activity, owner = self._source.next, random.randrange(self._followers)
        started = time.perf_counter()
        self._manager.add_user_activity(PUBLISHER, activity)
        wait_until(lambda: newest(self._bench.streams, owner) == activity.serialization_id, 0.0005)
        return (time.perf_counter() - started) * 1000


def make_backlog(bench: CeleryBench) -> None:
    """Have the worker of the urgent queue split an activity of somebody whose followers can wait."""
    followers, started = bench.options.backlog, time.perf_counter()
    LowManager(streams=bench.streams).add_user_activity(followers, Source().next)
    wait_until(lambda: bench.waiting(LOW) >= followers, 0.5)
    print(f"a backlog of {followers:,} messages was made in {time.perf_counter() - started:.0f} s")


@contextmanager
def paused(worker: Worker) -> Iterator[None]:
    worker.pause()
    try:
        yield
    finally:
        worker.resume()


def main() -> None:
    with celery_bench(
        __doc__ or "", runs=5, backlog=100_000, prefetch=1, nice=10, activities=100, followers=10_000
    ) as bench:
        options = bench.options
        urgent = Urgent(bench, options.followers)
        bench.worker(HIGH, 1)
        urgent.latencies(20)
        found: dict[str, list[float]] = {PAUSED: [], BUSY: []}
        found[IDLE] = urgent.latencies(options.activities * options.runs)
        make_backlog(bench)
        worker = bench.worker(LOW, 1, nice=options.nice)
        rates: list[float] = []
        for _ in range(options.runs):
            with paused(worker):
                time.sleep(0.2)
                found[PAUSED] += urgent.latencies(options.activities)
            time.sleep(0.2)
            before, started = bench.waiting(LOW), time.perf_counter()
            found[BUSY] += urgent.latencies(options.activities)
            left = bench.waiting(LOW)
            if not left:
                raise SystemExit("the backlog was worked off before the end: ask for a larger one with --backlog")
            rates.append(round((before - left) / (time.perf_counter() - started), 1))
        title = f"an activity of {options.followers:,} urgent followers, by {options.broker}, until it is seen"
        for table in percentiles(title, "ms", found, PAUSED):
            bench.add(table)
        bench.add(Table("meanwhile, of the backlog", "messages/s", [Figure("its worker", rates)]))


if __name__ == "__main__":
    main()

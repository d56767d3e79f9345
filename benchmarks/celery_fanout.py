"""Fan-out through Celery: a worker with a pool of two processes, a broker, and Redis with the feeds.

    python benchmarks/celery_fanout.py [--broker redis] [--runs N] [--burst N] [--latencies N] [--json OUT]

Ten activities are published in a row, each to 10,000 feeds that are full with 100 entries, and all is timed until the last of
them has arrived everywhere:

- streamfw: `add_user_activity` of a manager, which stores the activity and writes the own feed too;
- bare: tasks of the same app, in the same queue, with the same confirmations. One splits the ids into ten tasks of a thousand,
  and each of these calls the script of the storage with the same arguments, packed by hand; or `write` of the storage;
- bare: the same tasks with a redis-py pipeline of ZADD and ZREMRANGEBYRANK for each feed, not in a transaction.

Nothing is done about the end: this program asks the server for a feed of each chunk, one after the other, every few milliseconds.

Then one at a time: milliseconds from before it is published until a follower sees it on the first page.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

from celery_bench import CeleryBench, celery_bench, count_since, newest, percentiles, wait_until
from celery_program import FOLLOWERS, HIGH, SORTED
from measure import Case, measure
from redis_bare import CHUNK, fill_sorted_sets, old_id
from streamfw_core.clock import next_stamp
from workloads import PUBLISHER, BenchFeed, BenchManager, Source, fill, owners_to

from streamfw_core import Activity

STREAMFW, SCRIPT = "streamfw, through the manager", "bare tasks, the storage's script, packed by hand"
BARE = {
    SCRIPT: "script",
    "bare tasks, write of the storage": "storage",
    "bare tasks, redis-py pipeline of ZADD and ZREMRANGEBYRANK": "pipeline",
}
SAMPLES = range(CHUNK - 1, FOLLOWERS, CHUNK)
"""The follower of each chunk who is written last."""
CALM = 0.1
"""Seconds after which the worker has acknowledged everything, and waits."""


class Fanout:
    """Publishing in one way or the other, and seeing that it has arrived."""

    def __init__(self, bench: CeleryBench) -> None:
        self._bench = bench
        self._manager = BenchManager(streams=bench.streams)
        self._source = Source()
        self.burst: list[Activity] = []
        fill(bench.streams, BenchFeed, owners_to(FOLLOWERS), self._source)
        keys = [f"{SORTED}{owner}" for owner in range(FOLLOWERS)]
        fill_sorted_sets(bench.client, keys, self._source, BenchFeed.max_length)

    def prepare(self, number: int) -> None:
        """Have activities ready that have just happened."""
        self.burst = self._source.many(number)
        time.sleep(CALM)
        self._source.advance()

    def publish(self, name: str) -> None:
        for activity in self.burst:
            if name == STREAMFW:
                self._manager.add_user_activity(PUBLISHER, activity)
            else:
                id = old_id(activity) if BARE[name] == "pipeline" else activity.serialization_id
                self._bench.program.send("split", BARE[name], str(id), next_stamp())

    def publish_and_wait(self, name: str) -> None:
        self.publish(name)
        for owner in SAMPLES:
            wait_until(self._arrival(name, owner), 0.003)

    def publish_and_look(self, name: str, owner: int) -> float:
        """How many milliseconds it takes until a follower sees it."""
        self.prepare(1)
        id = self.burst[0].serialization_id
        feed = BenchFeed(owner, streams=self._bench.streams)

        def is_seen() -> bool:
            if name == STREAMFW:
                return [activity.serialization_id for activity in feed[:1]] == [id]
            return newest(self._bench.streams, owner) == id

        started = time.perf_counter()
        self.publish(name)
        wait_until(is_seen, 0.0005)
        return (time.perf_counter() - started) * 1000

    def _arrival(self, name: str, owner: int) -> Callable[[], bool]:
        first, number = self.burst[0], len(self.burst)
        if BARE.get(name) == "pipeline":
            key, id = f"{SORTED}{owner}", old_id(first)
            return lambda: self._bench.client.zcount(key, id, "+inf") == number
        return lambda: count_since(self._bench.streams, owner, first.serialization_id) == number


def main() -> None:
    with celery_bench(__doc__ or "", runs=15, burst=10, latencies=200) as bench:
        options = bench.options
        fanout = Fanout(bench)
        bench.worker(HIGH, 2)
        work = FOLLOWERS * options.burst
        cases = [
            Case(
                name,
                partial(fanout.publish_and_wait, name),
                work,
                partial(fanout.prepare, options.burst),
                bare=name in BARE,
            )
            for name in (STREAMFW, *BARE)
        ]
        title = f"{options.burst} activities to {FOLLOWERS:,} feeds of {BenchFeed.max_length}, by {options.broker}"
        bench.add(measure(title, "deliveries", cases, runs=options.runs))
        found: dict[str, list[float]] = {STREAMFW: [], SCRIPT: []}
        for number in range(options.latencies):
            for name, values in found.items():
                owner = number * CHUNK % FOLLOWERS + random.randrange(CHUNK)
                values.append(fanout.publish_and_look(name, owner))
        title = f"one activity to {FOLLOWERS:,} feeds, by {options.broker}, until it is seen"
        for table in percentiles(title, "ms", found, SCRIPT):
            bench.add(table)


if __name__ == "__main__":
    main()

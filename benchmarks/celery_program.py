"""An app of Celery with a task queue of streamfw, and beside it tasks that do the same work by hand.

The benchmarks and their workers make the same one: workers import this module, with `VARIABLE` in their environment.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

import redis
from attrs import asdict, define
from celery.signals import worker_ready
from redis_bare import CHUNK, Raw
from streamfw_core.storage import Entry, FeedSpec, Write
from streamfw_redis.keys import TIMELINE
from streamfw_redis.packing import pack_id
from streamfw_redis.timelines import WRITE
from workloads import BenchFeed, BenchManager

from streamfw_core import FanoutPriority, Feed, Streams

VARIABLE: Final = "STREAMFW_BENCH_CELERY"
READY: Final = "the worker is ready"
HIGH: Final = "streamfw.high"
LOW: Final = "streamfw.low"
SORTED: Final = "pipeline:"
"""What the keys of sorted sets begin with, as the old library would keep feeds."""
FOLLOWERS: Final = BenchManager.followers
FEEDS_AT_ONCE: Final = 500
"""The storage sends a chunk in parts of so many feeds, so that the server begins before all is packed; so do we."""


class LowFeed(Feed):
    name = "bench_low"
    key_format = "bench_low:%(user_id)s"
    max_length = 100


class LowManager(BenchManager):
    """The followers of everybody can wait, and there is a message for each of them; a user's id says how many there are."""

    name = "bench_low"
    feed_classes: ClassVar[Any] = {"bench": LowFeed}
    fanout_chunk_size = 1

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, range]:
        return {FanoutPriority.LOW: range(user_id)}


@define(slots=False)
class Program:
    """What the benchmark and its workers agree on.

    :param broker: the URL of the broker.
    :param storage: the URL of the Redis that has the feeds.
    :param prefetch: how many messages a worker fetches for each of its processes.
    """

    broker: str
    storage: str
    prefetch: int = 2

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    @cached_property
    def streams(self) -> Streams:
        # streamfw asks RabbitMQ for confirmations anyway; the tasks by hand do it by this.
        confirming = {"confirm_publish": True} if self.broker.startswith("amqp") else {}
        options = {"broker_url": self.broker, "broker_transport_options": confirming}
        return Streams(
            {
                "storages": {"default": {"backend": "redis", "options": {"url": self.storage}}},
                "task_queue": {"backend": "celery", "options": options},
                "managers": {"bench": "workloads:BenchManager", "bench_low": "celery_program:LowManager"},
            }
        )

    @cached_property
    def app(self) -> Any:
        """The app that streamfw has made, which knows the tasks by hand too."""
        queue: Any = self.streams.queue
        app = queue.app
        app.conf.worker_prefetch_multiplier = self.prefetch
        by_hand = ByHand(self)

        @app.task(name="bench.split", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
        def split(way: str, id: str, stamp: int) -> None:
            by_hand.split(way, id, stamp)

        @app.task(name="bench.deliver", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
        def deliver(way: str, id: str, stamp: int, owners: list[int]) -> None:
            by_hand.deliver(way, id, stamp, owners)

        return app

    def send(self, task: str, *arguments: object) -> None:
        # Without argsrepr, Celery would write all ids a second time, for people to read.
        self.app.tasks[f"bench.{task}"].apply_async(arguments, queue=HIGH, argsrepr="...")


class ByHand:
    """The same fan-out in the fewest tasks and requests: ids as JSON, no messages of streamfw, nothing counted."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def split(self, way: str, id: str, stamp: int) -> None:
        for first in range(0, FOLLOWERS, CHUNK):
            self._program.send("deliver", way, id, stamp, list(range(first, min(first + CHUNK, FOLLOWERS))))

    def deliver(self, way: str, id: str, stamp: int, owners: Sequence[int]) -> None:
        ways: dict[str, Callable[[int, int, Sequence[int]], None]] = {
            "storage": self._by_storage,
            "script": self._by_script,
            "pipeline": self._by_pipeline,
        }
        ways[way](int(id), stamp, owners)

    def _by_storage(self, id: int, stamp: int, owners: Sequence[int]) -> None:
        binding = self._program.streams.bind(BenchFeed)
        outcome = binding.timelines.write(binding.spec, [Write([*map(str, owners)], puts=[Entry(id, stamp)])])
        assert not outcome.failures, outcome.failures

    def _by_script(self, id: int, stamp: int, owners: Sequence[int]) -> None:
        """The script of the storage, with the arguments that the storage gives it."""
        spec, storage, packed = self._spec, self._storage, pack_id(id)
        namespace = spec.namespace.encode()
        before = storage.keys.start(0) + TIMELINE + spec.key_format.prefix.encode()
        head = [storage.keys.floors(0, namespace), *storage.keys.notes(0, namespace, [packed])]
        numbers = [
            spec.keep,
            0,
            0,
            time.time_ns() // 1000,
            int(storage.tombstone_ttl * 1000),
            len(before),
            0,
            1,
            0,
            0,
            1,
        ]
        arguments = [*(b"%d" % number for number in numbers), packed, b"%d" % stamp]
        parts = (owners[first : first + FEEDS_AT_ONCE] for first in range(0, len(owners), FEEDS_AT_ONCE))
        replies = self._raw.run(([*head, *(b"%b%d" % (before, owner) for owner in part)], arguments) for part in parts)
        assert not any(failures for _, _, failures, _ in replies), replies

    def _by_pipeline(self, id: int, stamp: int, owners: Sequence[int]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for owner in owners:
            pipeline.zadd(f"{SORTED}{owner}", {str(id): id})
            pipeline.zremrangebyrank(f"{SORTED}{owner}", 0, -BenchFeed.max_length - 1)
        pipeline.execute()

    @cached_property
    def _spec(self) -> FeedSpec:
        return self._program.streams.bind(BenchFeed).spec

    @cached_property
    def _storage(self) -> Any:
        return self._program.streams.storage("default")

    @cached_property
    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self._program.storage)

    @cached_property
    def _raw(self) -> Raw:
        client: Any = self._client
        return Raw(client.connection_pool.make_connection(), WRITE.source.decode())


@worker_ready.connect  # type: ignore[untyped-decorator]
def _say_so(**_: object) -> None:
    print(READY, flush=True)


if VARIABLE in os.environ:
    app = Program(**json.loads(os.environ[VARIABLE])).app

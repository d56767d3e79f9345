"""Running a replay, and measuring it."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from streamfw_core.cli.deliveries import deliveries_of
from streamfw_core.cli.replay.network import Graph, HomeFeed, ReplayManager, activity_of
from streamfw_core.cli.replay.reading import Events
from streamfw_core.fanout import chunks
from streamfw_core.ids import encode_owner
from streamfw_core.storage.protocol import Query
from streamfw_core.streams import Streams

__all__ = ["Published", "Reads", "feed_lengths", "peak_memory", "publish", "read", "sample"]

READ_SIZE = 25
_WARM_UP = 50
_REPORT_EVERY = 0.1
_STATS_CHUNK = 1000


class Watcher(Protocol):
    """Is told how far the replay is, about ten times a second."""

    def __call__(self, events: int, deliveries: int, seconds: float) -> None: ...


@frozen
class Published:
    """What publishing took.

    :param publishing: seconds until the last event was published.
    :param seconds: seconds until the last delivery was made; the same, where the queue delivers at once.
    """

    events: int
    deliveries: int
    publishing: float
    seconds: float


@frozen
class Reads:
    """Latencies of `feed[:25]`, in seconds."""

    count: int
    activities: int
    p50: float
    p99: float
    slowest: float


def publish(streams: Streams, graph: Graph, events: Events, watch: Watcher) -> Published:
    """Publish all events in their order, and wait until every delivery is made."""
    deliveries = deliveries_of(streams)
    add = ReplayManager(graph, streams=streams).add_user_activity
    actors, clock = events.actors, time.perf_counter
    started = clock()
    due = started + _REPORT_EVERY
    for place in range(len(events)):
        add(actors[place], activity_of(events, place))
        if clock() >= due:
            watch(place + 1, deliveries.added, clock() - started)
            due = clock() + _REPORT_EVERY
    published = clock()
    streams.drain()
    ended = clock()
    watch(len(events), deliveries.added, ended - started)
    return Published(len(events), deliveries.added, published - started, ended - started)


def read(streams: Streams, users: Sequence[int]) -> Reads:
    """Time the first page of each user's feed."""
    for user in users[:_WARM_UP]:
        HomeFeed(user, streams=streams)[:READ_SIZE]
    latencies, activities = [], 0
    for user in users:
        started = time.perf_counter()
        page = HomeFeed(user, streams=streams)[:READ_SIZE]
        latencies.append(time.perf_counter() - started)
        activities += len(page)
    latencies.sort()
    return Reads(len(users), activities, _quantile(latencies, 0.5), _quantile(latencies, 0.99), latencies[-1])


def feed_lengths(streams: Streams, graph: Graph) -> list[int]:
    """How long the home feed of everybody who follows somebody is, in ascending order."""
    binding = streams.bind(HomeFeed)
    lengths: list[int] = []
    for users in chunks(graph.followers, _STATS_CHUNK):
        stats = binding.timelines.stats(binding.spec, [Query(encode_owner(user)) for user in users])
        lengths += [one.entries for one in stats]
    return sorted(lengths)


def sample(users: Sequence[int], count: int, seed: int, purpose: str) -> list[int]:
    """Some users, the same ones for the same seed and purpose."""
    return random.Random(f"{seed}:{purpose}").sample(users, min(count, len(users)))


def peak_memory() -> int | None:
    """The most bytes that this process ever had in memory; None where the platform does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

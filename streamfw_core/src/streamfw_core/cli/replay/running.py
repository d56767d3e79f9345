"""Running a replay, and measuring it."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from streamfw_core.cli.replay.routes import Route
from streamfw_core.fanout import chunks
from streamfw_core.ids import encode_owner
from streamfw_core.storage.protocol import Query

__all__ = ["Published", "Reads", "feed_lengths", "peak_memory", "publish", "read", "sample", "sample_filled"]

READ_SIZE = 25
_WARM_UP = 50
_REPORT_EVERY = 0.1
_STATS_CHUNK = 1000


class Watcher(Protocol):
    """Is told how far the replay is, about ten times a second."""

    def __call__(self, done: int, deliveries: int, seconds: float) -> None: ...


@frozen
class Published:
    """What publishing took.

    :param events: those that were published; there may be others in the log, which are not for these feeds.
    :param publishing: seconds until the last event was published.
    :param seconds: seconds until the last delivery was made; the same, where the queue delivers at once.
    """

    events: int
    deliveries: int
    publishing: float
    seconds: float


@frozen
class Reads:
    """Latencies of `feed[:25]`, in seconds.

    :param entries: how many activities or groups were read.
    """

    count: int
    entries: int
    p50: float
    p99: float
    slowest: float


def publish(route: Route, watch: Watcher, pauses: Mapping[int, Callable[[], None]]) -> Published:
    """Publish all events in their order, and wait until every delivery is made.

    :param pauses: what is done before the event at a place; its time does not count.
    """
    clock, step = time.perf_counter, route.publish
    started = clock()
    due = started + _REPORT_EVERY
    published = 0
    for place in range(len(route.events)):
        if place in pauses:
            route.streams.drain()
            paused = clock()
            pauses[place]()
            started += clock() - paused
        published += step(place)
        if clock() >= due:
            watch(place + 1, route.deliveries(), clock() - started)
            due = clock() + _REPORT_EVERY
    ended_publishing = clock()
    route.streams.drain()
    ended = clock()
    watch(len(route.events), route.deliveries(), ended - started)
    return Published(published, route.deliveries(), ended_publishing - started, ended - started)


def read(route: Route, users: Sequence[int]) -> Reads:
    """Time the first page of each user's feed."""
    feed_class, streams = route.feed_class, route.streams
    for user in users[:_WARM_UP]:
        feed_class(user, streams=streams)[:READ_SIZE]
    latencies, entries = [], 0
    for user in users:
        started = time.perf_counter()
        page = feed_class(user, streams=streams)[:READ_SIZE]
        latencies.append(time.perf_counter() - started)
        entries += len(page)
    latencies.sort()
    return Reads(len(users), entries, _quantile(latencies, 0.5), _quantile(latencies, 0.99), latencies[-1])


def feed_lengths(route: Route) -> list[int]:
    """How many activities or groups the feed of everybody who may have one shows, in ascending order."""
    binding = route.streams.bind(route.feed_class)
    lengths: list[int] = []
    for users in chunks(route.owners, _STATS_CHUNK):
        stats = binding.timelines.stats(binding.spec, [Query(encode_owner(user)) for user in users])
        lengths += [one.entries for one in stats]
    return sorted(lengths)


def sample(users: Sequence[int], count: int, seed: int, purpose: str) -> list[int]:
    """Some users, the same ones for the same seed and purpose."""
    return random.Random(f"{seed}:{purpose}").sample(users, min(count, len(users)))


def sample_filled(route: Route, count: int, seed: int) -> list[int]:
    """Some users whose feeds do not stay empty; others only where there are too few of these."""
    filled = route.filled()
    chosen = sample(filled, count, seed, "verify")
    if len(chosen) < count:
        chosen += sample(sorted({*route.owners}.difference(filled)), count - len(chosen), seed, "verify empty")
    return chosen


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

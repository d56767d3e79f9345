"""Metrics for Prometheus, through prometheus-client.

Their names and units are in the documentation, on the page about metrics.
Several processes add up as prometheus-client does it: with `PROMETHEUS_MULTIPROC_DIR` set before it is imported.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from attrs import field, frozen
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from streamfw_core.metrics import Metrics

if TYPE_CHECKING:
    from streamfw_core import Feed

__all__ = ["Options", "PrometheusMetrics"]

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: a page from memory takes less than the first, a chunk that takes more than the last is in trouble."""


def _check_namespace(_: object, __: object, value: str) -> None:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", value):
        raise ValueError("a namespace is made of letters, digits and '_', such as 'myapp_feeds'")


def _check_buckets(_: object, __: object, value: Sequence[float]) -> None:
    if not value or list(value) != sorted({*value}):
        raise ValueError("buckets are seconds, each more than the one before, such as [0.01, 0.1, 1.0]")


@frozen
class Options:
    """What `metrics.options` of the backend may say.

    :param namespace: what each name begins with, before `_`.
    :param buckets: of the histograms: their upper limits in seconds.
    :param registry: where the metrics are; by default that of prometheus-client, which its exporters show.
    """

    namespace: str = field(default="streamfw", validator=_check_namespace)
    buckets: tuple[float, ...] = field(default=BUCKETS, validator=_check_buckets)
    registry: CollectorRegistry = REGISTRY


class PrometheusMetrics(Metrics):
    """Counters and histograms by feed and operation.

    :raises SettingsError: wrong options.
    """

    def __init__(self, name: str = "prometheus", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        super().__init__(name, options)
        self.options = structure_options(Options, options or {}, "metrics.options")
        families = _families(self.options)
        self._published = families.published
        self._removed = families.removed
        self._dead_letters = families.dead_letters
        # A child is looked up by its labels only once: that takes a lock and a tuple of texts.
        self._deliveries: Callable[[str, str], Counter] = cache(families.deliveries.labels)
        self._activities: Callable[[str, str], Counter] = cache(families.activities.labels)
        self._misses: Callable[[str], Counter] = cache(families.misses.labels)
        self._errors: Callable[[str], Counter] = cache(families.errors.labels)
        self._chunk_seconds: Callable[[str], Histogram] = cache(families.chunk_seconds.labels)
        self._read_seconds: Callable[[str], Histogram] = cache(families.read_seconds.labels)

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return _Timing(self._chunk_seconds(feed_class.name))

    def feed_reads_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return _Timing(self._read_seconds(feed_class.name))

    def reads_noted(self, feed_class: type[Feed]) -> Callable[[int, float], None]:
        activities, durations, name = self._activities, self._read_seconds, feed_class.name

        def note(activities_count: int, seconds: float) -> None:
            activities(name, "read").inc(activities_count)
            durations(name).observe(seconds)

        return note

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        self._activities(feed_class.name, "read").inc(activities_count)

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        self._activities(feed_class.name, "write").inc(activities_count)

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        self._activities(feed_class.name, "remove").inc(activities_count)

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        self._deliveries(feed_class.name, operation).inc(activities_count)

    def on_activity_published(self, activities_count: int = 1) -> None:
        self._published.inc(activities_count)

    def on_activity_removed(self) -> None:
        self._removed.inc()

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self._misses(feed_class.name).inc(activities_count)

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        self._errors(feed_class.name).inc(activities_count)

    def on_dead_letter(self, reason: str) -> None:
        self._dead_letters.inc()


class _Timing:
    __slots__ = ("_histogram", "_started")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._histogram.observe(perf_counter() - self._started)


class _Families:
    """The metrics of one registry under one namespace."""

    def __init__(self, options: Options) -> None:
        common: dict[str, Any] = {"namespace": options.namespace, "registry": options.registry}
        timed: dict[str, Any] = {"buckets": options.buckets, **common}
        self.published = Counter("activities_published", "Activities that managers published", **common)
        self.removed = Counter("activities_removed", "Activities that managers removed", **common)
        self.dead_letters = Counter("dead_letters", "Task messages that were given up", **common)
        self.deliveries = Counter(
            "fanout_deliveries", "Activities delivered to followers' feeds", ["feed", "operation"], **common
        )
        self.activities = Counter(
            "feed_activities", "Activities that feeds were asked for or changed with", ["feed", "operation"], **common
        )
        self.misses = Counter("hydration_misses", "Entries of feeds without their activity", ["feed"], **common)
        self.errors = Counter("decode_errors", "Entries of feeds that are not activities", ["feed"], **common)
        self.chunk_seconds = Histogram("fanout_chunk_seconds", "Writing one chunk of feeds", ["feed"], **timed)
        self.read_seconds = Histogram("feed_read_seconds", "Reading one page of a feed", ["feed"], **timed)


# A registry takes a name only once, and a program may have several applications.
_made: WeakKeyDictionary[CollectorRegistry, dict[str, _Families]] = WeakKeyDictionary()
_making = threading.Lock()


def _families(options: Options) -> _Families:
    with _making:
        named = _made.setdefault(options.registry, {})
        if options.namespace not in named:
            named[options.namespace] = _Families(options)
        return named[options.namespace]

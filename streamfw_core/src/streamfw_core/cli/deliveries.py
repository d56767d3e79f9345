"""Counting deliveries, through the metrics that core reports to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from streamfw_core.feeds import Feed
from streamfw_core.metrics import Metrics
from streamfw_core.streams import Streams

__all__ = ["Deliveries", "deliveries_of"]


class Deliveries(Metrics):
    """Counts what was delivered (activities times feeds) by operation, from all threads."""

    def __init__(self, name: str = "deliveries", options: Mapping[str, object] | None = None) -> None:
        super().__init__(name, options)
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        with self._lock:
            self.counts[operation] += activities_count

    @property
    def added(self) -> int:
        """How many activities feeds got by fan-out."""
        return self.counts["add"]


def deliveries_of(streams: Streams) -> Deliveries:
    """The counts of an application that `make_streams` made."""
    metrics = streams.metrics
    assert isinstance(metrics, Deliveries)
    return metrics

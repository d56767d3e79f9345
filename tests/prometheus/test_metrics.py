"""What is in the registry, and what is said where an option is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from streamfw_core.errors import SettingsError
from streamfw_core.metrics import Metrics
from streamfw_core.testing import MetricsContract
from streamfw_prometheus.metrics import PrometheusMetrics

from streamfw_core import Activity, Feed, Love, Streams


class CountedFeed(Feed):
    name = "counted"


class TestPrometheus(MetricsContract):
    def make_metrics(self) -> Metrics:
        return PrometheusMetrics("prometheus", {"registry": CollectorRegistry()})


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_feeds_and_operations_are_labels(registry: CollectorRegistry) -> None:
    streams = Streams({"metrics": {"backend": "prometheus", "options": {"registry": registry}}})
    feed = CountedFeed(1, streams=streams)
    feed.add_many([Activity("ada", Love, number) for number in range(3)])
    feed[:2]
    feed.remove(1)

    counted = {
        operation: value(registry, "streamfw_feed_activities_total", feed="counted", operation=operation)
        for operation in ("write", "read", "remove")
    }
    assert counted == {"write": 3, "read": 2, "remove": 1}
    assert value(registry, "streamfw_feed_read_seconds_count", feed="counted") == 1
    assert value(registry, "streamfw_feed_read_seconds_bucket", feed="counted", le="+Inf") == 1


def test_two_applications_of_a_process_add_up(registry: CollectorRegistry) -> None:
    settings = {"metrics": {"backend": "prometheus", "options": {"registry": registry}}}
    for _ in range(2):
        Streams(settings).metrics.on_activity_published()

    assert value(registry, "streamfw_activities_published_total") == 2


def test_the_namespace_and_the_buckets_are_the_programs(registry: CollectorRegistry) -> None:
    options = {"registry": registry, "namespace": "mine", "buckets": [0.1, 1.0]}
    metrics = PrometheusMetrics("prometheus", options)
    with metrics.fanout_timer(CountedFeed):
        pass

    limits = {
        sample.labels["le"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "mine_fanout_chunk_seconds_bucket"
    }
    assert limits == {"0.1", "1.0", "+Inf"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"namespace": "my app"}, "a namespace is made of letters"),
        ({"buckets": []}, "buckets are seconds"),
        ({"buckets": [1.0, 0.1]}, "buckets are seconds"),
        ({"registry": "REGISTRY"}, "metrics.options.registry"),
        ({"port": 9090}, "unknown key"),
    ],
)
def test_wrong_options_are_refused_with_their_path(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        PrometheusMetrics("prometheus", options)
    assert message in str(error.value)

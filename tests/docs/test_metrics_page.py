"""The page about metrics names each metric and span of each backend, with its type, unit and labels, and no other."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Sum
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from streamfw_core.metrics import Metrics
from streamfw_core.queues import Task
from streamfw_opentelemetry.metrics import OpenTelemetryMetrics
from streamfw_prometheus.metrics import PrometheusMetrics
from streamfw_statsd.metrics import StatsdMetrics

from streamfw_core import Feed
from tests.docs.pages import DOCS

PAGE = (DOCS / "metrics.md").read_text(encoding="utf-8")
UNITS = {"c": "counter", "ms": "timer"}
Row = tuple[str, ...]


def rows(marker: str, columns: int) -> set[Row]:
    """Of the table after a marker, the first columns, without backticks."""
    table = re.search(rf"<!-- {marker} -->\n((?:\|.*\n)+)", PAGE)
    assert table is not None, marker
    lines = [line.strip("|\n").split("|") for line in table[1].splitlines()[2:]]
    return {tuple(cell.replace("`", "").strip() for cell in line[:columns]) for line in lines}


def tell_everything(metrics: Metrics) -> None:
    with (
        metrics.publishing("add", "manager"),
        metrics.executing(Task(kind="fanout"), {}),
        metrics.fanout_timer(Feed),
        metrics.feed_reads_timer(Feed),
    ):
        metrics.on_feed_read(Feed, 1)
        metrics.on_feed_write(Feed, 1)
        metrics.on_feed_remove(Feed, 1)
        metrics.on_fanout(Feed, "add", 1)
        metrics.on_activity_published()
        metrics.on_activity_removed()
        metrics.on_hydration_miss(Feed, 1)
        metrics.on_decode_error(Feed, 1)
        metrics.on_dead_letter("a reason")


def test_everything_is_told_here() -> None:
    """A method that is added to `Metrics` belongs into `tell_everything`."""
    told = set(re.findall(r"metrics\.(\w+)\(", inspect.getsource(tell_everything)))
    assert told == {name for name in vars(Metrics) if not name.startswith("_")} - {"carrier", "close", "reads_noted"}


def test_stats_of_statsd() -> None:
    statsd = StatsdMetrics("statsd", {"prefix": None})
    tell_everything(statsd)

    seen = set()
    for line in statsd._gathering._lines():
        stat, _, value = line.partition(":")
        name = re.sub(r"^feed\.", "FEED.", stat).replace(".add", ".OPERATION")
        seen.add((name, UNITS[value.split("|")[1]]))
    assert seen == rows("metrics: statsd", 2)


def test_metrics_of_prometheus() -> None:
    registry = CollectorRegistry()
    tell_everything(PrometheusMetrics("prometheus", {"registry": registry, "namespace": "x"}))

    seen = set()
    for family in registry.collect():
        total = "_total" if family.type == "counter" else ""
        labels = [name for name in family.samples[0].labels if name != "le"]
        seen.add((f"{family.name.removeprefix('x_')}{total}", family.type, ", ".join(labels)))
    assert seen == {(name, type, labels) for name, type, _, labels in rows("metrics: prometheus", 4)}
    assert all((unit == "seconds") == name.endswith("_seconds") for name, _, unit, _ in rows("metrics: prometheus", 4))


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[InMemoryMetricReader, InMemorySpanExporter]]:
    reader, exporter = InMemoryMetricReader(), InMemorySpanExporter()
    meters, tracers = MeterProvider([reader]), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
    monkeypatch.setattr(trace, "get_tracer", tracers.get_tracer)
    tell_everything(OpenTelemetryMetrics())
    yield reader, exporter
    meters.shutdown()
    tracers.shutdown()


def test_instruments_of_opentelemetry(collected: tuple[InMemoryMetricReader, InMemorySpanExporter]) -> None:
    data: Any = collected[0].get_metrics_data()
    seen = {
        (
            metric.name,
            "counter" if isinstance(metric.data, Sum) else "histogram",
            metric.unit,
            ", ".join(metric.data.data_points[0].attributes),
        )
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
    }
    assert seen == rows("metrics: opentelemetry", 4)


def test_spans_of_opentelemetry(collected: tuple[InMemoryMetricReader, InMemorySpanExporter]) -> None:
    seen = {(span.name, span.kind.name.lower()) for span in collected[1].get_finished_spans()}
    assert seen == rows("spans: opentelemetry", 2)

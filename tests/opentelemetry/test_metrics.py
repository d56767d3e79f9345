"""What the instruments get, which spans are made, and that nothing a message carries does harm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from streamfw_core.errors import SettingsError
from streamfw_core.metrics import Metrics
from streamfw_core.queues import Task
from streamfw_core.testing import MetricsContract
from streamfw_opentelemetry.metrics import OpenTelemetryMetrics

from streamfw_core import Activity, Feed, Love, Streams
from tests.statsd.telling import COUNTERS, tell

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class TestOpenTelemetry(MetricsContract):
    def make_metrics(self) -> Metrics:
        return OpenTelemetryMetrics()


class TestWithoutTraces(MetricsContract):
    def make_metrics(self) -> Metrics:
        return OpenTelemetryMetrics("opentelemetry", {"traces": False})


class Collected:
    """What a program's SDK collects, which it sets up in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reader, self.exporter = InMemoryMetricReader(), InMemorySpanExporter()
        self.meters, self.tracers = MeterProvider([self.reader]), TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        monkeypatch.setattr(metrics, "get_meter", self.meters.get_meter)
        monkeypatch.setattr(trace, "get_tracer", self.tracers.get_tracer)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def points(self) -> dict[tuple[str, ...], Any]:
        """(instrument, attribute values ...) -> value of a counter, or how many values of a histogram."""
        data: Any = self.reader.get_metrics_data()
        return {
            (metric.name, *point.attributes.values()): getattr(point, "value", getattr(point, "count", None))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    made = Collected(monkeypatch)
    yield made
    made.meters.shutdown()
    made.tracers.shutdown()


def test_the_instruments_count_exactly_what_was_done(collected: Collected) -> None:
    with Streams({"metrics": "opentelemetry"}) as streams:
        tell(streams)

    points = collected.points()
    assert points["streamfw.activities.published",] == COUNTERS["activities.published"]
    assert points["streamfw.activities.removed",] == COUNTERS["activities.removed"]
    assert points["streamfw.fanout.deliveries", "home", "add"] == COUNTERS["home.fanout.add"]
    assert points["streamfw.fanout.deliveries", "home", "remove"] == COUNTERS["home.fanout.remove"]
    assert points["streamfw.feed.activities", "home", "read"] == COUNTERS["home.reads"]
    assert points["streamfw.feed.activities", "home", "write"] == COUNTERS["home.writes"]
    assert points["streamfw.feed.activities", "home", "remove"] == COUNTERS["home.deletes"]
    assert points["streamfw.hydration.misses", "home"] == COUNTERS["home.hydration_misses"]
    assert points["streamfw.decode.errors", "home"] == COUNTERS["home.decode_errors"]
    assert points["streamfw.dead_letters",] == 1
    assert points["streamfw.fanout.chunk.duration", "home"] == sum(
        span.name == "streamfw write" for span in collected.spans
    )


def test_an_error_is_in_the_span_of_what_raised_it(collected: Collected) -> None:
    with pytest.raises(KeyError), OpenTelemetryMetrics().feed_reads_timer(Feed):
        raise KeyError("away")

    [span] = collected.spans
    assert not span.status.is_ok
    assert [event.name for event in span.events] == ["exception"]


def test_without_traces_nothing_is_carried_and_no_span_is_made(collected: Collected) -> None:
    streams = Streams({"metrics": {"backend": "opentelemetry", "options": {"traces": False}}})
    with collected.tracers.get_tracer("the program's").start_as_current_span("request"):
        assert streams.metrics.carrier() == {}
        Feed(1, streams=streams).add(Activity("ada", Love, 1))
        Feed(1, streams=streams)[:25]

    assert [span.name for span in collected.spans] == ["request"]
    assert collected.points()["streamfw.feed.read.duration", "feed"] == 1


def test_a_span_of_the_program_is_the_parent(collected: Collected) -> None:
    with collected.tracers.get_tracer("the program's").start_as_current_span("request") as request:
        Feed(1, streams=Streams({"metrics": "opentelemetry"}))[:25]

    assert collected.spans[0].parent == request.get_span_context()


def test_messages_carry_the_trace_and_no_baggage(collected: Collected) -> None:
    measured = OpenTelemetryMetrics()
    token = context.attach(baggage.set_baggage("session", "secret"))
    try:
        with measured.publishing("add", "pins"):
            carried = measured.carrier()
    finally:
        context.detach(token)

    assert [*carried] == ["traceparent"]


def test_a_message_goes_on_with_the_trace_that_it_carries(collected: Collected) -> None:
    with OpenTelemetryMetrics().executing(Task(kind="fanout", manager="pins"), {"traceparent": TRACEPARENT}):
        pass

    [span] = collected.spans
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" == TRACE


def test_within_a_span_of_the_same_trace_that_one_is_nearer(collected: Collected) -> None:
    measured = OpenTelemetryMetrics()
    with collected.tracers.get_tracer("the worker's").start_as_current_span("run") as run:
        carried = measured.carrier()
        with (
            collected.tracers.get_tracer("the worker's").start_as_current_span("task") as task,
            measured.executing(Task(kind="fanout"), carried),
        ):
            pass

    assert collected.spans[0].parent == task.get_span_context()
    assert collected.spans[0].parent != run.get_span_context()


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        {"traceparent": ""},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
        {"traceparent": TRACEPARENT.upper()},
        {"traceparent": TRACEPARENT * 5},
        {"tracestate": "a=1," * 100},
        {"baggage": "session=secret"},
        {"traceparent": "ff" + TRACEPARENT[2:]},
    ],
)
def test_a_carrier_that_is_none_begins_a_trace_of_its_own(collected: Collected, carrier: dict[str, str]) -> None:
    with OpenTelemetryMetrics().executing(Task(kind="fanout"), carrier):
        assert baggage.get_all() == {}

    [span] = collected.spans
    assert span.parent is None


def test_wrong_options_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"metrics\.options\.traces: must be a bool"):
        OpenTelemetryMetrics("opentelemetry", {"traces": "no"})

"""Metrics and traces through the API of OpenTelemetry; the program brings its SDK, and says where they go.

Their names and units are in the documentation, on the page about metrics.
Spans, the children below what they are in:

| span | around | kind |
|---|---|---|
| `streamfw publish` | a call of a manager | producer |
| `streamfw execute` | the execution of a task message, in whatever process | consumer |
| `streamfw write` | the writing of one chunk of feeds | client |
| `streamfw read` | the reading of one page | client |

Messages carry the headers `traceparent` and `tracestate` of W3C Trace Context, and nothing else of the context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen
from attrs.validators import instance_of
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from streamfw_core.metrics import Metrics
from streamfw_core.metrics.protocol import NOTHING

if TYPE_CHECKING:
    from streamfw_core.queues import Task

    from streamfw_core import Feed

__all__ = ["OpenTelemetryMetrics", "Options"]

SCOPE: Final = "streamfw"
FEED: Final = "streamfw.feed"
OPERATION: Final = "streamfw.operation"
MANAGER: Final = "streamfw.manager"

# Not the program's own propagator: that may write baggage, and what it reads comes from the broker.
_w3c = TraceContextTextMapPropagator()


@frozen
class Options:
    """What `metrics.options` of the backend may say.

    :param traces: whether spans are made.
    """

    traces: bool = field(default=True, validator=instance_of(bool))


class OpenTelemetryMetrics(Metrics):
    """Counters, histograms and spans of the providers that the program sets, also if it sets them later.

    :raises SettingsError: wrong options.
    """

    def __init__(self, name: str = "opentelemetry", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        super().__init__(name, options)
        self.options = structure_options(Options, options or {}, "metrics.options")
        self._tracer = trace.get_tracer(SCOPE)
        meter = metrics.get_meter(SCOPE)
        counter, histogram = meter.create_counter, meter.create_histogram
        self._published = counter("streamfw.activities.published", "{activity}", "Activities that managers published")
        self._removed = counter("streamfw.activities.removed", "{activity}", "Activities that managers removed")
        self._deliveries = counter("streamfw.fanout.deliveries", "{delivery}", "Activities delivered to followers' feeds")
        self._chunk = histogram("streamfw.fanout.chunk.duration", "s", "Writing one chunk of feeds")
        self._read = histogram("streamfw.feed.read.duration", "s", "Reading one page of a feed")
        self._activities = counter(
            "streamfw.feed.activities", "{activity}", "Activities that feeds were asked for or changed with"
        )
        self._misses = counter("streamfw.hydration.misses", "{entry}", "Entries of feeds without their activity")
        self._errors = counter("streamfw.decode.errors", "{entry}", "Entries of feeds that are not activities")
        self._dead_letters = counter("streamfw.dead_letters", "{message}", "Task messages that were given up")

    # --- timers ---

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return self._timed("streamfw write", self._chunk, feed_class)

    def feed_reads_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return self._timed("streamfw read", self._read, feed_class)

    # --- counts ---

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        self._activities.add(activities_count, {FEED: feed_class.name, OPERATION: "read"})

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        self._activities.add(activities_count, {FEED: feed_class.name, OPERATION: "write"})

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        self._activities.add(activities_count, {FEED: feed_class.name, OPERATION: "remove"})

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        self._deliveries.add(activities_count, {FEED: feed_class.name, OPERATION: operation})

    def on_activity_published(self, activities_count: int = 1) -> None:
        self._published.add(activities_count)

    def on_activity_removed(self) -> None:
        self._removed.add(1)

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self._misses.add(activities_count, {FEED: feed_class.name})

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        self._errors.add(activities_count, {FEED: feed_class.name})

    def on_dead_letter(self, reason: str) -> None:
        self._dead_letters.add(1)

    # --- traces ---

    def publishing(self, operation: str, manager: str) -> AbstractContextManager[None]:
        return self._span("streamfw publish", SpanKind.PRODUCER, {OPERATION: operation, MANAGER: manager})

    def carrier(self) -> Mapping[str, str]:
        carried: dict[str, str] = {}
        if self.options.traces:
            _w3c.inject(carried)
        return carried

    def executing(self, task: Task, carrier: Mapping[str, str]) -> AbstractContextManager[None]:
        attributes = {OPERATION: task.kind, MANAGER: task.manager, "messaging.message.conversation_id": task.correlation_id}
        if task.feed:
            attributes[FEED] = task.feed
        if task.id:
            attributes["messaging.message.id"] = task.id
        return self._span("streamfw execute", SpanKind.CONSUMER, attributes, _parent(carrier))

    # --- inside ---

    @contextmanager
    def _timed(self, span: str, histogram: metrics.Histogram, feed_class: type[Feed]) -> Iterator[None]:
        attributes = {FEED: feed_class.name}
        started = perf_counter()
        try:
            with self._span(span, SpanKind.CLIENT, attributes):
                yield
        finally:
            histogram.record(perf_counter() - started, attributes)

    def _span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str], context: Context | None = None
    ) -> AbstractContextManager[Any]:
        if not self.options.traces:
            return NOTHING
        return self._tracer.start_as_current_span(name, context, kind, dict(attributes))


def _parent(carrier: Mapping[str, str]) -> Context | None:
    """The context that a message came from; None: the one that is in force here.

    In force is a span of the same trace where the fan-out is executed in the caller, or where the worker of the broker
    is traced itself: then it is nearer.
    """
    sent = _w3c.extract(dict(carrier), Context())
    there, here = (trace.get_current_span(context).get_span_context() for context in (sent, None))
    return sent if there.is_valid and there.trace_id != here.trace_id else None

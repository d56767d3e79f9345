"""The contract of metrics."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from streamfw_core.feeds import Feed
from streamfw_core.messages import LONGEST_CARRIED, LONGEST_CARRIER
from streamfw_core.metrics import Metrics
from streamfw_core.queues.tasks import Task
from streamfw_core.testing.contract import Contract
from streamfw_core.testing.promises import check, promise

__all__ = ["MetricsContract"]


class MetricsContract(Contract):
    """What every metrics backend has to bear. Define `make_metrics`."""

    def make_metrics(self) -> Metrics:
        raise NotImplementedError(f"{type(self).__name__} does not say what it tests: define make_metrics(self)")

    @promise("C8")
    def test_every_event_is_accepted(self) -> None:
        _tell_everything(self.make_metrics())

    @promise("C8")
    def test_every_method_is_there(self) -> None:
        metrics = self.make_metrics()
        for name in dir(Metrics):
            if not name.startswith("_"):
                check(callable(getattr(metrics, name, None)), "C8", f"metrics have no method {name}()")

    @promise("C8")
    def test_timers_let_errors_pass_and_may_be_nested(self) -> None:
        for name, around in _contexts(self.make_metrics()).items():
            passed = False
            try:
                with around(), around():
                    raise KeyError("passes")  # noqa: TRY301 - that is the test
            except KeyError:
                passed = True
            check(passed, "C8", f"{name} swallows the error of what it encloses")
            with around():
                pass

    @promise("C8")
    def test_what_messages_carry_is_short_text_and_any_carrier_is_borne(self) -> None:
        metrics = self.make_metrics()
        with metrics.publishing("add", "manager"):
            carried = dict(metrics.carrier())
        texts = [*carried, *carried.values()]
        check(all(isinstance(text, str) for text in texts), "C8", f"carrier() returned {carried!r}, not texts")
        short = len(carried) <= LONGEST_CARRIER and all(len(text) <= LONGEST_CARRIED for text in texts)
        check(short and "".join(texts).isascii(), "C8", f"carrier() returned {carried!r}, of which messages drop some")
        names = [*carried, "traceparent", "tracestate", "baggage"]
        for strange in ("", "00", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "=,;" * 100, "%00"):
            with metrics.executing(Task(kind="deliver"), dict.fromkeys(names, strange)):
                pass

    @promise("C8")
    def test_it_may_be_closed_again_and_told_afterwards(self) -> None:
        metrics = self.make_metrics()
        for _ in range(2):
            _tell_everything(metrics)
            metrics.close()

    @promise("C8")
    def test_threads_may_tell_at_once(self) -> None:
        metrics = self.make_metrics()
        with ThreadPoolExecutor(4) as pool:
            for told in [pool.submit(_tell_everything, metrics) for _ in range(20)]:
                told.result()


def _contexts(metrics: Metrics) -> dict[str, Callable[[], AbstractContextManager[None]]]:
    return {
        "fanout_timer": partial(metrics.fanout_timer, Feed),
        "feed_reads_timer": partial(metrics.feed_reads_timer, Feed),
        "publishing": partial(metrics.publishing, "add", "manager"),
        "executing": partial(metrics.executing, Task(kind="fanout", manager="manager"), {}),
    }


def _tell_everything(metrics: Metrics) -> None:
    with ExitStack() as stack:
        for around in _contexts(metrics).values():
            stack.enter_context(around())
        metrics.on_feed_read(Feed, 25)
        note = metrics.reads_noted(Feed)
        if note is not None:
            note(25, 0.001)
        metrics.on_feed_write(Feed, 0)
        metrics.on_feed_remove(Feed, 1)
        for operation in ("add", "remove", "update"):
            metrics.on_fanout(Feed, operation, activities_count=1000)
        metrics.on_activity_published()
        metrics.on_activity_published(500)
        metrics.on_activity_removed()
        metrics.on_hydration_miss(Feed, 1)
        metrics.on_decode_error(Feed, 1)
        metrics.on_dead_letter("a reason")

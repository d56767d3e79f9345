"""The contract of metrics."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from streamfw_core.feeds import Feed
from streamfw_core.metrics import Metrics
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
        metrics = self.make_metrics()
        for timer in (metrics.fanout_timer, metrics.feed_reads_timer):
            passed = False
            try:
                with timer(Feed), timer(Feed):
                    raise KeyError("passes")  # noqa: TRY301 - that is the test
            except KeyError:
                passed = True
            check(passed, "C8", f"{timer.__name__} swallows the error of what it measures")
            with timer(Feed):
                pass

    @promise("C8")
    def test_threads_may_tell_at_once(self) -> None:
        metrics = self.make_metrics()
        with ThreadPoolExecutor(4) as pool:
            for told in [pool.submit(_tell_everything, metrics) for _ in range(20)]:
                told.result()


def _tell_everything(metrics: Metrics) -> None:
    with metrics.fanout_timer(Feed), metrics.feed_reads_timer(Feed):
        metrics.on_feed_read(Feed, 25)
        metrics.on_feed_write(Feed, 0)
        metrics.on_feed_remove(Feed, 1)
        for operation in ("add", "remove", "update"):
            metrics.on_fanout(Feed, operation, activities_count=1000)
        metrics.on_activity_published()
        metrics.on_activity_removed()
        metrics.on_hydration_miss(Feed, 1)
        metrics.on_decode_error(Feed, 1)
        metrics.on_dead_letter("a reason")

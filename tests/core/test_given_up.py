"""The metrics are told of each message that is given up, once, whatever the task queue and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from streamfw_core.errors import FanoutFailed, StreamsError
from streamfw_core.metrics import Metrics
from streamfw_core.queues import FanoutPriority

from streamfw_core import Activity, Feed, Love, Manager, Streams, UserBaseFeed

AT_ONCE = {"attempts": 3, "pause": 0}
QUEUES = ["inline", "threads"]


class Counting(Metrics):
    reasons: ClassVar[list[str]] = []

    def on_dead_letter(self, reason: str) -> None:
        self.reasons.append(reason)
        if "spiteful" in reason:
            raise RuntimeError("the server of the metrics is away")


class GivenUpFeed(Feed):
    name = "given_up"


class GivenUpOwnFeed(UserBaseFeed):
    name = "given_up_own"


class GivenUpManager(Manager):
    """Asking for followers fails with what a test puts here."""

    name = "given_up"
    feed_classes: ClassVar = {"home": GivenUpFeed}
    user_feed_class = GivenUpOwnFeed
    errors: ClassVar[list[Exception]] = []

    def get_user_follower_ids(self, user_id: object) -> Any:
        if self.errors:
            raise self.errors.pop()
        return {FanoutPriority.HIGH: [1, 2]}


@pytest.fixture(autouse=True)
def _nothing_told() -> Iterator[None]:
    yield
    Counting.reasons.clear()
    GivenUpManager.errors.clear()


def streams_on(queue: str) -> Streams:
    return Streams({"task_queue": {"backend": queue, "options": AT_ONCE}, "metrics": f"{__name__}:Counting"})


def publish(streams: Streams) -> None:
    manager = GivenUpManager(streams=streams)
    with suppress(OSError):
        manager.add_user_activity("ada", Activity("ada", Love, 1))
    with suppress(FanoutFailed):
        streams.drain()


@pytest.mark.parametrize("queue", QUEUES)
def test_what_was_tried_often_enough(queue: str) -> None:
    GivenUpManager.errors += [OSError("away")] * 3

    publish(streams_on(queue))

    assert Counting.reasons == ["OSError: away"]


@pytest.mark.parametrize("queue", QUEUES)
def test_not_what_succeeds_at_last(queue: str) -> None:
    GivenUpManager.errors += [OSError("away")] * 2

    publish(streams_on(queue))

    assert Counting.reasons == []


@pytest.mark.parametrize("queue", QUEUES)
def test_what_can_never_succeed(queue: str) -> None:
    streams = streams_on(queue)
    with suppress(StreamsError):
        streams.queue.enqueue(b"no message", FanoutPriority.HIGH)
        streams.drain()

    [reason] = Counting.reasons
    assert reason.startswith("MessageError: not a task message")


def test_one_publish_in_the_caller_is_given_up_once_whatever_failed_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GivenUpManager, "fanout_chunk_size", 1)
    monkeypatch.setattr("streamfw_core.fanout._begin_delivery", lambda *_, **__: _fail)

    with pytest.raises(FanoutFailed), streams_on("inline") as streams:
        GivenUpManager(streams=streams).add_user_activity("ada", Activity("ada", Love, 1))

    [reason] = Counting.reasons
    assert reason.startswith("FanoutFailed: 2 parts")


def _fail() -> None:
    from streamfw_core.errors import StorageError

    raise StorageError("full")


def test_without_passwords() -> None:
    streams_on("inline").given_up("OSError: no answer from redis://me:hunter2@db/0")

    assert Counting.reasons == ["OSError: no answer from redis://***@db/0"]


def test_what_metrics_raise_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    streams_on("inline").given_up("spiteful")

    assert "failed in on_dead_letter()" in caplog.text
    assert "the server of the metrics is away" in caplog.text


def test_that_metrics_cannot_be_made_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    Streams({"metrics": "no_such_module:Metrics"}).given_up("OSError: away")

    assert "the metrics were not told" in caplog.text

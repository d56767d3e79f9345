"""What metrics are told, several of them at once, and that none of them can break a publish or a read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest
from streamfw_core.errors import DecodeError
from streamfw_core.metrics import CompositeMetrics, Metrics, NoMetrics
from streamfw_core.storage.protocol import Record

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed, messages
from tests.core.noting import Failing, Noting

NOTING = f"{Noting.__module__}:Noting"
FAILING = f"{Failing.__module__}:Failing"


class ToldFeed(Feed):
    name = "told"


class ToldOwnFeed(UserBaseFeed):
    name = "told_own"


class ToldManager(Manager):
    name = "told"
    feed_classes: ClassVar[Any] = {"told": ToldFeed}
    user_feed_class = ToldOwnFeed

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return {FanoutPriority.HIGH: [1, 2, 3]}


def love(number: int = 1) -> Activity:
    return Activity("ada", Love, number, time=datetime(2026, 1, 1, 12, number, tzinfo=UTC))


def notes(streams: Streams) -> list[tuple[Any, ...]]:
    assert isinstance(streams.metrics, Noting)
    return streams.metrics.notes


def counts(streams: Streams) -> list[tuple[Any, ...]]:
    return [note for note in notes(streams) if note[0].startswith("on_")]


@pytest.fixture
def streams() -> Iterator[Streams]:
    with Streams({"metrics": NOTING}) as made:
        yield made


# --- what they are told ---


def test_publishing_tells_of_the_activity_and_of_its_deliveries(streams: Streams) -> None:
    ToldManager(streams=streams).add_user_activity("ada", love())

    assert counts(streams) == [("on_fanout", "told", "add", 3), ("on_activity_published", 1)]
    assert ("fanout_timer", "told") in notes(streams)


def test_importing_tells_how_many_chunk_by_chunk(streams: Streams) -> None:
    ToldManager(streams=streams).batch_import("ada", [love(number) for number in range(5)], fanout=False, chunk_size=3)

    assert counts(streams) == [("on_activity_published", 3), ("on_activity_published", 2)]


def test_removing_and_updating_tell_of_their_deliveries(streams: Streams) -> None:
    manager = ToldManager(streams=streams)
    manager.add_user_activity("ada", love())
    notes(streams).clear()
    manager.remove_user_activity("ada", love().serialization_id)

    assert counts(streams) == [("on_fanout", "told", "remove", 3), ("on_activity_removed",)]


def test_feeds_tell_of_reads_and_writes(streams: Streams) -> None:
    feed = ToldFeed(13, streams=streams)
    feed.add_many([love(1), love(2)])
    feed[:25]
    feed.remove(love(1))

    assert notes(streams) == [
        ("on_feed_write", "told", 2),
        ("feed_reads_timer", "told"),
        ("on_feed_read", "told", 2),
        ("on_feed_remove", "told", 1),
    ]


def test_reads_tell_of_what_they_miss_and_of_what_they_cannot_decode(streams: Streams) -> None:
    feed = ToldFeed(13, streams=streams)
    feed.add_many([love(number) for number in range(3)])
    binding, broken, missing = ToldFeed.binding(streams), love(0), love(1)
    assert binding.activities is not None
    binding.activities.store(binding.records, [Record(broken.serialization_id, 2**60, b"\xff")])
    binding.discard([missing.serialization_id], 2**60)
    notes(streams).clear()

    assert len(feed.skipping_broken()[:25]) == 1
    with pytest.raises(DecodeError):
        feed[:25]

    assert counts(streams) == [
        ("on_feed_read", "told", 1),
        ("on_hydration_miss", "told", 1),
        ("on_decode_error", "told", 1),
        ("on_decode_error", "told", 1),
    ]


def test_the_end_of_the_application_is_theirs(streams: Streams) -> None:
    ToldFeed(13, streams=streams)[:25]
    streams.close()

    assert notes(streams)[-1] == ("close",)


# --- traces ---


@pytest.mark.parametrize("call", ["follow_user", "unfollow_user"])
def test_following_is_traced_from_the_call_to_the_work(streams: Streams, call: str) -> None:
    getattr(ToldManager(streams=streams), call)("ada", "grace")

    kind = call.partition("_")[0]
    assert notes(streams)[-2:] == [("executing", kind, {"number": "0"}), ("publishing", kind, "told")]


@pytest.mark.parametrize("queue", ["inline", "threads"])
def test_each_message_carries_what_was_in_force_where_it_was_made(queue: str) -> None:
    with Streams({"metrics": NOTING, "task_queue": queue}) as streams:
        ToldManager(streams=streams).add_user_activity("ada", love())
        streams.drain()

        made = [note for note in notes(streams) if note[0] in {"publishing", "executing"}]

    assert sorted(note[1] for note in made) == ["add", "deliver", "fanout"]
    assert all("number" in note[2] for note in made if note[0] == "executing")


def test_without_traces_messages_say_nothing_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    streams = Streams({})
    monkeypatch.setattr(streams, "enqueue", lambda message, _: sent.append(message))
    ToldManager(streams=streams).add_user_activity("ada", love())

    assert b"trace" not in sent[0]


STRANGE: list[Any] = [
    None,
    7,
    [],
    "00-1-1-01",
    {"traceparent": 1},
    {"traceparent": "x" * 600},
    {"traceparent": "é"},
    {"traceparent": "a\nb"},
    {"x" * 600: "a"},
    {str(number): "a" for number in range(9)},
]


@pytest.mark.parametrize("trace", STRANGE, ids=range(len(STRANGE)))
def test_a_carrier_that_is_none_of_ours_is_left_out_and_the_work_is_done(streams: Streams, trace: object) -> None:
    message = messages.Follow(manager="told", source=1, stamp=1, targets=["grace"], limit=10)
    ToldManager(streams=streams).streams.execute(messages.encode(msgspec.structs.replace(message, trace=trace)))

    assert notes(streams) == [("executing", "follow", {})]


def test_workers_of_the_release_before_read_messages_with_a_trace() -> None:
    message = messages.Follow(manager="told", source=1, stamp=1, targets=[], limit=1, trace={"traceparent": "00"})
    before = msgspec.defstruct("Before", [("manager", str), ("targets", list[int | str])], tag="follow", tag_field="kind")

    assert msgspec.json.decode(messages.encode(message), type=before).manager == "told"  # type: ignore[attr-defined]


# --- several, and those that fail ---


def test_several_are_all_told_in_their_order() -> None:
    streams = Streams({"metrics": [NOTING, {"backend": NOTING, "options": {"number": 2}}, "none"]})
    ToldFeed(13, streams=streams)[:25]

    metrics = streams.metrics
    assert isinstance(metrics, CompositeMetrics)
    one, two, nothing = metrics.backends
    assert isinstance(one, Noting)
    assert isinstance(two, Noting)
    assert two.options == {"number": 2}
    assert type(nothing) is NoMetrics
    assert one.notes == two.notes == [("feed_reads_timer", "told"), ("on_feed_read", "told", 0)]


def test_one_in_a_list_is_that_one() -> None:
    assert isinstance(Streams({"metrics": [NOTING]}).metrics, Noting)


def test_none_in_a_list_is_none() -> None:
    assert type(Streams({"metrics": []}).metrics) is NoMetrics


@pytest.mark.parametrize("late", [False, True], ids=["at the beginning", "at the end"])
def test_metrics_that_fail_break_nothing_and_say_so_once(late: bool, caplog: pytest.LogCaptureFixture) -> None:
    failing = {"backend": FAILING, "options": {"late": late}}
    with Streams({"metrics": [failing, NOTING]}) as streams:
        manager = ToldManager(streams=streams)
        with caplog.at_level(logging.ERROR):
            for number in range(3):
                manager.add_user_activity("ada", love(number))
                assert ToldFeed(1, streams=streams)[:25][0] == love(number)
        assert isinstance(streams.metrics, CompositeMetrics)
        noting = streams.metrics.backends[1]

    assert isinstance(noting, Noting)
    assert noting.notes.count(("on_activity_published", 1)) == 3
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len({*said})
    assert sum("on_activity_published()" in text for text in said) == 1
    assert sum("feed_reads_timer()" in text for text in said) == 1


def test_one_alone_that_fails_breaks_nothing_either() -> None:
    streams = Streams({"metrics": FAILING})
    ToldManager(streams=streams).add_user_activity("ada", love())

    assert ToldFeed(1, streams=streams)[:25] == [love()]
    assert isinstance(streams.metrics, Failing)


def test_what_the_caller_does_wrong_is_still_an_error_of_the_caller() -> None:
    streams = Streams({"metrics": [FAILING, NOTING]})

    with pytest.raises(KeyError), streams.reporting.fanout_timer(ToldFeed):
        raise KeyError("mine")


class Old(Metrics):
    """As it was written for Stream-Framework."""

    published: ClassVar[list[int]] = []

    def on_activity_published(self) -> None:  # type: ignore[override]
        self.published.append(1)


def test_a_class_of_the_old_form_is_told_of_what_is_published() -> None:
    ToldManager(streams=Streams({"metrics": f"{__name__}:Old"})).add_user_activity("ada", love())

    assert Old.published == [1]

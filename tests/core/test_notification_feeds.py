"""Who is told when the counts of a notification feed change, and what marking takes and returns."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from streamfw_core.errors import ActivityTypeError
from streamfw_core.plugins import Plugins, hookimpl

from streamfw_core import Activity, FanoutPriority, Feed, Manager, NotificationFeed, Streams
from tests.core.world import activity


class BellFeed(NotificationFeed):
    max_length = 3


class HomeFeed(Feed): ...


class Told:
    """A plugin that keeps what it is told."""

    def __init__(self) -> None:
        self.owners: list[list[Any]] = []
        self.counts: list[int] = []

    @hookimpl
    def streamfw_notifications_changed(
        self, streams: Streams, feed: type[NotificationFeed], owners: Sequence[Any]
    ) -> None:
        self.owners.append(list(owners))
        self.counts += [feed(owner, streams=streams).count_unseen() for owner in owners]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def streams(told: Told) -> Iterator[Streams]:
    plugins = Plugins()
    plugins.register(told, name="told")
    with Streams(plugins=plugins) as made:
        yield made


def test_the_hook_is_called_once_per_call_with_the_counts_of_after_it(streams: Streams, told: Told) -> None:
    feed = BellFeed("ada", streams=streams)
    feed.add_many([activity(1), activity(2)])
    feed.mark_activity(activity(1))
    feed.mark_all()
    feed.add(activity(3))
    feed.remove(activity(3))
    feed.trim(1)
    feed.delete()
    assert told.counts == [2, 1, 0, 1, 0, 0, 0]
    assert told.owners == [["ada"]] * 7


def test_a_mark_that_changes_nothing_tells_nobody(streams: Streams, told: Told) -> None:
    feed = BellFeed("ada", streams=streams)
    feed.add(activity(1))
    feed.mark_all()
    del told.owners[:]
    assert feed.mark_all() == 0
    assert feed.mark_activities([activity(1), activity(99)]) == 0
    assert feed.mark_all(seen=False) == 0
    assert told.owners == []


class Thread(Manager):
    feed_classes: ClassVar = {"bell": BellFeed, "home": HomeFeed}
    fanout_chunk_size = 2

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Any]]:
        return {FanoutPriority.HIGH: ["ada", "grace", "linus"]}


def test_a_fan_out_calls_the_hook_once_per_chunk_and_only_of_notification_feeds(streams: Streams, told: Told) -> None:
    manager = Thread(streams=streams)
    manager.add_user_activity("thread-9", activity(1))
    assert told.owners == [["ada", "grace"], ["linus"]]
    assert told.counts == [1, 1, 1]
    manager.remove_user_activity("thread-9", activity(1))
    assert told.counts == [1, 1, 1, 0, 0, 0]


class Broken:
    @hookimpl
    def streamfw_notifications_changed(self) -> None:
        raise RuntimeError("the socket is closed")


def test_a_hook_that_fails_is_logged_and_undoes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    plugins = Plugins()
    plugins.register(Broken(), name="broken")
    with Streams(plugins=plugins) as streams, caplog.at_level(logging.ERROR):
        feed = BellFeed("ada", streams=streams)
        assert feed.add(activity(1)) == 1
        assert feed.mark_all() == 1
    assert "streamfw_notifications_changed" in caplog.text
    assert "the socket is closed" in caplog.text


class HeardFeed(NotificationFeed):
    heard: ClassVar[list[tuple[list[Any], int]]] = []

    def on_update_feed(self, new: Sequence[Activity], deleted: Sequence[int]) -> None:
        self.heard.append(([one.object_id for one in new], len(deleted)))


def test_a_feed_of_ones_own_learns_what_came_went_and_was_marked() -> None:
    HeardFeed.heard.clear()
    feed = HeardFeed("ada", streams=Streams({}))
    feed.add_many([activity(1), activity(2)])
    feed.add(activity(1))
    feed.mark_all()
    feed.mark_all()
    feed.remove_many([activity(1), activity(9)])
    assert HeardFeed.heard == [([1, 2], 0), ([], 0), ([], 1)]


def test_a_group_is_marked_as_such_by_its_id_or_by_an_activity_of_it(streams: Streams) -> None:
    feed = BellFeed("ada", streams=streams)
    feed.add_many([activity(1), activity(2), activity(3)])
    newest, middle, oldest = feed[:]
    assert feed.mark_activities([newest, middle.serialization_id, oldest.last_activity], read=True) == 3
    assert feed.get_notification_data() == {"unseen_count": 0, "unread_count": 0}
    assert all(one.seen_at is not None and one.read_at is not None for one in feed[:])
    with pytest.raises(ActivityTypeError, match="expected a group, its id or an activity"):
        feed.mark_activity("3-1-2026-01-01")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, "3-42-2026-03-01"])
def test_what_stands_for_a_group_is_refused_with_how_to_get_the_group(streams: Streams, given: Any) -> None:
    feed = BellFeed("ada", streams=streams)
    with pytest.raises(ActivityTypeError, match=r"feed\.get\(key\) is the group of a key, or None where it is gone"):
        feed.mark_activity(given, read=True)
    with pytest.raises(ActivityTypeError, match=r"expected an aggregated activity, got .*feed\.get\(key\)"):
        feed.remove_many_aggregated([given])


def test_wrong_groups_are_refused_before_the_first_is_taken_out(streams: Streams) -> None:
    feed = BellFeed("ada", streams=streams)
    feed.add(activity(1))
    with pytest.raises(ActivityTypeError):
        feed.remove_many_aggregated([feed[0], None])  # type: ignore[list-item]
    assert feed.count() == 1


def test_a_former_id_of_a_group_still_names_it(streams: Streams) -> None:
    feed = BellFeed("ada", streams=streams)
    feed.add(activity(1))
    former = feed[0].serialization_id
    feed.add(activity(1, actor=2))
    assert feed.index_of(former) == 0
    feed.add(Activity(3, activity(1).verb, 1, time=activity(2).time))
    assert feed[0].serialization_id != former
    assert feed.mark_activity(former)
    assert feed.count_unseen() == 0


def test_counts_are_within_the_filter_and_marks_are_not(streams: Streams) -> None:
    feed = BellFeed("ada", streams=streams)
    feed.add_many([activity(1), activity(2), activity(3)])
    older = feed.filter(activity_id__lt=feed[0])
    assert (older.count_unseen(), older.count_unread(), older.count()) == (2, 2, 2)
    assert older.mark_all() == 3

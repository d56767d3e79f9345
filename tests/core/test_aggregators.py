"""Aggregators and the aggregated activities that they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from streamfw_core.errors import (
    ActivityNotFound,
    ActivityTypeError,
    AggregatorError,
    BackendNotFound,
    DuplicateActivity,
    IdError,
    SettingsError,
)

from streamfw_core import (
    Activity,
    AggregatedActivity,
    AggregatedFeed,
    BaseAggregator,
    Comment,
    Follow,
    Love,
    NotificationAggregator,
    RecentVerbAggregator,
    Streams,
)
from tests.core.world import START, activity

NIGHT = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)


def test_recent_verb_groups_by_verb_and_day() -> None:
    aggregator = RecentVerbAggregator()
    one = Activity(1, Love, 42, time=NIGHT)
    assert aggregator.get_group(one) == aggregator.get_group(Activity(2, Love, 43, time=NIGHT)) == "3-2026-01-01"
    assert aggregator.get_group(Activity(1, Comment, 42, time=NIGHT)) == "2-2026-01-01"
    assert aggregator.get_group(Activity(1, Love, 42, time=NIGHT + timedelta(hours=1))) == "3-2026-01-02"


def test_notification_groups_by_verb_object_and_day() -> None:
    aggregator = NotificationAggregator()
    one = Activity(1, Love, 42, time=NIGHT)
    assert aggregator.get_group(one) == aggregator.get_group(Activity(2, Love, "42", time=NIGHT)) == "3-42-2026-01-01"
    assert aggregator.get_group(Activity(1, Love, 43, time=NIGHT)) != aggregator.get_group(one)


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2026-01-01"), ("Europe/Amsterdam", "2026-01-02"), ("America/New_York", "2026-01-01")]
)
def test_the_day_is_taken_in_a_time_zone_of_choice(zone: str, day: str) -> None:
    assert RecentVerbAggregator(options={"time_zone": zone}).get_group(Activity(1, Love, 2, time=NIGHT)) == f"3-{day}"
    naive = NIGHT.replace(tzinfo=None)
    assert RecentVerbAggregator(options={"time_zone": zone}).get_group(Activity(1, Love, 2, time=naive)) == f"3-{day}"

    class Zoned(RecentVerbAggregator):
        time_zone = zone

    assert Zoned().day_of(Activity(1, Love, 2, time=NIGHT)) == day
    assert Zoned().time_of(Activity(1, Love, 2, time=naive)) == NIGHT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_zone": "Mars/Olympus"}, "aggregator.time_zone: there is no time zone 'Mars/Olympus'"),
        ({"time_zone": "../../etc/passwd"}, "there is no time zone '../../etc/passwd'"),
        ({"time_zone": 3}, "there is no time zone 3"),
        ({"timezone": "UTC"}, "aggregator.timezone: there is no such option"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        RecentVerbAggregator(options=options)
    assert message in str(raised.value)


def test_aggregating_a_list_ranks_the_groups_by_their_newest_activity() -> None:
    aggregated = RecentVerbAggregator().aggregate(
        [
            Activity(1, Love, 1, time=START),
            Activity(2, Comment, 1, time=START + timedelta(seconds=1)),
            Activity(3, Love, 1, time=START + timedelta(seconds=2)),
        ]
    )
    assert [(one.verb, one.activity_count, one.actor_ids) for one in aggregated] == [
        (Love, 2, [3, 1]),
        (Comment, 1, [2]),
    ]


def test_merging_returns_new_and_changed_groups() -> None:
    aggregator = RecentVerbAggregator()
    (present,) = aggregator.aggregate([activity(1)])
    new, changed = aggregator.merge([present], [activity(1), activity(2), Activity(5, Follow, 1, time=START)])
    assert [one.group for one in new] == ["1-2026-01-01"]
    ((before, after),) = changed
    assert (before.activity_count, after.activity_count) == (1, 2)
    assert before is present


@pytest.mark.parametrize("returned", [None, 5, b"x", ("a",)])
def test_a_group_key_is_a_text(returned: Any) -> None:
    class Odd(BaseAggregator):
        def get_group(self, activity: Activity) -> Any:
            return returned

    class OddFeed(AggregatedFeed):
        aggregator_class = Odd

    feed = OddFeed(1, streams=Streams({}))
    with pytest.raises(AggregatorError, match=r"Odd.get_group\(Activity.* returned .*: a group key is a text"):
        feed.add(activity(1))
    assert feed[:] == []


def test_an_aggregator_without_get_group_says_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match="define get_group"):
        BaseAggregator().get_group(activity(1))


def test_an_aggregated_activity_keeps_the_newest_at_hand_and_counts_all() -> None:
    one = AggregatedActivity(
        "g", [Activity(number % 4, Love, number, time=START + timedelta(seconds=number)) for number in range(20)]
    )
    assert (one.activity_count, len(one), one.minimized_activities) == (20, 15, 5)
    assert [member.object_id for member in one.last_activities[:3]] == [19, 18, 17]
    assert one.activities[-1] is one.last_activity
    assert one.activity_ids == [member.serialization_id for member in one.activities]
    assert (one.actor_ids, one.actor_count, one.other_actor_count) == ([3, 2, 1, 0], 4, 2)
    assert one.object_ids == list(range(19, 4, -1))
    assert (one.verb, one.verbs) == (Love, [Love])
    assert one.updated_at == START + timedelta(seconds=19)
    assert one.serialization_id >> 64 == one.last_activity.serialization_id >> 64


def test_actors_whose_activities_are_not_at_hand_any_more_still_count() -> None:
    one = AggregatedActivity("g", [activity(number, actor=number) for number in range(20)])
    assert (one.actor_count, len(one.actor_ids), one.other_actor_count) == (20, 15, 18)


def test_an_aggregated_activity_changes_as_an_object() -> None:
    one = AggregatedActivity("g", [activity(1)])
    one.append(activity(3))
    one.append(activity(2))
    assert [member.object_id for member in one.activities] == [1, 2, 3]
    assert one.contains(activity(2))
    assert one.contains(activity(2).serialization_id)
    with pytest.raises(DuplicateActivity, match="is in group 'g' already"):
        one.append(activity(2))
    one.remove(activity(3))
    one.remove_many([activity(1)])
    assert one.activities == [activity(2)]
    with pytest.raises(ActivityNotFound, match="is not among the 1 at hand of 'g'"):
        one.remove(activity(1))
    with pytest.raises(ActivityTypeError, match="expected an activity, got 5"):
        one.append(5)  # type: ignore[arg-type]
    with pytest.raises(IdError, match="a group key is a text, got 5"):
        AggregatedActivity(5)  # type: ignore[arg-type]


def test_an_aggregated_activity_knows_when_it_was_seen_and_read() -> None:
    one = AggregatedActivity("g", [activity(1)])
    assert (one.is_seen(), one.is_read(), one.seen_at, one.read_at) == (False, False, None, None)
    one.update_seen_at()
    one.update_read_at()
    assert one.is_seen()
    assert one.is_read()
    assert one.seen_at is not None
    assert one.read_at is not None


def test_other_actors_are_never_less_than_none() -> None:
    assert AggregatedActivity("g", [activity(1)]).other_actor_count == 0


class Topics(BaseAggregator):
    """Groups by what the application put beside the activity."""

    def get_group(self, activity: Activity) -> str:
        return str(activity.extra_context["topic"])


class TopicFeed(AggregatedFeed):
    aggregator_class: ClassVar = Topics


class NoAggregator:
    """Groups, but is none."""

    def __init__(self, *_: Any) -> None: ...

    def get_group(self, activity: Activity) -> str:
        return str(activity.object_id)


def test_the_settings_choose_another_aggregator_by_name_and_by_path() -> None:
    for named, expected in (("recent_verb", RecentVerbAggregator), (f"{__name__}:Topics", Topics)):
        streams = Streams({"feeds": {"topic": {"aggregator": named}}})
        assert type(TopicFeed(1, streams=streams).get_aggregator()) is expected
    with pytest.raises(BackendNotFound, match="recent_verb"):
        TopicFeed(1, streams=Streams({"feeds": {"topic": {"aggregator": "recent_verbs"}}}))


def test_what_is_no_aggregator_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        SettingsError, match=r"feeds.topic.aggregator: .*no aggregator .*subclass streamfw_core.BaseAgg"
    ):
        TopicFeed(1, streams=Streams({"feeds": {"topic": {"aggregator": f"{__name__}:NoAggregator"}}}))


def test_the_settings_choose_the_time_zone_of_the_days() -> None:
    class DayFeed(AggregatedFeed): ...

    streams = Streams({"feeds": {"day": {"time_zone": "Asia/Tokyo"}}})
    feed = DayFeed(1, streams=streams)
    feed.add(Activity(1, Love, 2, time=NIGHT))
    assert feed[0].group == "3-2026-01-02"


def test_a_zone_of_the_class_that_is_none_is_said_of_the_class() -> None:
    class Martian(RecentVerbAggregator):
        time_zone = "Mars/Olympus"

    class DayFeed(AggregatedFeed):
        aggregator_class = Martian

    with pytest.raises(SettingsError, match=r"- Martian\.time_zone: there is no time zone 'Mars/Olympus'"):
        DayFeed(1, streams=Streams({}))


class Newest(RecentVerbAggregator):
    """Most activities first."""

    def rank(self, aggregated_activities: Any) -> list[AggregatedActivity]:
        return sorted(aggregated_activities, key=lambda one: one.activity_count, reverse=True)


class RankedFeed(AggregatedFeed):
    aggregator_class: ClassVar = Newest


def test_a_rank_of_ones_own_orders_what_a_reader_sees() -> None:
    feed = RankedFeed(1, streams=Streams({}))
    for day, count in enumerate([2, 5, 3]):
        feed.add_many(Activity(actor, Love, 1, time=START + timedelta(days=day)) for actor in range(count))
    assert [one.activity_count for one in feed[:]] == [5, 3, 2]
    assert [one.activity_count for one in feed[1:2]] == [3]
    first = feed.page(2)
    assert [one.activity_count for one in first] == [5, 3]
    second = feed.page(2, after=first.next_cursor)
    assert [one.activity_count for one in second] == [2]
    assert second.next_cursor is None
    assert [one.activity_count for one in feed] == [5, 3, 2]


class FullGroups(RecentVerbAggregator):
    """At most three activities in a group; then the next one starts."""

    def merge(self, aggregated: Any, activities: Any) -> tuple[Any, ...]:
        new: list[AggregatedActivity] = []
        changed: list[tuple[AggregatedActivity, AggregatedActivity]] = []
        for one in activities:
            key = self.get_group(one)
            open_groups = [group for group in aggregated if group.group.startswith(key) and group.activity_count < 3]
            if open_groups:
                after = open_groups[0].copy()
                after.append(one)
                changed.append((open_groups[0], after))
            else:
                new.append(self.aggregated_activity_class(f"{key}:{one.serialization_id}", [one]))
        return new, changed, []


class FullFeed(AggregatedFeed):
    aggregator_class: ClassVar = FullGroups


class InlineFullFeed(AggregatedFeed):
    aggregator_class: ClassVar = FullGroups
    activities = None


@pytest.mark.parametrize("feed_class", [FullFeed, InlineFullFeed])
def test_a_merge_of_ones_own_decides_by_what_is_in_the_feed(feed_class: type[AggregatedFeed]) -> None:
    feed = feed_class(1, streams=Streams({}))
    assert feed.add_many(activity(number) for number in range(8)) == 8
    assert feed.add_many(activity(number) for number in range(8)) == 0
    assert [one.activity_count for one in feed[:]] == [2, 3, 3]
    assert feed.remove(activity(7)) == 1
    assert feed.remove(activity(6).serialization_id) == 1
    assert [one.activity_count for one in feed[:]] == [3, 3]


@pytest.mark.parametrize("feed_class", [FullFeed, InlineFullFeed])
def test_merges_of_many_threads_lose_nothing(feed_class: type[AggregatedFeed]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    streams = Streams({})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: feed_class(1, streams=streams).add(activity(number)), range(60)))
    counts = [one.activity_count for one in feed_class(1, streams=streams)[:]]
    assert sum(counts) == 60
    assert max(counts) == 3


class Moving(RecentVerbAggregator):
    """Puts everything of the newest two groups together."""

    def merge(self, aggregated: Any, activities: Any) -> tuple[Any, ...]:
        if not aggregated:
            return [self.aggregated_activity_class("all", activities)], []
        before = aggregated[0]
        everything = self.aggregated_activity_class(
            f"all {before.activity_count + 1}", [*before.activities, *activities]
        )
        return [everything], [], [before]


class MovingFeed(AggregatedFeed):
    aggregator_class: ClassVar = Moving


def test_a_merge_may_move_activities_to_another_group() -> None:
    feed = MovingFeed(1, streams=Streams({}))
    feed.add_many(activity(number, actor=number) for number in range(5))
    assert [(one.group, one.activity_count, one.actor_count) for one in feed[:]] == [("all 5", 5, 5)]


@pytest.mark.parametrize("returned", [None, [], ([],), ([5], []), ([], [(None, "x")])])
def test_a_merge_that_returns_something_else_is_named(returned: Any) -> None:
    class Wrong(RecentVerbAggregator):
        def merge(self, aggregated: Any, activities: Any) -> Any:
            return returned

    class WrongFeed(AggregatedFeed):
        aggregator_class = Wrong

    feed = WrongFeed(1, streams=Streams({}))
    with pytest.raises(AggregatorError, match=r"Wrong\.merge returned"):
        feed.add(activity(1))
    assert feed[:] == []

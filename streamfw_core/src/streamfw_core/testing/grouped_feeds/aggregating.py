"""Aggregators: core's, one's own, and such that merge or rank themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.aggregators import BaseAggregator
from streamfw_core.errors import SettingsError
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.testing.feeds.case import MOMENT, both_timelines
from streamfw_core.testing.grouped_feeds.case import GroupedFeedCase
from streamfw_core.testing.groups.isolation import HOSTILE_KEYS
from streamfw_core.testing.groups.running import together
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.verbs import Comment, Love

__all__ = ["AggregatingContract"]

FULL = 3


class OddAggregator(BaseAggregator):
    """Groups by keys that nobody would choose."""

    def get_group(self, activity: Activity) -> str:
        return HOSTILE_KEYS[int(activity.object_id) % len(HOSTILE_KEYS)]


class FillingAggregator(BaseAggregator):
    """By object; a group takes three activities, then another one begins."""

    def get_group(self, activity: Activity) -> str:
        return f"{activity.object_id}"

    def merge(self, aggregated: Sequence[AggregatedActivity], activities: Sequence[Activity]) -> tuple[Any, ...]:
        # Long enough for another writer to come in between.
        time.sleep(0.0005)
        new: list[AggregatedActivity] = []
        changed: list[tuple[AggregatedActivity, AggregatedActivity]] = []
        for activity in activities:
            of_object = [one for one in aggregated if one.group.partition("#")[0] == self.get_group(activity)]
            room = next((one for one in of_object if one.activity_count < FULL), None)
            if room is None:
                new.append(AggregatedActivity(f"{activity.object_id}#{len(of_object)}", [activity]))
            else:
                after = room.copy()
                after.append(activity)
                changed.append((room, after))
        return new, changed


class LargestFirst(BaseAggregator):
    """By object; the group with the most activities comes first."""

    def get_group(self, activity: Activity) -> str:
        return f"{activity.object_id}"

    def rank(self, aggregated_activities: Iterable[AggregatedActivity]) -> list[AggregatedActivity]:
        return sorted(aggregated_activities, key=lambda one: (one.activity_count, one.group), reverse=True)


class AggregatingContract(GroupedFeedCase):
    """What aggregators make of activities, on this storage."""

    @both_timelines
    @promise("C14")
    def test_core_s_aggregators_group_by_day(self, timeline: str) -> None:
        for aggregator in ("recent_verb", "notification"):
            feed = self.grouped_feed(timeline, aggregator=aggregator)
            activities = [
                Activity(number, (Love, Comment)[number % 2], number % 3, time=MOMENT + timedelta(hours=number))
                for number in range(24)
            ]
            feed.add_many(activities)
            self.shows(feed, activities, f"24 activities of two days, grouped by {aggregator}")

    @both_timelines
    @promise("C14", "C26")
    def test_an_aggregator_of_one_s_own_may_return_any_text(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline, aggregator_class=OddAggregator)
        activities = [self.like(number, number % 5, at=number) for number in range(2 * len(HOSTILE_KEYS))]
        feed.add_many(activities)
        self.shows(feed, activities, "groups with odd keys", "C26")
        feed.remove_many(activities[: len(HOSTILE_KEYS)])
        self.shows(feed, activities[len(HOSTILE_KEYS) :], "groups with odd keys, of which one half was removed", "C26")

    @both_timelines
    @promise("C12", "C14")
    def test_an_aggregator_that_merges_decides_by_what_is_there(self, timeline: str) -> None:
        feed = self._merging(timeline)
        activities = [self.like("a", number, at=number) for number in range(8)]
        for activity in activities[:5]:
            feed.add(activity)
        feed.add_many([*activities[3:], activities[0]])
        found = {one.group: one.activity_count for one in feed}
        same(
            found, {"a#0": 3, "a#1": 3, "a#2": 2}, "C14", "groups of at most three, after eight activities and repeats"
        )
        feed.remove(activities[1])
        feed.remove(activities[7].serialization_id)
        found = {one.group: one.activity_count for one in feed}
        same(found, {"a#0": 2, "a#1": 3, "a#2": 1}, "C17", "the groups after two activities were removed")
        feed.add(self.like("a", "x", at=50))
        same(sum(one.activity_count for one in feed), 7, "C12", "how many activities there are after another one")

    @both_timelines
    @promise("C12")
    def test_writers_whose_aggregator_merges_lose_nothing(self, timeline: str) -> None:
        feed = self._merging(timeline)
        activities = [self.like("a", number, at=number) for number in range(24)]
        together(*(lambda n=n: [feed.add(each) for each in activities[n::3]] for n in range(3)))
        found = sorted(id for one in feed for id in one.activity_ids)
        same(found, [each.serialization_id for each in activities], "C12", "activities that three writers merged")
        check(
            all(one.activity_count <= FULL for one in feed),
            "C12",
            "a group has more activities than its aggregator lets in",
        )

    @promise("C8")
    def test_an_aggregator_that_merges_is_refused_where_it_cannot_work(self) -> None:
        if self._can_merge():
            pytest.skip("it can work: there is swap (capability cas)")
        try:
            self.grouped_feed("reference", aggregator_class=FillingAggregator)
        except SettingsError:
            return
        check(False, "C8", "an aggregator that overrides merge is accepted, though there is no swap (capability cas)")

    @both_timelines
    @promise("C2", "C14")
    def test_an_aggregator_that_ranks_decides_the_order(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline, aggregator_class=LargestFirst)
        sizes = {"a": 1, "b": 5, "c": 3, "d": 2, "e": 4}
        activities = [
            self.like(thing, number, at=10 * place + number)
            for place, (thing, size) in enumerate(sizes.items())
            for number in range(size)
        ]
        feed.add_many(activities)
        order = ["b", "e", "c", "d", "a"]
        same([one.group for one in feed[:]], order, "C2", "groups in the order of an aggregator that ranks")
        same([one.group for one in feed], order, "C2", "the same, by iteration")
        same([feed[place].group for place in range(5)], order, "C2", "the same, one by one")
        same([one.group for one in feed[1:3]], order[1:3], "C2", "a slice of it")
        same([one.activity_count for one in feed], [5, 4, 3, 2, 1], "C14", "their counts")
        same([feed.index_of(one) for one in feed], [*range(5)], "C2", "positions of groups in that order")
        page = feed.page(2)
        walked = [one.group for one in page]
        while page.next_cursor is not None:
            page = feed.page(2, after=page.next_cursor)
            walked += [one.group for one in page]
        same(walked, order, "C3", "a walk by pages in that order")

    def _merging(self, timeline: str) -> AggregatedFeed:
        if not self._can_merge():
            pytest.skip("there is no swap (the capability cas is not declared)")
        return self.grouped_feed(timeline, aggregator_class=FillingAggregator)

    def _can_merge(self) -> bool:
        return bool(self.storage.capabilities.exact_members) and self.storage.capabilities.cas

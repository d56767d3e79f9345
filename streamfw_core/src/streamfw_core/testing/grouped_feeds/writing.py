"""Adding to grouped feeds, removing from them, and what a feed says that it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from streamfw_core.activity import Activity
from streamfw_core.errors import ActivityTypeError, StreamsError
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.testing.feeds.case import both_timelines, ids_of
from streamfw_core.testing.grouped_feeds.case import GroupedFeedCase
from streamfw_core.testing.promises import check, promise, same

__all__ = ["GroupedWritingContract"]


class GroupedWritingContract(GroupedFeedCase):
    """What `add`, `remove`, `trim` and `delete` do to groups."""

    @both_timelines
    @promise("C6", "C14")
    def test_adding_and_removing_again_changes_nothing(self, timeline: str) -> None:
        feed, activities = self.grouped_feed(timeline), self.likes(8)
        self.counted(feed.add_many(activities[:6]), 6, "six new activities")
        self.counted(feed.add(activities[1]), 0, "one that is there")
        self.counted(feed.add_many([activities[6], activities[6], activities[0]]), 1, "a new one twice and a known one")
        self.shows(feed, activities[:7], "a feed after adding again", "C6")
        self.counted(feed.remove(activities[2]), 1, "one removed")
        self.counted(feed.remove(activities[2].serialization_id), 0, "the same removed again, by its id")
        self.counted(feed.remove(activities[3].serialization_id), 1, "one removed by its id")
        self.shows(feed, [*activities[:2], *activities[4:7]], "a feed after removing", "C17")
        self.counted(feed.add(activities[2]), 1, "the removed one added anew")
        self.shows(feed, [*activities[:3], *activities[4:7]], "a feed after adding anew", "C9")

    @both_timelines
    @promise("C17")
    def test_removing_removes_exactly_what_it_names(self, timeline: str) -> None:
        feed, activities = self.grouped_feed(timeline), self.likes(18)
        feed.add_many(activities)
        feed.remove_many([activities[0], activities[4].serialization_id, activities[17]])
        left = [activity for activity in activities if activity not in (activities[0], activities[4], activities[17])]
        self.shows(feed, left, "18 likes of which three were removed", "C17")
        for activity in [each for each in left if each.object_id == "thing 1"]:
            feed.remove(activity)
            left.remove(activity)
            self.shows(feed, left, "a feed of which one group is removed piece by piece", "C17")
        same(len(feed), 2, "C17", "how many groups are left when the last of one went")

    @both_timelines
    @promise("C7")
    def test_a_feed_keeps_the_newest_groups(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline, max_length=3)
        activities = [self.like(number // 5, number, at=number) for number in range(40)]
        for activity in activities:
            feed.add(activity)
        self.shows(feed, activities[25:], "a feed of three groups after eight", "C7")
        feed.add_many([self.like("old", at=-9), self.like(7, "x", at=-9)])
        expected = [*activities[25:], self.like(7, "x", at=-9)]
        self.shows(feed, expected, "a full feed after something old was added", "C7")
        check(not feed.contains(activities[24]), "C7", "a feed contains what it cut")

    @both_timelines
    @promise("C7", "C9")
    def test_trim_and_delete(self, timeline: str) -> None:
        feed_class = self.feed_class(timeline)
        feed, other = (feed_class(owner, streams=self.streams) for owner in (1, 2))
        assert isinstance(feed, AggregatedFeed)
        assert isinstance(other, AggregatedFeed)
        activities = [self.like(number // 3, number, at=number) for number in range(18)]
        feed.add_many(activities)
        other.add_many(activities)
        feed.trim(9)
        same(feed.count(), 6, "C7", "a feed of six groups after trim(9)")
        feed.trim(2)
        self.shows(feed, activities[12:], "a feed after trim(2)", "C7")
        anew = self.like(0, "x", at=0)
        feed.add(anew)
        self.shows(feed, [*activities[12:], anew], "a trimmed feed after a group began anew", "C7")
        feed.trim(0)
        same((feed[:], feed.count()), ([], 0), "C7", "a feed after trim(0)")
        feed.add_many(activities[:2])
        self.shows(feed, activities[:2], "a feed after it was emptied and added to", "C9")
        feed.delete()
        same(feed[:], [], "C7", "a feed after delete()")
        self.shows(other, activities, "another feed after all that", "C26")

    @both_timelines
    @promise("C17")
    def test_whole_groups_are_added_and_removed(self, timeline: str) -> None:
        feed, other = self.grouped_feed(timeline), self.grouped_feed(timeline)
        activities = self.likes(60)
        feed.add_many(activities)
        groups = feed[:]
        self.counted(other.add_many_aggregated(groups[:2]), 30, "the activities at hand of two groups of 20")
        same(feed.remove_many_aggregated(groups[:2]), 40, "C17", "how many activities went with two groups of 20")
        # Newest first: the third group is the one whose newest activity is the oldest.
        third = [activity for activity in activities if activity.object_id == "thing 0"]
        self.shows(feed, third, "a feed of three groups after two were removed", "C17")
        same(len(other), 2, "C17", "another feed, to which two groups were added")

    @both_timelines
    @promise("C11")
    def test_empty_and_wrong_input(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        same((feed.add_many([]), feed.remove_many([])), (0, 0), "C11", "adding and removing nothing")
        same((feed[:], feed[:0], feed.count(), [*feed]), ([], [], 0, []), "C11", "an empty feed")
        page = feed.page()
        same(([*page], page.next_cursor), ([], None), "C11", "the page of an empty feed")
        bad: tuple[tuple[Any, type[StreamsError]], ...] = ((None, ActivityTypeError), ("text", ActivityTypeError))
        for value, expected in bad:
            for given in ([self.like(1), value], [value, self.like(1)]):
                try:
                    feed.add_many(given)
                except expected:
                    same(feed[:], [], "C11", f"a feed after a batch with {value!r} was refused")
                else:
                    check(False, "C11", f"adding {value!r} raises no {expected.__name__}")

    @both_timelines
    @promise("C8")
    def test_activities_of_several_groups_are_added_in_one_call(self, timeline: str) -> None:
        if not self.storage.capabilities.exact_members:
            pytest.skip("there are no groups (the capability exact_members is 0): core makes them of several calls")
        feed_class = self.feed_class(timeline)
        streams, storage = self.recorded()
        feed = feed_class(1, streams=streams)
        storage.calls.clear()
        feed.add_many(self.likes(20, things=5))
        same(storage.calls.count("write"), 1, "C8", f"writes of 20 activities of five groups, among {storage.calls}")

    @both_timelines
    @promise("C6")
    def test_a_feed_is_told_what_changed(self, timeline: str) -> None:
        told: list[tuple[list[int], list[int]]] = []

        def on_update_feed(_: Any, new: Sequence[Activity], deleted: Sequence[int]) -> None:
            told.append((sorted(ids_of(new)), sorted(deleted)))

        feed = self.grouped_feed(timeline, on_update_feed=on_update_feed)
        activities = self.likes(5)
        feed.add_many(activities[:3])
        feed.add_many(activities[1:5])
        feed.add_many(activities)
        feed.remove_many([activities[0], activities[4].serialization_id])
        feed.remove(activities[0])
        expected = [
            (ids_of(activities[:3]), []),
            (ids_of(activities[3:]), []),
            ([], ids_of([activities[0], activities[4]])),
        ]
        same([each for each in told if each != ([], [])], expected, "C6", "what a feed was told")

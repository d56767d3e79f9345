"""What is in groups: activities, whole and of their class, or nothing; and what bytes that are none do."""

from __future__ import annotations

import pickle
from typing import Any

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.errors import DecodeError
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.ids import text_of_id
from streamfw_core.storage.protocol import Entry, Record, Write
from streamfw_core.testing.feeds.case import MOMENT, both_timelines, ids_of
from streamfw_core.testing.feeds.content import CONTEXT, Bomb
from streamfw_core.testing.grouped_feeds.case import GroupedFeedCase
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.isolation import HOSTILE_OWNERS
from streamfw_core.verbs import Love

__all__ = ["GroupedContentContract"]


class Starred(Activity):
    """A custom activity, with a field of its own."""

    def __init__(self, *facts: Any, stars: int = 0, **named: Any) -> None:
        super().__init__(*facts, **named)
        self.stars = stars


class Constellation(AggregatedActivity):
    """A custom aggregated activity, with a method of its own."""

    max_aggregated_activities_length = 3

    def stars(self) -> int:
        return sum(activity.stars for activity in self.activities)  # type: ignore[attr-defined]


class GroupedContentContract(GroupedFeedCase):
    """What comes out of groups, compared with what went in."""

    @both_timelines
    @promise("C25", "C14")
    def test_custom_classes_come_back(self, timeline: str) -> None:
        feed = self.grouped_feed(
            timeline,
            activity_class=Starred,
            aggregated_activity_class=Constellation,
            activity_namespace=self.namespace(),
        )
        activities = [
            Starred(number % 5, Love, "sky", time=MOMENT, stars=number, extra_context=CONTEXT) for number in range(5)
        ]
        feed.add_many(activities)
        one = feed[0]
        same(type(one), Constellation, "C25", "the class of an aggregated activity")
        newest = sorted(activities, key=lambda each: each.serialization_id, reverse=True)[:3]
        same(one.last_activities, newest, "C25", "activities of a custom class, three at hand")
        same({type(activity) for activity in one.activities}, {Starred}, "C25", "the class of activities in a group")
        stars = sum(activity.stars for activity in newest)
        same((one.stars(), one.activity_count, one.minimized_activities), (stars, 5, 2), "C14", "what it counts")

    @promise("C10", "C14")
    def test_activities_without_a_record_are_skipped_and_pages_refilled(self) -> None:
        feed_class = self.feed_class("reference")
        feed = feed_class(1, streams=self.streams)
        assert isinstance(feed, AggregatedFeed)
        activities = [self.like(number // 2, number, at=number) for number in range(16)]
        feed.add_many(activities)
        # One of the newest group, and all of the three groups after it.
        for activity in (activities[15], *activities[8:14]):
            feed_class.remove_activity(activity, streams=self.streams)
        groups = feed[:]
        same(
            groups[0].activity_ids,
            ids_of(activities[14:15]),
            "C10",
            "a group one of whose activities is gone",
        )
        same(
            [one.activity_ids for one in groups[1:]],
            [ids_of(activities[n : n + 2]) for n in (6, 4, 2, 0)],
            "C10",
            "the rest",
        )
        page = feed.page(3)
        same(len(page), 3, "C10", "how many groups a page across groups without activities shows")
        check(page.next_cursor, "C10", "a page across groups without activities says that the feed ends there")
        rest = feed.page(3, after=page.next_cursor)
        found = ([one.activity_ids for one in rest], rest.next_cursor)
        same(found, ([ids_of(activities[2:4]), ids_of(activities[0:2])], None), "C10", "the page after that")
        check(not feed.contains(activities[9]), "C10", "a feed contains an activity that it does not show")
        feed.add(activities[9])
        check(feed.contains(activities[9]), "C10", "an activity stored anew is not shown")

    @both_timelines
    @promise("C24")
    def test_bytes_that_are_no_activity_raise_or_are_skipped(self, timeline: str) -> None:
        feed, activities = self.grouped_feed(timeline), self.likes(6)
        feed.add_many(activities)
        Bomb.exploded = False
        for number, payload in enumerate((pickle.dumps(Bomb()), b"\x00", b"__import__('os')", b"")):
            self._spoil(feed, activities[2], payload, number)
            try:
                _ = feed[:]
            except DecodeError as error:
                where = (error.activity_id, error.feed)
                same(where, (activities[2].serialization_id, feed.key), "C24", "the id and feed in the error")
            else:
                check(False, "C24", f"reading the bytes {payload[:20]!r} as an activity raises no DecodeError")
            page = feed.skipping_broken().page(10)
            found = ([one.activity_ids for one in page], page.broken)
            good = [ids_of([activities[5]]), ids_of(activities[1::3]), ids_of(activities[0::3])]
            same(found, (good, 1), "C24", "a page that skips broken bytes")
        check(not Bomb.exploded, "C24", "stored bytes were unpickled, and executed code")

    def _spoil(self, feed: AggregatedFeed, activity: Activity, payload: bytes, number: int) -> None:
        """Put bytes in the place of an activity, as another program might."""
        binding, stamp, id = feed.binding(self.streams), self.stamp(10**12 + number), activity.serialization_id
        if binding.activities is None:
            group = feed.get_aggregator().get_group(activity)
            entry = Entry(id, stamp, payload, group, text_of_id(activity.actor_id))
            binding.timelines.write(binding.spec, [Write([str(feed.user_id)], puts=[entry])])
        else:
            self.storage.store(binding.records, [Record(id, stamp, payload)])

    @both_timelines
    @promise("C26")
    def test_owners_and_feed_classes_stay_apart(self, timeline: str) -> None:
        feed_class, other = self.feed_class(timeline), self.grouped_feed(timeline)
        for number, owner in enumerate(HOSTILE_OWNERS):
            feed_class(owner, streams=self.streams).add(self.like(number, number))
        feed_class(HOSTILE_OWNERS[0], streams=self.streams).delete()
        for number, owner in enumerate(HOSTILE_OWNERS):
            feed = feed_class(owner, streams=self.streams)
            assert isinstance(feed, AggregatedFeed)
            self.shows(feed, [self.like(number, number)] if number else [], f"the feed of owner {owner[:40]!r}", "C26")
        other.add(self.like(1))
        feed_class.flush(streams=self.streams)
        same(feed_class(HOSTILE_OWNERS[1], streams=self.streams)[:], [], "C26", "a feed after its class was flushed")
        same(len(other), 1, "C26", "a feed of another class after a flush")

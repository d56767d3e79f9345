"""What is in a feed: activities, whole and of their class, or nothing; and what bytes that are none do."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from streamfw_core.activity import Activity
from streamfw_core.errors import DecodeError, FeedConflict
from streamfw_core.feeds import Feed
from streamfw_core.storage.protocol import Entry, Record, Write
from streamfw_core.testing.feeds.case import MOMENT, FeedCase, both_timelines, ids_of
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.isolation import HOSTILE_OWNERS
from streamfw_core.verbs import Comment, Love

__all__ = ["Bomb", "ContentContract"]

CONTEXT = {
    "text": "naïve \u202e 😀 \0",
    "bytes": bytes(range(256)),
    "decimal": Decimal("1.10"),
    "uuid": UUID(int=2**127),
    "time": datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    "naive": datetime(1999, 12, 31, 1, 2, 3, 4),  # noqa: DTZ001 - naive on purpose
    "nested": {"list": [1, 2.5, None, True, ("a", {"b"})], "big": 2**200, "empty": {}},
}


class Bomb:
    """Executes code when it is unpickled."""

    exploded = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (_explode, ())


def _explode() -> None:
    Bomb.exploded = True


class Rated(Activity):
    """A custom activity, with a field and a method of its own."""

    def __init__(self, *facts: Any, stars: int = 0, **named: Any) -> None:
        super().__init__(*facts, **named)
        self.stars = stars

    def praise(self) -> str:
        return "*" * self.stars


class ContentContract(FeedCase):
    """What comes out of a feed, compared with what went in."""

    @both_timelines
    @promise("C25")
    def test_activities_come_back_equal(self, timeline: str) -> None:
        feed = self.feed(timeline)
        activities = [
            self.activity(1, extra_context=CONTEXT),
            Activity("ann", Comment, UUID(int=5), target="board:5", time=MOMENT + timedelta(microseconds=1234)),
            Activity(2**60, Love, "13", target=-1, time=datetime(2023, 1, 1, 12, 0, 0, 5)),  # noqa: DTZ001 - naive on purpose
            Activity(1, Love, 2, time=datetime(2023, 1, 1, tzinfo=timezone(timedelta(hours=-3)))),
        ]
        feed.add_many(activities)
        found = {activity.serialization_id: activity for activity in feed}
        for activity in activities:
            back = found.get(activity.serialization_id)
            same(back, activity, "C25", "an activity that went through the storage")
            states = (repr(back.stored_state()) if back else None, repr(activity.stored_state()))
            same(states[0], states[1], "C25", "the types of what is in an activity")

    @both_timelines
    @promise("C25")
    def test_a_custom_activity_class_comes_back(self, timeline: str) -> None:
        feed = self.feed(timeline, activity_class=Rated, activity_namespace=self.namespace())
        activity = Rated(7, Love, 1, time=MOMENT, stars=3, extra_context={"a": 1})
        feed.add(activity)
        back = feed[0]
        same((type(back), back), (Rated, activity), "C25", "an activity of a custom class")
        same(back.praise(), "***", "C25", "the method of a custom activity")

    @promise("C10")
    def test_entries_without_an_activity_are_skipped_and_pages_refilled(self) -> None:
        feed_class = self.feed_class("reference")
        feed = feed_class(1, streams=self.streams)
        activities = [self.activity(number) for number in range(12)]
        feed.add_many(activities)
        for activity in activities[4:9]:
            feed_class.remove_activity(activity, streams=self.streams)
        left = [*activities[:8:-1], *activities[3::-1]]
        same(
            ids_of(feed[:]),
            ids_of(left),
            "C10",
            "a feed of which five activities were removed from the activity storage",
        )
        page = feed.page(5)
        same(ids_of(page), ids_of(left[:5]), "C10", "a page across entries without an activity")
        same(page.missing, 5, "C10", "how many entries the page passed over")
        check(page.next_cursor, "C10", "a page across entries without an activity says that the feed ends there")
        rest = feed.page(5, after=page.next_cursor)
        same((ids_of(rest), rest.next_cursor), (ids_of(left[5:]), None), "C10", "the page after that")
        check(not feed.contains(activities[5]), "C10", "a feed contains an entry that it does not show")
        feed.add(activities[5])
        check(feed.contains(activities[5]), "C10", "an activity stored anew is not shown")

    @promise("C10")
    def test_adding_stores_the_activity(self) -> None:
        one, other = self.feed("reference"), self.feed("reference")
        activity = self.activity(1)
        one.add(activity)
        stored = one.binding(self.streams).load([activity.serialization_id])
        same(stored, {activity.serialization_id: activity}, "C10", "the activity storage after add()")
        same(other[:], [], "C26", "a feed of another class that shares the activity storage")

    @both_timelines
    @promise("C24")
    def test_bytes_that_are_no_activity_raise_or_are_skipped(self, timeline: str) -> None:
        feed = self.feed(timeline)
        activities = [self.activity(number) for number in range(5)]
        feed.add_many(activities)
        Bomb.exploded = False
        payloads = (pickle.dumps(Bomb()), b"\x00", b"__import__('os')", b"")
        for number, payload in enumerate(payloads):
            self._spoil(feed, activities[2].serialization_id, payload, number)
            try:
                _ = feed[:]
            except DecodeError as error:
                same(error.activity_id, activities[2].serialization_id, "C24", "the id in the error about broken bytes")
                same(error.feed, feed.key, "C24", "the feed in the error about broken bytes")
            else:
                check(False, "C24", f"reading the bytes {payload[:20]!r} as an activity raises no DecodeError")
            page = feed.skipping_broken().page(10)
            good = ids_of([*activities[:2:-1], *activities[1::-1]])
            same((ids_of(page), page.broken), (good, 1), "C24", "a page that skips broken bytes")
            same(ids_of(feed[:2]), good[:2], "C24", "the part of the feed before broken bytes")
        check(not Bomb.exploded, "C24", "stored bytes were unpickled, and executed code")

    def _spoil(self, feed: Feed, id: int, payload: bytes, number: int) -> None:
        """Put bytes in the place of an activity, as another program might."""
        binding, stamp = feed.binding(self.streams), self.stamp(10**12 + number)
        if binding.activities is None:
            self.storage.write(binding.spec, [Write([str(feed.user_id)], puts=[Entry(id, stamp, payload)])])
        else:
            self.storage.store(binding.records, [Record(id, stamp, payload)])

    @both_timelines
    @promise("C24", "C26")
    def test_no_owner_reaches_another_feed(self, timeline: str) -> None:
        feed_class = self.feed_class(timeline)
        activities = [self.activity(number) for number in range(len(HOSTILE_OWNERS))]
        for owner, activity in zip(HOSTILE_OWNERS, activities, strict=True):
            feed_class(owner, streams=self.streams).add(activity)
        for owner, activity in zip(HOSTILE_OWNERS, activities, strict=True):
            same(
                ids_of(feed_class(owner, streams=self.streams)),
                ids_of([activity]),
                "C26",
                f"the feed of owner {owner[:40]!r}",
            )
        feed_class(HOSTILE_OWNERS[0], streams=self.streams).delete()
        for owner in HOSTILE_OWNERS[1:]:
            same(
                feed_class(owner, streams=self.streams).count(),
                1,
                "C26",
                f"the feed of owner {owner[:40]!r} after a delete()",
            )

    @both_timelines
    @promise("C26")
    def test_feed_classes_share_no_keys(self, timeline: str) -> None:
        one, other = self.feed(timeline, 1), self.feed(timeline, 1)
        one.add(self.activity(1))
        same(ids_of(other), [], "C26", "the feed of the same owner in another class")
        type(other).flush(streams=self.streams)
        same(one.count(), 1, "C26", "a feed after another class was flushed")
        for key_format in (type(one).key_format, type(one).key_format.replace("%(user_id)s", "x%(user_id)s")):
            try:
                self.feed(timeline, key_format=key_format)
            except FeedConflict:
                continue
            check(False, "C26", f"a feed class with the key_format {key_format!r} of another is no FeedConflict")

"""Adding to one feed and removing from it."""

from __future__ import annotations

from typing import Any

from streamfw_core.activity import Activity
from streamfw_core.errors import ActivityTypeError, EncodeError, StreamsError
from streamfw_core.testing.feeds.case import FeedCase, both_timelines, ids_of
from streamfw_core.testing.promises import check, promise, same

__all__ = ["FeedWritingContract"]


class FeedWritingContract(FeedCase):
    """What `add`, `remove`, `trim` and `delete` do."""

    @both_timelines
    @promise("C6")
    def test_adding_and_removing_again_changes_nothing(self, timeline: str) -> None:
        feed, activities = self.feed(timeline), self.tied_activities(4)
        self.counted(feed.add_many(activities[:3]), 3, "three new activities")
        self.counted(feed.add(activities[1]), 0, "one that is there")
        self.counted(feed.add_many([activities[3], activities[3], activities[0]]), 1, "a new one twice and a known one")
        same(ids_of(feed), ids_of(activities[::-1]), "C6", "a feed after adding again")
        self.counted(feed.remove(activities[2]), 1, "one removed")
        self.counted(feed.remove(activities[2].serialization_id), 0, "the same removed again, by its id")
        same(ids_of(feed), ids_of([activities[3], *activities[1::-1]]), "C6", "a feed after removing one twice")
        self.counted(feed.add(activities[2]), 1, "the removed one added anew")
        same(feed.count(), 4, "C6", "the count after adding anew")

    @both_timelines
    @promise("C7")
    def test_a_feed_keeps_the_newest(self, timeline: str) -> None:
        feed = self.feed(timeline, max_length=4)
        activities = [self.activity(number) for number in range(10)]
        for activity in activities[3:]:
            feed.add(activity)
        feed.add_many(activities[:3])
        newest = ids_of(activities[:5:-1])
        same((ids_of(feed), feed.count()), (newest, 4), "C7", "a feed of max_length 4 after ten adds")
        same(ids_of(feed.order_by("activity_id")), newest[::-1], "C7", "the same, oldest first")
        check(not feed.contains(activities[5]), "C7", "a feed contains what it cut")

    @both_timelines
    @promise("C7")
    def test_trim_and_delete(self, timeline: str) -> None:
        feed_class = self.feed_class(timeline)
        feed, other = (feed_class(owner, streams=self.streams) for owner in (1, 2))
        activities = [self.activity(number) for number in range(6)]
        feed.add_many(activities)
        other.add_many(activities)
        feed.trim(9)
        same(feed.count(), 6, "C7", "a feed of six after trim(9)")
        feed.trim(2)
        same(ids_of(feed), ids_of(activities[:3:-1]), "C7", "a feed after trim(2)")
        feed.add(activities[0])
        same(
            ids_of(feed),
            ids_of([*activities[:3:-1], activities[0]]),
            "C7",
            "a trimmed feed after something was added anew",
        )
        feed.trim(0)
        same((ids_of(feed), feed.count()), ([], 0), "C7", "a feed after trim(0)")
        feed.add_many(activities[:2])
        feed.delete()
        same(ids_of(feed), [], "C7", "a feed after delete()")
        same(other.count(), 6, "C7", "another feed after all that")

    @both_timelines
    @promise("C11")
    def test_empty_input_does_nothing(self, timeline: str) -> None:
        feed = self.feed(timeline)
        same((feed.add_many([]), feed.remove_many([])), (0, 0), "C11", "adding and removing nothing")
        same((feed[:], feed[:0], feed[3:3], feed.count(), [*feed]), ([], [], [], 0, []), "C11", "an empty feed")
        page = feed.page()
        same(([*page], page.next_cursor), ([], None), "C11", "the page of an empty feed")

    @both_timelines
    @promise("C11", "C25")
    def test_what_cannot_be_stored_is_refused_before_anything_is_written(self, timeline: str) -> None:
        feed, good = self.feed(timeline), self.activity(1)

        class OtherActivity(Activity):
            """Of another class than the feed keeps."""

        other = OtherActivity(1, good.verb, 2, time=good.time)
        bad: tuple[tuple[Any, type[StreamsError]], ...] = (
            (self.activity(2, extra_context={"thing": object()}), EncodeError),
            (None, ActivityTypeError),
            ("text", ActivityTypeError),
            (other, ActivityTypeError),
        )
        for value, expected in bad:
            for given in ([good, value], [value, good]):
                try:
                    feed.add_many(given)
                except expected:
                    same(ids_of(feed), [], "C11", f"a feed after a batch with {value!r} was refused")
                else:
                    check(False, "C11", f"adding {value!r} raises no {expected.__name__}")

    @both_timelines
    @promise("C9")
    def test_what_was_removed_from_a_feed_is_not_refilled_by_late_deliveries(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1, 2]})
        activities = [self.activity(number) for number in range(3)]
        for activity in activities:
            manager.add_user_activity(7, activity)
        self.queue.drain()
        manager.get_feeds(1)["normal"].remove(activities[1])
        manager.get_feeds(2)["normal"].delete()
        self.queue.replay(1)
        same(
            self.shown(manager, 1),
            ids_of([activities[2], activities[0]]),
            "C9",
            "a feed after a removal and late deliveries",
        )
        same(self.shown(manager, 2), [], "C9", "a deleted feed after late deliveries")
        manager.get_feeds(1)["normal"].add(activities[1])
        same(self.shown(manager, 1), ids_of(activities[::-1]), "C9", "a feed after the removed activity was added anew")

"""Order, filters, pages, positions."""

from __future__ import annotations

from uuid import UUID

from streamfw_core.activity import Activity
from streamfw_core.errors import NotInFeed
from streamfw_core.ids import Id
from streamfw_core.testing.feeds.case import MOMENT, FeedCase, both_timelines, ids_of
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.verbs import Love

__all__ = ["SelectingContract"]

OPERATORS = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}


class SelectingContract(FeedCase):
    """What parts of a feed show."""

    @both_timelines
    @promise("C1")
    def test_two_actors_in_one_millisecond_are_two_activities(self, timeline: str) -> None:
        feed = self.feed(timeline)
        activities = [Activity(actor, Love, 42, time=MOMENT) for actor in (1, 2, "x", UUID(int=3))]
        feed.add_many(activities)
        expected = sorted(ids_of(activities), reverse=True)
        same(ids_of(feed), expected, "C1", "four actors who love one thing in one millisecond")

    @both_timelines
    @promise("C2")
    def test_a_feed_is_ordered_by_id(self, timeline: str) -> None:
        feed, activities = self.feed(timeline), self.tied_activities(30)
        feed.add_many(activities[::2])
        for activity in activities[1::2]:
            feed.add(activity)
        same(ids_of(feed[:]), ids_of(activities[::-1]), "C2", "a feed of one millisecond, newest first")
        same(ids_of(feed.order_by("activity_id")), ids_of(activities), "C2", "the same, oldest first")
        same(ids_of([feed[0], feed[29]]), ids_of([activities[29], activities[0]]), "C2", "its first and last activity")
        for first in (0, 3, 29, 30):
            expected = ids_of(activities[::-1][first : first + 4])
            same(ids_of(feed[first : first + 4]), expected, "C2", f"feed[{first}:{first + 4}]")

    @both_timelines
    @promise("C3")
    def test_filters_are_exact_at_the_boundary(self, timeline: str) -> None:
        feed, activities = self.feed(timeline), self.tied_activities(9)
        feed.add_many(activities)
        for operator, holds in OPERATORS.items():
            for boundary in (activities[0], activities[4], activities[8]):
                for bound in (boundary.serialization_id, boundary):
                    filtered = feed.filter(**{f"activity_id__{operator}": bound})
                    expected = [id for id in ids_of(activities[::-1]) if holds(id, boundary.serialization_id)]
                    words = f"filter(activity_id__{operator}=...) at entry {activities.index(boundary) + 1} of 9"
                    same(ids_of(filtered), expected, "C3", words)
                    same(ids_of(filtered.order_by("activity_id")), expected[::-1], "C3", f"{words}, oldest first")
                    same(filtered.count(), len(expected), "C3", f"the count of {words}")

    @both_timelines
    @promise("C3")
    def test_filters_add_up(self, timeline: str) -> None:
        feed, activities = self.feed(timeline), self.tied_activities(9)
        feed.add_many(activities)
        inner = feed.filter(activity_id__gt=activities[2]).filter(
            activity_id__lte=activities[6], activity_id__gte=activities[1]
        )
        same(ids_of(inner), ids_of(activities[6:2:-1]), "C3", "a feed filtered three times")
        same(ids_of(inner[1:3]), ids_of(activities[5:3:-1]), "C3", "a slice of a filtered feed")
        same(ids_of(inner.filter(activity_id__lt=activities[3])), [], "C3", "a feed filtered until nothing is left")
        same(inner.index_of(activities[6]), 0, "C3", "a position in a filtered feed")
        check(not inner.contains(activities[2]), "C3", "a filtered feed contains what its filter excludes")

    @both_timelines
    @promise("C3")
    def test_walking_by_the_last_activity_visits_each_once(self, timeline: str) -> None:
        feed, activities = self.feed(timeline, max_length=400), self.tied_activities(230)
        feed.add_many(activities)
        seen: list[int] = []
        page = feed[:20]
        while page:
            seen += ids_of(page)
            check(len(seen) <= 230, "C3", "walking by activity_id__lt visits activities again")
            page = feed.filter(activity_id__lt=page[-1])[:20]
        same(
            seen, ids_of(activities[::-1]), "C3", "a walk by activity_id__lt through 230 activities of one millisecond"
        )

    @both_timelines
    @promise("C3")
    def test_pages_visit_each_activity_once(self, timeline: str) -> None:
        feed, activities = self.feed(timeline, max_length=400), self.tied_activities(201)
        feed.add_many(activities)
        for walked, expected in ((feed, activities[::-1]), (feed.order_by("activity_id"), activities)):
            seen: list[int] = []
            page = walked.page(20)
            while True:
                seen += ids_of(page)
                check(len(seen) <= 201, "C3", "walking by pages visits activities again")
                if page.next_cursor is None:
                    break
                page = walked.page(20, after=page.next_cursor)
            same(seen, ids_of(expected), "C3", "a walk by pages through 201 activities of one millisecond")

    @both_timelines
    @promise("C3")
    def test_pages_do_not_shift_when_something_is_added(self, timeline: str) -> None:
        feed = self.feed(timeline)
        feed.add_many(self.activity(number) for number in range(10))
        page = feed.page(4)
        feed.add_many(self.activity(number) for number in (20, 21))
        feed.remove(page.items[3])
        rest = feed.page(10, after=page.next_cursor)
        same(
            ids_of(rest),
            ids_of(self.activity(number) for number in range(5, -1, -1)),
            "C3",
            "the page after adds and a removal",
        )

    @both_timelines
    @promise("C4")
    def test_filter_and_order_by_leave_the_feed_as_it_is(self, timeline: str) -> None:
        feed, activities = self.feed(timeline), self.tied_activities(6)
        feed.add_many(activities)
        filtered = feed.filter(activity_id__lt=activities[3])
        ordered = filtered.order_by("activity_id")
        for _ in range(2):
            same(ids_of(feed), ids_of(activities[::-1]), "C4", "a feed after a filter was made of it")
            same(ids_of(filtered), ids_of(activities[2::-1]), "C4", "a filtered feed, read again")
            same(ids_of(ordered), ids_of(activities[:3]), "C4", "an ordered feed, read again")
            same(len(feed), 6, "C4", "the length of a feed after reads")

    @both_timelines
    @promise("C5", "C26")
    def test_ids_may_be_integers_strings_or_uuids(self, timeline: str) -> None:
        feed_class = self.feed_class(timeline)
        owners: tuple[Id, ...] = (13, "tea", UUID(int=13), "13:x", -5, "a b")
        for number, owner in enumerate(owners):
            activity = Activity(owner, Love, owner, target=owner, time=self.activity(number).time)
            feed_class(owner, streams=self.streams).add(activity)
            same(feed_class(owner, streams=self.streams)[:], [activity], "C5", f"the feed of owner {owner!r}")
        same(
            ids_of(feed_class("13", streams=self.streams)),
            ids_of(feed_class(13, streams=self.streams)),
            "C5",
            "owners 13 and '13'",
        )

    @both_timelines
    @promise("C2")
    def test_positions_agree_with_the_order(self, timeline: str) -> None:
        feed, activities = self.feed(timeline), self.tied_activities(7)
        feed.add_many(activities[1:])
        for order in (feed, feed.order_by("activity_id")):
            same([order.index_of(each) for each in order], [*range(6)], "C2", "positions of activities in a feed")
        check(feed.contains(activities[3]), "C2", "a feed does not contain what it shows")
        check(not feed.contains(activities[0]), "C2", "a feed contains what it does not show")
        try:
            place = feed.index_of(activities[0])
        except NotInFeed:
            return
        check(False, "C2", f"the position of what a feed does not show is {place}, and should be NotInFeed")

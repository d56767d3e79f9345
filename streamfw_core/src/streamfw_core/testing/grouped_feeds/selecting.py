"""Order, slices, filters, pages, positions and single groups of grouped feeds."""

from __future__ import annotations

from streamfw_core.errors import NotInFeed
from streamfw_core.storage.groups import digest_of_group
from streamfw_core.testing.feeds.case import both_timelines, ids_of
from streamfw_core.testing.feeds.selecting import OPERATORS
from streamfw_core.testing.grouped_feeds.case import GroupedFeedCase
from streamfw_core.testing.promises import check, promise, same

__all__ = ["GroupedSelectingContract"]


class GroupedSelectingContract(GroupedFeedCase):
    """What parts of a grouped feed show."""

    @both_timelines
    @promise("C2", "C14")
    def test_groups_come_newest_first_with_all_that_they_have(self, timeline: str) -> None:
        feed, activities = self.grouped_feed(timeline), self.likes(30, things=4, actors=7)
        feed.add_many(activities[::2])
        for activity in activities[1::2]:
            feed.add(activity)
        self.shows(feed, activities, "30 likes of four things")
        groups = self.expected(feed, activities)
        self.same_groups(feed.order_by("activity_id"), groups[::-1], "the same, oldest first", "C2")
        self.same_groups([feed[0], feed[3]], [groups[0], groups[3]], "its first and last group", "C2")
        for first in (0, 1, 3, 4):
            self.same_groups(feed[first : first + 2], groups[first : first + 2], f"feed[{first}:{first + 2}]", "C2")

    @both_timelines
    @promise("C13", "C14")
    def test_groups_of_one_millisecond_stay_apart(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        activities = [self.like(number % 30, number % 7) for number in range(90)]
        feed.add_many(activities)
        self.shows(feed, activities, "30 groups of one millisecond", "C13")

    @both_timelines
    @promise("C14")
    def test_counts_are_of_all_activities_when_few_are_at_hand(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        activities = self.likes(70, things=1, actors=50)
        feed.add_many(activities)
        one = feed[0]
        same(len(one.activities), one.max_aggregated_activities_length, "C14", "activities at hand of a group of 70")
        same(one.minimized_activities, 70 - len(one.activities), "C14", "how many activities are not at hand")
        self.shows(feed, activities, "70 likes of one thing by 50 actors")
        feed.remove_many(activities[30:])
        self.shows(feed, activities[:30], "30 that are left of 70 likes")

    @both_timelines
    @promise("C3")
    def test_filters_are_exact_at_the_group(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        feed.add_many([self.like(number % 9, number, at=number // 9) for number in range(18)])
        ids = ids_of(feed.order_by("activity_id"))
        for operator, holds in OPERATORS.items():
            for boundary in (ids[0], ids[4], ids[8]):
                filtered = feed.filter(**{f"activity_id__{operator}": boundary})
                expected = [id for id in ids[::-1] if holds(id, boundary)]
                words = f"filter(activity_id__{operator}=...) at group {ids.index(boundary) + 1} of 9"
                same(ids_of(filtered), expected, "C3", words)
                same(ids_of(filtered.order_by("activity_id")), expected[::-1], "C3", f"{words}, oldest first")
                same(filtered.count(), len(expected), "C3", f"the count of {words}")
        same(feed.filter(activity_id__lt=feed[3])[:], feed[4:], "C3", "a feed filtered by a group")
        same(len(feed), 9, "C4", "the length of a feed after it was filtered")

    @both_timelines
    @promise("C3")
    def test_pages_visit_each_group_once(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline, max_length=200)
        feed.add_many([self.like(number % 65, number, at=number % 2) for number in range(130)])
        ids = ids_of(feed)
        for walked, expected in ((feed, ids), (feed.order_by("activity_id"), ids[::-1])):
            seen: list[int] = []
            page = walked.page(20)
            while True:
                seen += ids_of(page)
                check(len(seen) <= 65, "C3", "walking by pages visits groups again")
                if page.next_cursor is None:
                    break
                page = walked.page(20, after=page.next_cursor)
            same(seen, expected, "C3", "a walk by pages through 65 groups of one millisecond")

    @both_timelines
    @promise("C3")
    def test_pages_stay_exact_while_groups_move(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        feed.add_many(self.likes(20, things=20))
        seen: list[str] = []
        page, cursors = feed.page(4), 0
        while True:
            seen += [one.group for one in page]
            if page.next_cursor is None:
                break
            # One that was shown moves up, one that was not does too, and one comes.
            for thing in (19 - cursors, cursors):
                feed.add(self.like(f"thing {thing}", "x", at=100 + cursors))
            feed.add(self.like(f"new {cursors}", at=100 + cursors))
            cursors += 1
            page = feed.page(4, after=page.next_cursor)
        check(len(seen) == len({*seen}), "C3", f"a walk while groups move shows a group twice: {seen}")
        moved = {feed.get_aggregator().get_group(self.like(f"thing {thing}")) for thing in range(cursors)}
        still = {feed.get_aggregator().get_group(self.like(f"thing {thing}")) for thing in range(20)} - moved
        check(still <= {*seen}, "C3", f"a walk while groups move misses groups that did not: {still - {*seen}}")

    @both_timelines
    @promise("C2")
    def test_positions_agree_with_the_order(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        activities = self.likes(24, things=8)
        feed.add_many(activities)
        stale = feed[:]
        feed.add(self.like("thing 2", "x", at=99))
        for order in (feed, feed.order_by("activity_id"), feed.filter(activity_id__lt=feed[2])):
            groups = order[:]
            same([order.index_of(one) for one in groups], [*range(len(groups))], "C2", "positions of groups")
            same([order.index_of(one.serialization_id) for one in groups], [*range(len(groups))], "C2", "by their ids")
            for place, one in enumerate(groups):
                found = [order.index_of(activity) for activity in one.activities]
                same(found, [place] * len(one.activities), "C2", "positions of the groups of activities")
        check(
            all(feed.contains(one) for one in stale), "C2", "a group that has moved is not found by an older copy of it"
        )
        check(
            all(one.serialization_id in feed for one in stale),
            "C2",
            "a group that has moved is not found by an older id",
        )
        check(activities[0] in feed, "C2", "a feed does not contain an activity that it has")
        gone = self.like("another thing")
        check(not feed.contains(gone), "C2", "a feed contains an activity that it does not have")
        try:
            place = feed.index_of(gone)
        except NotInFeed:
            return
        check(False, "C2", f"the position of what a feed does not have is {place}, and should be NotInFeed")

    @both_timelines
    @promise("C15")
    def test_a_group_is_got_by_its_key_however_far_down(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline, max_length=300)
        activities = self.likes(240, things=240)
        feed.add_many(activities)
        last = feed[239]
        for asked in (last, last.group):
            found = feed.get(asked)
            check(found is not None, "C15", "the last of 240 groups is not found by its key")
            same(found, last, "C15", "the last of 240 groups, got by its key")
        same(feed.get("no such group"), None, "C15", "a group that is not there")
        more = self.like("thing 0", "x", at=-5)
        feed.add(more)
        self.same_group(feed[239], self.expected(feed, [activities[0], more])[0], "a feed of 240 groups", "C15")
        same(feed.count(), 240, "C15", "how many groups there are after the last one was added to")

    @both_timelines
    @promise("C4")
    def test_filter_and_order_by_leave_the_feed_as_it_is(self, timeline: str) -> None:
        feed = self.grouped_feed(timeline)
        feed.add_many(self.likes(12, things=6))
        ids = ids_of(feed)
        filtered = feed.filter(activity_id__lt=ids[2])
        ordered = filtered.order_by("activity_id")
        for _ in range(2):
            same(ids_of(feed), ids, "C4", "a feed after a filter was made of it")
            same(ids_of(filtered), ids[3:], "C4", "a filtered feed, read again")
            same(ids_of(ordered), ids[:2:-1], "C4", "an ordered feed, read again")

    @both_timelines
    @promise("C2")
    def test_the_lower_half_of_a_group_s_id_is_its_own(self, timeline: str) -> None:
        feed, ids = self.grouped_feed(timeline), []
        for at in (5, 3, 9):
            feed.add(self.like("thing", at, at=at))
            ids.append(feed[0].serialization_id)
        same({id % 2**64 for id in ids}, {digest_of_group(feed[0].group)}, "C2", "the lower halves of a group's ids")
        check(ids[0] == ids[1] < ids[2], "C2", f"the id of a group does not move with its newest activity: {ids}")

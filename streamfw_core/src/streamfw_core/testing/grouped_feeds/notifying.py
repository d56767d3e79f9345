"""What is seen and read in notification feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from streamfw_core.activity import Activity
from streamfw_core.feeds.notification import NotificationFeed
from streamfw_core.testing.feeds.case import both_timelines
from streamfw_core.testing.grouped_feeds.case import GroupedFeedCase
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.properties import EXAMPLES

__all__ = ["NotifyingContract"]


class NotifyingContract(GroupedFeedCase):
    """What `mark_activity`, `mark_activities` and `mark_all` do, and what is counted."""

    def notifications(self, timeline: str, **attributes: Any) -> NotificationFeed:
        """A notification feed of a new class."""
        return cast("NotificationFeed", self.grouped_feed(timeline, **attributes))

    def counts(self, feed: NotificationFeed, unseen: int, unread: int, words: str, name: str = "C18") -> None:
        """What a feed counts, and what its groups say, is this."""
        same((feed.count_unseen(), feed.count_unread()), (unseen, unread), name, f"unseen and unread of {words}")
        groups = feed[:]
        flags = (sum(not one.is_seen() for one in groups), sum(not one.is_read() for one in groups))
        same(flags, (unseen, unread), name, f"groups that are unseen and unread of {words}")
        data = feed.get_notification_data()
        same(data, {"unseen_count": unseen, "unread_count": unread}, name, f"get_notification_data() of {words}")

    @both_timelines
    @promise("C18")
    def test_groups_are_marked_by_whatever_names_them(self, timeline: str) -> None:
        feed, activities = self.notifications(timeline), self.likes(12, things=6)
        feed.add_many(activities)
        self.counts(feed, 6, 6, "six new groups")
        groups = feed[:]
        same(feed.mark_activity(groups[0]), True, "C18", "marking a group that is new")
        same(feed.mark_activity(groups[0]), False, "C18", "marking it again")
        same(feed.mark_activity(groups[1].serialization_id, read=True), True, "C18", "marking a group by its id")
        same(feed.mark_activity(groups[2].last_activity, seen=False, read=True), True, "C18", "by an activity")
        same(feed.mark_activity(groups[3].activity_ids[0]), True, "C18", "by the id of an activity")
        self.counts(feed, 3, 4, "six groups, of which four were marked")
        marked = feed.mark_activities([*groups[:3], groups[4], groups[4], 12345], read=True)
        same(marked, 3, "C18", "how many of four groups marked as seen and read were not so before")
        self.counts(feed, 1, 2, "six groups, of which five were marked")
        same(feed.mark_all(seen=True, read=False), 1, "C18", "how many groups mark_all() changes")
        self.counts(feed, 0, 2, "a feed after mark_all()")
        same(feed.mark_all(read=True), 2, "C18", "how many groups mark_all(read=True) changes")
        self.counts(feed, 0, 0, "a feed of which all was seen and read")
        check(all(one.seen_at and one.read_at for one in feed), "C18", "groups that were marked do not say when")

    @both_timelines
    @promise("C19")
    def test_what_arrives_later_is_unseen_whatever_its_time(self, timeline: str) -> None:
        feed = self.notifications(timeline)
        feed.add_many([self.like("a", 1, at=5), self.like("b", 1, at=6)])
        feed.mark_all(read=True)
        stale = feed[:]
        for number, at in enumerate((9, 2, 5)):
            feed.add(self.like("a", 10 + number, at=at))
            self.counts(feed, 1, 1, f"a feed marked before something of {at} arrived", "C19")
            feed.mark_activity(stale[1], read=True)
            self.counts(feed, 0, 0, "the feed after its group was marked again")
        feed.add(self.like("c", 1, at=1))
        self.counts(feed, 1, 1, "a feed marked before a group began that is older than the others", "C19")

    @both_timelines
    @promise("C18", "C19")
    def test_deliveries_that_come_again_are_not_news(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1], 8: [1]})
        feed = cast("NotificationFeed", self.grouped_feed_of(manager, 1))
        activities = [self.like(f"thing {number % 2}", 7, at=number) for number in range(4)]
        for activity in activities:
            manager.add_user_activity(7, activity)
        self.queue.drain()
        feed.mark_all(read=True)
        for seed in range(3):
            self.queue.replay(seed)
            feed.add_many(activities)
            self.counts(feed, 0, 0, f"a feed that was marked, after late and repeated deliveries (order {seed})")
        late = self.like("thing 0", 8, at=-50)
        manager.add_user_activity(8, late)
        self.queue.drain()
        self.counts(feed, 1, 1, "a feed that was marked before an older activity was delivered", "C19")
        manager.remove_user_activity(8, late)
        self.queue.drain()
        self.counts(feed, 0, 0, "the feed after that was removed")
        manager.add_user_activity(8, late)
        self.queue.drain()
        self.counts(feed, 1, 1, "the feed after it was published anew", "C19")

    @both_timelines
    @promise("C18")
    def test_counts_are_right_after_trim_removal_and_delete(self, timeline: str) -> None:
        feed = self.notifications(timeline, max_length=5)
        activities = self.likes(14, things=7)
        feed.add_many(activities)
        feed.mark_activities(feed[1:3], read=True)
        self.counts(feed, 3, 3, "a full feed of five, of which two were marked")
        feed.remove_many(activities[6::7])
        self.counts(feed, 2, 2, "the feed after an unseen group was removed")
        feed.trim(2)
        self.counts(feed, 0, 0, "the feed trimmed to the two that were marked")
        feed.add(self.like("x", at=99))
        self.counts(feed, 1, 1, "the feed after another group came")
        feed.delete()
        self.counts(feed, 0, 0, "a feed that was deleted")

    @both_timelines
    @promise("C18")
    def test_counts_are_within_the_filter(self, timeline: str) -> None:
        feed = self.notifications(timeline)
        feed.add_many(self.likes(6, things=6))
        groups = feed[:]
        feed.mark_activities([groups[1], groups[4]])
        older = feed.filter(activity_id__lt=groups[2])
        same((older.count_unseen(), older.count_unread()), (2, 3), "C18", "unseen and unread among the three oldest")
        newer = feed.filter(activity_id__gte=groups[2])
        same((newer.count_unseen(), newer.count_unread()), (2, 3), "C18", "unseen and unread among the three newest")
        none = newer.filter(activity_id__lt=groups[5])
        same((none.count_unseen(), none.count_unread()), (0, 0), "C18", "unseen and unread of nothing")

    @both_timelines
    @promise("C18")
    def test_a_feed_is_told_when_it_was_marked(self, timeline: str) -> None:
        told: list[int] = []

        def on_update_feed(feed: Any, _new: Sequence[Activity], _deleted: Sequence[int]) -> None:
            told.append(feed.count_unseen())

        feed = self.notifications(timeline, on_update_feed=on_update_feed)
        feed.add_many(self.likes(3))
        feed.mark_activity(feed[0])
        feed.mark_activity(feed[0])
        feed.mark_all()
        same(told, [3, 2, 0], "C18", "what was unseen when a feed was told of changes")

    @promise("C26")
    def test_marks_concern_one_owner(self) -> None:
        feed_class = self.feed_class("reference")
        one, other = (cast("NotificationFeed", feed_class(owner, streams=self.streams)) for owner in (1, 2))
        for feed in (one, other):
            feed.add_many(self.likes(3))
        one.mark_all(read=True)
        self.counts(one, 0, 0, "the feed of who marked")
        self.counts(other, 3, 3, "the feed of somebody else", "C26")

    @promise("C18", "C19")
    @EXAMPLES
    @given(
        st.lists(
            st.tuples(st.sampled_from(["add", "add", "remove", "mark", "mark all", "trim"]), st.integers(0, 7)),
            min_size=1,
            max_size=12,
        )
    )
    def test_any_history_of_marks_counts_what_arrived_after_them(self, history: list[tuple[str, int]]) -> None:
        self._marked += 1
        feed = cast("NotificationFeed", self._notified(self._marked, streams=self.streams))
        present: dict[str, dict[int, bool]] = {}
        for operation, number in history:
            activity = self.like(f"thing {number % 3} of {self._marked}", number, at=number // 2)
            key, id = feed.get_aggregator().get_group(activity), activity.serialization_id
            match operation:
                case "add":
                    feed.add(activity)
                    present.setdefault(key, {}).setdefault(id, False)
                case "remove":
                    feed.remove(activity)
                    present.get(key, {}).pop(id, None)
                case "mark":
                    feed.mark_activity(activity)
                    members = present.get(key, {})
                    # A group is named by an activity that it has.
                    present.update({key: dict.fromkeys(members, True)} if id in members else {})
                case "mark all":
                    feed.mark_all()
                    present = {key: dict.fromkeys(members, True) for key, members in present.items()}
                case _:
                    feed.trim(number)
                    newest = sorted((max(members), key) for key, members in present.items() if members)[::-1][:number]
                    present = {key: present[key] for key in {one.group for one in feed}}
                    same(len(present), len(newest), "C7", f"groups after {history}")
            present = {key: members for key, members in present.items() if members}
            unseen = sum(not all(members.values()) for members in present.values())
            same((feed.count(), feed.count_unseen()), (len(present), unseen), "C18", f"groups and unseen in {history}")

    def begin(self) -> None:
        super().begin()
        self._marked = 0
        self._notified = self.feed_class("reference")

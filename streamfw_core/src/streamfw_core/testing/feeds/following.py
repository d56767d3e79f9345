"""Following and unfollowing."""

from __future__ import annotations

from streamfw_core.testing.feeds.case import FeedCase, both_timelines, ids_of
from streamfw_core.testing.promises import promise, same

__all__ = ["FollowingContract"]


class FollowingContract(FeedCase):
    """What a feed shows of those who are followed, and of those who are not any more."""

    @both_timelines
    @promise("C6")
    def test_following_copies_the_newest_activities(self, timeline: str) -> None:
        manager = self.manager(timeline, {}, follow_activity_limit=4)
        activities = [self.activity(number) for number in range(7)]
        manager.batch_import(7, activities)
        for _ in range(2):
            manager.follow_user(1, 7)
            self.queue.drain()
            same(ids_of(manager.get_feeds(1)["normal"]), ids_of(activities[:2:-1]), "C6", "the feed of a new follower")
        manager.follow_many_users(2, [7, 9], async_=False)
        same(ids_of(manager.get_feeds(2)["normal"]), ids_of(activities[:2:-1]), "C6", "the feed of one who follows two")
        same(manager.get_feeds(2)["normal"][0], activities[6], "C25", "an activity that was copied")

    @both_timelines
    @promise("C28")
    def test_unfollowing_takes_out_what_the_source_published(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1], 9: [1]})
        of_seven = [self.activity(number, actor=7) for number in range(3)]
        of_nine = [self.activity(number, actor=9) for number in range(3)]
        for one, other in zip(of_seven, of_nine, strict=True):
            manager.add_user_activity(7, one)
            manager.add_user_activity(9, other)
        self.queue.drain()
        same(len(self.shown(manager, 1)), 6, "C20", "how many activities of two sources a follower has")
        manager.unfollow_user(1, 7)
        self.queue.drain()
        same(self.shown(manager, 1), ids_of(of_nine[::-1]), "C28", "the feed of a follower who unfollowed one of two")
        same(
            ids_of(manager.get_user_feed(7)),
            ids_of(of_seven[::-1]),
            "C28",
            "the own feed of the one who was unfollowed",
        )

    @both_timelines
    @promise("C28")
    def test_late_deliveries_do_not_undo_an_unfollow(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1, 2]})
        old = [self.activity(number) for number in range(3)]
        manager.add_user_activity(7, old[0])
        self.queue.drain()
        for activity in old[1:]:
            manager.add_user_activity(7, activity)
        manager.unfollow_user(1, 7, async_=False)
        same(self.shown(manager, 1), [], "C28", "a feed after an unfollow")
        for seed in range(4):
            self.queue.replay(seed)
            same(self.shown(manager, 1), [], "C28", f"a feed after an unfollow and late deliveries (order {seed})")
            same(self.shown(manager, 2), ids_of(old[::-1]), "C28", "the feed of another follower")
        new = self.activity(9)
        manager.add_user_activity(7, new)
        self.queue.drain()
        same(
            self.shown(manager, 1), ids_of([new]), "C28", "a feed after something was published later than the unfollow"
        )

    @both_timelines
    @promise("C28", "C9")
    def test_following_again_brings_back_what_is_still_there(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1]})
        activities = [self.activity(number) for number in range(4)]
        for activity in activities:
            manager.add_user_activity(7, activity)
        self.queue.drain()
        manager.unfollow_user(1, 7)
        self.queue.drain()
        manager.remove_user_activity(7, activities[2])
        self.queue.drain()
        manager.follow_user(1, 7)
        self.queue.drain()
        expected = ids_of([activities[3], *activities[1::-1]])
        for seed in range(3):
            same(self.shown(manager, 1), expected, "C28", "a feed after unfollowing, a removal, and following again")
            self.queue.replay(seed)

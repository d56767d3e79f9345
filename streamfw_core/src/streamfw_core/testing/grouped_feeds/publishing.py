"""Publishing into grouped feeds through a manager, with messages late, twice and out of order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfw_core.activity import Activity
from streamfw_core.manager import Manager
from streamfw_core.testing.feeds.case import both_timelines, ids_of
from streamfw_core.testing.feeds.publishing import EveryoneHasOne
from streamfw_core.testing.grouped_feeds.case import GroupedFeedCase
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.properties import EXAMPLES

__all__ = ["GroupedPublishingContract"]

FOLLOWERS = (1, "2", 3, "four", 5)
SEEDS = range(4)


class GroupedPublishingContract(GroupedFeedCase):
    """What followers see, in groups, of what users did."""

    def each_shows(self, manager: Manager, activities: list[Activity], words: str, name: str) -> None:
        """All followers see the groups of these activities, and again after late and repeated deliveries."""
        for seed in SEEDS:
            for follower in FOLLOWERS:
                feed = self.grouped_feed_of(manager, follower)
                again = f", order {seed} of late and repeated deliveries" if seed else ""
                self.shows(feed, activities, f"the feed of {follower!r} {words}{again}", name)
            self.queue.replay(seed)

    @both_timelines
    @promise("C20", "C14")
    def test_every_follower_gets_what_is_published(self, timeline: str) -> None:
        manager = self.manager(timeline, dict.fromkeys(range(4), FOLLOWERS))
        activities = self.likes(12)
        for activity in activities:
            manager.add_user_activity(activity.actor_id, activity)
        self.queue.drain()
        self.each_shows(manager, activities, "after twelve likes by four users", "C20")

    @both_timelines
    @promise("C8")
    def test_a_chunk_is_one_call(self, timeline: str) -> None:
        if not self.storage.capabilities.exact_members:
            pytest.skip("there are no groups (the capability exact_members is 0): core makes them of several calls")
        manager = self.manager(timeline, {7: range(200)}, fanout_chunk_size=100)
        streams, storage = self.recorded()
        recorded = type(manager)(streams=streams)
        recorded.add_user_activity(7, self.like("thing"))
        storage.calls.clear()
        self.queue.drain()
        same(
            storage.calls.count("write"), 2, "C8", f"writes of a fan-out to two chunks of feeds, among {storage.calls}"
        )
        wrong = [owner for owner in range(200) if len(self.grouped_feed_of(recorded, owner)) != 1]
        check(not wrong, "C8", f"a fan-out to 200 feeds left {len(wrong)} of them wrong, such as {wrong[:3]}")

    @both_timelines
    @promise("C9", "C14", "C17")
    def test_a_removed_activity_does_not_come_back(self, timeline: str) -> None:
        for by_id in (False, True):
            manager = self.manager(timeline, {7: FOLLOWERS}, name=f"removing_{by_id}")
            activities = [self.like(f"thing {number % 2}", 7, at=1000 * by_id + number) for number in range(6)]
            for activity in activities:
                manager.add_user_activity(7, activity)
            self.queue.drain()
            gone = (activities[5], activities[2])
            for activity in gone:
                manager.remove_user_activity(7, activity.serialization_id if by_id else activity)
            if timeline == "reference":
                shown = {
                    id
                    for follower in FOLLOWERS
                    for one in self.grouped_feed_of(manager, follower)
                    for id in one.activity_ids
                }
                same(
                    shown,
                    {*ids_of(activities)} - {*ids_of(gone)},
                    "C9",
                    "what is shown when remove_user_activity returned",
                )
            self.queue.drain()
            left = [activity for activity in activities if activity not in gone]
            self.each_shows(
                manager, left, f"after two of six were removed by their {'ids' if by_id else 'facts'}", "C9"
            )
            self.queue.recorded.clear()

    @both_timelines
    @promise("C9")
    def test_a_removal_that_overtakes_the_fan_out_wins(self, timeline: str) -> None:
        for seed in SEEDS:
            manager = self.manager(timeline, {7: FOLLOWERS}, name=f"overtaking_{seed}")
            kept, removed = (self.like("thing", 7, at=100 * seed + number) for number in range(2))
            manager.add_user_activity(7, kept)
            manager.add_user_activity(7, removed)
            manager.remove_user_activity(7, removed)
            self.queue.replay(seed)
            for follower in FOLLOWERS:
                words = f"the feed of {follower!r} when the removal overtook the add (order {seed})"
                self.shows(self.grouped_feed_of(manager, follower), [kept], words, "C9")
            self.queue.recorded.clear()

    @both_timelines
    @promise("C9", "C17")
    def test_publishing_anew_after_the_last_of_a_group_was_removed_works(self, timeline: str) -> None:
        manager, activity = self.manager(timeline, {7: FOLLOWERS}), self.like("thing", 7)
        manager.add_user_activity(7, activity)
        manager.remove_user_activity(7, activity)
        self.queue.drain()
        self.each_shows(manager, [], "after its only activity was removed", "C17")
        manager.add_user_activity(7, activity)
        self.queue.drain()
        self.each_shows(manager, [activity], "after publishing anew", "C9")

    @both_timelines
    @promise("C9", "C14")
    def test_an_update_reaches_every_follower_and_changes_no_count(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: FOLLOWERS})
        old = [self.like("thing", 7, at=number, extra_context={"version": 1}) for number in range(3)]
        for activity in old:
            manager.add_user_activity(7, activity)
        self.queue.drain()
        new = self.like("thing", 7, at=1, extra_context={"version": 2})
        manager.update_user_activity(7, new)
        self.queue.drain()
        for seed in SEEDS:
            for follower in FOLLOWERS:
                one = self.grouped_feed_of(manager, follower)[0]
                versions = [activity.extra_context["version"] for activity in one.activities]
                found = (versions, one.activity_count, one.actor_count)
                same(found, ([1, 2, 1], 3, 1), "C9", f"versions and counts in the feed of {follower!r} after an update")
            self.queue.replay(seed)

    @both_timelines
    @promise("C28", "C14")
    def test_following_and_unfollowing(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1], 9: [1]})
        of_seven = [self.like(f"thing {number % 2}", 7, at=number) for number in range(4)]
        of_nine = [self.like(f"thing {number % 2}", 9, at=number) for number in range(4)]
        for one, other in zip(of_seven, of_nine, strict=True):
            manager.add_user_activity(7, one)
            manager.add_user_activity(9, other)
        self.queue.drain()
        feed = self.grouped_feed_of(manager, 1)
        self.shows(feed, [*of_seven, *of_nine], "a follower of two", "C20")
        manager.unfollow_user(1, 7)
        self.queue.drain()
        for seed in SEEDS:
            self.shows(feed, of_nine, f"a follower who unfollowed one of two (order {seed})", "C28")
            self.queue.replay(seed)
        manager.follow_user(1, 7)
        self.queue.drain()
        self.shows(feed, [*of_seven, *of_nine], "a follower who follows again", "C28")
        newcomer = self.grouped_feed_of(manager, 2)
        manager.follow_many_users(2, [7, 9], async_=False)
        self.shows(newcomer, [*of_seven, *of_nine], "a new follower", "C14")

    @both_timelines
    @promise("C9")
    def test_a_deleted_feed_is_not_refilled_by_late_deliveries(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1, 2]})
        activities = [self.like(f"thing {number % 2}", 7, at=number) for number in range(4)]
        for activity in activities:
            manager.add_user_activity(7, activity)
        self.queue.drain()
        feed = self.grouped_feed_of(manager, 1)
        feed.delete()
        new = self.like("thing 0", 7, at=99)
        manager.add_user_activity(7, new)
        self.queue.drain()
        for seed in SEEDS:
            self.shows(feed, [new], "a feed that was deleted, after late deliveries", "C9")
            self.shows(self.grouped_feed_of(manager, 2), [*activities, new], "another follower's feed", "C9")
            self.queue.replay(seed)

    @promise("C9", "C12", "C14", "C20")
    @EXAMPLES
    @given(
        st.lists(
            st.tuples(st.sampled_from(["publish", "publish", "remove", "remove by id"]), st.integers(0, 5)),
            min_size=1,
            max_size=8,
        ),
        st.integers(0, 10**6),
        st.sampled_from(["reference", "inline"]),
    )
    def test_any_history_ends_as_its_last_operations_say(
        self, history: list[tuple[str, int]], seed: int, timeline: str
    ) -> None:
        self._examples += 1
        manager = self._managers[timeline]
        self.queue.recorded.clear()
        last: dict[int, tuple[str, Activity]] = {}
        source = f"source-{self._examples}"
        for operation, number in history:
            activity = self.like(f"{source}: {number % 3}", source, at=number // 2)
            last[activity.serialization_id] = (operation, activity)
            if operation == "publish":
                manager.add_user_activity(source, activity)
            else:
                manager.remove_user_activity(source, activity.serialization_id if "id" in operation else activity)
        self.queue.replay(seed)
        expected = [activity for operation, activity in last.values() if operation == "publish"]
        words = f"a follower after {history}, delivered in the order {seed}, on {timeline} timelines"
        self.shows(self.grouped_feed_of(manager, f"{source}-follower"), expected, words, "C9")

    def begin(self) -> None:
        super().begin()
        self._examples = 0
        self._managers = {
            timeline: self.manager(timeline, EveryoneHasOne(), name=f"history_{timeline}")
            for timeline in ("reference", "inline")
        }

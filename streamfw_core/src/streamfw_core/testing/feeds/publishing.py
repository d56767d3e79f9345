"""Publishing, removing and updating through a manager, with messages late, twice and out of order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamfw_core.testing.feeds.case import FeedCase, both_timelines, ids_of
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.properties import EXAMPLES

__all__ = ["EveryoneHasOne", "PublishingContract"]

FOLLOWERS = (1, 2, "3", 4, "five", 6, 8)
SEEDS = range(5)


class PublishingContract(FeedCase):
    """What followers see of what a user did."""

    @both_timelines
    @promise("C8", "C20")
    def test_every_follower_gets_what_is_published(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: FOLLOWERS})
        activities = [self.activity(number) for number in range(4)]
        for activity in activities:
            manager.add_user_activity(7, activity)
        same(ids_of(manager.get_user_feed(7)), ids_of(activities[::-1]), "C8", "the feed of who published")
        self.queue.drain()
        for again in range(2):
            for follower in FOLLOWERS:
                words = f"the feed of follower {follower!r}{' after all was delivered again' if again else ''}"
                same(self.shown(manager, follower), ids_of(activities[::-1]), "C20", words)
            self.queue.replay(again)
        same(self.shown(manager, 9), [], "C26", "the feed of somebody who does not follow")

    @both_timelines
    @promise("C8")
    def test_a_chunk_is_as_good_as_single_deliveries(self, timeline: str) -> None:
        followers = [*range(100, 720)]
        manager = self.manager(timeline, {7: followers}, fanout_chunk_size=600)
        for number in range(3):
            manager.add_user_activity(7, self.activity(number))
        self.queue.drain()
        expected = ids_of(self.activity(number) for number in (2, 1, 0))
        wrong = [follower for follower in followers if self.shown(manager, follower) != expected]
        check(
            not wrong,
            "C8",
            f"a fan-out to 620 followers in chunks of 600 left {len(wrong)} feeds wrong, such as {wrong[:3]}",
        )

    @both_timelines
    @promise("C9")
    def test_a_removed_activity_does_not_come_back(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: FOLLOWERS})
        kept, removed = self.activity(1), self.activity(2)
        manager.add_user_activity(7, kept)
        manager.add_user_activity(7, removed)
        self.queue.drain()
        manager.remove_user_activity(7, removed)
        same(ids_of(manager.get_user_feed(7)), ids_of([kept]), "C9", "the feed of who removed an activity")
        if timeline == "reference":
            for follower in FOLLOWERS:
                same(
                    self.shown(manager, follower),
                    ids_of([kept]),
                    "C9",
                    "a feed of references when remove_user_activity returned",
                )
        self.queue.drain()
        for seed in SEEDS:
            for follower in FOLLOWERS:
                words = f"the feed of follower {follower!r} after a removal{', late and repeated deliveries' if seed else ''}"
                same(self.shown(manager, follower), ids_of([kept]), "C9", words)
            self.queue.replay(seed)

    @both_timelines
    @promise("C9")
    def test_a_removal_that_overtakes_the_fan_out_wins(self, timeline: str) -> None:
        for seed in SEEDS:
            manager = self.manager(timeline, {7: FOLLOWERS}, name=f"overtaking_{seed}")
            kept, removed = self.activity(1, actor=f"a{seed}"), self.activity(2, actor=f"a{seed}")
            manager.add_user_activity(7, kept)
            manager.add_user_activity(7, removed)
            manager.remove_user_activity(7, removed)
            self.queue.replay(seed)
            for follower in FOLLOWERS:
                words = f"the feed of {follower!r} when the removal overtook the add (order {seed})"
                same(self.shown(manager, follower), ids_of([kept]), "C9", words)

    @both_timelines
    @promise("C9")
    def test_a_removal_also_holds_for_those_it_is_not_delivered_to(self, timeline: str) -> None:
        followers: dict[int, list[int]] = {7: [1, 2]}
        manager, activity = self.manager(timeline, followers), self.activity(1)
        manager.add_user_activity(7, activity)
        # The fan-out has begun, its deliveries are under way; who would get the removal now is nobody.
        self.queue.execute(self.queue.waiting.pop(0))
        deliveries = [*self.queue.waiting]
        self.queue.waiting.clear()
        followers.clear()
        manager.remove_user_activity(7, activity)
        self.queue.drain()
        for delivery in deliveries:
            self.queue.execute(delivery)
        for follower in (1, 2):
            words = f"the feed of {follower}, whose delivery came after the removal"
            same(self.shown(manager, follower), [], "C9", words)

    @both_timelines
    @promise("C9")
    def test_publishing_anew_after_a_removal_works(self, timeline: str) -> None:
        manager, activity = self.manager(timeline, {7: FOLLOWERS}), self.activity(1)
        manager.add_user_activity(7, activity)
        self.queue.drain()
        manager.remove_user_activity(7, activity)
        self.queue.drain()
        manager.add_user_activity(7, activity)
        self.queue.drain()
        for seed in SEEDS:
            same(ids_of(manager.get_user_feed(7)), ids_of([activity]), "C9", "the own feed after publishing anew")
            for follower in FOLLOWERS:
                same(
                    self.shown(manager, follower),
                    ids_of([activity]),
                    "C9",
                    f"the feed of {follower!r} after publishing anew",
                )
            self.queue.replay(seed)

    @both_timelines
    @promise("C9")
    def test_an_update_reaches_every_follower_and_adds_to_nobody(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: FOLLOWERS})
        old = self.activity(1, extra_context={"version": 1})
        manager.add_user_activity(7, old)
        self.queue.drain()
        manager.get_feeds(1)["normal"].remove(old)
        for version in (2, 3):
            manager.update_user_activity(7, self.activity(1, extra_context={"version": version}))
        self.queue.drain()
        for seed in SEEDS:
            for follower in FOLLOWERS[1:]:
                found = [activity.extra_context for activity in manager.get_feeds(follower)["normal"]]
                same(found, [{"version": 3}], "C9", f"the feed of {follower!r} after two updates")
            found = [activity.extra_context for activity in manager.get_user_feed(7)]
            same(found, [{"version": 3}], "C9", "the own feed after two updates")
            same(self.shown(manager, 1), [], "C6", "a feed without the activity, after an update of it")
            self.queue.replay(seed)

    @both_timelines
    @promise("C9")
    def test_an_update_does_not_bring_back_what_was_removed(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: FOLLOWERS})
        manager.add_user_activity(7, self.activity(1))
        manager.remove_user_activity(7, self.activity(1))
        manager.update_user_activity(7, self.activity(1, extra_context={"version": 2}))
        for seed in SEEDS:
            self.queue.replay(seed)
            same(ids_of(manager.get_user_feed(7)), [], "C9", "the own feed after a removed activity was updated")
            same(self.shown(manager, 1), [], "C9", "a follower's feed after a removed activity was updated")

    @both_timelines
    @promise("C8")
    def test_a_batch_is_imported_whole(self, timeline: str) -> None:
        manager = self.manager(timeline, {7: [1, 2]})
        activities = [self.activity(number) for number in range(30)]
        manager.batch_import(7, iter(activities), chunk_size=7)
        self.queue.drain()
        for feed in (manager.get_user_feed(7), *manager.get_feeds(1).values(), *manager.get_feeds(2).values()):
            same(ids_of(feed), ids_of(activities[::-1]), "C8", "a feed after a batch was imported")

    @promise("C9", "C20")
    @EXAMPLES
    @given(
        st.lists(
            st.tuples(st.sampled_from(["publish", "publish", "remove"]), st.integers(0, 3)), min_size=1, max_size=8
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
        last: dict[int, str] = {}
        source = f"source-{self._examples}"
        follower = f"{source}-follower"
        for operation, number in history:
            activity = self.activity(number, actor=source)
            last[activity.serialization_id] = operation
            if operation == "publish":
                manager.add_user_activity(source, activity)
            else:
                manager.remove_user_activity(source, activity)
        self.queue.replay(seed)
        expected = sorted((id for id, operation in last.items() if operation == "publish"), reverse=True)
        words = f"after {history}, delivered in the order {seed}, on {timeline} timelines"
        same(ids_of(manager.get_user_feed(source)), expected, "C9", f"the own feed {words}")
        same(self.shown(manager, follower), expected, "C9", f"a follower's feed {words}")

    def begin(self) -> None:
        super().begin()
        self._examples = 0
        self._managers = {
            timeline: self.manager(timeline, EveryoneHasOne(), name=f"history_{timeline}")
            for timeline in ("reference", "inline")
        }


class EveryoneHasOne(dict[str, list[str]]):
    """Everybody is followed by somebody of their own."""

    def get(self, source: object, default: object = None) -> list[str]:
        return [f"{source}-follower"]

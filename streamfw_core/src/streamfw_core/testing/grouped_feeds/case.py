"""What tests of grouped feeds have at hand: feed classes, managers, activities, and what groups they must make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, cast

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.feeds import Feed, UserBaseFeed
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.ids import Id, text_of_id
from streamfw_core.manager import Manager
from streamfw_core.plugins import Plugins
from streamfw_core.storage.groups import group_id
from streamfw_core.streams import Streams
from streamfw_core.testing.adopted import adopt
from streamfw_core.testing.feeds.case import MOMENT, FeedCase, ids_of
from streamfw_core.testing.promises import check, same
from streamfw_core.testing.recording import RecordingStorage
from streamfw_core.verbs import Love

__all__ = ["Expected", "GroupedFeedCase", "recomputed"]


class Expected(NamedTuple):
    """A group as its activities make it."""

    key: str
    id: int
    activities: list[Activity]
    """Newest first."""

    @property
    def actors(self) -> int:
        return len({text_of_id(activity.actor_id) for activity in self.activities})


def recomputed(aggregator: Any, activities: Iterable[Activity]) -> list[Expected]:
    """The groups of activities, newest first."""
    groups: dict[str, dict[int, Activity]] = {}
    for activity in activities:
        groups.setdefault(aggregator.get_group(activity), {})[activity.serialization_id] = activity
    made = [
        Expected(key, group_id(max(members), key), [members[id] for id in sorted(members, reverse=True)])
        for key, members in groups.items()
    ]
    return sorted(made, key=lambda group: group.id, reverse=True)


class GroupedFeedCase(FeedCase):
    """Like `FeedCase`, with grouped feeds. Groups are by object, unless a test says otherwise."""

    base: ClassVar[type[AggregatedFeed]] = AggregatedFeed

    def feed_class(self, timeline: str, base: type[Feed] | None = None, **attributes: Any) -> type[Feed]:
        """A feed class, grouped unless `base` says otherwise; see `FeedCase.feed_class`."""
        if base is None or issubclass(base, AggregatedFeed):
            # The aggregator `recent_verb` would make one group of nearly all activities here.
            attributes = {"aggregator": "notification", **attributes}
        return super().feed_class(timeline, base or self.base, **attributes)

    def grouped_feed(self, timeline: str, owner: Id = 1, **attributes: Any) -> AggregatedFeed:
        """A grouped feed of a new class."""
        return cast("AggregatedFeed", self.feed_class(timeline, **attributes)(owner, streams=self.streams))

    def manager(self, timeline: str, followers: Mapping[Any, Iterable[Id]], **attributes: Any) -> Manager:
        """A manager with one grouped feed class of followers."""
        described = {"user_feed_class": super().feed_class(timeline, UserBaseFeed), **attributes}
        return super().manager(timeline, followers, **described)

    def grouped_feed_of(self, manager: Manager, owner: Id) -> AggregatedFeed:
        """The feed of a follower."""
        return cast("AggregatedFeed", manager.get_feeds(owner)["normal"])

    def like(self, thing: Id, actor: Id = 7, *, at: int = 0, **facts: Any) -> Activity:
        """That somebody liked a thing, at a millisecond."""
        return Activity(actor, Love, thing, time=MOMENT + timedelta(milliseconds=at), **facts)

    def likes(self, number: int, *, things: int = 3, actors: int = 4) -> list[Activity]:
        """That many likes, one in each millisecond, of some things by some actors."""
        return [self.like(f"thing {each % things}", each % actors, at=each) for each in range(number)]

    def same_groups(
        self, found: Iterable[AggregatedActivity], expected: Iterable[Expected], words: str, name: str = "C14"
    ) -> None:
        """Aggregated activities are what their activities make of them.

        :param name: the promise that a difference breaks.
        """
        shown, groups = [*found], [*expected]
        same([one.group for one in shown], [group.key for group in groups], name, f"groups of {words}")
        for one, group in zip(shown, groups, strict=True):
            self.same_group(one, group, words, name)

    def same_group(self, one: AggregatedActivity, group: Expected, words: str, name: str = "C14") -> None:
        """An aggregated activity is what its activities make of it."""
        of, newest = f"of group {group.key!r} of {words}", group.activities[: one.max_aggregated_activities_length]
        same(ids_of(one.last_activities), ids_of(newest), name, f"activities {of}")
        same(one.last_activities, newest, "C25", f"activities {of}")
        same(one.activity_count, len(group.activities), name, f"activity_count {of}")
        same(one.actor_count, group.actors, name, f"actor_count {of}")
        same(one.other_actor_count, max(0, group.actors - 2), name, f"other_actor_count {of}")
        same(one.serialization_id, group.id, "C2", f"the id {of}")
        times = (group.activities[-1].serialization_id >> 64, group.activities[0].serialization_id >> 64)
        found = tuple(round(time.timestamp() * 1000) for time in (one.created_at, one.updated_at))
        same(found, times, name, f"created_at and updated_at {of}, in milliseconds")
        check(one.counts_exact, name, f"counts {of} are said to be estimates")

    def expected(self, feed: AggregatedFeed, activities: Iterable[Activity]) -> list[Expected]:
        """The groups that a feed must show of activities, newest first."""
        return recomputed(feed.get_aggregator(), activities)

    def shows(self, feed: AggregatedFeed, activities: Iterable[Activity], words: str, name: str = "C14") -> None:
        """A feed shows exactly the groups of these activities."""
        self.same_groups(feed[:], self.expected(feed, activities), words, name)
        same(feed.count(), len(self.expected(feed, activities)), name, f"the count of {words}")

    def recorded(self) -> tuple[Streams, RecordingStorage]:
        """An application of its own, whose calls of the storage are recorded."""
        storage = RecordingStorage(self.storage)
        described = {"storages": {"default": adopt(storage)}, "task_queue": adopt(self.queue)}
        return Streams(described, plugins=Plugins(entry_points=(), environ={})), storage

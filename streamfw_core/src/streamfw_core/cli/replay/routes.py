"""Routes: the way of an event into feeds, one for each `--feed`.

| feed | what | who gets an event |
|---|---|---|
| flat | activities, newest first | the followers of the actor, by a manager's fan-out |
| aggregated | groups of them | the same, the same way |
| notification | groups that are unseen and unread | the user who is mentioned or replied to, without fan-out |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from streamfw_core.cli.deliveries import deliveries_of
from streamfw_core.cli.replay.network import (
    VERBS,
    AggregatedHomeFeed,
    AggregatedReplayManager,
    Graph,
    HomeFeed,
    MentionsFeed,
    NotificationManager,
    OwnFeed,
    ReplayManager,
    activity_of,
)
from streamfw_core.cli.replay.reading import Events
from streamfw_core.errors import InputFileError
from streamfw_core.feeds import Feed
from streamfw_core.streams import Streams

__all__ = ["FEEDS", "NOTIFYING", "FollowersRoute", "NotificationRoute", "Route", "feeds_of"]

FEEDS: Mapping[str, type[Feed]] = {"flat": HomeFeed, "aggregated": AggregatedHomeFeed, "notification": MentionsFeed}
"""What `--feed` may be, and the feeds that are measured then."""

NOTIFYING = ("MT", "RE")
"""The verbs that concern somebody: a retweet tells its followers, and nobody in particular."""


def feeds_of(kind: str) -> list[type[Feed]]:
    """All feed classes that are written to."""
    return [FEEDS[kind]] if kind == "notification" else [FEEDS[kind], OwnFeed]


class Route(ABC):
    """How the events of a log get into the feeds of one class.

    :param owners: everybody who may have a feed, in ascending order.
    """

    owners_are: ClassVar[str]

    def __init__(self, streams: Streams, events: Events, feed_class: type[Feed], owners: Sequence[int]) -> None:
        self.streams = streams
        self.events = events
        self.feed_class = feed_class
        self.owners = owners

    @abstractmethod
    def publish(self, place: int) -> bool:
        """Publish the event at this place; returns whether it is one that is published."""

    @abstractmethod
    def deliveries(self) -> int:
        """How many activities were put into feeds until now."""

    @abstractmethod
    def receivers(self, place: int) -> Sequence[int]:
        """Whose feeds the event at this place gets into."""

    @abstractmethod
    def filled(self) -> Sequence[int]:
        """Those whose feeds do not stay empty, in ascending order."""


class FollowersRoute(Route):
    """A manager fans out to the followers of whoever did something."""

    owners_are = "followers"

    def __init__(self, streams: Streams, events: Events, feed_class: type[Feed], graph: Graph) -> None:
        super().__init__(streams, events, feed_class, graph.followers)
        self.graph = graph
        manager = AggregatedReplayManager if feed_class is AggregatedHomeFeed else ReplayManager
        self._add = manager(graph, streams=streams).add_user_activity
        self._counted = deliveries_of(streams)

    def publish(self, place: int) -> bool:
        self._add(self.events.actors[place], activity_of(self.events, place))
        return True

    def deliveries(self) -> int:
        return self._counted.added

    def receivers(self, place: int) -> Sequence[int]:
        return self.graph.followers_of(self.events.actors[place])

    def filled(self) -> Sequence[int]:
        return sorted({one for actor in set(self.events.actors) for one in self.graph.followers_of(actor)})


class NotificationRoute(Route):
    """Whoever is mentioned or replied to gets to know it.

    :raises InputFileError: nobody is.
    """

    owners_are = "users who were mentioned or replied to"

    def __init__(self, streams: Streams, events: Events, path: Path) -> None:
        notifying = {list(VERBS).index(name) for name in NOTIFYING}
        self._notifies = [verb in notifying for verb in events.verbs]
        objects = {one for one, notifies in zip(events.objects, self._notifies, strict=True) if notifies}
        if not objects:
            message = f"{path}: none of its events is a mention (MT) or a reply (RE): nobody is notified"
            raise InputFileError(message, path=str(path))
        super().__init__(streams, events, MentionsFeed, sorted(objects))
        self._manager = NotificationManager(streams)
        self._delivered = 0

    def publish(self, place: int) -> bool:
        if not self._notifies[place]:
            return False
        self._manager.notify(self.events.objects[place], activity_of(self.events, place))
        self._delivered += 1
        return True

    def deliveries(self) -> int:
        return self._delivered

    def receivers(self, place: int) -> Sequence[int]:
        return (self.events.objects[place],) if self._notifies[place] else ()

    def filled(self) -> Sequence[int]:
        return self.owners

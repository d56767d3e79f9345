"""The network of a replay: its verbs, its feeds, who follows whom, and the managers that know all that."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from streamfw_core.activity import Activity
from streamfw_core.cli.replay.reading import Events
from streamfw_core.feeds import Feed, UserBaseFeed
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.feeds.notification import NotificationFeed
from streamfw_core.ids import Id
from streamfw_core.manager import FanoutPriority, Manager
from streamfw_core.streams import Streams
from streamfw_core.verbs import Verb, register

__all__ = [
    "VERBS",
    "AggregatedHomeFeed",
    "AggregatedReplayManager",
    "Graph",
    "HomeFeed",
    "MentionsFeed",
    "NotificationManager",
    "OwnFeed",
    "ReplayManager",
    "activity_of",
    "register_verbs",
]


# Ids that no application is likely to have: the settings may import one.
class Retweet(Verb):
    id = 9101
    infinitive = "retweet"
    past_tense = "retweeted"


class Mention(Verb):
    id = 9102
    infinitive = "mention"
    past_tense = "mentioned"


class Reply(Verb):
    id = 9103
    infinitive = "reply to"
    past_tense = "replied to"


VERBS: Mapping[str, type[Verb]] = {"RT": Retweet, "MT": Mention, "RE": Reply}
"""The verbs of the events file, in the order in which `Events.verbs` counts them."""

_BY_PLACE = tuple(VERBS.values())


def register_verbs() -> None:
    """Make the verbs known to this process; not at import, as an import is no use of the command."""
    for verb in VERBS.values():
        register(verb)


class HomeFeed(Feed):
    """What those published whom somebody follows."""

    name = "replay_home"
    key_format = "streamfw:replay:home:%(user_id)s"
    activity_namespace = "streamfw:replay:activities"


class AggregatedHomeFeed(AggregatedFeed):
    """The same, in groups."""

    name = "replay_home_aggregated"
    key_format = "streamfw:replay:aggregated:%(user_id)s"
    activity_namespace = "streamfw:replay:activities"


class MentionsFeed(NotificationFeed):
    """Who mentioned somebody or replied."""

    name = "replay_mentions"
    key_format = "streamfw:replay:mentions:%(user_id)s"
    activity_namespace = "streamfw:replay:activities"


class OwnFeed(UserBaseFeed):
    """What somebody published."""

    name = "replay_own"
    key_format = "streamfw:replay:own:%(user_id)s"
    activity_namespace = "streamfw:replay:activities"


class Graph:
    """Who follows whom. Followers are kept as arrays, 8 bytes each."""

    def __init__(self, edges: Iterable[tuple[int, int]]) -> None:
        by_followed: dict[int, list[int]] = {}
        for follower, followed in edges:
            by_followed.setdefault(followed, []).append(follower)
        # An edge that is given twice is one.
        self._followers = {followed: array("q", dict.fromkeys(ids)) for followed, ids in by_followed.items()}
        self.edges = sum(map(len, self._followers.values()))
        self.followers: Sequence[int] = sorted({id for ids in self._followers.values() for id in ids})
        """Everybody who follows somebody."""

    def followers_of(self, user_id: int) -> Sequence[int]:
        return self._followers.get(user_id, ())

    def largest(self) -> int:
        """The followers of the one who has most."""
        return max(map(len, self._followers.values()))


class ReplayManager(Manager):
    name = "streamfw_replay"
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"home": HomeFeed}
    user_feed_class = OwnFeed

    def __init__(self, graph: Graph, *, streams: Streams) -> None:
        super().__init__(streams=streams)
        self._graph = graph

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Id]]:
        return {FanoutPriority.HIGH: self._graph.followers_of(user_id)}


class AggregatedReplayManager(ReplayManager):
    name = "streamfw_replay_aggregated"
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"home": AggregatedHomeFeed}


class NotificationManager:
    """Tells one user at a time: there are no followers, and so no fan-out."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def notify(self, user_id: int, activity: Activity) -> None:
        MentionsFeed(user_id, streams=self._streams).add(activity)


def activity_of(events: Events, place: int) -> Activity:
    """The activity of one event."""
    return Activity(
        events.actors[place],
        _BY_PLACE[events.verbs[place]],
        events.objects[place],
        time=datetime.fromtimestamp(events.times[place], UTC),
    )

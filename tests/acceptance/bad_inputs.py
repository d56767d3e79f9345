"""What the table of bad inputs is made with: a small application, into which each of them is put."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

from streamfw_core.plugins import Plugins

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed, Verb, register

MEMORY = EntryPoint("memory", "streamfw_memory.plugin", "streamfw")
"""The only plugin that is installed here, whatever else is."""

made: list[Streams] = []
"""The applications made since this was last emptied, so that what was written can be looked at."""


class Unsaved:
    id = None

    def __repr__(self) -> str:
        return "<Unsaved>"


class Unregistered(Verb):
    id = 8901
    infinitive = "skip"
    past_tense = "skipped"


class WithoutId(Verb):
    infinitive = "skip"
    past_tense = "skipped"


class WithoutPast(Verb):
    id = 8902
    infinitive = "skip"


class TakenId(Verb):
    id = 3
    infinitive = "skip"
    past_tense = "skipped"


class OtherActivity(Activity):
    pass


class PinFeed(Feed):
    pass


class SameName(Feed):
    name = "pin"
    key_format = "other:%(user_id)s"


class SameKey(Feed):
    key_format = "feed:pin:%(user_id)s"


class NoLength(Feed):
    max_length = 0


class NoKey(Feed):
    key_format = "feed"


class PinManager(Manager):
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"pins": PinFeed}
    user_feed_class = UserBaseFeed

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[int]]:
        return {FanoutPriority.HIGH: [2, 3]}


class ListManager(PinManager):
    def get_user_follower_ids(self, user_id: Any) -> Any:
        return [2, 3]


class Silent(Manager):
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"pins": PinFeed}


def streams(settings: Mapping[str, Any] | None = None) -> Streams:
    application = Streams(settings or {}, plugins=Plugins(entry_points=[MEMORY], environ={}))
    made.append(application)
    return application


def feed(owner: Any = 1, settings: Mapping[str, Any] | None = None) -> Any:
    return PinFeed(owner, streams=streams(settings))


def manager() -> Any:
    return PinManager(streams=streams())


def publish(activity: Any) -> None:
    manager().add_user_activity(1, activity)


def bind(*feed_classes: type[Feed]) -> None:
    application = streams()
    for feed_class in feed_classes:
        application.bind(feed_class)


def activity() -> Activity:
    return Activity(1, Love, 1, time=datetime(2026, 1, 1, tzinfo=UTC))


def new(*arguments: Any, **named: Any) -> Activity:
    """An activity of whatever is given, whatever its declared types."""
    return Activity(*arguments, **named)


def register_any(verb: Any) -> None:
    register(verb)

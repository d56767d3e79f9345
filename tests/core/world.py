"""A small application that the tests of core share: two follower feeds, one of which keeps payloads, and a manager."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from streamfw_core.queues.protocol import Handler, OnDead
from streamfw_core.storage import Scope

from streamfw_core import Activity, AggregatedFeed, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed

START = datetime(2026, 1, 1, tzinfo=UTC)


def activity(number: int = 0, actor: Any = 1, **context: Any) -> Activity:
    """The same one for the same arguments."""
    return Activity(actor, Love, number, time=START + timedelta(seconds=number), extra_context=context)


class HomeFeed(Feed):
    """Refers to activities."""

    max_length = 20


class InlineFeed(Feed):
    """Keeps activities."""

    max_length = 20
    activities = None


class GroupsFeed(AggregatedFeed):
    """Refers to activities, by verb and day."""


class OwnFeed(UserBaseFeed):
    key_format = "own:%(user_id)s"
    name = "own"


class WorldManager(Manager):
    """Users and their followers are a dict of this manager."""

    feed_classes: ClassVar = {"home": HomeFeed, "inline": InlineFeed}
    user_feed_class = OwnFeed

    def __init__(self, *, streams: Streams | None = None, name: str | None = None) -> None:
        super().__init__(streams=streams, name=name)
        self.followers: dict[str, Any] = {}

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterable[Any]]:
        found: dict[FanoutPriority, Iterable[Any]] = self.followers.get(str(user_id), {FanoutPriority.HIGH: []})
        return found

    def shown(self, user_id: Any) -> dict[str, list[Activity]]:
        """All that a user sees, by alias."""
        return {alias: feed[:] for alias, feed in self.get_feeds(user_id).items()}


class Recorder:
    """A task queue that keeps messages until a test delivers them, in the order it likes."""

    name = "recorder"
    scope = Scope.PROCESS

    def __init__(self, name: str = "recorder", options: Any = None) -> None:
        self.messages: list[tuple[bytes, FanoutPriority]] = []

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self.handler = handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self.messages.append((message, priority))

    def split(self) -> list[bytes]:
        """Execute the root messages; returns the deliveries, which are not executed."""
        roots, self.messages = self.messages, []
        for message, _ in roots:
            self.handler(message)
        return [message for message, _ in self.messages]

    def deliver_all(self) -> None:
        while self.messages:
            message, _ = self.messages.pop(0)
            self.handler(message)

    def drain(self, timeout: float | None = None) -> None:
        self.deliver_all()

    def close(self) -> None:
        self.deliver_all()


def recording_streams() -> tuple[Streams, Recorder]:
    streams = Streams({"task_queue": {"backend": f"{__name__}:Recorder"}})
    queue = streams.queue
    assert isinstance(queue, Recorder)
    return streams, queue

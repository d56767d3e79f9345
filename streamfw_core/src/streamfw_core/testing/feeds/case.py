"""What tests of feeds have at hand: an application on the storage, feed classes, a manager, activities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamfw_core.activity import Activity
from streamfw_core.feeds import Feed, UserBaseFeed
from streamfw_core.feeds.feed import SAME_AS_TIMELINE
from streamfw_core.ids import Id
from streamfw_core.manager import FanoutPriority, Manager
from streamfw_core.plugins import Plugins
from streamfw_core.storage.protocol import Storage
from streamfw_core.streams import Streams
from streamfw_core.testing.adopted import adopt
from streamfw_core.testing.recording import RecordingQueue
from streamfw_core.testing.storages.case import StorageCase
from streamfw_core.verbs import Love

__all__ = ["MOMENT", "FeedCase", "both_timelines", "ids_of"]

MOMENT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)

both_timelines = pytest.mark.parametrize("timeline", ["reference", "inline"])
"""Timelines that refer to activities, and such that keep them."""


def ids_of(activities: Iterable[Any]) -> list[int]:
    return [activity.serialization_id for activity in activities]


class FeedCase(StorageCase):
    """An application on the storage, whose task queue keeps messages until `queue.drain()`."""

    def begin(self) -> None:
        super().begin()
        self.queue = RecordingQueue(self._loops.call if self.aio else None)
        # Without plugins: what else is installed must not take part.
        self.streams = Streams(
            {"storages": {"default": adopt(self.storage)}, "task_queue": adopt(self.queue)},
            plugins=Plugins(entry_points=(), environ={}),
        )
        self._activities = self.namespace()

    def called(self, storage: Storage) -> Storage:
        """As it is: feeds are what is called on event loops, where there are some."""
        return storage

    def feed_class(self, timeline: str, base: type[Feed] = Feed, **attributes: Any) -> type[Feed]:
        """A feed class of keys that nobody else has; all of a test share their activities unless `attributes` say otherwise."""
        number = next(self._numbers)
        described = {
            "name": f"kit_{number}",
            "key_format": f"kit:{self._token}:{number}:%(user_id)s",
            "activities": None if timeline == "inline" else SAME_AS_TIMELINE,
            "activity_namespace": self._activities,
            **attributes,
        }
        called = self._loops.feed_class(base) if self.aio else base
        made: type[Feed] = type(f"Kit{number}Feed", (called,), described)
        self._namespaces.append(made.key_format)
        self.streams.prepare(made)
        return made

    def feed(self, timeline: str, owner: Id = 1, **attributes: Any) -> Feed:
        """A feed of a new class."""
        return self.feed_class(timeline, **attributes)(owner, streams=self.streams)

    def manager(self, timeline: str, followers: Mapping[Any, Iterable[Id]], **attributes: Any) -> Manager:
        """A manager with one feed class of followers, and messages for three of them at a time."""

        def get_user_follower_ids(_: Manager, user_id: Any) -> Mapping[FanoutPriority, Iterable[Id]]:
            return {FanoutPriority.HIGH: followers.get(user_id, ())}

        described = {
            "feed_classes": {"normal": self.feed_class(timeline)},
            "user_feed_class": self.feed_class(timeline, UserBaseFeed),
            "fanout_chunk_size": 3,
            "get_user_follower_ids": get_user_follower_ids,
            **attributes,
        }
        base = self._loops.manager_class() if self.aio else Manager
        manager: Manager = type("KitManager", (base,), described)(streams=self.streams)
        return manager

    def activity(self, number: int, *, actor: Id = 7, milliseconds: int | None = None, **facts: Any) -> Activity:
        """An activity; by default each number has a millisecond of its own."""
        time = MOMENT + timedelta(milliseconds=number if milliseconds is None else milliseconds)
        return Activity(actor, Love, number, time=time, **facts)

    def tied_activities(self, number: int) -> list[Activity]:
        """Activities of one millisecond, oldest id first."""
        return sorted(
            (self.activity(each, milliseconds=0) for each in range(number)), key=lambda each: each.serialization_id
        )

    def shown(self, manager: Manager, owner: Id) -> list[int]:
        """The ids of what a follower's feed shows."""
        return ids_of(manager.get_feeds(owner)["normal"])

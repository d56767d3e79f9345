"""The canary: a manager and feeds of its own, which every process has whose release knows of it.

The name of the manager is `streamfw.canary`, or `streamfw.canary:pins` for that of the manager `pins`, which a worker
makes only if it has the manager `pins`, with all its feeds, and in whose storages it writes.
A message for one that a worker has not is given up as one for `pins` would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from streamfw_core.feeds.feed import Feed
from streamfw_core.manager import Manager
from streamfw_core.queues.protocol import FanoutPriority
from streamfw_core.storage.protocol import Scope
from streamfw_core.streams import CANARY

if TYPE_CHECKING:
    from streamfw_core.ids import Id
    from streamfw_core.streams import Streams

__all__ = ["OWN", "Canary", "canary_of"]

OWN: Final = "own"
"""The owner of the feed of what the canary itself did."""


class Canary(Manager):
    """Publishes to one follower for each priority, named like it, on each of some storages."""

    name = CANARY

    def __init__(self, storages: Iterable[str], *, streams: Streams, name: str) -> None:
        super().__init__(streams=streams, name=name)
        # Not of the class: another canary has other storages.
        feeds: Any = {storage: _feed_on(storage) for storage in storages}
        self.feed_classes = feeds  # type: ignore[misc]
        self.user_feed_class = next(iter(feeds.values()))  # type: ignore[misc]

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Id]]:
        return {priority: [priority.value] for priority in FanoutPriority}


def canary_of(streams: Streams, name: str) -> Canary:
    """The canary of this name.

    :raises ManagerNotFound: there is no manager whose canary it would be.
    :raises SettingsError, FeedConflict: and what else keeps that manager from working.
    """
    watched = name.partition(":")[2]
    storages = _storages_of(streams.manager(watched)) if watched else [*streams.settings.storages]
    if streams.queue.scope is Scope.SHARED:
        storages = [one for one in storages if streams.storage(one).capabilities.scope is Scope.SHARED] or storages
    return Canary(storages, streams=streams, name=name)


def _storages_of(manager: Manager) -> list[str]:
    """The names of the storages in which the feeds of a manager are, with their activities."""
    streams = manager.streams
    names: dict[str, None] = {}
    for binding in map(streams.bind, (manager.user_feed_class, *manager.feed_classes.values())):
        names |= {storage.name: None for storage in (binding.timelines, binding.activities) if storage is not None}
    return [*names]


@cache
def _feed_on(storage: str) -> type[Feed]:
    """The canary's feeds on a storage: several storages may be one server, so each has keys of its own."""
    marks = {
        "name": f"canary.{storage}",
        "key_format": f"streamfw:canary:{storage}:%(user_id)s",
        "activity_namespace": f"streamfw:canary-activities:{storage}",
        "timeline": storage,
        "__module__": __name__,
    }
    return type("CanaryFeed", (Feed,), marks)

"""The conformance kit on event loops: the same promises, through `feed.aio` and `manager.aio`, and storages that wait."""

from __future__ import annotations

import sys
from typing import Any

from streamfw_core.aio import in_aio
from streamfw_core.storage import FeedSpec, Storage
from streamfw_core.testing import (
    AggregatedFeedContract,
    FeedContract,
    GroupStorageContract,
    NotificationFeedContract,
    StorageContract,
)
from streamfw_memory.storage import MemoryStorage
from streamfw_redis.keys import GROUPS

from tests.redis.feeds import OnRedis

WATCHED = {"copy", "write", "remember", "read", "read_groups", "get_groups", "locate", "stats", "mark", "store"}


class Watched(MemoryStorage):
    """Sees that what feeds and managers do is done on an event loop; what tests do to it themselves need not be."""

    def __getattribute__(self, name: str) -> Any:
        if name in WATCHED and not in_aio():
            caller = sys._getframe(1).f_globals["__name__"]
            assert not caller.startswith("streamfw_core.feeds"), f"{caller} called {name} without a loop"
            assert not caller.startswith(("streamfw_core.fanout", "streamfw_core.manager")), f"{caller} called {name}"
        return super().__getattribute__(name)


class InMemory:
    aio = True

    def make_storage(self, name: str) -> Storage:
        return Watched(name)


class TestMemoryFeeds(InMemory, FeedContract):
    pass


class TestMemoryAggregatedFeeds(InMemory, AggregatedFeedContract):
    pass


class TestMemoryNotificationFeeds(InMemory, NotificationFeedContract):
    pass


class TestMemoryStorage(InMemory, StorageContract):
    pass


class TestMemoryGroups(InMemory, GroupStorageContract):
    pass


class OnRedisLoops(OnRedis):
    aio = True

    def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
        return super().spoil_feed(getattr(storage, "storage", storage), spec, owner)


class TestRedisStorage(OnRedisLoops, StorageContract):
    pass


class OnRedisGroupLoops(OnRedisLoops):
    letter = GROUPS


class TestRedisGroups(OnRedisGroupLoops, GroupStorageContract):
    pass


class TestRedisFeeds(OnRedisLoops, FeedContract):
    pass


class TestRedisFeedsInBuckets(OnRedisLoops, FeedContract):
    buckets = 4


class TestRedisAggregatedFeeds(OnRedisGroupLoops, AggregatedFeedContract):
    pass


class TestRedisNotificationFeeds(OnRedisGroupLoops, NotificationFeedContract):
    pass

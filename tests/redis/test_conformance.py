"""Flat feeds on Redis against the conformance kit: on one server, and with the keys in buckets as on a cluster."""

from __future__ import annotations

import pytest
from streamfw_core.storage import FeedSpec, Storage
from streamfw_core.testing import FeedContract, StorageContract
from streamfw_redis.keys import TIMELINE
from streamfw_redis.storage import RedisStorage, create

from tests.services.redis import Server


class OnRedis:
    """Makes storages on a shared server of each version."""

    buckets = 0

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: Server) -> None:
        self.server = redis_server

    def make_storage(self, name: str) -> Storage:
        return create(name, {"url": self.server.url, "buckets": self.buckets})

    def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
        assert isinstance(storage, RedisStorage)
        key = spec.key(owner).encode()
        with self.server.client() as client:
            client.set(storage.keys.start(storage.keys.bucket_of_feed(key)) + TIMELINE + key, b"not a timeline")
        return True


class TestRedisStorage(OnRedis, StorageContract):
    pass


class TestRedisStorageInBuckets(OnRedis, StorageContract):
    buckets = 4


class TestRedisFeeds(OnRedis, FeedContract):
    pass


class TestRedisFeedsInBuckets(OnRedis, FeedContract):
    buckets = 4

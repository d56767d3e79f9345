"""Flat feeds on Redis against the conformance kit: on one server, and with the keys in buckets as on a cluster."""

from __future__ import annotations

from streamfw_core.testing import FeedContract, StorageContract

from tests.redis.feeds import OnRedis


class TestRedisStorage(OnRedis, StorageContract):
    pass


class TestRedisStorageInBuckets(OnRedis, StorageContract):
    buckets = 4


class TestRedisFeeds(OnRedis, FeedContract):
    pass


class TestRedisFeedsInBuckets(OnRedis, FeedContract):
    buckets = 4

"""Grouped feeds on Redis against the conformance kit: on one server, in buckets there, and on a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from streamfw_core.storage import FeedSpec, Storage
from streamfw_core.testing import AggregatedFeedContract, GroupStorageContract, NotificationFeedContract, promise
from streamfw_core.testing.groups.histories import GroupHistories, Step, histories
from streamfw_core.testing.properties import EXAMPLES
from streamfw_redis.keys import GROUPS
from streamfw_redis.storage import RedisStorage, create

from tests.services.cluster import Cluster
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
            client.set(storage.keys.start(storage.keys.bucket_of_feed(key)) + GROUPS + key, b"no groups")
        return True


class TestRedisGroups(OnRedis, GroupStorageContract):
    pass


class TestRedisGroupsInBuckets(OnRedis, GroupStorageContract):
    buckets = 4


class TestRedisAggregatedFeeds(OnRedis, AggregatedFeedContract):
    pass


class TestRedisAggregatedFeedsInBuckets(OnRedis, AggregatedFeedContract):
    buckets = 4


class TestRedisNotificationFeeds(OnRedis, NotificationFeedContract):
    pass


class TestRedisNotificationFeedsInBuckets(OnRedis, NotificationFeedContract):
    buckets = 4


@pytest.fixture(scope="class")
def on_cluster(request: pytest.FixtureRequest, redis_cluster: Cluster) -> None:
    """Tells a class of the kit where the cluster is."""
    request.cls.url = redis_cluster.url


@pytest.mark.usefixtures("on_cluster")
class TestGroupsOnCluster(GroupStorageContract):
    url: str

    def make_storage(self, name: str) -> Storage:
        return create(name, {"url": self.url})


@pytest.mark.usefixtures("on_cluster")
class TestNotificationFeedsOnCluster(NotificationFeedContract):
    url: str

    def make_storage(self, name: str) -> Storage:
        return create(name, {"url": self.url})


class TestRedisHistories(OnRedis, GroupHistories):
    """1,000 histories on each version."""

    @promise("C9", "C14", "C17", "C18", "C19")
    @settings(EXAMPLES, max_examples=500)
    @given(histories(30))
    def test_five_hundred_histories_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=False)

    @promise("C9", "C14", "C17", "C18", "C19")
    @settings(EXAMPLES, max_examples=500)
    @given(histories(30))
    def test_five_hundred_histories_of_a_full_feed_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=True)

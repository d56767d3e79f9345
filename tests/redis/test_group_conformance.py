"""Grouped feeds on Redis against the conformance kit: on one server, in buckets there, and on a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from streamfw_core.storage import Storage
from streamfw_core.testing import AggregatedFeedContract, GroupStorageContract, NotificationFeedContract, promise
from streamfw_core.testing.groups.histories import GroupHistories, Step, histories
from streamfw_core.testing.properties import EXAMPLES
from streamfw_redis.keys import GROUPS
from streamfw_redis.storage import create

from tests.redis.feeds import OnRedis
from tests.services.cluster import Cluster


class OnRedisGroups(OnRedis):
    letter = GROUPS


class TestRedisGroups(OnRedisGroups, GroupStorageContract):
    pass


class TestRedisGroupsInBuckets(OnRedisGroups, GroupStorageContract):
    buckets = 4


class TestRedisAggregatedFeeds(OnRedisGroups, AggregatedFeedContract):
    pass


class TestRedisAggregatedFeedsInBuckets(OnRedisGroups, AggregatedFeedContract):
    buckets = 4


class TestRedisNotificationFeeds(OnRedisGroups, NotificationFeedContract):
    pass


class TestRedisNotificationFeedsInBuckets(OnRedisGroups, NotificationFeedContract):
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


class TestRedisHistories(OnRedisGroups, GroupHistories):
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

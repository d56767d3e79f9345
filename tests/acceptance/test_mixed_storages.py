"""Feeds of followers on Redis, the activities and everybody's own feed on Cassandra: the manager does not know."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, NotificationFeed, Streams, UserBaseFeed
from tests.services.cassandra import Cassandra
from tests.services.redis import Server

FOLLOWERS = {1: [2, 3], 4: [3]}


class HomeFeed(Feed):
    name = "home"


class NoticeFeed(NotificationFeed):
    name = "notice"


class ProfileFeed(UserBaseFeed):
    name = "profile"


class PinManager(Manager):
    feed_classes: ClassVar = {"home": HomeFeed, "notice": NoticeFeed}
    user_feed_class = ProfileFeed

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, list[int]]:
        return {FanoutPriority.HIGH: FOLLOWERS.get(user_id, [])}


@pytest.fixture
def streams(redis_server: Server, shared_cassandra: Cassandra) -> Iterator[Streams]:
    token = secrets.token_hex(4)
    cassandra = {
        "hosts": shared_cassandra.hosts,
        "port": shared_cassandra.port,
        "timeout": 60.0,
        "connect_timeout": 60.0,
    }
    with Streams(
        {
            "storages": {
                "hot": {"backend": "redis", "options": {"url": redis_server.url, "prefix": f"mixed:{token}:"}},
                "archive": {
                    "backend": "cassandra",
                    "options": {**cassandra, "keyspace": f"mixed_{token}", "replication": 1},
                },
            },
            "feeds": {
                "home": {"timeline": "hot", "activities": "archive"},
                "notice": {"timeline": "hot", "activities": "archive"},
                "profile": {"timeline": "archive", "activities": "archive"},
            },
        }
    ) as made:
        made.prepare(HomeFeed, NoticeFeed, ProfileFeed)
        yield made


def activity(number: int, actor: int = 1, **extra: object) -> Activity:
    time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Activity(actor, Love, 5, time=time, extra_context=extra)


def test_what_is_published_is_shown_updated_and_removed_everywhere(streams: Streams) -> None:
    manager = PinManager(streams=streams)
    published = [activity(number) for number in range(40)]
    for one in published:
        manager.add_user_activity(1, one)
    newest_first = published[::-1]
    assert manager.get_user_feed(1)[:100] == newest_first
    for follower in (2, 3):
        assert manager.get_feeds(follower)["home"][:25] == newest_first[:25]
        [group] = manager.get_feeds(follower)["notice"][:5]
        assert group.activity_count == 40

    manager.update_user_activity(1, activity(7, color="red"))
    assert manager.get_feeds(2)["home"][32].extra_context == {"color": "red"}

    manager.remove_user_activity(1, published[39])
    assert manager.get_feeds(2)["home"][:1] == [published[38]]
    assert manager.get_user_feed(1)[:1] == [published[38]]
    assert manager.get_feeds(3)["notice"][0].activity_count == 39


def test_following_copies_from_one_to_the_other_and_unfollowing_takes_it_out(streams: Streams) -> None:
    manager = PinManager(streams=streams)
    mine, theirs = [activity(number) for number in range(5)], [activity(100 + number, 4) for number in range(5)]
    manager.batch_import(1, mine)
    manager.batch_import(4, theirs)
    assert manager.get_feeds(2)["home"][:20] == mine[::-1]
    manager.follow_user(2, 4)
    assert manager.get_feeds(2)["home"][:20] == theirs[::-1] + mine[::-1]
    manager.unfollow_user(2, 1)
    assert manager.get_feeds(2)["home"][:20] == theirs[::-1]
    assert manager.get_feeds(3)["home"][:20] == theirs[::-1] + mine[::-1]

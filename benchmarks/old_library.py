"""The old library, on the server of a benchmark, in a process with a Python and packages of its own: see README.md here.

It is driven line by line: a request is a JSON list, the name of a method of `Library` and its arguments,
and the answer is what that returns. It is written for Python 3.6, the newest that the old library runs on.
"""

import json
import sys
from datetime import datetime, timedelta
from typing import Any

GROUPS = 20


class Library:
    """What a benchmark may ask for."""

    def __init__(self, port: int, followers: int) -> None:
        from celery import Celery
        from stream_framework import settings  # type: ignore[import-not-found]

        celery = Celery()
        celery.conf.CELERY_ALWAYS_EAGER = True  # tasks run in the caller, as with the inline queue
        celery.set_default()
        settings.STREAM_REDIS_CONFIG = {"default": {"host": "127.0.0.1", "port": port, "db": 0, "password": None}}

        from stream_framework.activity import Activity  # type: ignore[import-not-found]
        from stream_framework.aggregators.base import (  # type: ignore[import-not-found]
            BaseAggregator,
            RecentRankMixin,
        )
        from stream_framework.feed_managers.base import FanoutPriority, Manager  # type: ignore[import-not-found]
        from stream_framework.feeds.aggregated_feed.redis import (  # type: ignore[import-not-found]
            RedisAggregatedFeed,
        )
        from stream_framework.feeds.notification_feed.redis import (  # type: ignore[import-not-found]
            RedisNotificationFeed,
        )
        from stream_framework.feeds.redis import RedisFeed  # type: ignore[import-not-found]
        from stream_framework.verbs.base import Love  # type: ignore[import-not-found]

        class OldFeed(RedisFeed):  # type: ignore[misc]
            key_format = "old:%(user_id)s"
            max_length = 100

        class OldUserFeed(RedisFeed):  # type: ignore[misc]
            key_format = "old_user:%(user_id)s"
            max_length = 10000

        class OldFollowerFeed(RedisFeed):  # type: ignore[misc]
            key_format = "old_follower:%(user_id)s"
            max_length = 20000

        class ByItem(RecentRankMixin, BaseAggregator):  # type: ignore[misc]
            def get_group(self, activity: Any) -> str:
                return f"{activity.verb.id}-{activity.object_id % GROUPS}"

        class OldGroups(RedisAggregatedFeed):  # type: ignore[misc]
            key_format = "old_groups:%(user_id)s"
            max_length = 100
            aggregator_class = ByItem

        class OldNotifications(RedisNotificationFeed):  # type: ignore[misc]
            key_format = "old_notifications:%(user_id)s"
            max_length = 100
            aggregator_class = ByItem

        class OldManager(Manager):  # type: ignore[misc]
            feed_classes = {"normal": OldFeed}  # noqa: RUF012
            user_feed_class = OldUserFeed

            def get_user_follower_ids(self, user_id: int) -> Any:
                return {FanoutPriority.HIGH: list(range(followers))}

        class OldFollowManager(OldManager):
            feed_classes = {"normal": OldFollowerFeed}  # noqa: RUF012

        self.manager, self.follow_manager = OldManager(), OldFollowManager()
        self.feed, self.follower_feed, self.user_feed = OldFeed, OldFollowerFeed, OldUserFeed
        self.groups, self.notifications = OldGroups, OldNotifications
        self.activity, self.verb = Activity, Love
        self.last = datetime.utcnow()  # noqa: DTZ003 - it wants naive ones
        self.number = 0

    def make(self, actor: int) -> Any:
        self.number += 1
        return self.activity(actor, self.verb, self.number, extra_context={"item": self.number})

    def make_later(self) -> Any:
        """By one of seven actors, a second later than the one before: groups that change in one second get one id."""
        made = self.make(self.number % 7)
        made.extra_context = {"item": str(self.number)}  # the number 59, pickled, holds a semicolon, which it refuses
        made.time = self.last = self.last + timedelta(seconds=1)
        return made

    def publish(self, actor: int) -> None:
        self.manager.add_user_activity(actor, self.make(actor))

    def read(self, owner: int, count: int, times: int) -> int:
        feed, found = self.feed(owner), 0
        for _ in range(times):
            found = len(feed[:count])
        return found

    def fill_user(self, actor: int, count: int) -> None:
        activities = [self.make(actor) for _ in range(count)]
        self.user_feed.insert_activities(activities)
        self.user_feed(actor).add_many(activities)

    def follow(self, owner: int, targets: Any) -> int:
        self.follow_manager.follow_many_users(owner, targets, **{"async": False})
        return int(self.follower_feed(owner).count())

    def forget(self, owner: int) -> None:
        self.follower_feed(owner).delete()

    def follow_short(self, owner: int, targets: Any) -> int:
        self.manager.follow_many_users(owner, targets, **{"async": False})
        return int(self.feed(owner).count())

    def forget_short(self, owner: int) -> None:
        self.feed(owner).delete()

    def fill_groups(self, owners: int, count: int) -> None:
        activities = [self.make_later() for _ in range(count)]
        self.groups.insert_activities(activities)
        for owner in range(owners):
            self.groups(owner).add_many(activities)

    def add_to_groups(self, owners: int) -> None:
        activity = self.make_later()
        self.groups.insert_activity(activity)
        for owner in range(owners):
            self.groups(owner).add(activity)

    def fill_notifications(self, owner: int, count: int) -> int:
        feed = self.notifications(owner)
        feed.delete()
        feed.add_many([self.make_later() for _ in range(count)])
        feed.mark_all(seen=True, read=True)
        return len(feed[:100])

    def notify(self, owner: int, times: int) -> None:
        feed = self.notifications(owner)
        for _ in range(times):
            feed.add(self.make_later())
            assert feed.count_unseen() == 1
            assert feed.count_unread() == 1
            feed.mark_all(seen=True, read=True)


def main(port: int, followers: int) -> None:
    library = Library(port, followers)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(getattr(library, name)(*arguments)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""What backends are measured with: feed classes, managers, activities one after the other, and feeds that are full."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from streamfw_core.storage import Entry, Write

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed

PUBLISHER = 1
PAGE = 25
FEEDS_AT_ONCE, ENTRIES_AT_ONCE = 500, 1_000
"""What one call of the storage gets when feeds are filled."""
UNEVEN = 17
"""Feeds are filled with a few entries more or less, so that a storage that trims now and then does not trim all at once."""


class Source:
    """Activities of one person, published now, each later than the one before."""

    def __init__(self, actor: int = PUBLISHER) -> None:
        self.actor = actor
        self.number = 0
        self._last = datetime.now(UTC)
        self.next: Activity = self.make()

    def make(self) -> Activity:
        self.number += 1
        self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
        return Activity(self.actor, Love, self.number, time=self._last, extra_context={"item": self.number})

    def many(self, count: int) -> list[Activity]:
        return [self.make() for _ in range(count)]

    def advance(self) -> None:
        """Have the next one ready, to be published now: not before it happens, as `many` runs ahead of the clock."""
        self.next = self.make()
        time.sleep(max(0.0, (self.next.time - datetime.now(UTC)).total_seconds()))


class BenchFeed(Feed):
    name = "bench"
    key_format = "bench:%(user_id)s"
    max_length = 100


class LongFeed(Feed):
    name = "bench_long"
    key_format = "bench_long:%(user_id)s"
    max_length = 1_000


class EndlessFeed(Feed):
    name = "bench_endless"
    key_format = "bench_endless:%(user_id)s"
    max_length = 2_000_000


class FollowerFeed(Feed):
    name = "bench_follower"
    key_format = "bench_follower:%(user_id)s"
    max_length = 20_000


class BenchUserFeed(UserBaseFeed):
    name = "bench_user"
    key_format = "bench_user:%(user_id)s"


class BenchManager(Manager):
    """Everybody has the same followers: 0 to `followers`."""

    name = "bench"
    feed_classes: ClassVar[Any] = {"bench": BenchFeed}
    user_feed_class = BenchUserFeed
    followers = 10_000

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, range]:
        return {FanoutPriority.HIGH: range(self.followers)}


class FollowManager(BenchManager):
    name = "bench_follow"
    feed_classes: ClassVar[Any] = {"bench": FollowerFeed}


def owners_to(count: int) -> list[str]:
    return [str(owner) for owner in range(count)]


def stamp_of(activity: Activity) -> int:
    """When it was published, in microseconds: within 50 milliseconds of when it happened."""
    return int(activity.time.timestamp() * 1_000_000) + random.randrange(10, 50_000)


def entries(activities: Sequence[Activity]) -> list[Entry]:
    return [Entry(activity.serialization_id, stamp_of(activity)) for activity in activities]


def write(streams: Streams, feed_class: type[Feed], owners: Sequence[str], puts: Sequence[Entry]) -> None:
    """One call of the storage, as a worker makes it."""
    binding = streams.bind(feed_class)
    outcome = binding.timelines.write(binding.spec, [Write(owners, puts=puts)])
    assert not outcome.failures, outcome.failures


def fill(streams: Streams, feed_class: type[Feed], owners: Sequence[str], source: Source) -> None:
    """Make feeds full, as if everything had been delivered when it was published."""
    puts = entries(source.many(feed_class.max_length))
    for first in range(0, len(owners), FEEDS_AT_ONCE):
        some = owners[first : first + FEEDS_AT_ONCE]
        for start in range(0, len(puts), ENTRIES_AT_ONCE):
            write(streams, feed_class, some, puts[start : start + ENTRIES_AT_ONCE])
    for start in range(1, UNEVEN):
        more = [owner for number, owner in enumerate(owners) if number % UNEVEN >= start]
        write(streams, feed_class, more, entries(source.many(1)))

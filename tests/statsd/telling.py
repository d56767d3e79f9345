"""A program that does some of everything, with the metrics that it is told: python telling.py BACKEND OPTIONS.

It imports nothing of the tests, as one of its two environments has nothing but streamfw.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any, ClassVar

from streamfw_core.errors import DecodeError
from streamfw_core.storage.protocol import Record

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed

FOLLOWERS = 25

COUNTERS = {
    "activities.published": 3 + 7,
    "activities.removed": 1,
    "home.fanout.add": (3 + 7) * FOLLOWERS,
    "home.fanout.remove": FOLLOWERS,
    "home.reads": 4 * 9 + 8 + 7,
    "home.writes": 2,
    "home.deletes": 1,
    "home.hydration_misses": 2,
    "home.decode_errors": 2,
    "dead_letters": 1,
}
"""What the program makes a statsd count, after the prefix."""

TIMERS = {
    "home.fanout_latency": (3 + 1 + 1) * 3,
    "home.read_latency": 4 + 2,
}
"""How many timings of each; the chunks have ten followers each, and what is imported is fanned out together."""


class HomeFeed(Feed):
    name = "home"


class OwnFeed(UserBaseFeed):
    name = "own"


class TellingManager(Manager):
    name = "telling"
    feed_classes: ClassVar[Any] = {"home": HomeFeed}
    user_feed_class = OwnFeed
    fanout_chunk_size = 10

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return {FanoutPriority.HIGH: range(FOLLOWERS)}


def tell(streams: Streams) -> None:
    """Do some of everything."""
    manager = TellingManager(streams=streams)
    activities = [Activity("ada", Love, number) for number in range(10)]
    for activity in activities[:3]:
        manager.add_user_activity("ada", activity)
    manager.batch_import("ada", activities[3:])
    manager.remove_user_activity("ada", activities[0])
    feed = HomeFeed(1, streams=streams)
    for _ in range(4):
        feed[:25]
    mine = HomeFeed("me", streams=streams)
    mine.add_many([Activity("me", Love, number) for number in (1, 2)])
    mine.remove(Activity("me", Love, 1))
    binding = HomeFeed.binding(streams)
    assert binding.activities is not None
    binding.discard([activities[1].serialization_id], 2**60)
    feed[:25]
    broken = [Record(activities[2].serialization_id, 2**60, b"\xff")]
    binding.activities.store(binding.records, broken)
    feed.skipping_broken()[:25]
    with suppress(DecodeError):
        feed[:25]
    streams.given_up("OSError: away")


def main(backend: str, options: str) -> None:
    with Streams({"metrics": {"backend": backend, "options": json.loads(options)}}) as streams:
        tell(streams)


if __name__ == "__main__":
    main(*sys.argv[1:])

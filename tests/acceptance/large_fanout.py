"""One fan-out of two feed classes to HIGH and LOW followers by the million, as a process whose memory can be measured.

python -m tests.acceptance.large_fanout STORAGE FOLLOWERS MODE

`STORAGE` is a backend, `FOLLOWERS` how many of each priority, `MODE` is `stream` or `keep`:
the latter is the fault that the measurement must notice, a pipeline that keeps all ids before it sends the first.
Prints a JSON document.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import psutil
from streamfw_core.ids import Id, encode_owner
from streamfw_core.storage.protocol import Query

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed, fanout
from tests.acceptance.counting_storage import CountingStorage

SAMPLES = 20
MAX_PENDING = 100
"""Messages of 1,000 ids that may wait: full soon, so that nearly all samples are of a full pipeline."""

CHECKED_AT_ONCE = 10_000


class NewsFeed(Feed):
    key_format = "news:%(user_id)s"


class AlertFeed(Feed):
    key_format = "alerts:%(user_id)s"


class CelebrityManager(Manager):
    name = "celebrity"
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"news": NewsFeed, "alerts": AlertFeed}
    user_feed_class = UserBaseFeed

    def __init__(self, streams: Streams, followers: int) -> None:
        super().__init__(streams=streams)
        self.followers = followers
        self.resident: list[int] = []
        self._process = psutil.Process()

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Id]]:
        return {
            FanoutPriority.HIGH: self._ids(0, self.followers),
            FanoutPriority.LOW: self._ids(self.followers, 2 * self.followers),
        }

    def _ids(self, start: int, stop: int) -> Iterator[int]:
        every = max(1, (stop - start) // SAMPLES)
        for id in range(start, stop):
            if id % every == 0:
                self.resident.append(self._process.memory_info().rss)
            yield id


def complete(streams: Streams, feed_class: type[Feed], owners: int) -> int:
    """How many of the feeds hold exactly the one activity."""
    binding = streams.bind(feed_class)
    if isinstance(binding.timelines, CountingStorage):
        return binding.timelines.puts[feed_class.name][:owners].count(1)
    found = 0
    for start in range(0, owners, CHECKED_AT_ONCE):
        queries = [Query(encode_owner(id)) for id in range(start, min(owners, start + CHECKED_AT_ONCE))]
        found += sum(stats.entries == 1 for stats in binding.timelines.stats(binding.spec, queries))
    return found


def keep_all(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    kept = list(items)
    yield from (kept[start : start + size] for start in range(0, len(kept), size))


def main(arguments: Sequence[str]) -> None:
    storage, followers, mode = arguments[0], int(arguments[1]), arguments[2]
    if mode == "keep":
        fanout.chunks = keep_all
    queue = {"backend": "threads", "options": {"max_pending": MAX_PENDING}}
    with Streams({"storages": {"default": {"backend": storage}}, "task_queue": queue}) as streams:
        streams.prepare(NewsFeed, AlertFeed)
        manager = CelebrityManager(streams, followers)
        manager.add_user_activity("star", Activity("star", Love, 1))
        streams.drain()
        owners = 2 * followers
        result = {
            "resident": manager.resident,
            "complete": {feed.name: complete(streams, feed, owners) for feed in (NewsFeed, AlertFeed)},
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])

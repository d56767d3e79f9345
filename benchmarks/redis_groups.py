"""Aggregated and notification feeds on Redis.

    python benchmarks/redis_groups.py [--runs N] [--server redis-8.2] [--old-python PYTHON] [--json OUT]

Adds: one activity to 1,000 feeds that hold 20 groups of 15, in one call of `storage.write`. Bare is a script, packed by hand,
that appends 24 bytes to the field of the group in the hash of each feed and moves the group up in its sorted set:
nothing is looked for, counted, marked or cut. The old library adds to 100 feeds, one after the other, as its fan-out does.

Notifications: one notification is added to a feed of 20 groups, the unseen and the unread are counted, and all is marked,
each a call of its own, as a site makes them. Bare are scripts that redis-py calls for the same: one that stores the activity
and adds it to its group, one that counts the groups whose last arrival is after a mark, and one that marks them;
and the old library's notification feed, where a Python that has it is given.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from measure import Case, measure
from redis_bench import Bench, Old, redis_bench
from streamfw_core.aggregators import BaseAggregator
from streamfw_core.storage import Entry, Write
from workloads import Source, owners_to, stamp_of

from streamfw_core import Activity, AggregatedFeed, Love, NotificationFeed, Streams

FEEDS, GROUPS, MEMBERS = 1_000, 20, 15
OLD_FEEDS = 100
ROUNDS, OWNER = 100, 13
BARE = ["notifications", "notifications:order"]

ADD = """
for index = 1, #KEYS / 2 do
  local members = redis.call('HGET', KEYS[index], ARGV[1]) or ''
  redis.call('HSET', KEYS[index], ARGV[1], members .. ARGV[2])
  redis.call('ZADD', KEYS[index + #KEYS / 2], ARGV[3], ARGV[1])
end
return #KEYS
"""
NOTIFY = """
redis.call('SET', KEYS[3], ARGV[4])
local packed = redis.call('HGET', KEYS[1], ARGV[1])
local arrivals, seen, read = 0, 0, 0
if packed then arrivals, seen, read = struct.unpack('>I4I4I4', packed) end
local header = struct.pack('>I4I4I4', arrivals + 1, seen, read)
redis.call('HSET', KEYS[1], ARGV[1], header .. (packed or ''):sub(13) .. ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
"""
UNMARKED = """
local names = redis.call('ZRANGE', KEYS[2], 0, -1)
local unseen, unread = 0, 0
for _, packed in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  local arrivals, seen, read = struct.unpack('>I4I4I4', packed)
  if arrivals > seen then unseen = unseen + 1 end
  if arrivals > read then unread = unread + 1 end
end
return {unseen, unread}
"""
MARK = """
local names, changed = redis.call('ZRANGE', KEYS[2], 0, -1), {}
for index, packed in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  local arrivals, seen, read = struct.unpack('>I4I4I4', packed)
  if arrivals > seen or arrivals > read then
    redis.call('HSET', KEYS[1], names[index], struct.pack('>I4I4I4', arrivals, arrivals, arrivals) .. packed:sub(13))
    changed[#changed + 1] = names[index]
  end
end
return changed
"""


class ByItem(BaseAggregator):
    """Twenty groups, in turn."""

    def get_group(self, activity: Activity) -> str:
        return f"{activity.verb.id}-{int(str(activity.object_id)) % GROUPS}"


class BenchGroups(AggregatedFeed):
    name = "bench_groups"
    key_format = "bench_groups:%(user_id)s"
    max_length = 100
    aggregator_class: ClassVar[Any] = ByItem


class BenchNotifications(NotificationFeed):
    name = "bench_notifications"
    key_format = "bench_notifications:%(user_id)s"
    max_length = 100
    aggregator_class: ClassVar[Any] = ByItem


def group_of(activity: Activity) -> str:
    return ByItem().get_group(activity)


def put(activity: Activity) -> Entry:
    """A member, of one of seven actors."""
    actor = str(activity.serialization_id % 7)
    return Entry(activity.serialization_id, stamp_of(activity), None, group_of(activity), actor)


def adds(bench: Bench, streams: Streams, old: Old | None) -> None:
    source, owners = Source(), owners_to(FEEDS)
    binding = streams.bind(BenchGroups)
    raw = bench.raw(ADD)

    def through_storage() -> None:
        outcome = binding.timelines.write(binding.spec, [Write(owners, puts=[put(source.next)])])
        assert not outcome.failures, outcome.failures

    def through_raw() -> None:
        entry = put(source.next)
        keys = [b"hash:%d" % owner for owner in range(FEEDS)] + [b"order:%d" % owner for owner in range(FEEDS)]
        member = entry.id.to_bytes(16, "big") + b"an actor"
        raw.run([(keys, [str(entry.group).encode(), member, b"%d" % (entry.id >> 64)])])

    for _ in range(GROUPS * MEMBERS):
        source.advance()
        through_storage()
        through_raw()
    cases = [
        Case("streamfw, one call of storage.write", through_storage, FEEDS, source.advance),
        Case("script that appends to fields, packed by hand", through_raw, FEEDS, source.advance, bare=True),
    ]
    if old:
        old.ask("fill_groups", OLD_FEEDS, GROUPS * MEMBERS)
        cases.append(
            Case("Stream-Framework 1.4, feed.add", lambda: old.ask("add_to_groups", OLD_FEEDS), OLD_FEEDS, bare=True)
        )
    title = f"adds to {FEEDS:,} feeds of {GROUPS} groups of {MEMBERS}"
    bench.add(measure(title, "adds", cases, runs=bench.options.runs))


class Notified:
    """A feed of streamfw and a bare one that get the same."""

    def __init__(self, bench: Bench, streams: Streams) -> None:
        self.client, self.feed, self.number = bench.client, BenchNotifications(OWNER, streams=streams), 0
        self.scripts = [self.client.register_script(source) for source in (NOTIFY, UNMARKED, MARK)]
        self.payload = streams.bind(BenchNotifications).encode([Source().next])[0][1]

    def make(self) -> Activity:
        self.number += 1
        context = {"item": self.number}
        return Activity(self.number % 7, Love, self.number, time=datetime.now(UTC), extra_context=context)

    def through_feed(self) -> None:
        feed = self.feed
        for _ in range(ROUNDS):
            assert feed.add(self.make()) == 1
            assert feed.count_unseen() == 1
            assert feed.count_unread() == 1
            assert feed.mark_all(seen=True, read=True) == 1

    def add_bare(self) -> None:
        activity = self.make()
        id = activity.serialization_id
        member = id.to_bytes(16, "big") + b"an actor"
        self.scripts[0]([*BARE, f"record:{id:032x}"], [group_of(activity), member, id >> 64, self.payload])

    def through_scripts(self) -> None:
        _, unmarked, mark = self.scripts
        for _ in range(ROUNDS):
            self.add_bare()
            assert unmarked(BARE, [])[0] == 1
            assert unmarked(BARE, [])[1] == 1
            assert len(mark(BARE, [])) == 1

    def begin_anew(self) -> None:
        """Groups of 15 again: they would grow with every run."""
        self.feed.delete()
        self.client.delete(*BARE)
        self.feed.add_many([self.make() for _ in range(GROUPS * MEMBERS)])
        for _ in range(GROUPS * MEMBERS):
            self.add_bare()
        self.feed.mark_all(seen=True, read=True)
        self.scripts[2](BARE, [])


def notifications(bench: Bench, streams: Streams, old: Old | None) -> None:
    notified = Notified(bench, streams)
    begin = notified.begin_anew
    cases = [
        Case("streamfw, feed.add, two counts, mark_all", notified.through_feed, ROUNDS, begin),
        Case("redis-py, four scripts", notified.through_scripts, ROUNDS, begin, bare=True),
    ]
    if old:

        def begin_old() -> None:
            assert old.ask("fill_notifications", OWNER, GROUPS * MEMBERS) == GROUPS

        cases.append(
            Case(
                "Stream-Framework 1.4, the same calls",
                lambda: old.ask("notify", OWNER, ROUNDS),
                ROUNDS,
                begin_old,
                bare=True,
            )
        )
    title = f"a notification, its counts and its mark, in a feed of {GROUPS} groups"
    bench.add(measure(title, "rounds", cases, runs=bench.options.runs))


def main() -> None:
    with redis_bench(__doc__ or "", runs=15) as bench:
        streams, old = bench.streams(), bench.old(0)
        adds(bench, streams, old)
        notifications(bench, streams, old)


if __name__ == "__main__":
    main()

"""Following on Redis: what ten people published is copied into one feed.

    python benchmarks/redis_follow.py [--runs N] [--server redis-8.2] [--old-python PYTHON] [--json OUT]

Each of the ten published 1,000 activities, in turn, and the follower's feed is empty. `manager.follow_many_users` copies them,
and looks afterwards whether any was removed meanwhile. Beside it:

- bare: a script for each of the ten that reads its list and appends it to the follower's, in no order;
- bare: the same, and the follower's list is sorted in the end, as a reader needs it;
- the old library, where a Python that has it is given.
"""

from __future__ import annotations

from measure import Case, measure
from redis_bench import Bench, redis_bench
from workloads import BenchUserFeed, FollowerFeed, FollowManager, Source, entries, write

from streamfw_core import Streams

PEOPLE, PUBLISHED, FOLLOWER = 10, 1_000, 4_711

COPY = """
local ids = redis.call('LRANGE', KEYS[1], 0, -1)
for first = 1, #ids, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ids, first, math.min(first + 999, #ids)))
end
return #ids
"""
COPY_IN_ORDER = """
local ids = redis.call('LRANGE', KEYS[1], 0, -1)
for first = 1, #ids, 1000 do
  local scored = {}
  for index = first, math.min(first + 999, #ids) do
    scored[#scored + 1] = '0'
    scored[#scored + 1] = ids[index]
  end
  redis.call('ZADD', KEYS[2], unpack(scored))
end
return #ids
"""


def publish(bench: Bench, streams: Streams) -> None:
    """Fill the feeds of the ten, ours and the bare ones; they publish in turn."""
    sources = [Source(person) for person in range(PEOPLE)]
    activities = [[source.make() for source in sources] for _ in range(PUBLISHED)]
    binding = streams.bind(BenchUserFeed)
    for person in range(PEOPLE):
        own = [turn[person] for turn in activities]
        puts = entries(own)
        binding.store(binding.encode(own), puts[-1].stamp)
        write(streams, BenchUserFeed, [str(person)], puts)
        bench.client.rpush(f"published:{person}", *[activity.serialization_id.to_bytes(16, "big") for activity in own])


def follow(bench: Bench, streams: Streams) -> None:
    manager, client, total = FollowManager(streams=streams), bench.client, PEOPLE * PUBLISHED
    publish(bench, streams)
    append, in_order = bench.raw(COPY), bench.raw(COPY_IN_ORDER)
    old = bench.old(0)
    feed = FollowerFeed(FOLLOWER, streams=streams)

    def through_manager() -> None:
        manager.follow_many_users(FOLLOWER, range(PEOPLE))

    def through_raw(target: bytes) -> None:
        raw = append if target == b"appended" else in_order
        raw.run(([b"published:%d" % person, target], ()) for person in range(PEOPLE))

    cases = [
        Case(
            "streamfw, manager.follow_many_users",
            through_manager,
            total,
            # Not feed.delete(), which notes where the feed was cut: a new follower has nothing to be noted.
            lambda: client.delete(f"streamfw:f:{FollowerFeed.key_format}" % {"user_id": FOLLOWER}),
        ),
        Case(
            "script that copies lists, packed by hand",
            lambda: through_raw(b"appended"),
            total,
            lambda: client.delete("appended"),
            bare=True,
        ),
        Case(
            "script that copies lists into a sorted set",
            lambda: through_raw(b"ordered"),
            total,
            lambda: client.delete("ordered"),
            bare=True,
        ),
    ]
    if old:
        for person in range(PEOPLE):
            old.ask("fill_user", person, PUBLISHED)

        def through_old() -> None:
            assert old.ask("follow", FOLLOWER, [*range(PEOPLE)]) == total

        def forget() -> None:
            old.ask("forget", FOLLOWER)

        cases.append(Case("Stream-Framework 1.4", through_old, total, forget, bare=True))
    through_manager()
    assert len(feed) == total, len(feed)
    bench.add(
        measure(
            f"following {PEOPLE} people with {PUBLISHED:,} activities each",
            "activities",
            cases,
            runs=bench.options.runs,
        )
    )


def main() -> None:
    with redis_bench(__doc__ or "", runs=9) as bench:
        follow(bench, bench.streams())


if __name__ == "__main__":
    main()

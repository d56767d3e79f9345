"""Following on Redis: what ten people published is copied into one feed.

    python benchmarks/redis_follow.py [--runs N] [--server redis-8.2] [--old-python PYTHON] [--json OUT]

Each of the ten published 1,000 activities, in turn, and the follower's feed is empty. `manager.follow_many_users` copies them,
and looks afterwards whether any was removed meanwhile. It is measured with a feed that has room for all, and with one of 100,
as most are. Beside it:

- bare: redis-py calls a script for each of the ten that merges the newest 1,000 ids of its list into the follower's, in order
  and without duplicates, and cuts that to its length: no stamps, no removals;
- bare, where the feed is short: the same, and it is asked for no more ids than the feed has room for;
- bare: the requests of streamfw that copy, sent again as they are by a client that does nothing else;
- the old library, where a Python that has it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import attrs
from measure import Case, measure
from redis_bench import Bench, Old, redis_bench
from streamfw_redis.scripts import Call
from workloads import BenchFeed, BenchManager, BenchUserFeed, FollowerFeed, FollowManager, Source, entries, write

from streamfw_core import Feed, Manager, Streams

PEOPLE, PUBLISHED, FOLLOWER = 10, 1_000, 4_711
TOTAL = PEOPLE * PUBLISHED

MERGE = """
local new = redis.call('LRANGE', KEYS[1], -tonumber(ARGV[1]), -1)
local held = redis.call('LRANGE', KEYS[2], 0, -1)
local merged, count, one, other = {}, 0, 1, 1
while one <= #new or other <= #held do
  local a, b = new[one], held[other]
  count = count + 1
  if not b or a and a <= b then
    merged[count] = a
    one = one + 1
    if a == b then other = other + 1 end
  else
    merged[count] = b
    other = other + 1
  end
end
redis.call('DEL', KEYS[2])
for first = 1, count, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(merged, first, math.min(first + 999, count)))
end
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[2]), -1)
return count
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


def copies_of(work: Callable[[], object]) -> list[bytes]:
    """The requests that copy, of what `work` sends."""
    sent: list[bytes] = []
    by_hash = Call.by_hash

    def record(call: Call) -> bytes:
        request = by_hash(call)
        if call.script is not None and call.script.name == "timeline_copy":
            sent.append(request)
        return request

    with patch.object(Call, "by_hash", record):
        work()
    return sent


@attrs.frozen
class Followed:
    """One follower's feed of a class, and what is done to it."""

    bench: Bench
    manager: Manager
    feed: Feed

    @property
    def length(self) -> int:
        return self.feed.max_length

    def through_manager(self) -> None:
        self.manager.follow_many_users(FOLLOWER, range(PEOPLE))

    def forget(self) -> None:
        # Not feed.delete(), which notes where the feed was cut: a new follower has nothing to be noted.
        self.bench.client.delete(f"streamfw:f:{self.feed.key}", "merged")

    def merging(self, newest: int) -> Callable[[], None]:
        script = self.bench.client.register_script(MERGE)

        def merge() -> None:
            for person in range(PEOPLE):
                script([f"published:{person}", "merged"], [newest, self.length])

        return merge

    def again(self) -> Callable[[], None]:
        self.forget()
        requests, connection = copies_of(self.through_manager), self.bench.connection()
        connection.connect()

        def send() -> None:
            for request in requests:
                connection.send_packed_command([request], check_health=False)
                connection.read_response()

        return send

    def cases(self) -> list[Case]:
        def case(name: str, work: Callable[[], object], *, bare: bool = True) -> Case:
            return Case(name, work, TOTAL, self.forget, bare=bare)

        cases = [
            case("streamfw, manager.follow_many_users", self.through_manager, bare=False),
            case("redis-py, a script that merges lists", self.merging(PUBLISHED)),
        ]
        if self.length < PUBLISHED:
            cases.append(case("the same, of no more ids than there is room for", self.merging(self.length)))
        return [*cases, case("the copying of streamfw, sent as it is", self.again())]

    def check(self) -> None:
        """All ways end with the same."""
        client: Any = self.bench.client  # its types are those of all answers
        ids = []
        for case in self.cases():
            case.prepare()
            case.work()
            if client.exists("merged"):
                found = [int.from_bytes(id, "big") for id in client.lrange("merged", 0, -1)]
                ids.append(found[-self.length :])
            else:
                ids.append([activity.serialization_id for activity in reversed(self.feed[: self.length])])
        assert all(found == ids[0] for found in ids)
        assert len(ids[0]) == min(self.length, TOTAL), len(ids[0])


def follow(followed: Followed, old: Old | None, suffix: str, where: str) -> None:
    followed.check()
    cases = followed.cases()
    if old:

        def through_old() -> None:
            assert old.ask(f"follow{suffix}", FOLLOWER, [*range(PEOPLE)]) >= min(followed.length, TOTAL)

        cases.append(
            Case("Stream-Framework 1.4", through_old, TOTAL, lambda: old.ask(f"forget{suffix}", FOLLOWER), bare=True)
        )
    title = f"following {PEOPLE} people with {PUBLISHED:,} activities each{where}"
    followed.bench.add(measure(title, "activities", cases, runs=followed.bench.options.runs))


def main() -> None:
    with redis_bench(__doc__ or "", runs=9) as bench:
        streams, old = bench.streams(), bench.old(0)
        publish(bench, streams)
        if old:
            for person in range(PEOPLE):
                old.ask("fill_user", person, PUBLISHED)
        all_of_it = Followed(bench, FollowManager(streams=streams), FollowerFeed(FOLLOWER, streams=streams))
        newest = Followed(bench, BenchManager(streams=streams), BenchFeed(FOLLOWER, streams=streams))
        follow(all_of_it, old, "", "")
        follow(newest, old, "_short", ", into a feed of 100")


if __name__ == "__main__":
    main()

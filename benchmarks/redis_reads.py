"""Reading pages on Redis.

    python benchmarks/redis_reads.py [--runs N] [--server redis-8.2] [--old-python PYTHON] [--json OUT]

`feed[:25]` of a feed of 100, with its activities; and `storage.read` alone, without making activities of bytes. Beside them,
each one round trip of a redis-py client, whose bytes are not decoded:

- bare: EVALSHA of a script that takes the newest 25 of the same list, spells the same keys and returns the same values;
- bare: MGET of the 25 values, as if their keys were known;
- the old library, two round trips, where a Python that has it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from measure import Case, measure
from redis_bare import times
from redis_bench import Bench, redis_bench
from streamfw_core.storage import Query
from workloads import PAGE, PUBLISHER, BenchFeed, BenchManager, Source

from streamfw_core import Streams

READS, WARM_UP = 500, 500
OWNER = 13

SAME = """
local elements = redis.call('LRANGE', KEYS[1], '-25', '-1')
local names = {}
for index, element in ipairs(elements) do
  names[index] = ARGV[1] .. '\\0\\0' .. element:sub(1, 14)
end
return {elements, redis.call('MGET', unpack(names))}
"""


def reads(bench: Bench, streams: Streams) -> None:
    source, manager, client = Source(), BenchManager(streams=streams), bench.client
    manager.followers = 100
    old = bench.old(100)
    for _ in range(BenchFeed.max_length + 20):
        source.advance()
        manager.add_user_activity(PUBLISHER, source.next)
        if old:
            old.ask("publish", PUBLISHER)
    feed, binding = BenchFeed(OWNER, streams=streams), streams.bind(BenchFeed)
    query = [Query(str(OWNER), 0, PAGE, hydrate=binding.hydrate)]
    entries = binding.timelines.read(binding.spec, [Query(str(OWNER), 0, PAGE)])[0].entries
    prefix = b"streamfw:a:" + binding.records.encode() + b":"
    keys = [prefix + entry.id.to_bytes(16, "big") for entry in entries]
    script = client.script_load(SAME)
    timeline = f"streamfw:f:{BenchFeed.key_format}" % {"user_id": OWNER}
    bare_elements, bare_values = client.evalsha(script, 1, timeline, prefix)
    assert len(feed[:PAGE]) == len(bare_elements) == PAGE
    assert bare_values[::-1] == client.mget(keys)
    assert all(bare_values)
    works: dict[str, Callable[[], object]] = {
        "streamfw, feed[:25]": lambda: feed[:PAGE],
        "streamfw, storage.read": partial(binding.timelines.read, binding.spec, query),
        "redis-py, EVALSHA": partial(client.evalsha, script, 1, timeline, prefix),
        "redis-py, MGET of known keys": partial(client.mget, keys),
    }
    cases = [
        Case(name, times(READS, work), READS, times(WARM_UP, work), bare=name.startswith("redis-py"))
        for name, work in works.items()
    ]
    if old:
        assert old.ask("read", OWNER, PAGE, 1) == PAGE
        cases.append(Case("Stream-Framework 1.4", lambda: old.ask("read", OWNER, PAGE, READS), READS, bare=True))
    title = f"a page of {PAGE} from a feed of {BenchFeed.max_length}, with its activities"
    bench.add(measure(title, "pages", cases, runs=bench.options.runs))


def main() -> None:
    with redis_bench(__doc__ or "", runs=15) as bench:
        reads(bench, bench.streams())


if __name__ == "__main__":
    main()

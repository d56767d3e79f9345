"""Fan-out on a Redis Cluster of three masters.

    python benchmarks/redis_cluster.py [--runs N] [--server redis-8.2] [--json OUT]

One activity to 10,000 full feeds of 100, through the manager and through one call of `storage.write`. Bare is redis-py's cluster
pipeline of ZADD and ZREMRANGEBYRANK for each feed, a thousand feeds at a time.
"""

from __future__ import annotations

import redis
from measure import Case, measure, parser, show, write_json
from redis_bare import fan_out_by_pipeline, old_id
from services import Cluster, add_server_option, binary_of
from workloads import PUBLISHER, BenchFeed, BenchManager, Source, entries, fill, owners_to, write

from streamfw_core import Streams

FEEDS = 10_000


def main() -> None:
    command = parser(__doc__ or "", runs=9)
    add_server_option(command)
    options = command.parse_args()
    with Cluster(binary_of(options)) as cluster, cluster.client() as client:
        streams = Streams({"storages": {"default": {"backend": "redis", "options": {"url": cluster.url}}}})
        source, owners = Source(), owners_to(FEEDS)
        manager = BenchManager(streams=streams)
        keys = [f"pipeline:{owner}" for owner in owners]
        fill(streams, BenchFeed, owners, source)
        pairs = {str(id): id for id in map(old_id, source.many(BenchFeed.max_length))}
        for first in range(0, FEEDS, 1_000):
            pipeline = client.pipeline()
            for key in keys[first : first + 1_000]:
                pipeline.zadd(key, pairs)
            pipeline.execute()
        cases = [
            Case(
                "streamfw, through the manager",
                lambda: manager.add_user_activity(PUBLISHER, source.next),
                FEEDS,
                source.advance,
            ),
            Case(
                "streamfw, one call of storage.write",
                lambda: write(streams, BenchFeed, owners, entries([source.next])),
                FEEDS,
                source.advance,
            ),
            Case(
                "redis-py cluster pipeline, ZADD and ZREMRANGEBYRANK",
                lambda: fan_out_by_pipeline(client, keys, source.next, BenchFeed.max_length),
                FEEDS,
                source.advance,
                bare=True,
            ),
        ]
        title = f"fan-out to {FEEDS:,} feeds of {BenchFeed.max_length} on a cluster of three masters"
        table = measure(title, "deliveries", cases, runs=options.runs)
        show(table)
        streams.close()
        name = cluster.servers[0].ask("INFO", "server").split("redis_version:")[1].split()[0]
        write_json(options.json, [table], server=f"Redis {name}", client=f"redis-py {redis.__version__}")


if __name__ == "__main__":
    main()

"""Fan-out and reads on the memory storage, beside a bare dict of lists that does the same work.

    python benchmarks/memory.py [--runs N] [--json OUT]

- fan-out: one activity to 10,000 feeds that hold 100 each and keep 100, through the manager with the inline queue
  (messages, chunks and metrics included), and through one `storage.write` call;
  bare: append the activity's id to the list of each user, and cut it to 100.
- read: `feed[:25]` of a feed of 100, hydrated; bare: slice a list of ids, look each up in a dict, decode with msgspec.
"""

from __future__ import annotations

import msgspec
from measure import Case, measure, parser, show, write_json
from workloads import PAGE, BenchFeed, BenchManager, Source, entries, owners_to, write

from streamfw_core import Streams

FOLLOWERS = BenchManager.followers
LENGTH = BenchFeed.max_length
READS = 2_000


def fan_out_cases() -> list[Case]:
    streams, source = Streams({}), Source()
    manager = BenchManager(streams=streams)
    owners = owners_to(FOLLOWERS)
    bare: dict[int, list[int]] = {}

    def through_manager() -> None:
        manager.add_user_activity(1, source.next)

    def through_storage() -> None:
        write(streams, BenchFeed, owners, entries([source.next]))

    def through_lists() -> None:
        id = source.next.serialization_id
        for user in range(FOLLOWERS):
            feed = bare.setdefault(user, [])
            feed.append(id)
            if len(feed) > LENGTH:
                del feed[0]

    for _ in range(LENGTH):
        source.advance()
        through_manager()
        through_lists()
    return [
        Case("manager.add_user_activity, inline queue", through_manager, FOLLOWERS, source.advance),
        Case("storage.write, one call", through_storage, FOLLOWERS, source.advance),
        Case("dict of lists", through_lists, FOLLOWERS, source.advance, bare=True),
    ]


def read_cases() -> list[Case]:
    streams, source = Streams({}), Source()
    feed = BenchFeed(13, streams=streams)
    activities = source.many(LENGTH)
    feed.add_many(activities)
    encode = msgspec.msgpack.Encoder().encode
    decode = msgspec.msgpack.Decoder().decode
    bodies = {
        activity.serialization_id: encode(
            [1, activity.actor_id, 3, activity.object_id, None, activity.time, {"item": activity.object_id}]
        )
        for activity in activities
    }
    lists = {"13": sorted(bodies)}

    def through_feed() -> None:
        for _ in range(READS):
            feed[:PAGE]

    def through_lists() -> None:
        for _ in range(READS):
            page = lists["13"][-PAGE:]
            page.reverse()
            [decode(bodies[id]) for id in page]

    return [
        Case("feed[:25], hydrated", through_feed, READS),
        Case("dict of lists, decoded to plain lists", through_lists, READS, bare=True),
    ]


def main() -> None:
    options = parser(__doc__ or "", runs=25).parse_args()
    tables = []
    for title, unit, cases in (
        ("fan-out of one activity to 10,000 feeds of 100", "deliveries", fan_out_cases()),
        ("a page of 25 from a feed of 100", "pages", read_cases()),
    ):
        tables.append(measure(title, unit, cases, runs=options.runs))
        show(tables[-1])
    write_json(options.json, tables)


if __name__ == "__main__":
    main()

"""Aggregated adds and reads on the memory storage: its own groups, the fallback on flat timelines, and bare dictionaries.

    python benchmarks/groups.py [--runs N] [--json OUT]

Each feed holds 20 groups of 15 members. One activity is added to each of many feeds: the storage's own groups get
1,000 feeds in one call of `write`, and so does the fallback; the bare dictionaries keep a set of members,
a counter of actors and the newest member of each group, without stamps, tombstones, marks, order or limits.
Then the first 25 groups of one feed are read with their newest members.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from measure import Case, measure, parser, show, write_json
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Write
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.storage.groups import GroupStorage
from streamfw_memory.storage import MemoryStorage

FEEDS = 1_000
GROUPS = 20
MEMBERS = 15
READS = 200
SPEC = FeedSpec("bench", KeyFormat("bench:%(user_id)s"), 100, kind="aggregated", inline=True, exact_members=10_000)
OWNERS = [str(owner) for owner in range(FEEDS)]


def entry(number: int) -> Entry:
    return Entry(number << 64 | number, number, b"payload", f"group {number % GROUPS}", f"actor {number % 7}")


class Bare:
    """What an application would write first."""

    def __init__(self) -> None:
        self.feeds: dict[str, dict[str, tuple[set[int], Counter[str], list[int]]]] = {owner: {} for owner in OWNERS}

    def add(self, put: Entry) -> None:
        for owner in OWNERS:
            groups = self.feeds[owner]
            group = groups.get(str(put.group))
            if group is None:
                group = groups[str(put.group)] = (set(), Counter(), [0])
            members, actors, newest = group
            if put.id not in members:
                members.add(put.id)
                actors[str(put.actor)] += 1
                newest[0] = max(newest[0], put.id)

    def read(self, owner: str) -> list[Any]:
        groups = sorted(self.feeds[owner].items(), key=lambda item: item[1][2][0], reverse=True)[:25]
        return [(key, len(members), len(actors), sorted(members)[-15:]) for key, (members, actors, _) in groups]


def main() -> None:
    options = parser(__doc__ or "", runs=15).parse_args()
    stores: dict[str, GroupStorage] = {
        "memory's own groups": MemoryStorage(),
        "the fallback on flat timelines": GroupsOnFlat(MemoryStorage()),
    }
    bare = Bare()
    number = 0
    for number in range(1, GROUPS * MEMBERS + 1):
        for store in stores.values():
            store.write(SPEC, [Write(OWNERS, puts=[entry(number)])])
        bare.add(entry(number))

    def advance() -> None:
        nonlocal number
        number += 1

    def adding(store: GroupStorage) -> Any:
        return lambda: store.write(SPEC, [Write(OWNERS, puts=[entry(number)])])

    def reading(store: GroupStorage) -> Any:
        return lambda: [store.read_groups(SPEC, [Query("13", 0, 25)]) for _ in range(READS)]

    tables = [
        measure(
            "adds of one activity to 1,000 feeds of 20 groups",
            "adds",
            [
                *(Case(name, adding(store), FEEDS, advance) for name, store in stores.items()),
                Case("dictionaries of sets", lambda: bare.add(entry(number)), FEEDS, advance, bare=True),
            ],
            runs=options.runs,
        ),
        measure(
            "pages of 25 groups",
            "pages",
            [
                *(Case(name, reading(store), READS) for name, store in stores.items()),
                Case("dictionaries of sets", lambda: [bare.read("13") for _ in range(READS)], READS, bare=True),
            ],
            runs=options.runs,
        ),
    ]
    for table in tables:
        show(table)
    write_json(options.json, tables)


if __name__ == "__main__":
    main()

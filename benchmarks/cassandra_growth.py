"""What a long life does to a feed on Cassandra.

    python benchmarks/cassandra_growth.py [--adds N] [--runs N] [--at HOST:PORT] [--json OUT]

100,000 activities are added to one feed of 100, each in a call of its own;
then `feed[:25]` is timed in turn with that of a feed that has had a hundred only,
and it was counted meanwhile how many rows are stored beyond the hundred that readers see.
"""

from __future__ import annotations

from cassandra_bench import CassandraBench, cassandra_bench
from cassandra_fanout import InlineFeed, puts
from measure import Case, Figure, Table, measure
from streamfw_core.storage import Entry
from workloads import PAGE, Source, write

from streamfw_core import Streams

READS, AT_ONCE = 200, 100


def live(streams: Streams, owner: str, adds: int) -> list[int]:
    """Add so many, one call for each, and look now and then how many rows there are."""
    source, stored = Source(), []
    entries: list[Entry] = []
    for number in range(adds):
        entries = puts(streams, source.make())
        write(streams, InlineFeed, [owner], entries)
        if number % (adds // 20) == adds // 20 - 1:
            stored.append(rows(streams, owner))
    return stored


def rows(streams: Streams, owner: str) -> int:
    """How many rows are stored, whether readers see them or not."""
    binding = streams.bind(InlineFeed)
    storage = binding.timelines
    connected = storage.sessions.connected()  # type: ignore[attr-defined]
    table = storage.tables.timeline(binding.spec)  # type: ignore[attr-defined]
    [(found,)] = connected.session.execute(
        connected.prepare(f"SELECT COUNT(*) FROM {table.path} WHERE owner = ?").bind((owner,))
    )
    return int(found)


def main() -> None:
    with cassandra_bench(__doc__ or "", runs=9, adds=100_000) as bench:
        streams = bench.streams(InlineFeed)
        run(bench, streams)


def run(bench: CassandraBench, streams: Streams) -> None:
    adds = bench.options.adds
    live(streams, "fresh", AT_ONCE)
    stored = live(streams, "old", adds)

    def page(owner: str) -> None:
        feed = InlineFeed(owner, streams=streams)
        for _ in range(READS):
            assert len(feed[:PAGE]) == PAGE

    cases = [
        Case(f"a feed of {adds:,} adds", lambda: page("old"), READS),
        Case("a feed of 100 adds", lambda: page("fresh"), READS, bare=True),
    ]
    bench.add(measure(f"feed[:25] after {adds:,} adds to a feed of 100", "pages", cases, runs=bench.options.runs))
    figures = [Figure("rows, looked at twenty times", [float(number) for number in stored])]
    bench.add(Table("rows that are stored of a feed that shows 100", "rows", figures))


if __name__ == "__main__":
    main()

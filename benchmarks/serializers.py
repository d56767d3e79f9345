"""How long it takes to write and to read a page of activities with each serializer.

Reading is what every look at a feed pays, on top of the storage's own time.
`loads_all` is the whole page in one call, `loads` one call per activity, `uuid` a page whose ids are UUIDs.
Printed are medians of repeated runs, in microseconds for the whole page.

    python benchmarks/serializers.py --activities 25 --repeats 11
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from streamfw_core.activity import Activity
from streamfw_core.serializers import JsonSerializer, MsgpackSerializer
from streamfw_core.verbs import Love


def median_us(run: Callable[[], object], *, repeats: int, number: int) -> float:
    """The median of several timings of `number` runs, in microseconds per run."""
    timings = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(number):
            run()
        timings.append((time.perf_counter() - start) / number * 1e6)
    return statistics.median(timings)


def pages(count: int) -> dict[str, list[Activity]]:
    """Pages of activities: with integer ids, without and with some context, and with UUIDs."""
    now = datetime.now(UTC)
    return {
        "plain": [Activity(n, Love, n * 7, time=now) for n in range(1, count + 1)],
        "context": [Activity(n, Love, n * 7, time=now, extra_context={"item_id": n}) for n in range(1, count + 1)],
        "uuid": [Activity(UUID(int=n), Love, UUID(int=n * 7), time=now) for n in range(1, count + 1)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--activities", type=int, default=25, help="activities on a page")
    parser.add_argument("--repeats", type=int, default=11, help="timings of which the median is taken")
    parser.add_argument("--number", type=int, default=2000, help="pages per timing")
    options = parser.parse_args()
    timing = {"repeats": options.repeats, "number": options.number}
    print(f"{'':20} {'dumps':>10} {'loads':>10} {'loads_all':>10} {'bytes':>10}")
    for serializer in (MsgpackSerializer(), JsonSerializer()):
        for name, page in pages(options.activities).items():
            ids = [activity.serialization_id for activity in page]
            payloads = [serializer.dumps(activity) for activity in page]
            stored = list(zip(ids, payloads, strict=True))
            dumps, loads, loads_all = serializer.dumps, serializer.loads, serializer.loads_all
            figures = (
                median_us(lambda: [dumps(activity) for activity in page], **timing),  # noqa: B023 - runs at once
                median_us(lambda: [loads(data, id) for id, data in stored], **timing),  # noqa: B023
                median_us(lambda: loads_all(ids, payloads), **timing),  # noqa: B023
            )
            label = f"{type(serializer).__name__.removesuffix('Serializer').lower()} {name}"
            print(f"{label:20}", *(f"{figure:10.2f}" for figure in figures), f"{sum(map(len, payloads)):10}")


if __name__ == "__main__":
    main()

"""The table of what a query costs says how often feeds ask their storage.

Held are its columns of storages that answer a call with one request (memory) and with two where they may (a Redis cluster);
what one Redis and Cassandra ask their servers is up to them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from streamfw_core.storage import FeedSpec, Page, Query
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, Feed, Love, Streams
from tests.docs.pages import DOCS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = (DOCS / "querying.md").read_text(encoding="utf-8")


class Counting(MemoryStorage):
    """In memory, and counts what it is asked."""

    asked: ClassVar[Counter[str]] = Counter()

    def __getattribute__(self, name: str) -> Any:
        if name in {"read", "load", "locate", "stats"}:
            Counting.asked[name] += 1
        return super().__getattribute__(name)


class InTwoCalls(Counting):
    """The same without the activities of a timeline, as a Redis cluster is."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return [page._replace(payloads=None) for page in super().read(spec, queries)]


QUERIES: dict[str, Callable[[Any], object]] = {
    "`feed[:25]`, `page(25)`": lambda feed: feed[:25],
    "`page(25, after=cursor)`": lambda feed: feed.page(25, after=cursor_of(feed)),
    "`count`, `len`": lambda feed: feed.count(),
    "`index_of`, `contains`, `in`": lambda feed: feed.contains(Activity("ada", Love, 1, time=NOON)),
    "iterating, for each hundred": lambda feed: [activity.object_id for activity in feed],
}


def cursor_of(feed: Any) -> str:
    cursor: str = feed.page(1).next_cursor
    Counting.asked.clear()
    return cursor


def table() -> dict[str, tuple[str, ...]]:
    _, _, after = TEXT.partition("\n## What a query costs\n")
    header, _, *rows = re.findall(r"^\|(.*)\|$", after, re.MULTILINE)
    assert [cell.strip() for cell in header.split("|")][1:] == ["memory", "Redis", "Redis cluster", "Cassandra"]
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return {what: tuple(costs) for what, *costs in cells}


def test_the_table_has_all_queries() -> None:
    assert {*table()} == {*QUERIES}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("storage", "column"), [(Counting, 0), (InTwoCalls, 2)])
def test_a_query_asks_as_often_as_the_table_says(query: str, storage: type[Counting], column: int) -> None:
    kept = storage("default")
    with Streams({"storages": {"default": "memory://"}}) as streams:
        streams._storages["default"] = kept
        feed = Feed(13, streams=streams)
        feed.add_many(Activity("ada", Love, thing, time=NOON) for thing in range(50))
        Counting.asked.clear()
        QUERIES[query](feed)
    assert sum(Counting.asked.values()) == int(table()[query][column])

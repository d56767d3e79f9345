"""The starter: the same as the memory storage in every history, and right when others get ahead of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamfw_core.errors import DecodeError, EncodeError, StorageError, Unsupported
from streamfw_core.ids import MAX_ID
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Capabilities, Entry, FeedSpec, Page, Query, Record, Removal, Storage, Write, rows
from streamfw_core.storage.starter import StarterStorage, Swap
from streamfw_memory.storage import MemoryStorage

from tests.core.sorted_rows import SortedRows

KEEP = 3
OWNERS = ("a", "b", "a%2Fb")
INLINE = FeedSpec("inline", KeyFormat("inline:%(user_id)s"), KEEP, inline=True)
REFERENCES = FeedSpec("references", KeyFormat("references:%(user_id)s"), KEEP)


# --- the same as the memory storage ------------------------------------------------------------------------------

ids = st.integers(0, 6) | st.sampled_from([MAX_ID, MAX_ID - 1])
stamps = st.integers(1, 8)
owners = st.lists(st.sampled_from(OWNERS), min_size=1, max_size=3, unique=True)
payloads = st.binary(max_size=2)
inline_entries = st.builds(Entry, ids, stamps, payloads)
reference_entries = st.builds(Entry, ids, stamps)
removals = st.builds(Removal, ids, stamps)
records = st.builds(Record, ids, stamps, payloads | st.none())
updated_records = st.builds(Record, ids, stamps, payloads)

Step = Callable[[Storage], Any]


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=4)


@st.composite
def write_steps(draw: st.DrawFn, spec: FeedSpec, entries: st.SearchStrategy[Entry]) -> Step:
    write = st.builds(Write, owners, some(entries), some(removals), some(entries) if spec.inline else st.just([]))
    writes = draw(st.lists(write, min_size=1, max_size=2))
    report = draw(st.booleans())

    def step(storage: Storage) -> Any:
        outcome = storage.write(spec, writes, report=report)
        changes = {owner: ([*change.added], [*change.removed]) for owner, change in outcome.changes.items()}
        return "write", outcome.added, outcome.removed, changes, outcome.failures

    step.__name__ = f"write {writes} report={report}"
    return step


def step_of(method: str, *arguments: Any, **options: Any) -> Step:
    def step(storage: Storage) -> Any:
        return method, getattr(storage, method)(*arguments, **options)

    step.__name__ = f"{method} {arguments} {options}"
    return step


def steps(spec: FeedSpec, entries: st.SearchStrategy[Entry]) -> st.SearchStrategy[Step]:
    return st.one_of(
        write_steps(spec, entries),
        write_steps(spec, entries),
        st.builds(
            lambda removes, updates: step_of("remember", spec, removes=removes, updates=updates),
            some(removals),
            some(entries) if spec.inline else st.just([]),
        ),
        st.builds(
            lambda names, keep, stamp: step_of("clear", spec, names, keep=keep, stamp=stamp),
            owners,
            st.integers(0, KEEP + 1),
            stamps,
        ),
        st.builds(lambda new: step_of("store", "activities", new), some(records)),
        st.builds(lambda new: step_of("store", "activities", new, update=True), some(updated_records)),
        st.just(step_of("flush", spec.namespace)),
    )


queries = st.builds(
    Query,
    st.sampled_from(OWNERS),
    st.integers(0, 4),
    st.integers(0, 5) | st.none(),
    st.just(0) | ids,
    st.just(MAX_ID) | ids,
    st.booleans(),
    st.none(),
)


def shown(storage: Storage, spec: FeedSpec, some_queries: Sequence[Query]) -> Any:
    """All that can be seen of a storage."""
    every = [*(Query(owner) for owner in OWNERS), *some_queries]
    pages = [([*page.entries], [*(page.payloads or ())]) for page in storage.read(spec, every)]
    searched = [0, 1, 2, 3, 4, 5, 6, MAX_ID - 1, MAX_ID]
    places = [[*storage.locate(spec, query, searched)] for query in every]
    return pages, places, storage.stats(spec, every), [*storage.load("activities", searched)]


@pytest.mark.parametrize(("spec", "entries"), [(INLINE, inline_entries), (REFERENCES, reference_entries)])
def test_every_history_ends_as_on_the_memory_storage(spec: FeedSpec, entries: st.SearchStrategy[Entry]) -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.lists(steps(spec, entries), max_size=12), st.lists(queries, max_size=4))
    def histories(history: list[Step], some_queries: list[Query]) -> None:
        memory, starter = MemoryStorage(), SortedRows()
        for step in history:
            assert step(starter) == step(memory)
            assert shown(starter, spec, some_queries) == shown(memory, spec, some_queries)

    histories()


@pytest.mark.parametrize("size", [2, 3])
def test_reading_and_clearing_in_small_steps_is_the_same(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """The pages in which long feeds are walked, cleared and flushed are a thousand rows; here they are a few."""
    monkeypatch.setattr("streamfw_core.storage.starter.ROWS_AT_ONCE", size)
    monkeypatch.setattr("streamfw_core.storage.starter.FEEDS_PER_COMMIT", size)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(steps(INLINE, inline_entries), max_size=8), st.lists(queries, max_size=4))
    def histories(history: list[Step], some_queries: list[Query]) -> None:
        memory, starter = MemoryStorage(), SortedRows()
        for step in history:
            assert step(starter) == step(memory)
        assert shown(starter, INLINE, some_queries) == shown(memory, INLINE, some_queries)

    histories()

"""Grouped feeds on flat timelines: every history ends as on the memory storage's own groups.

One difference is declared: a member that was cut, or refused as it came too late, stays out when it is redelivered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamfw_core.ids import MAX_ID
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Outcome, Query, Removal, Storage, Write
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.storage.groups import GroupStorage, group_id
from streamfw_memory.storage import MemoryStorage

from tests.core.flat_only import FlatOnly
from tests.core.sorted_rows import SortedRows

OWNERS = ("a", "b")
KEYS = ("morning", "noon", "evening", "night")
NOTIFICATIONS = FeedSpec("n", KeyFormat("n:%(user_id)s"), 2, kind="notification", inline=True, view=2)
REFERENCES = FeedSpec("r", KeyFormat("r:%(user_id)s"), 3, kind="notification", view=3)
AGGREGATED = FeedSpec("g", KeyFormat("g:%(user_id)s"), 2, kind="aggregated", inline=True, view=2)

IDS = [time << 64 | number for time in range(1, 5) for number in range(8)]


def key_of(id: int) -> str:
    return KEYS[id % 4]


class RemembersCuts(MemoryStorage):
    """The memory storage with the declared difference: what a write or a cut leaves out is remembered as removed."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        added = removed = 0
        changes: dict[str, tuple[list[int], list[int]]] = {}
        for write in writes:
            for owner in write.owners:
                before = self.held(spec, owner)
                outcome = super().write(spec, [write._replace(owners=[owner])], report=True)
                added += outcome.added or 0
                removed += outcome.removed or 0
                for owner_, change in outcome.changes.items():
                    known = changes.setdefault(owner_, ([], []))
                    known[0].extend(change.added)
                    known[1].extend(change.removed)
                gone = {id for change in outcome.changes.values() for id in change.removed}
                for put in write.puts:
                    before[put.id] = max(before.get(put.id, put.stamp), put.stamp)
                after = self.held(spec, owner)
                cut = [Removal(id, stamp) for id, stamp in before.items() if id not in after and id not in gone]
                super().write(spec, [Write([owner], removes=cut)])
        return Outcome(added, removed, changes=changes)  # type: ignore[arg-type]

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        for owner in owners:
            before = self.held(spec, owner)
            super().clear(spec, [owner], keep=keep, stamp=stamp)
            after = self.held(spec, owner)
            super().write(spec, [Write([owner], removes=[Removal(id, stamp) for id in before if id not in after])])

    def held(self, spec: FeedSpec, owner: str) -> dict[int, int]:
        groups = self.read_groups(FeedSpec(spec.name, spec.key_format, spec.keep, spec.kind, view=100), [Query(owner)])
        return {member.id: member.stamp for group in groups[0] for member in group.members}


# --- histories ---------------------------------------------------------------------------------------------------

ids = st.sampled_from(IDS)
stamps = st.integers(1, 8)
owners = st.lists(st.sampled_from(OWNERS), min_size=1, max_size=2, unique=True)

Step = Callable[[GroupStorage, int], Any]


def entries(*, inline: bool) -> st.SearchStrategy[Entry]:
    def entry(id: int, stamp: int, payload: bytes) -> Entry:
        return Entry(id, stamp, payload if inline else None, key_of(id), f"actor {id % 3}")

    return st.builds(entry, ids, stamps, st.binary(max_size=1))


def removal(id: int, stamp: int, named: bool) -> Removal:
    return Removal(id, stamp, key_of(id) if named else None)


removals = st.builds(removal, ids, stamps, st.booleans())


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=4)


def write_step(spec: FeedSpec, writes: list[Write]) -> Step:
    def step(storage: GroupStorage, _: int) -> Any:
        outcome = storage.write(spec, writes, report=True)
        changes = {owner: (sorted(change[0]), sorted(change[1])) for owner, change in outcome.changes.items()}
        return outcome.added, outcome.removed, changes, dict(outcome.failures)

    step.__name__ = f"write {writes}"
    return step


def mark_step(spec: FeedSpec, owner: str, keys: list[str] | None, ways: tuple[bool, bool]) -> Step:
    def step(storage: GroupStorage, now: int) -> Any:
        return sorted(storage.mark(spec, owner, keys, seen=ways[0], read=ways[1], stamp=now))

    step.__name__ = f"mark {owner} {keys} {ways}"
    return step


def clear_step(spec: FeedSpec, of: list[str], keep: int, stamp: int) -> Step:
    def step(storage: GroupStorage, _: int) -> Any:
        storage.clear(spec, of, keep=keep, stamp=stamp)

    step.__name__ = f"clear {of} {keep} {stamp}"
    return step


def remember_step(spec: FeedSpec, removes: list[Removal], updates: list[Entry]) -> Step:
    def step(storage: GroupStorage, _: int) -> Any:
        storage.remember(spec, removes=removes, updates=updates)

    step.__name__ = f"remember {removes} {updates}"
    return step


def flush_step(spec: FeedSpec) -> Step:
    def step(storage: GroupStorage, _: int) -> Any:
        storage.flush(spec.namespace)

    step.__name__ = "flush"
    return step


def steps(spec: FeedSpec) -> st.SearchStrategy[Step]:
    puts = entries(inline=spec.inline)
    updates = some(puts) if spec.inline else st.just([])
    write = st.builds(Write, owners, some(puts), some(removals), updates)
    adding = st.builds(Write, owners, some(puts), st.just([]), st.just([]))
    marking = st.builds(
        mark_step,
        st.just(spec),
        st.sampled_from(OWNERS),
        st.none() | st.lists(st.sampled_from(KEYS), max_size=3),
        st.sampled_from([(True, False), (False, True), (True, True)]),
    )
    return st.one_of(
        st.builds(write_step, st.just(spec), st.lists(adding, min_size=1, max_size=2)),
        st.builds(write_step, st.just(spec), st.lists(write, min_size=1, max_size=2)),
        *([marking, marking] if spec.kind == "notification" else []),
        st.builds(clear_step, st.just(spec), owners, st.integers(0, 3), stamps),
        st.builds(remember_step, st.just(spec), some(removals), updates),
        st.just(flush_step(spec)) if spec is REFERENCES else st.nothing(),
    )


bounds = st.sampled_from(IDS) | st.sampled_from([group_id(id, key_of(id)) for id in IDS])
queries = st.builds(
    Query,
    st.sampled_from(OWNERS),
    st.integers(0, 2),
    st.integers(0, 3) | st.none(),
    st.just(0) | bounds,
    st.just(MAX_ID) | bounds,
    st.booleans(),
    st.none(),
)


def shown(storage: GroupStorage, spec: FeedSpec, some_queries: Sequence[Query]) -> Any:
    """All that can be seen of a storage."""
    every = [*(Query(owner) for owner in OWNERS), *some_queries]
    groups = [[plain(group) for group in found] for found in storage.read_groups(spec, every)]
    by_key = [
        [plain(group) for group in storage.get_groups(spec, owner, [*KEYS, "none"], hydrate=None)] for owner in OWNERS
    ]
    holders = [storage.groups_of(spec, owner, IDS) for owner in OWNERS]
    return groups, by_key, holders, storage.stats(spec, every)


def plain(group: Any) -> Any:
    return group and group._replace(members=[*group.members], payloads=[*group.payloads])


def check(spec: FeedSpec, make: Callable[[], Storage], examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(st.lists(steps(spec), max_size=12), st.lists(queries, max_size=3))
    def histories(history: list[Step], some_queries: list[Query]) -> None:
        memory, fallback = RemembersCuts(), GroupsOnFlat(make())
        for now, step in enumerate(history, 100):
            assert step(fallback, now) == step(memory, now)
            assert shown(fallback, spec, some_queries) == shown(memory, spec, some_queries)

    histories()


@pytest.mark.parametrize("spec", [NOTIFICATIONS, REFERENCES, AGGREGATED], ids=lambda spec: spec.name)
def test_every_history_ends_as_on_the_groups_of_the_memory_storage(spec: FeedSpec) -> None:
    check(spec, FlatOnly, 300)


def test_on_the_starter_it_is_the_same() -> None:
    check(NOTIFICATIONS, SortedRows, 100)

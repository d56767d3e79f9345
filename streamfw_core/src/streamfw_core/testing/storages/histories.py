"""Random histories, compared with the model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamfw_core.storage.protocol import Query, Record, Removal, Write
from streamfw_core.testing import model
from streamfw_core.testing.model import Kind, Operation
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.properties import EXAMPLES
from streamfw_core.testing.storages.case import StorageCase

__all__ = ["HistoriesContract"]


def _operations(*kinds: Kind, ids: int) -> st.SearchStrategy[list[Operation]]:
    """Few ids and stamps, so that operations meet; an update shares no stamp with an add, whose tie nothing decides."""
    stamps = st.integers(1, 8)
    operation = st.builds(
        lambda kind, number, stamp: Operation(kind, number, 2 * stamp + (kind == "update")),
        st.sampled_from(kinds),
        st.integers(0, ids - 1),
        stamps,
    )
    return st.lists(operation, max_size=24)


class HistoriesContract(StorageCase):
    """What comes out of operations that nobody thought of."""

    @promise("C6", "C9")
    @EXAMPLES
    @given(_operations("add", "add", "remove", "update", "empty", ids=4))
    def test_histories_end_the_same_in_whatever_order_they_arrive(self, history: list[Operation]) -> None:
        spec, base = self._inline, self._fresh_ids()
        owner = f"owner-{base >> 8}"
        moved = [operation._replace(id=base + operation.id) for operation in history]
        for operation in [*moved, *moved[::3]]:
            self._apply(owner, operation)
        page = self.storage.read(spec, [Query(owner)])[0]
        found = {id - base: payload for id, payload in zip(page.ids, page.payloads or (), strict=True)}
        expected = {id - base: payload for id, payload in model.timeline(moved).items()}
        same([*found], [*expected], "C9", f"what a feed shows after {_told(history)}")
        same(found, expected, "C9", f"payloads after {_told(history)}")

    @promise("C6", "C7")
    @EXAMPLES
    @given(
        st.lists(
            st.tuples(st.sampled_from(["add", "add", "trim"]), st.lists(st.integers(0, 12), max_size=8)), max_size=12
        )
    )
    def test_a_feed_with_a_cap_shows_the_newest(self, history: list[tuple[str, list[int]]]) -> None:
        spec, base = self._capped, self._fresh_ids()
        owner = f"owner-{base >> 8}"
        shown: list[int] = []
        for stamp, (kind, numbers) in enumerate(history):
            if kind == "add":
                added = self.put(spec, owner, [base + number for number in numbers], stamp).added
                after = sorted({*shown, *numbers}, reverse=True)[: spec.keep]
                self.counted(added, len({*after} - {*shown}), f"adding {numbers} to {shown}")
            else:
                after = shown[: len(numbers)]
                self.clear(spec, owner, len(numbers), stamp)
            shown = after
            found = [id - base for id in self.ids(spec, owner)]
            same(found, shown, "C7", f"a feed of at most {spec.keep} after {history[: stamp + 1]}")

    @promise("C2", "C3")
    @EXAMPLES
    @given(
        st.sets(st.integers(0, 30)),
        st.lists(
            st.tuples(
                st.integers(0, 31), st.integers(0, 31), st.integers(0, 9), st.none() | st.integers(0, 12), st.booleans()
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def test_any_query_finds_what_the_model_finds(
        self, numbers: set[int], asked: list[tuple[int, int, int, int | None, bool]]
    ) -> None:
        spec, base = self._inline, self._fresh_ids()
        owner = f"owner-{base >> 8}"
        self.put(spec, owner, [base + number for number in numbers], payload=b"x")
        queries = [
            Query(owner, start, stop, base + lower, base + upper, oldest_first)
            for lower, upper, start, stop, oldest_first in asked
        ]
        shown = [base + number for number in numbers]
        pages = self.storage.read(spec, queries)
        counts = self.storage.stats(spec, queries)
        for query, page, stats in zip(queries, pages, counts, strict=True):
            bounds = f"{query.lower - base} to {query.upper - base}"
            words = f"slice [{query.start}:{query.stop}] of ids {bounds} among {sorted(numbers)}"
            within = model.page(shown, 0, None, query.lower, query.upper, oldest_first=query.oldest_first)
            same([*page.ids], within[query.start : query.stop], "C3", words)
            same(stats.entries, len(within), "C3", f"the count for {words}")
            places = [*self.storage.locate(spec, query, within)]
            same(places, [*range(len(within))], "C2", f"positions for {words}")

    @promise("C6", "C9")
    @EXAMPLES
    @given(_operations("add", "remove", "update", "update", ids=2))
    def test_records_hold_the_newest_version(self, history: list[Operation]) -> None:
        base = self._fresh_ids()
        moved = [operation._replace(id=base + operation.id) for operation in history]
        for operation in moved:
            payload = None if operation.kind == "remove" else operation.payload
            stored = Record(operation.id, self.stamp(operation.stamp), payload)
            self.storage.store(self._records, [stored], update=operation.kind == "update")
        for id in (base, base + 1):
            found = self.storage.load(self._records, [id])[0]
            of_id = [operation for operation in moved if operation.id == id]
            told = _told([operation._replace(id=id - base) for operation in of_id])
            allowed = model.records(of_id)
            payload = None if found is None else found.payload
            check(payload in allowed, "C9", f"a record after {told}: got {payload!r}, expected one of {allowed}")

    def begin(self) -> None:
        super().begin()
        # One of each for all examples: a schema is made for a class, not for a feed.
        self._inline = self.spec(keep=1000, inline=True)
        self._capped = self.spec(keep=5)
        self._records = self.namespace()
        self._examples = 0

    def _fresh_ids(self) -> int:
        """The first of 256 ids that no other example uses: what is remembered of an id concerns all feeds."""
        self._examples += 1
        return self._examples << 8

    def _apply(self, owner: str, operation: Operation) -> None:
        """As a manager does it: an update is remembered before it is delivered."""
        spec, stamp = self._inline, self.stamp(operation.stamp)
        entry = self.entry(operation.id, operation.stamp, operation.payload)
        if operation.kind == "add":
            self.write(spec, Write([owner], puts=[entry]))
        elif operation.kind == "remove":
            self.write(spec, Write([owner], removes=[Removal(operation.id, stamp)]))
        elif operation.kind == "update":
            self.storage.remember(spec, updates=[entry])
            self.write(spec, Write([owner], updates=[entry]))
        else:
            self.clear(spec, owner, keep=0, stamp=operation.stamp)


def _told(history: list[Operation]) -> str:
    """A history in words short enough for a message."""
    return ", ".join(f"{operation.kind} {operation.id} at {operation.stamp}" for operation in history) or "nothing"

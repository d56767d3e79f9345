"""The starter: the same as the memory storage in every history, and right when others get ahead of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
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
ROOMY = FeedSpec("inline", INLINE.key_format, 10_000, inline=True)
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
    pages = [([*page.ids], [*page.stamps], [*(page.payloads or ())]) for page in storage.read(spec, every)]
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


# --- when others get ahead ---------------------------------------------------------------------------------------


@pytest.fixture
def storage() -> SortedRows:
    return SortedRows()


def shown_ids(storage: Storage, owner: str = "a", spec: FeedSpec = INLINE) -> list[int]:
    return [entry.id for entry in storage.read(spec, [Query(owner)])[0].entries]


def put(id: int, stamp: int = 1, owner: str = "a") -> Write:
    return Write([owner], puts=[Entry(id, stamp, b"x")])


def losing(storage: SortedRows, times: int) -> list[int]:
    """Let another writer change the same feed in front of this many commits."""
    lost: list[int] = []
    other = SortedRows()
    other.partitions = storage.partitions

    def get_ahead() -> None:
        if len(lost) < times:
            lost.append(1000 + len(lost))
            other.write(ROOMY, [put(lost[-1])])

    storage.before_commit = get_ahead
    return lost


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_lost_race_is_run_again(storage: SortedRows, times: int) -> None:
    lost = losing(storage, times)

    outcome = storage.write(ROOMY, [put(7), Write(["a", "b"], removes=[Removal(1, 5)])], report=True)

    assert (outcome.added, outcome.removed, outcome.failures) == (1, 0, {})
    assert sorted(shown_ids(storage, spec=ROOMY)) == [7, *lost]
    assert len(lost) == times


def test_a_race_that_is_lost_every_time_ends_in_a_typed_error_for_that_feed_alone(
    storage: SortedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "attempts", 4)
    losing(storage, 1_000_000)

    outcome = storage.write(ROOMY, [Write(["b", "a", "c"], puts=[Entry(7, 1, b"x")])])

    assert outcome.added == 2
    assert [*outcome.failures] == ["a"]
    error = outcome.failures["a"]
    assert isinstance(error, StorageError)
    assert error.storage == "rows"
    assert "after 4 attempts, as other writers were always ahead: nothing was changed" in str(error)
    assert shown_ids(storage, "b") == shown_ids(storage, "c") == [7]


def test_what_is_not_a_write_raises_when_every_race_is_lost(
    storage: SortedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "attempts", 2)
    monkeypatch.setattr(storage, "commit", lambda partition, swaps: False)

    calls: list[Callable[[], object]] = [
        lambda: storage.store("activities", [Record(1, 1, b"x")]),
        lambda: storage.remember(INLINE, removes=[Removal(1, 1)]),
        lambda: storage.clear(INLINE, ["a"], keep=0, stamp=1),
    ]
    for call in calls:
        with pytest.raises(StorageError, match="gave up a change in"):
            call()


def test_threads_that_remember_and_add_never_let_a_removed_entry_appear(storage: SortedRows) -> None:
    """C9: a put in flight either was there before `remember` returned, or stays out for good."""
    for number in range(200):
        start = threading.Barrier(2)

        def add(id: int = number, start: threading.Barrier = start) -> None:
            start.wait()
            storage.write(INLINE, [put(id, 1)])

        thread = threading.Thread(target=add)
        thread.start()
        start.wait()
        storage.remember(INLINE, removes=[Removal(number, 1)])
        at_once = number in shown_ids(storage)
        thread.join()
        assert at_once or number not in shown_ids(storage)
        storage.clear(INLINE, ["a"], keep=0, stamp=0)


def test_a_removal_between_the_look_up_and_the_commit_keeps_the_put_out(storage: SortedRows) -> None:
    """C9, with the order of events that the test above only hopes for."""

    def remember_now() -> None:
        storage.before_commit = lambda: None
        storage.remember(INLINE, removes=[Removal(7, 5)])

    storage.before_commit = remember_now
    assert storage.write(INLINE, [put(7, 5)]).added == 0
    assert shown_ids(storage) == []
    assert storage.write(INLINE, [put(7, 6)]).added == 1


def test_an_update_between_the_look_up_and_the_commit_reaches_the_put(storage: SortedRows) -> None:
    def remember_now() -> None:
        storage.before_commit = lambda: None
        storage.remember(INLINE, updates=[Entry(7, 9, b"new")])

    storage.before_commit = remember_now
    storage.write(INLINE, [put(7, 5)])
    assert storage.read(INLINE, [Query("a")]) == [Page([7], [b"new"], [5])]


def test_a_flush_in_between_leaves_no_entry_without_a_head(storage: SortedRows) -> None:
    storage.write(INLINE, [put(1), put(2)])

    def flush_now() -> None:
        storage.before_commit = lambda: None
        storage.flush(INLINE.namespace)

    storage.before_commit = flush_now
    storage.write(INLINE, [put(7)])
    assert shown_ids(storage) == [7]
    assert storage.stats(INLINE, [Query("a")])[0].entries == 1


# --- how much is read --------------------------------------------------------------------------------------------


def test_adding_to_a_long_feed_reads_a_few_rows(storage: SortedRows) -> None:
    spec = FeedSpec("long", KeyFormat("long:%(user_id)s"), 5000)
    storage.write(spec, [Write(["a"], puts=[Entry(id, 1) for id in range(5000)])])
    storage.scanned.clear()

    assert storage.write(spec, [Write(["a"], puts=[Entry(9999, 1)])]).added == 1
    assert sum(storage.scanned) < 10
    assert storage.stats(spec, [Query("a")])[0].entries == 5000

    storage.scanned.clear()
    assert len(storage.read(spec, [Query("a", 0, 25)])[0].entries) == 25
    assert sum(storage.scanned) < 30


def test_a_feed_whose_length_was_lowered_shows_the_newest_and_is_cut_in_steps(storage: SortedRows) -> None:
    long = FeedSpec("long", KeyFormat("long:%(user_id)s"), 5000)
    short = FeedSpec("long", KeyFormat("long:%(user_id)s"), 10)
    storage.write(long, [Write(["a"], puts=[Entry(id, 1) for id in range(5000)])])

    assert shown_ids(storage, spec=short) == [*range(4999, 4989, -1)]
    assert storage.stats(short, [Query("a")])[0].entries == 10
    assert storage.locate(short, Query("a"), [4990, 4989]) == [9, None]

    storage.write(short, [Write(["a"], puts=[Entry(9999, 1)])])
    assert shown_ids(storage, spec=short) == [9999, *range(4999, 4990, -1)]
    assert len(storage.partitions[long.namespace]) == 11


@pytest.mark.parametrize(
    ("owner", "longest"), [("a", 20), ("x" * 64, 83), ("é" * 32, 83), ("x" * 65, 51), ("x" * 5000, 51)]
)
def test_keys_are_no_longer_than_the_page_says(owner: str, longest: int) -> None:
    asked: set[bytes] = set()

    class Measured(SortedRows):
        def scan(
            self, partition: str, first: bytes, last: bytes, *, limit: int | None, backwards: bool
        ) -> Iterable[tuple[bytes, bytes]]:
            asked.update({first, last})
            return super().scan(partition, first, last, limit=limit, backwards=backwards)

        def commit(self, partition: str, swaps: Sequence[Swap]) -> bool:
            asked.update(swap.key for swap in swaps)
            return super().commit(partition, swaps)

    storage = Measured()
    for stamp in (1, 2):
        storage.store(ROOMY.namespace, [Record(5, stamp, b"x"), Record(6, stamp, None)])
        storage.write(ROOMY, [Write([owner], [Entry(MAX_ID, stamp, b"x"), Entry(7, stamp, b"x")], [Removal(7, stamp)])])
        storage.remember(ROOMY, removes=[Removal(8, stamp)])
        storage.read(ROOMY, [Query(owner)])
        storage.clear(ROOMY, [owner], keep=1, stamp=stamp)
        storage.flush(ROOMY.namespace)
    assert max(map(len, asked)) == longest


def test_a_hundred_feeds_are_one_commit(storage: SortedRows) -> None:
    storage.write(INLINE, [Write([str(number) for number in range(250)], puts=[Entry(7, 1, b"x")])])
    assert storage.commits == 3

    storage.write(INLINE, [Write([str(number) for number in range(250)], puts=[Entry(7, 1, b"x")])])
    assert storage.commits == 3, "what changes nothing needs no commit"


# --- what is forgotten -------------------------------------------------------------------------------------------


def test_removals_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_000
    monkeypatch.setattr("streamfw_core.storage.partitions.time.time_ns", lambda: now * 1000)
    storage = SortedRows(tombstone_ttl=10)
    storage.remember(INLINE, removes=[Removal(1, 5)])
    storage.write(INLINE, [Write(["a"], removes=[Removal(2, 5)])])
    storage.store("activities", [Record(3, 5, None)])
    storage.clear(INLINE, ["a"], keep=0, stamp=5)
    late = Write(["a"], puts=[Entry(1, 4, b"x"), Entry(2, 4, b"x"), Entry(4, 4, b"x")])

    now += 9_999_999
    assert storage.write(INLINE, [late]).added == 0
    assert storage.store("activities", [Record(3, 4, b"x")]) == 0

    now += 2
    assert storage.load("activities", [3]) == [None]
    assert storage.write(INLINE, [late]).added == 3
    storage.remember(INLINE, removes=[Removal(99, 5)])
    storage.store("activities", [Record(99, 5, None)])
    left = {key[:1] for rows_left in storage.partitions.values() for key in rows_left}
    assert left == {b"F", b"N", b"R", b"X"}
    assert len(storage.partitions["activities"]) == 2, "the removal of 99, and when it will be forgotten"
    assert len(storage.partitions[INLINE.namespace]) == 6, "three entries, their head, and the same two"


def test_a_removal_that_is_repeated_is_remembered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_000
    monkeypatch.setattr("streamfw_core.storage.partitions.time.time_ns", lambda: now * 1000)
    storage = SortedRows(tombstone_ttl=10)
    storage.remember(INLINE, removes=[Removal(1, 5)])
    now += 6_000_000
    storage.remember(INLINE, removes=[Removal(1, 5)])
    now += 6_000_000
    storage.remember(INLINE, removes=[Removal(2, 5)])
    assert storage.write(INLINE, [put(1, 4)]).added == 0


# --- rows that are not what they should be, and keys -------------------------------------------------------------


def change(storage: SortedRows, kind: Callable[[bytes], bool], value: bytes) -> None:
    for partition in storage.partitions.values():
        for key in partition:
            if kind(key):
                partition[key] = value


def entries_of(owner: str) -> Callable[[bytes], bool]:
    return lambda key: key.startswith(rows.timeline_prefix(owner) + b"e")


JUNK = [b"", b"\x00", b"\x01", b"\xff" * 40, b"\x80\x04\x95\x10", b"\x01\x06" + b"\xff" * 20]


@pytest.mark.parametrize("junk", JUNK)
def test_an_entry_that_cannot_be_decoded_concerns_no_other(storage: SortedRows, junk: bytes) -> None:
    storage.write(INLINE, [put(1), put(2)])
    change(storage, lambda key: entries_of("a")(key) and key.endswith(b"\x01"), junk)

    page = storage.read(INLINE, [Query("a")])[0]
    assert [entry.id for entry in page.entries] == [2, 1]
    assert page.payloads == [b"x", b""]

    storage.write(INLINE, [put(1, 3)])
    assert storage.read(INLINE, [Query("a")])[0].payloads == [b"x", b"x"], "the next write repairs it"


@pytest.mark.parametrize("junk", JUNK)
def test_a_record_that_cannot_be_decoded_concerns_no_other(storage: SortedRows, junk: bytes) -> None:
    storage.store("activities", [Record(1, 5, b"one"), Record(2, 5, b"two")])
    change(storage, lambda key: key == rows.record_key(1), junk)

    assert storage.load("activities", [1, 2]) == [Record(1, -1, b""), Record(2, 5, b"two")]
    storage.store("activities", [Record(1, 1, None)])
    assert storage.load("activities", [1]) == [Record(1, 1, None)]


@pytest.mark.parametrize("junk", JUNK)
def test_a_feed_whose_head_cannot_be_decoded_fails_by_itself(storage: SortedRows, junk: bytes) -> None:
    storage.write(INLINE, [put(1), put(1, owner="b")])
    change(storage, lambda key: key == rows.head_key(rows.timeline_prefix("a")), junk)

    outcome = storage.write(INLINE, [Write(["a", "b"], puts=[Entry(2, 1, b"x")])])
    assert outcome.added == 1
    assert [*outcome.failures] == ["a"]
    error = outcome.failures["a"]
    assert isinstance(error, DecodeError)
    assert error.feed == "inline:a"
    assert "'inline:a' on storage 'rows' has a row that cannot be decoded" in str(error)
    for call in (lambda: storage.read(INLINE, [Query("a")]), lambda: storage.stats(INLINE, [Query("a")])):
        with pytest.raises(DecodeError, match="inline:a"):
            call()
    storage.flush(INLINE.namespace)
    assert storage.partitions[INLINE.namespace] == {}
    assert storage.write(INLINE, [put(2)]).added == 1


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_remembered_and_cannot_be_decoded_is_an_error(storage: SortedRows, junk: bytes) -> None:
    storage.remember(INLINE, removes=[Removal(1, 5)])
    change(storage, lambda key: key == rows.note_key(1), junk)

    assert isinstance(storage.write(INLINE, [put(1)]).failures["a"], DecodeError)
    with pytest.raises(DecodeError, match="inline"):
        storage.remember(INLINE, removes=[Removal(1, 6)])
    assert storage.write(INLINE, [put(2)]).added == 1


def test_the_queue_of_what_may_be_forgotten_deletes_nothing_else(storage: SortedRows) -> None:
    storage.write(INLINE, [put(1)])
    storage.store(INLINE.namespace, [Record(5, 1, b"x")])
    rows_there = storage.partitions[INLINE.namespace]
    before = dict(rows_there)
    for key in [*before, b"", b"F", b"F\xff", b"N", b"\xff"]:
        rows_there[rows.expiry_key(1)] = key
    storage.remember(INLINE, removes=[Removal(9, 1)])

    assert before.items() <= rows_there.items()
    assert not any(key.startswith(b"X") and key < rows.expiry_key(2) for key in rows_there)


@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_fail_to_decode(data: bytes) -> None:
    for unpack in (rows.unpack_head, rows.unpack_note, rows.unpack_removal):
        with suppress(DecodeError):
            unpack(data)
    assert rows.unpack_entry(1, data).entry.id == rows.unpack_record(1, data).record.id == 1


@given(
    st.builds(
        rows.StoredEntry,
        st.builds(
            Entry,
            st.integers(0, MAX_ID),
            st.integers(0, 2**64 - 1),
            st.binary() | st.none(),
            st.text() | st.none(),
            st.text() | st.none(),
            columns=st.none(),
        ),
        st.integers(0, 2**64 - 1),
    )
)
def test_entries_come_back_equal(stored: rows.StoredEntry) -> None:
    assert rows.unpack_entry(stored.entry.id, rows.pack_entry(stored)) == stored


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_timeline_lies_in_another(one: str, other: str) -> None:
    if one != other:
        assert not rows.timeline_prefix(one).startswith(rows.timeline_prefix(other))
    assert rows.timeline_of(rows.entry_key(rows.timeline_prefix(one), 7)) == rows.timeline_prefix(one)
    assert len(rows.entry_key(rows.timeline_prefix(one), MAX_ID)) <= 2 + 256 + 17


def test_a_stamp_that_has_no_room_is_refused_before_anything_is_written(storage: SortedRows) -> None:
    outcome = storage.write(INLINE, [put(1, 2**64)])
    assert isinstance(outcome.failures["a"], EncodeError)
    with pytest.raises(EncodeError, match="stamps are integers from 0"):
        storage.store("activities", [Record(1, 1, b"x"), Record(2, -1, b"x")])
    assert shown_ids(storage) == []
    assert storage.load("activities", [1]) == [None]


# --- errors of the server ----------------------------------------------------------------------------------------


class Broken(SortedRows):
    """A server that does not answer."""

    asked = 0

    def commit(self, partition: str, swaps: Sequence[Swap]) -> bool:
        self.asked += 1
        raise ConnectionError("no route to host")


def test_an_error_of_the_server_is_a_storage_error_with_its_cause() -> None:
    with pytest.raises(
        StorageError, match="'rows' failed in a commit of 1 rows in 'activities': ConnectionError: no route"
    ) as caught:
        Broken().store("activities", [Record(1, 1, b"x")])
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert caught.value.storage == "rows"


def test_a_server_that_is_away_is_not_asked_for_each_feed_of_a_chunk() -> None:
    storage = Broken()
    owners = [str(number) for number in range(90)]
    outcome = storage.write(INLINE, [Write(owners, puts=[Entry(1, 1, b"x")])])
    assert [*outcome.failures] == owners
    assert all(isinstance(error.__cause__, ConnectionError) for error in outcome.failures.values())
    assert storage.asked == 4


def test_grouped_feeds_are_refused(storage: SortedRows) -> None:
    spec = FeedSpec("grouped", KeyFormat("grouped:%(user_id)s"), 10, kind="aggregated")
    calls: list[Callable[[], object]] = [
        lambda: storage.write(spec, []),
        lambda: storage.read(spec, []),
        lambda: storage.stats(spec, []),
        lambda: storage.locate(spec, Query("a"), []),
        lambda: storage.remember(spec),
        lambda: storage.clear(spec, [], keep=0, stamp=1),
    ]
    for call in calls:
        with pytest.raises(Unsupported, match="keeps flat feeds only"):
            call()


def test_a_storage_needs_both_methods() -> None:
    class Half(StarterStorage):
        capabilities = Capabilities()

        def scan(
            self, partition: str, first: bytes, last: bytes, *, limit: int | None, backwards: bool
        ) -> Iterable[tuple[bytes, bytes]]:
            return []

    with pytest.raises(TypeError, match="commit"):
        Half("half")  # type: ignore[abstract]

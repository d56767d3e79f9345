"""Flat timelines: what stands in a table, what trims leave, and orders of arrival beyond those of the conformance kit."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import permutations
from random import Random
from typing import Any

import pytest
from streamfw_cassandra.storage import CassandraStorage
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Change, Entry, FeedSpec, Query, Removal, Stats, Write

from tests.cassandra.feeds import START, Make, administering, at, numbers_of
from tests.services.cassandra import Cassandra

FEED = FeedSpec("feed", KeyFormat("feed:%(user_id)s"), 100)
SHORT = FeedSpec("short", KeyFormat("short:%(user_id)s"), 5)
INLINE = FeedSpec("inline", KeyFormat("inline:%(user_id)s"), 20, inline=True)
ADDS = 20_000


@pytest.fixture(scope="module")
def session(shared_cassandra: Cassandra) -> Iterator[Any]:
    with administering(shared_cassandra) as session:
        yield session


@pytest.fixture
def storage(make_storage: Make) -> CassandraStorage:
    """Nothing is trimmed by chance."""
    storage = make_storage(slack=999_999)
    storage.prepare([FEED, SHORT, INLINE])
    return storage


@pytest.fixture
def trimming(make_storage: Make) -> CassandraStorage:
    """Every write trims."""
    storage = make_storage(slack=1)
    storage.prepare([FEED, SHORT, INLINE])
    return storage


@pytest.fixture
def owner() -> str:
    return secrets.token_hex(6)


def put(storage: CassandraStorage, owner: str, *entries: Entry, spec: FeedSpec = SHORT) -> None:
    outcome = storage.write(spec, [Write([owner], puts=entries)])
    assert (outcome.added, dict(outcome.failures)) == (None, {})


def remove(storage: CassandraStorage, owner: str, entry: Entry, stamp: int, spec: FeedSpec = SHORT) -> None:
    assert not storage.write(spec, [Write([owner], removes=[Removal(entry.id, stamp)])]).failures


def update(storage: CassandraStorage, owner: str, entry: Entry, stamp: int, payload: bytes) -> None:
    changed = entry._replace(stamp=stamp, payload=payload)
    assert not storage.write(INLINE, [Write([owner], updates=[changed])]).failures


def shown(storage: CassandraStorage, owner: str, spec: FeedSpec = SHORT) -> list[int]:
    return numbers_of(storage, [owner], spec)[0]


def stored(session: Any, storage: CassandraStorage, owner: str, spec: FeedSpec = SHORT) -> list[int]:
    """The numbers of all rows that are there, also of those that no reader sees."""
    path = storage.schema.tables.timeline(spec).path
    rows = session.execute(f"SELECT id FROM {path} WHERE owner = %s", [owner])
    return [(int.from_bytes(row.id, "big") >> 64) - START for row in rows]


# --- how much there is ---


@pytest.mark.slow
def test_rows_stay_within_bounds_however_much_is_added(make_storage: Make, session: Any, owner: str) -> None:
    storage = make_storage(slack=FEED.keep)
    storage.prepare([FEED])
    most = 0
    for start in range(0, ADDS, 20):
        # As fan-outs bring them: one activity a write, and some writes behind others.
        writes = [Write([owner], puts=[at(number)]) for number in Random(start).sample(range(start, start + 20), 20)]
        assert not storage.write(FEED, writes).failures
        if start % 1000 == 0:
            most = max(most, len(stored(session, storage, owner, FEED)))
    # A feed is looked at once in a hundred adds in the mean. That it is not in 1,500 happens once in three millions.
    assert most <= FEED.keep + 15 * FEED.keep
    assert shown(storage, owner, FEED) == [*range(ADDS - 1, ADDS - 101, -1)]
    assert storage.stats(FEED, [Query(owner)]) == [Stats(100)]


def test_a_trim_leaves_what_readers_see(trimming: CassandraStorage, session: Any, owner: str) -> None:
    for number in Random(1).sample(range(40), 40):
        put(trimming, owner, at(number))
        visible = shown(trimming, owner)
        assert stored(session, trimming, owner) == visible
    assert visible == [39, 38, 37, 36, 35]


def test_many_feeds_are_trimmed_with_few_requests(
    storage: CassandraStorage, trimming: CassandraStorage, session: Any, owner: str, asked: list[Any]
) -> None:
    owners = [f"{owner}-{number}" for number in range(90)]
    for number in range(12):
        assert not storage.write(SHORT, [Write(owners[number::12], puts=[*map(at, range(number))])]).failures
    asked.clear()
    assert not trimming.write(SHORT, [Write(owners, puts=[at(99)])]).failures
    # One for what is remembered, three that write, two that look, and at most as many that cut as write.
    assert len(asked) <= 1 + 3 + 2 + 3
    for index, each in enumerate(owners):
        newest = [99, *range(index % 12 - 1, -1, -1)][:5]
        assert stored(session, trimming, each) == shown(trimming, each) == newest


def test_one_write_of_more_than_a_feed_keeps_is_trimmed_too(
    trimming: CassandraStorage, session: Any, owner: str
) -> None:
    put(trimming, owner, *map(at, range(300)), spec=FEED)
    assert stored(session, trimming, owner, FEED) == shown(trimming, owner, FEED) == [*range(299, 199, -1)]


def test_what_is_beyond_the_length_is_counted_and_found_by_nobody(storage: CassandraStorage, owner: str) -> None:
    put(storage, owner, *map(at, range(12)))
    everything = Query(owner)
    old = Query(owner, upper=at(8).id)
    assert storage.stats(SHORT, [everything, old, Query(owner, upper=at(6).id)]) == [Stats(5), Stats(2), Stats(0)]
    assert storage.locate(SHORT, everything, [at(n).id for n in (11, 7, 6, 0)]) == [0, 4, None, None]
    assert storage.locate(SHORT, Query(owner, oldest_first=True), [at(7).id, at(6).id]) == [0, None]
    first = Query(owner, 0, 2, oldest_first=True)
    pages = storage.read(SHORT, [old, first, Query(owner, lower=at(3).id, upper=at(7).id)])
    assert [[(id >> 64) - START for id in page.ids] for page in pages] == [[8, 7], [7, 8], [7]]


# --- trims have the stamps of what they delete ---


def test_an_old_entry_with_a_newer_stamp_comes_in_after_a_trim(trimming: CassandraStorage, owner: str) -> None:
    put(trimming, owner, *map(at, range(10)))
    assert shown(trimming, owner) == [9, 8, 7, 6, 5]
    for number in (9, 8, 7):
        remove(trimming, owner, at(number), at(100).stamp)
    assert shown(trimming, owner) == [6, 5]

    put(trimming, owner, at(1)._replace(stamp=at(50).stamp))

    assert shown(trimming, owner) == [6, 5, 1]


def test_old_entries_with_newer_stamps_go_when_newer_entries_have_come(
    trimming: CassandraStorage, session: Any, owner: str
) -> None:
    put(trimming, owner, *map(at, range(10)))
    put(trimming, owner, at(3)._replace(stamp=at(11).stamp), at(1)._replace(stamp=at(12).stamp))
    assert shown(trimming, owner) == [9, 8, 7, 6, 5]
    assert stored(session, trimming, owner) == [9, 8, 7, 6, 5, 1]

    for number in range(13, 20):
        put(trimming, owner, at(number))

    assert stored(session, trimming, owner) == shown(trimming, owner) == [19, 18, 17, 16, 15]


def test_an_old_entry_that_arrives_late_after_a_trim_is_seen_only_where_there_is_room(
    trimming: CassandraStorage, owner: str
) -> None:
    put(trimming, owner, *map(at, range(10, 20)))
    put(trimming, owner, at(3))
    assert shown(trimming, owner) == [19, 18, 17, 16, 15]


def test_a_feed_that_becomes_shorter_shows_the_newest(storage: CassandraStorage, owner: str) -> None:
    put(storage, owner, *map(at, range(30)), spec=FEED)
    short = FeedSpec(FEED.name, FEED.key_format, 3)
    assert shown(storage, owner, short) == [29, 28, 27]
    assert shown(storage, owner, FEED) == [*range(29, -1, -1)]


def test_a_cut_feed_takes_what_is_newer_than_the_cut(storage: CassandraStorage, owner: str) -> None:
    put(storage, owner, *map(at, range(5)))
    storage.clear(SHORT, [owner], keep=2, stamp=at(50).stamp)
    put(storage, owner, at(0), at(1)._replace(stamp=at(51).stamp), at(2)._replace(stamp=at(50).stamp))
    assert shown(storage, owner) == [4, 3, 1]


# --- orders of arrival ---


def every_order(count: int) -> list[Sequence[int]]:
    return [*permutations(range(count))]


@pytest.mark.parametrize("order", every_order(4))
def test_puts_updates_and_removals_end_the_same_in_every_order(
    storage: CassandraStorage, owner: str, order: Sequence[int]
) -> None:
    entry = at(1, b"first")
    stamp = entry.stamp
    steps = [
        lambda: put(storage, owner, entry, spec=INLINE),
        lambda: update(storage, owner, entry, stamp + 1, b"second"),
        lambda: remove(storage, owner, entry, stamp + 2, INLINE),
        lambda: put(storage, owner, entry._replace(stamp=stamp + 3, payload=b"third"), spec=INLINE),
    ]
    for number in order:
        steps[number]()
    [page] = storage.read(INLINE, [Query(owner)])
    assert page.entries == [entry._replace(stamp=stamp + 3, payload=b"third")]


@pytest.mark.parametrize("order", every_order(3))
def test_an_update_never_undoes_a_removal(storage: CassandraStorage, owner: str, order: Sequence[int]) -> None:
    entry = at(1, b"first")
    steps = [
        lambda: put(storage, owner, entry, spec=INLINE),
        lambda: remove(storage, owner, entry, entry.stamp + 1, INLINE),
        lambda: update(storage, owner, entry, entry.stamp + 2, b"second"),
    ]
    for number in order:
        steps[number]()
    assert shown(storage, owner, INLINE) == []
    assert storage.stats(INLINE, [Query(owner)]) == [Stats(0)]
    put(storage, owner, entry._replace(stamp=entry.stamp + 3, payload=b"anew"), spec=INLINE)
    assert storage.read(INLINE, [Query(owner)])[0].payloads == [b"anew"]


def test_of_one_stamp_the_removal_wins_whenever_it_comes(storage: CassandraStorage, owner: str) -> None:
    for first, second in ((put, remove), (remove, put)):
        for step in (first, second):
            if step is put:
                put(storage, owner, at(1))
            else:
                remove(storage, owner, at(1), at(1).stamp)
        assert shown(storage, owner) == []


def test_an_update_of_what_never_came_is_no_entry(storage: CassandraStorage, session: Any, owner: str) -> None:
    for number in range(60):
        update(storage, owner, at(number), at(number).stamp + 1, b"updated")
    assert len(stored(session, storage, owner, INLINE)) == 60
    assert storage.read(INLINE, [Query(owner), Query(owner, oldest_first=True)])[0].entries == []
    assert storage.stats(INLINE, [Query(owner)]) == [Stats(0)]
    assert storage.locate(INLINE, Query(owner), [at(5).id]) == [None]


def test_reads_go_past_rows_that_are_no_entries(storage: CassandraStorage, owner: str) -> None:
    """Each page asks for as many rows as it wants entries, and some of these are none."""
    entries = [at(number, b"%d" % number) for number in range(0, 40, 3)]
    put(storage, owner, *entries, spec=INLINE)
    for number in range(40):
        if number % 3:
            update(storage, owner, at(number), at(number).stamp + 1, b"no entry")
    expected = entries[::-1]
    for start, stop in ((0, 5), (3, 9), (0, None), (13, 20)):
        [down, up] = storage.read(INLINE, [Query(owner, start, stop), Query(owner, start, stop, oldest_first=True)])
        assert down.entries == expected[start:stop]
        assert up.entries == entries[start:stop]
    assert storage.locate(INLINE, Query(owner), [one.id for one in expected]) == [*range(len(expected))]
    within = Query(owner, lower=at(4).id, upper=at(30).id)
    assert storage.stats(INLINE, [within]) == [Stats(9)]
    storage.clear(INLINE, [owner], keep=4, stamp=at(99).stamp)
    assert storage.read(INLINE, [Query(owner)])[0].entries == expected[:4]


def test_a_trim_counts_entries_and_not_rows(trimming: CassandraStorage, session: Any, owner: str) -> None:
    for number in range(50, 60):
        update(trimming, owner, at(number), at(number).stamp + 1, b"no entry")
    put(trimming, owner, *(at(number, b"x") for number in range(20)), spec=INLINE)
    assert shown(trimming, owner, INLINE) == [*range(19, -1, -1)]
    put(trimming, owner, *(at(number, b"x") for number in range(20, 26)), spec=INLINE)
    assert shown(trimming, owner, INLINE) == [*range(25, 5, -1)]
    assert stored(session, trimming, owner, INLINE) == [*range(59, 49, -1), *range(25, 5, -1)]


# --- reports ---


def test_a_report_says_what_changed_in_each_feed(storage: CassandraStorage, owner: str) -> None:
    one, other, none = f"{owner}-1", f"{owner}-2", f"{owner}-3"
    put(storage, one, at(1), at(2))
    put(storage, none, at(3))
    writes = [
        Write([one, other, none], puts=[at(3)]),
        Write([one, other], removes=[Removal(at(1).id, at(9).stamp)]),
    ]

    outcome = storage.write(SHORT, writes, report=True)

    assert dict(outcome.changes) == {one: Change([at(3).id], [at(1).id]), other: Change([at(3).id], [])}
    assert dict(storage.write(SHORT, writes, report=True).changes) == {}


def test_a_report_leaves_out_what_a_full_feed_does_not_show(
    storage: CassandraStorage, trimming: CassandraStorage
) -> None:
    for each in (storage, trimming):
        owner = secrets.token_hex(6)
        put(each, owner, *map(at, range(10, 15)))
        outcome = each.write(SHORT, [Write([owner], puts=[at(1), at(20)])], report=True)
        assert dict(outcome.changes) == {owner: Change([at(20).id], [])}


def test_a_report_has_nothing_of_puts_that_came_too_late(storage: CassandraStorage, owner: str) -> None:
    remove(storage, owner, at(1), at(5).stamp)
    assert dict(storage.write(SHORT, [Write([owner], puts=[at(1)])], report=True).changes) == {}


def test_a_report_on_a_feed_that_cannot_be_read_is_an_error_before_anything_is_written(
    storage: CassandraStorage, owner: str
) -> None:
    with pytest.raises(StorageError, match="Key length"):
        storage.write(SHORT, [Write([owner, "x" * 70_000], puts=[at(1)])], report=True)
    assert shown(storage, owner) == []

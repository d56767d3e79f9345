"""Values that somebody else wrote: stored exactly or refused with a typed error, and no feed costs another."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import pytest
from streamfw_cassandra.storage import CassandraStorage
from streamfw_core.clock import next_stamp
from streamfw_core.errors import StorageError, StreamsError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Record, Removal, Write

from tests.cassandra.feeds import Make, administering, at
from tests.services.cassandra import Cassandra

FLAT = FeedSpec("flat", KeyFormat("flat:%(user_id)s"), 100)
INLINE = FeedSpec("inline", KeyFormat("inline:%(user_id)s"), 100, inline=True)
LIKES = FeedSpec("likes", KeyFormat("likes:%(user_id)s"), 100, kind="notification", inline=True)
ODD = (
    "'", '"', ";", "'; DROP TABLE flat; --", "\0", "a\0b", "?", "%s", "{table}", "\\", "\n", "é", "e\u0301", "😀", "\u202e",
    "\uffff", "$$", "true", "null", " ", "x" * 60_000,
)  # fmt: skip
LONGEST_KEY = 65_535
"""Bytes of a partition key, whose length Cassandra writes in two."""
TOO_LONG = "x" * 70_000
SURROGATE = "\ud800"


@pytest.fixture(scope="module")
def session(shared_cassandra: Cassandra) -> Iterator[Any]:
    with administering(shared_cassandra) as session:
        yield session


@pytest.fixture
def storage(make_storage: Make) -> CassandraStorage:
    storage = make_storage()
    storage.prepare([FLAT, INLINE, LIKES])
    return storage


def liked(number: int, group: str = "g", actor: str = "1", payload: bytes = b"") -> Entry:
    return at(number, payload)._replace(group=group, actor=actor)


def shown(storage: CassandraStorage, owner: str, spec: FeedSpec = FLAT) -> list[int]:
    return [*storage.read(spec, [Query(owner)])[0].ids]


def rows_of(session: Any, storage: CassandraStorage, spec: FeedSpec, owner: str) -> int:
    path = storage.schema.tables.timeline(spec).path
    return int(session.execute(f"SELECT COUNT(*) FROM {path} WHERE owner = %s", [owner]).one()[0])


# --- texts ---


def test_owners_are_stored_exactly(storage: CassandraStorage) -> None:
    for number, owner in enumerate(ODD):
        outcome = storage.write(FLAT, [Write([owner], puts=[at(number)])])
        assert not outcome.failures
    for number, owner in enumerate(ODD):
        assert shown(storage, owner) == [at(number).id], owner[:50]


def test_group_keys_and_actors_are_stored_exactly(storage: CassandraStorage) -> None:
    owner = secrets.token_hex(6)
    puts = [liked(number, odd, odd) for number, odd in enumerate(ODD)]
    for put in puts:
        assert not storage.write(LIKES, [Write([owner], puts=[put])]).failures
    groups = storage.read_groups(LIKES, [Query(owner)])[0]
    assert {group.key: group.members[0].actor for group in groups} == {odd: odd for odd in ODD}
    assert {*storage.mark(LIKES, owner, ODD, seen=True, read=True, stamp=next_stamp())} == {*ODD}
    assert storage.groups_of(LIKES, owner, [put.id for put in puts]) == [*ODD]
    storage.write(LIKES, [Write([owner], removes=[Removal(put.id, next_stamp(), put.group) for put in puts[::2]])])
    assert [group and group.key for group in storage.get_groups(LIKES, owner, ODD[::2], hydrate=None)] == [
        None for _ in ODD[::2]
    ]


def test_payloads_are_stored_exactly(storage: CassandraStorage) -> None:
    payloads = [b"", b"\0", b"'; --", bytes(range(256)), b"x" * 60_000, b"y" * 300_000, *(odd.encode() for odd in ODD)]
    entries = [at(number, payload) for number, payload in enumerate(payloads)]
    owner = secrets.token_hex(6)
    assert not storage.write(INLINE, [Write([owner], puts=entries)]).failures
    assert storage.read(INLINE, [Query(owner, oldest_first=True)])[0].payloads == payloads
    namespace = f"things '; {owner}\0"
    storage.store(namespace, [Record(entry.id, entry.stamp, entry.payload) for entry in entries])
    found = storage.load(namespace, [entry.id for entry in entries])
    assert [record and record.payload for record in found] == payloads


@pytest.mark.parametrize("length", [LONGEST_KEY + 1, 70_000, 200_000])
def test_an_owner_too_long_for_a_partition_costs_no_other(storage: CassandraStorage, length: int) -> None:
    long, others = "x" * length, [f"{length}-{number}" for number in range(60)]

    outcome = storage.write(FLAT, [Write([*others[:30], long, *others[30:]], puts=[at(1)])])

    assert [*outcome.failures] == [long]
    error = outcome.failures[long]
    assert isinstance(error, StorageError)
    assert "storage 'feeds' " in str(error)
    assert len(str(error)) < 2000
    assert all(shown(storage, owner) == [at(1).id] for owner in others)


def test_the_longest_owner_is_one_like_all(storage: CassandraStorage) -> None:
    owner = "x" * LONGEST_KEY
    assert not storage.write(FLAT, [Write([owner, "beside"], puts=[at(1)])]).failures
    assert shown(storage, owner) == [at(1).id]


@pytest.mark.parametrize(
    "use",
    [
        lambda storage: storage.read(FLAT, [Query(TOO_LONG)]),
        lambda storage: storage.stats(FLAT, [Query(TOO_LONG)]),
        lambda storage: storage.locate(FLAT, Query(TOO_LONG), [1]),
        lambda storage: storage.clear(FLAT, [TOO_LONG], keep=0, stamp=1),
        lambda storage: storage.clear(FLAT, [TOO_LONG], keep=1, stamp=1),
        lambda storage: storage.read_groups(LIKES, [Query(TOO_LONG)]),
        lambda storage: storage.mark(LIKES, TOO_LONG, None, seen=True, read=True, stamp=1),
        lambda storage: storage.load(TOO_LONG, [1]),
    ],
)
def test_what_is_too_long_is_a_typed_error_of_moderate_length(
    storage: CassandraStorage, use: Callable[[CassandraStorage], object]
) -> None:
    with pytest.raises(StorageError, match=r"storage 'feeds' \(Cassandra at .* failed in ") as caught:
        use(storage)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("spec", "writes"),
    [
        (FLAT, [Write(["before", f"a{SURROGATE}", "after"], puts=[at(1)])]),
        (FLAT, [Write(["before"], puts=[at(1)]), Write([SURROGATE], puts=[at(1)])]),
        (LIKES, [Write(["before", "after"], puts=[liked(1), liked(2, SURROGATE)])]),
        (LIKES, [Write(["before", "after"], puts=[liked(1), liked(2, "g", SURROGATE)])]),
        (FLAT, [Write(["before", "after"], puts=[at(1), at(2)._replace(stamp=2**63)])]),
        (FLAT, [Write(["before", "after"], puts=[at(1), at(2)._replace(id=2**128)])]),
        (FLAT, [Write(["before", "after"], puts=[at(1), at(2)._replace(id=-1)])]),
        (FLAT, [Write(["before", "after"], puts=[at(1)], removes=[Removal(2, -(2**63) - 1)])]),
    ],
    ids=["owner", "owner of the second", "group", "actor", "stamp", "id", "negative id", "stamp of a removal"],
)
def test_what_cannot_be_stored_is_a_typed_error_and_nothing_is_half_written(
    storage: CassandraStorage, session: Any, spec: FeedSpec, writes: list[Write]
) -> None:
    suffix = secrets.token_hex(6)
    writes = [write._replace(owners=[owner + suffix for owner in write.owners]) for write in writes]

    with pytest.raises(StreamsError):
        storage.write(spec, writes)

    for owner in ("before", "after"):
        assert rows_of(session, storage, spec, owner + suffix) == 0


@pytest.mark.parametrize(
    "use",
    [
        lambda storage: storage.read(FLAT, [Query(SURROGATE)]),
        lambda storage: storage.stats(FLAT, [Query(SURROGATE)]),
        lambda storage: storage.clear(FLAT, [SURROGATE], keep=0, stamp=1),
        lambda storage: storage.clear(FLAT, ["a"], keep=0, stamp=2**63),
        lambda storage: storage.remember(FLAT, removes=[Removal(1, 2**63)]),
        lambda storage: storage.store(TOO_LONG, [Record(1, 1, b"")]),
        lambda storage: storage.store(SURROGATE, [Record(1, 1, b"")]),
        lambda storage: storage.store("things", [Record(1, 2**64, b"")]),
        lambda storage: storage.store("things", [Record(2**128, 1, b"")]),
        lambda storage: storage.load(SURROGATE, [1]),
        lambda storage: storage.load("things", [-1]),
        lambda storage: storage.get_groups(LIKES, SURROGATE, ["g"], hydrate=None),
        lambda storage: storage.mark(LIKES, SURROGATE, None, seen=True, read=True, stamp=1),
    ],
)
def test_what_cannot_be_asked_for_is_a_typed_error(
    storage: CassandraStorage, use: Callable[[CassandraStorage], object]
) -> None:
    with pytest.raises(StreamsError):
        use(storage)


# --- rows of somebody else ---

COLUMNS = {
    FLAT.name: ("id", "added", "data"),
    INLINE.name: ("id", "added", "data"),
    LIKES.name: ("id", "added", "data", "in_group", "actor", "seen", "read"),
}
FUZZED = 150
"""Rows with bytes at random, of each table."""


def planted(session: Any, storage: CassandraStorage, spec: FeedSpec, owner: str, random: Random) -> None:
    """Write a row of which any column may hold anything, or nothing, at any time; one part is as ours would be."""
    table = storage.schema.tables.timeline(spec)
    ours = at(random.randrange(5))
    for column in random.sample(COLUMNS[spec.name][1:], random.randrange(1, len(COLUMNS[spec.name]))):
        id = random.choice((ours.id.to_bytes(16, "big"), b"", b"\xff" * 16, random.randbytes(random.randrange(40))))
        if random.random() < 0.2:
            # Where facts about feeds are.
            id = b"\xff" * 8 + random.randbytes(8)
        stamp = random.choice((ours.stamp, ours.stamp + 1, 0, 1, 2**63 - 1, -(2**63) + 1, random.randrange(2**60)))
        kind = table.columns[column]
        value: object
        if kind == "boolean":
            value = random.random() < 0.5
        elif kind == "text":
            value = random.choice(("", "g", "\0", random.randbytes(20).decode("latin-1")))
        else:
            value = random.choice((b"", b"\0" * 16, b"\xff" * 24, random.randbytes(random.randrange(100))))
        session.execute(
            f"UPDATE {table.path} USING TIMESTAMP %s SET {column} = %s WHERE owner = %s AND id = %s",
            (stamp, value, owner, id),
        )


@pytest.mark.slow
@pytest.mark.parametrize("spec", [FLAT, INLINE, LIKES], ids=lambda spec: spec.name)
def test_rows_of_any_content_give_an_answer_or_a_typed_error(
    storage: CassandraStorage, session: Any, spec: FeedSpec
) -> None:
    random, run = Random(spec.name), secrets.token_hex(4)
    owners = [f"{run}-{number}" for number in range(FUZZED // 3)]
    for owner in owners:
        for _ in range(3):
            planted(session, storage, spec, owner, random)
    outcomes = [use(storage, spec, owner) for owner in owners]
    assert any(outcomes), "nothing that was planted could be read"
    if spec is LIKES:
        assert not all(outcomes), "nothing that was planted was found to be wrong"
    for owner in owners:
        storage.clear(spec, [owner], keep=0, stamp=2**63 - 1)
        assert rows_of(session, storage, spec, owner) == 0
        read(storage, spec, owner)


def use(storage: CassandraStorage, spec: FeedSpec, owner: str) -> bool:
    """Everything that touches a feed. Returns whether all of it had an answer."""
    put = at(3, b"new") if spec is not LIKES else liked(3)
    stamp = next_stamp()
    steps: list[Callable[[], object]] = [
        lambda: read(storage, spec, owner),
        lambda: storage.write(spec, [Write([owner], puts=[put])], report=True),
        lambda: storage.write(spec, [Write([owner], updates=[put._replace(stamp=stamp)])]),
        lambda: storage.write(spec, [Write([owner], removes=[Removal(at(1).id, stamp)])], report=True),
        lambda: storage.clear(spec, [owner], keep=1, stamp=stamp),
        lambda: read(storage, spec, owner),
    ]
    if spec is LIKES:
        steps.insert(3, lambda: storage.mark(spec, owner, None, seen=True, read=True, stamp=stamp))
        steps.insert(3, lambda: storage.get_groups(spec, owner, ["g", ""], hydrate=None))
        steps.insert(3, lambda: storage.groups_of(spec, owner, [put.id]))
    # All of them, whatever comes of the first.
    found = [answers(step) for step in steps]
    return all(found)


def answers(step: Callable[[], object]) -> bool:
    try:
        step()
    except StreamsError:
        return False
    return True


def read(storage: CassandraStorage, spec: FeedSpec, owner: str) -> None:
    queries = [Query(owner), Query(owner, 0, 5, oldest_first=True), Query(owner, lower=at(0).id, upper=at(9).id)]
    if spec is LIKES:
        storage.read_groups(spec, queries)
    else:
        storage.read(spec, queries)
        storage.locate(spec, queries[1], [at(number).id for number in range(5)])
    storage.stats(spec, queries)


@pytest.mark.slow
def test_records_and_notes_of_any_content_give_an_answer_or_a_typed_error(
    storage: CassandraStorage, session: Any
) -> None:
    random, ids = Random(7), [at(number).id for number in range(40)]
    for table, namespace in zip(storage.schema.tables.shared, ("things", INLINE.namespace), strict=True):
        for id in ids:
            for column in {*table.columns} - {*table.keys}:
                value = random.random() < 0.5 if table.columns[column] == "boolean" else random.randbytes(9)
                stamp = random.choice((0, 1, 2**63 - 1, -(2**62), next_stamp()))
                session.execute(
                    f"UPDATE {table.path} USING TIMESTAMP %s SET {column} = %s WHERE namespace = %s AND id = %s",
                    (stamp, value, namespace, id.to_bytes(16, "big")),
                )
    for number, id in enumerate(ids):
        owner = f"noted-{number}"
        assert answers(partial(storage.load, "things", [id]))
        assert answers(partial(storage.store, "things", [Record(id, next_stamp(), b"new")]))
        assert answers(partial(storage.store, "things", [Record(id, next_stamp(), b"new")], update=True))
        assert answers(partial(storage.write, INLINE, [Write([owner], puts=[at(number, b"x")])]))
        assert answers(partial(storage.remember, INLINE, removes=[Removal(id, next_stamp())]))
        assert answers(partial(read, storage, INLINE, owner))


def test_a_row_that_is_no_id_is_named_and_emptying_the_feed_repairs_it(storage: CassandraStorage, session: Any) -> None:
    owner, table = secrets.token_hex(6), storage.schema.tables.timeline(LIKES)
    storage.write(LIKES, [Write([owner], puts=[liked(1)])])
    session.execute(f"INSERT INTO {table.path} (owner, id, added) VALUES (%s, %s, true)", (owner, b"\1" * 16))

    with pytest.raises(StreamsError, match=rf"row \d+ of feed 'likes:{owner}' cannot be read: it has no group"):
        storage.read_groups(LIKES, [Query(owner)])

    storage.clear(LIKES, [owner], keep=0, stamp=next_stamp() + 10**6)
    storage.write(LIKES, [Write([owner], puts=[liked(2)._replace(stamp=next_stamp() + 10**7)])])
    assert [group.member_count for group in storage.read_groups(LIKES, [Query(owner)])[0]] == [1]

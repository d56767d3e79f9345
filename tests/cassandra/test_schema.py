"""The schema: what is made, by whom and when, and what belongs to somebody else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra import InvalidRequest
from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_core.errors import FeedConflict, StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import FeedSpec, Query, Record, Removal, Write
from streamfw_core.testing.storages.running import in_processes

from tests.cassandra.feeds import Make, administering, at, numbers_of, options_on, spec
from tests.services.cassandra import Cassandra

GROUPED = FeedSpec("bells", KeyFormat("bells:%(user_id)s"), 50, kind="notification")


@pytest.fixture(scope="module")
def session(shared_cassandra: Cassandra) -> Iterator[Any]:
    with administering(shared_cassandra) as session:
        yield session


@pytest.fixture
def name() -> str:
    """Of a table or a keyspace that nobody else has."""
    return f"t_{secrets.token_hex(6)}"


def fresh(**changes: Any) -> FeedSpec:
    """A feed class that has no table yet."""
    return spec(key_format=KeyFormat(f"{secrets.token_hex(6)}:%(user_id)s"), **changes)


def tables_of(session: Any, keyspace: str) -> set[str]:
    asked = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
    return {row.table_name for row in session.execute(asked, [keyspace])}


def columns_of(session: Any, keyspace: str, table: str) -> dict[str, str]:
    asked = "SELECT column_name, type FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
    return {row.column_name: row.type for row in session.execute(asked, [keyspace, table])}


def test_a_plan_says_what_is_missing_and_changes_nothing(make_storage: Make, session: Any, keyspace: str) -> None:
    storage, feed = make_storage(), fresh()
    storage.prepare([])
    before = tables_of(session, keyspace)

    planned = storage.schema.plan([feed])

    [statement] = planned
    table = storage.schema.tables.timeline(feed)
    assert statement.startswith(f"CREATE TABLE IF NOT EXISTS {table.path} (")
    assert "gc_grace_seconds = 864000" in statement
    assert tables_of(session, keyspace) == before
    assert storage.schema.apply([feed]) == planned
    assert tables_of(session, keyspace) == before | {table.name}
    assert storage.schema.plan([feed]) == storage.schema.apply([feed]) == []


def test_preparing_again_changes_nothing(make_storage: Make) -> None:
    storage, feed = make_storage(), fresh(inline=True)
    storage.prepare([feed, GROUPED])
    storage.write(feed, [Write(["a"], puts=[at(1, b"x")])])
    storage.store("things", [Record(at(1).id, at(1).stamp, b"y")])

    storage.prepare([feed, feed, GROUPED])
    make_storage().prepare([GROUPED])

    assert numbers_of(storage, ["a"], feed) == [[1]]
    assert storage.load("things", [at(1).id]) == [Record(at(1).id, at(1).stamp, b"y")]


def test_a_table_is_there_when_the_node_takes_statements_on_it(
    make_storage: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, feed = make_storage(), fresh()
    storage.prepare([])
    session = storage.sessions.connected().session
    prepare = session.prepare
    asked: list[str] = []

    def not_yet(cql: str) -> Any:
        if storage.tables.timeline(feed).name in cql:
            asked.append(cql)
            if len(asked) < 3:
                raise InvalidRequest("table does not exist")
        return prepare(cql)

    monkeypatch.setattr(session, "prepare", not_yet)
    storage.prepare([feed])
    assert len(asked) == 3


def test_processes_that_prepare_at_once_make_each_table_once(
    make_storage: Make, shared_cassandra: Cassandra, session: Any, name: str
) -> None:
    feeds = [fresh(name=f"feed{number}") for number in range(3)]
    options = options_on(shared_cassandra, name, replication=1)

    def prepare(number: int) -> None:
        storage = create("feeds", options)
        storage.prepare(feeds)
        outcome = storage.write(feeds[number % 3], [Write(["a"], puts=[at(number)])])
        assert not outcome.failures
        storage.close()

    try:
        assert in_processes(prepare, 4) == []
        storage = make_storage(keyspace=name)
        assert [numbers_of(storage, ["a"], feed) for feed in feeds] == [[[3, 0]], [[1]], [[2]]]
        assert len(tables_of(session, name)) == 5
    finally:
        session.execute(f"DROP KEYSPACE IF EXISTS {name}")


# --- the keyspace ---


def test_a_keyspace_that_is_missing_is_not_made_unless_somebody_says_how(make_storage: Make, session: Any) -> None:
    storage = make_storage(keyspace="nobody_made_this")

    with pytest.raises(
        StorageError, match=r"storage 'feeds': there is no keyspace 'nobody_made_this': make it, or set `replication`"
    ):
        storage.prepare([])

    assert not tables_of(session, "nobody_made_this")


@pytest.mark.parametrize(
    ("replication", "strategy"),
    [
        (1, {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "1"}),
        (
            {Cassandra.datacenter: 1},
            {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", Cassandra.datacenter: "1"},
        ),
    ],
)
def test_a_keyspace_is_made_with_the_replication_that_was_asked_for(
    make_storage: Make, session: Any, name: str, replication: object, strategy: dict[str, str]
) -> None:
    storage = make_storage(keyspace=name, replication=replication)
    try:
        planned = storage.schema.plan([])
        assert planned[0].startswith(f"CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = ")
        assert len(planned) == 3
        storage.prepare([])
        asked = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
        assert dict(session.execute(asked, [name]).one().replication) == strategy
    finally:
        session.execute(f"DROP KEYSPACE IF EXISTS {name}")


# --- what belongs to somebody else ---


def test_a_table_of_another_feed_class_is_refused_with_a_way_out(make_storage: Make, name: str) -> None:
    make_storage(tables={"users": name}).prepare([fresh()])

    with pytest.raises(
        FeedConflict,
        match=rf"table \w+\.{name} is not of this feed class: its comment should say 'streamfw 1 flat \w+',"
        r" and says 'streamfw 1 flat \w+'; name another table for the feed in the storage's `tables`",
    ):
        make_storage(tables={"users": name}).prepare([fresh()])


def test_a_table_of_a_feed_of_another_kind_is_refused(make_storage: Make, name: str) -> None:
    feed = fresh()
    make_storage(tables={"users": name}).prepare([feed])
    grouped = spec(key_format=feed.key_format, kind="aggregated")

    with pytest.raises(FeedConflict, match=r"should say 'streamfw 1 aggregated \w+', and says 'streamfw 1 flat"):
        make_storage(tables={"users": name}).prepare([grouped])


def test_a_table_that_says_nothing_is_somebody_elses(
    make_storage: Make, session: Any, keyspace: str, name: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.{name} (owner text, id blob, PRIMARY KEY (owner, id))")

    with pytest.raises(FeedConflict, match=rf"table {keyspace}\.{name} is not of this feed class: .* says nothing;"):
        make_storage(tables={"users": name}).prepare([fresh()])


def test_two_feeds_never_get_one_table(make_storage: Make) -> None:
    one, other = fresh(name="one"), fresh(name="other")
    taken = make_storage().schema.tables.timeline(one).name

    with pytest.raises(FeedConflict, match=rf"two feeds would share the table \w+\.{taken}: give one of them another"):
        make_storage(tables={"other": taken}).prepare([one, other])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("data blob", "data text"), r"column data of table {table} is of the type text, and the feed declares blob;"),
        (
            ("added boolean", "added int"),
            r"column added of table {table} is of the type int, .* declare another column",
        ),
        (("id blob", "id varint"), r"column id of table {table} is of the type varint"),
        (("(owner), id", "(owner), id, added"), r"table {table} has other keys, .*`tables`"),
        (("(owner), id", "(owner, id)"), r"table {table} has other keys, .*`tables`"),
        (("id DESC", "id ASC"), r"table {table} has other keys, or in another order, .* the newest id first"),
    ],
)
def test_a_table_that_was_made_by_hand_and_otherwise_is_refused(
    make_storage: Make, session: Any, change: tuple[str, str], words: str
) -> None:
    storage, feed = make_storage(), fresh()
    table = storage.schema.tables.timeline(feed)
    statement = table.create(864_000)
    assert change[0] in statement
    changed = statement.replace(*change)
    if "id, added" in changed:
        changed = changed.replace("(id DESC)", "(id DESC, added DESC)")
    if "(owner, id))" in changed:
        changed = changed.replace("CLUSTERING ORDER BY (id DESC) AND ", "")
    session.execute(changed)

    with pytest.raises(FeedConflict, match=words.format(table=table.path)):
        storage.prepare([feed])


def test_tombstones_that_do_not_last_are_refused_with_the_statement_that_helps(
    make_storage: Make, session: Any
) -> None:
    storage, feed = make_storage(), fresh()
    table = storage.schema.tables.timeline(feed)
    session.execute(table.create(3600))

    with pytest.raises(StorageError, match=rf"table {table.path} keeps tombstones for 3600 s, and removals") as caught:
        storage.prepare([feed])

    remedy = str(caught.value)[str(caught.value).index("ALTER TABLE") :]
    session.execute(remedy)
    storage.prepare([feed])


def test_tables_keep_tombstones_for_as_long_as_removals_are_remembered(make_storage: Make, session: Any) -> None:
    asked = "SELECT gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s"
    for options, seconds in (
        ({}, 864_000),
        ({"tombstone_ttl": 999_999.5}, 1_000_000),
        ({"gc_grace": 2_000_000}, 2_000_000),
    ):
        storage, feed = make_storage(**options), fresh()
        # What all feeds share is there already, for shorter.
        for table in storage.schema.tables.shared:
            session.execute(table.create(864_000))
            session.execute(f"ALTER TABLE {table.path} WITH gc_grace_seconds = 2000000")
        storage.prepare([feed])
        table = storage.schema.tables.timeline(feed)
        assert session.execute(asked, [table.keyspace, table.name]).one().gc_grace_seconds == seconds


# --- what changes later ---


def test_a_column_that_is_missing_is_added(make_storage: Make, session: Any, keyspace: str) -> None:
    storage, feed = make_storage(), fresh(inline=True)
    storage.prepare([feed])
    table = storage.schema.tables.timeline(feed)
    session.execute(f"ALTER TABLE {table.path} DROP data")

    assert storage.schema.apply([feed]) == [f"ALTER TABLE {table.path} ADD IF NOT EXISTS data blob"]

    assert columns_of(session, keyspace, table.name)["data"] == "blob"


def test_nothing_is_ever_dropped(make_storage: Make, session: Any, keyspace: str, name: str) -> None:
    storage, feed = make_storage(), fresh()
    storage.prepare([feed])
    table = storage.schema.tables.timeline(feed)
    session.execute(f"ALTER TABLE {table.path} ADD of_somebody_else text")
    session.execute(f"CREATE TABLE {keyspace}.{name} (id int PRIMARY KEY)")

    assert storage.schema.apply([]) == storage.schema.apply([feed]) == []

    assert tables_of(session, keyspace) >= {table.name, name}
    assert columns_of(session, keyspace, table.name)["of_somebody_else"] == "text"


# --- where nobody made it ---


@pytest.mark.parametrize(
    "use",
    [
        lambda storage, feed: storage.write(feed, [Write(["a"], puts=[at(1)])]),
        lambda storage, feed: storage.write(feed, [Write(["a"], removes=[Removal(1, 1)])]),
        lambda storage, feed: storage.read(feed, [Query("a")]),
        lambda storage, feed: storage.stats(feed, [Query("a")]),
        lambda storage, feed: storage.locate(feed, Query("a"), [1]),
        lambda storage, feed: storage.clear(feed, ["a"], keep=0, stamp=1),
        lambda storage, feed: storage.clear(feed, ["a"], keep=1, stamp=1),
    ],
    ids=["write", "remove", "read", "stats", "locate", "empty", "trim"],
)
def test_a_missing_table_is_an_error_that_says_how_to_make_it(
    make_storage: Make, use: Callable[[CassandraStorage, FeedSpec], object]
) -> None:
    storage = make_storage()
    storage.prepare([])

    with pytest.raises(StorageError, match=r"failed in \w+ feeds of 'users'.*`streamfw schema apply`"):
        use(storage, fresh())


def test_missing_tables_that_all_feeds_share_are_errors_of_the_same_words(
    make_storage: Make, session: Any, name: str
) -> None:
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    storage = make_storage(keyspace=name)
    try:
        for use in (
            lambda: storage.store("things", [Record(1, 1, b"")]),
            lambda: storage.load("things", [1]),
            lambda: storage.remember(fresh(), removes=[Removal(1, 1)]),
            lambda: storage.write(fresh(), [Write(["a"], puts=[at(1)])]),
        ):
            with pytest.raises(StorageError, match=r"`streamfw schema apply`"):
                use()
    finally:
        session.execute(f"DROP KEYSPACE {name}")


def test_a_table_that_goes_while_it_is_in_use_is_an_error_of_the_same_words(make_storage: Make, session: Any) -> None:
    storage, feed = make_storage(), fresh()
    storage.prepare([feed])
    storage.write(feed, [Write(["a"], puts=[at(1)])])
    session.execute(f"DROP TABLE {storage.schema.tables.timeline(feed).path}")

    for use in (
        lambda: storage.write(feed, [Write(["a"], puts=[at(1)])]),
        lambda: storage.write(feed, [Write([str(n) for n in range(50)], puts=[at(1)])]),
        lambda: storage.read(feed, [Query("a")]),
    ):
        with pytest.raises(StorageError, match=r"`streamfw schema apply`"):
            use()

    storage.prepare([feed])
    storage.write(feed, [Write(["a"], puts=[at(2)])])
    assert numbers_of(storage, ["a"], feed) == [[2]]

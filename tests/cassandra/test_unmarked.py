"""What is kept of members that are not marked, so that counts need no others: how much is read, and what stands there."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import pytest
from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import READ, WRITE
from streamfw_cassandra.storage import CassandraStorage
from streamfw_cassandra.unmarked import AT_ONCE
from streamfw_cassandra.values import LAST
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Removal, Stats, Write

from tests.cassandra.feeds import Make, administering, at
from tests.services.cassandra import Cassandra

BELL = FeedSpec("bell", KeyFormat("bell:%(user_id)s"), 100, kind="notification", view=15, exact_members=10_000)
SHORT = FeedSpec(
    "short_bell", KeyFormat("short_bell:%(user_id)s"), 5, kind="notification", view=15, exact_members=1_000
)
MANY = AT_ONCE * 5
GROUPS = 20


@pytest.fixture(scope="module")
def session(shared_cassandra: Cassandra) -> Iterator[Any]:
    with administering(shared_cassandra) as session:
        yield session


@pytest.fixture
def storage(make_storage: Make) -> CassandraStorage:
    """Nothing is trimmed by chance."""
    storage = make_storage(slack=999_999)
    storage.prepare([BELL, SHORT])
    return storage


@pytest.fixture
def owner() -> str:
    return secrets.token_hex(6)


def member(number: int, stamp: int | None = None) -> Entry:
    entry = at(number)
    return entry._replace(group=f"group {number % GROUPS}", actor="1", stamp=entry.stamp if stamp is None else stamp)


def put(storage: CassandraStorage, owner: str, members: Iterable[Entry], spec: FeedSpec = BELL) -> None:
    assert not storage.write(spec, [Write([owner], puts=[*members])]).failures


def mark(storage: CassandraStorage, owner: str, *, seen: bool = True, read: bool = True) -> list[str]:
    return storage.mark(BELL, owner, None, seen=seen, read=read, stamp=1)


def counted(storage: CassandraStorage, owner: str, spec: FeedSpec = BELL) -> tuple[int, int]:
    [both] = storage.stats(spec, [Query(owner, counts=("unseen", "unread"))])
    [unseen] = storage.stats(spec, [Query(owner, counts=("unseen",))])
    [unread] = storage.stats(spec, [Query(owner, counts=("unread",))])
    assert (both.unseen, both.unread) == (unseen.unseen, unread.unread)
    return both.unseen, both.unread


def shown(storage: CassandraStorage, owner: str, spec: FeedSpec = BELL) -> tuple[int, int]:
    """The counts that the groups have."""
    [groups] = storage.read_groups(spec, [Query(owner)])
    return sum(not group.seen for group in groups), sum(not group.read for group in groups)


def rows(session: Any, storage: CassandraStorage, owner: str) -> int:
    """How many rows say that a member is not marked."""
    path = storage.schema.tables.timeline(BELL).path
    return len(session.execute(f"SELECT id FROM {path} WHERE owner = %s AND id > %s", [owner, LAST]).all())


# --- how much is read ---


def test_what_is_marked_is_not_read(storage: CassandraStorage, owner: str, asked: list[Any]) -> None:
    put(storage, owner, map(member, range(MANY)))
    assert counted(storage, owner) == (GROUPS, GROUPS)
    assert len(mark(storage, owner)) == GROUPS
    for added, expected in ((None, 0), (member(MANY), 1), (member(MANY + 1), 2)):
        if added is not None:
            put(storage, owner, [added])
        asked.clear()
        assert counted(storage, owner) == (expected, expected)
        assert len(asked) == 3  # one for each way to ask
    assert storage.stats(BELL, [Query(owner)]) == [Stats(GROUPS, 2, 2)]


def test_to_mark_again_what_is_marked_takes_one_read_and_says_when(
    storage: CassandraStorage, owner: str, asked: list[Any]
) -> None:
    put(storage, owner, map(member, range(MANY)))
    assert len(mark(storage, owner)) == GROUPS
    asked.clear()
    assert storage.mark(BELL, owner, None, seen=True, read=True, stamp=7) == []
    assert len(asked) == 2
    [groups] = storage.read_groups(BELL, [Query(owner)])
    assert {(group.seen_at, group.read_at) for group in groups} == {(7, 7)}


def test_named_groups_among_the_newest_are_marked_with_one_read_whether_they_are_marked_or_not(
    storage: CassandraStorage, owner: str, asked: list[Any]
) -> None:
    put(storage, owner, map(member, range(MANY)))
    mark(storage, owner)
    put(storage, owner, [member(MANY)])
    asked.clear()
    named = [f"group {number}" for number in range(GROUPS)]
    assert storage.mark(BELL, owner, named, seen=True, read=True, stamp=7) == ["group 0"]
    assert len(asked) == 2
    assert counted(storage, owner) == shown(storage, owner) == (0, 0)


def test_what_a_full_feed_does_not_show_is_not_counted_however_little_there_is(
    storage: CassandraStorage, owner: str
) -> None:
    alone = [member(number)._replace(group=str(number)) for number in range(8)]
    put(storage, owner, alone, SHORT)
    assert counted(storage, owner, SHORT) == shown(storage, owner, SHORT) == (5, 5)
    assert len(storage.mark(SHORT, owner, None, seen=True, read=True, stamp=1)) == 5
    assert counted(storage, owner, SHORT) == shown(storage, owner, SHORT) == (0, 0)


def test_what_arrives_late_is_looked_for_as_far_down_as_it_is(
    storage: CassandraStorage, owner: str, asked: list[Any]
) -> None:
    put(storage, owner, map(member, range(2, MANY)))
    mark(storage, owner)
    put(storage, owner, [member(1)])
    asked.clear()
    assert counted(storage, owner) == (1, 1)
    assert len(asked) == 6
    assert mark(storage, owner) == ["group 1"]
    assert counted(storage, owner) == shown(storage, owner) == (0, 0)


@pytest.mark.parametrize("number", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, BELL.keep])
def test_as_much_that_is_not_marked_as_is_read_at_once_or_more(
    storage: CassandraStorage, owner: str, number: int
) -> None:
    alone = [member(index)._replace(group=str(index)) for index in range(number)]
    put(storage, owner, alone)
    assert counted(storage, owner) == shown(storage, owner) == (number, number)
    assert sorted(mark(storage, owner)) == sorted(str(one.group) for one in alone)
    assert counted(storage, owner) == shown(storage, owner) == (0, 0)


def test_more_that_is_not_marked_than_is_read_at_once(storage: CassandraStorage, owner: str) -> None:
    put(storage, owner, map(member, range(MANY)))
    assert mark(storage, owner, read=False)
    assert counted(storage, owner) == shown(storage, owner) == (0, GROUPS)
    assert storage.mark(BELL, owner, ["group 3"], seen=False, read=True, stamp=1) == ["group 3"]
    assert counted(storage, owner) == shown(storage, owner) == (0, GROUPS - 1)


def test_a_group_far_down_that_is_marked_already_may_be_marked_again(storage: CassandraStorage, owner: str) -> None:
    old = member(0)._replace(group="old")
    put(storage, owner, [old, *map(member, range(1, MANY))])
    mark(storage, owner)
    assert storage.mark(BELL, owner, ["old", "no such group"], seen=True, read=True, stamp=7) == []
    [group] = storage.get_groups(BELL, owner, ["old"], hydrate=None)
    assert group is not None
    assert (group.seen_at, group.read_at) == (7, 7)


def test_groups_for_which_there_is_no_room_are_not_counted(storage: CassandraStorage, owner: str) -> None:
    put(storage, owner, map(member, range(MANY)), SHORT)
    assert counted(storage, owner, SHORT) == shown(storage, owner, SHORT) == (5, 5)
    storage.mark(SHORT, owner, None, seen=True, read=True, stamp=1)
    assert counted(storage, owner, SHORT) == shown(storage, owner, SHORT) == (0, 0)


def test_what_was_seen_and_never_read_is_not_read_to_count_what_is_unseen(
    storage: CassandraStorage, owner: str, asked: list[Any]
) -> None:
    put(storage, owner, map(member, range(MANY)))
    mark(storage, owner, read=False)
    for number, requests in ((0, 1), (1, 2)):
        put(storage, owner, map(member, range(MANY, MANY + number)))
        asked.clear()
        [stats] = storage.stats(BELL, [Query(owner, counts=("unseen",))])
        assert (stats.unseen, len(asked)) == (number, requests)
    assert counted(storage, owner) == shown(storage, owner) == (1, GROUPS)
    assert len(mark(storage, owner)) == GROUPS
    assert counted(storage, owner) == shown(storage, owner) == (0, 0)


def test_a_mark_of_all_is_the_last_one_also_where_all_was_seen(storage: CassandraStorage, owner: str) -> None:
    put(storage, owner, map(member, range(MANY)))
    assert mark(storage, owner, read=False)
    assert storage.mark(BELL, owner, None, seen=True, read=False, stamp=7) == []
    assert {group.seen_at for [*groups] in storage.read_groups(BELL, [Query(owner)]) for group in groups} == {7}


def test_a_mark_of_all_is_the_last_one_also_above_many_marks_of_groups(storage: CassandraStorage, owner: str) -> None:
    groups = [f"one of {number}" for number in range(AT_ONCE + 1)]
    put(storage, owner, [at(number)._replace(group=group, actor="1") for number, group in enumerate(groups)])
    assert storage.mark(BELL, owner, groups, seen=True, read=True, stamp=6) == groups
    assert storage.mark(BELL, owner, None, seen=True, read=True, stamp=7) == []
    assert {group.seen_at for [*found] in storage.read_groups(BELL, [Query(owner)]) for group in found} == {7}


# --- what stands there ---


def test_what_is_marked_leaves_no_row(storage: CassandraStorage, session: Any, owner: str) -> None:
    put(storage, owner, map(member, range(5)))
    assert rows(session, storage, owner) == 5
    mark(storage, owner, read=False)
    assert rows(session, storage, owner) == 5
    mark(storage, owner, seen=False)
    assert rows(session, storage, owner) == 0


def test_a_removal_takes_the_row_along(storage: CassandraStorage, session: Any, owner: str) -> None:
    put(storage, owner, map(member, range(5)))
    storage.write(BELL, [Write([owner], removes=[Removal(at(2).id, at(2).stamp + 1)])])
    assert rows(session, storage, owner) == 4
    storage.clear(BELL, [owner], keep=1, stamp=at(9).stamp)
    assert rows(session, storage, owner) == 1
    assert counted(storage, owner) == shown(storage, owner) == (1, 1)


def test_a_member_that_is_added_again_stays_marked(storage: CassandraStorage, session: Any, owner: str) -> None:
    put(storage, owner, [member(0, stamp=1)])
    mark(storage, owner)
    put(storage, owner, [member(0, stamp=1)])
    assert rows(session, storage, owner) == 0
    put(storage, owner, [member(0, stamp=2)])
    assert rows(session, storage, owner) == 1
    assert counted(storage, owner) == shown(storage, owner) == (0, 0)
    assert mark(storage, owner) == []
    assert rows(session, storage, owner) == 0


@pytest.mark.parametrize("read", [True, False])
def test_a_removal_that_comes_late_takes_no_mark_along_that_came_after_the_member_was_added_again(
    storage: CassandraStorage, owner: str, read: bool
) -> None:
    put(storage, owner, [member(0, stamp=3), *map(member, range(1, MANY))])
    mark(storage, owner, read=read)
    put(storage, owner, [member(0, stamp=5)])
    mark(storage, owner, read=read)
    assert not storage.write(BELL, [Write([owner], removes=[Removal(at(0).id, 4)])]).failures
    assert counted(storage, owner) == shown(storage, owner) == (0, 0 if read else GROUPS)


@pytest.mark.parametrize("failing", [0, 1])
def test_counts_are_those_of_the_groups_when_a_mark_of_several_batches_fails_half_way(
    storage: CassandraStorage, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    owner = secrets.token_hex(1_000)  # so that a batch has room for two rows
    put(storage, owner, map(member, range(10)))
    send, steps = Running.all, count()

    def fail(self: Running, statements: Iterable[Any], what: str, profile: str = READ) -> Any:
        some = [*statements]
        if profile == WRITE and next(steps) == failing:
            send(self, some[: len(some) // 2], what, profile)
            raise StorageError("no answer")
        return send(self, some, what, profile)

    monkeypatch.setattr(Running, "all", fail)
    with pytest.raises(StorageError, match="no answer"):
        mark(storage, owner)
    monkeypatch.undo()
    left = shown(storage, owner)
    assert counted(storage, owner) == left
    assert (left == (0, 0)) == (failing == 1)
    assert len(mark(storage, owner)) == left[0]
    assert counted(storage, owner) == shown(storage, owner) == (0, 0)

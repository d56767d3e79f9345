"""Grouped feeds on flat timelines: what stands where, what is refused, and which storages get it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from attrs import evolve
from streamfw_core.errors import DecodeError, StorageError, Unsupported
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Capabilities, Change, Entry, FeedSpec, Outcome, Query, Record, Removal, Storage, Write
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.storage.flat_members import derived, exact_room, packed, room
from streamfw_core.storage.groups import GroupStorage
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, AggregatedFeed, Love, NotificationFeed, Streams
from tests.core.flat_only import (
    AGGREGATED,
    ROOMY,
    SPEC,
    FlatOnly,
    add,
    counts,
    groups,
    id_of,
    mark,
    member,
    remove,
    unseen,
)
from tests.core.kit.plain_storage import PlainStorage
from tests.core.sorted_rows import SortedRows
from tests.core.world import activity

# --- what it is --------------------------------------------------------------------------------------------------


def test_it_is_a_storage_with_groups_and_without_swap() -> None:
    flat = FlatOnly("hot")
    storage: GroupStorage = GroupsOnFlat(flat)
    assert isinstance(storage, GroupStorage)
    assert storage.name == "hot"
    assert storage.capabilities == evolve(flat.capabilities, exact_members=10_000, one_trip_hydrate=False)
    storage.tombstone_ttl = 3.0
    assert flat.tombstone_ttl == storage.tombstone_ttl == 3.0
    message = "storage 'hot' keeps flat timelines only, so that there is no swap"
    with pytest.raises(Unsupported, match=message):
        storage.version(SPEC, "a")
    with pytest.raises(Unsupported, match=message):
        storage.swap(SPEC, "a", 0, Write(["a"]))


def test_flat_feeds_and_records_are_passed_on() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    spec = FeedSpec("flat", KeyFormat("flat:%(user_id)s"), 3, inline=True)
    storage.prepare([spec])
    storage.write(spec, [Write(["a"], puts=[Entry(number, 1, b"") for number in range(5)])])
    storage.remember(spec, removes=[Removal(9, 5)])
    storage.clear(spec, ["a"], keep=2, stamp=2)
    assert [entry.id for entry in storage.read(spec, [Query("a")])[0].entries] == [4, 3]
    assert storage.locate(spec, Query("a"), [3]) == [1]
    assert storage.stats(spec, [Query("a")])[0].entries == 2
    assert storage.store("activities", [Record(1, 1, b"one")]) == 1
    assert flat.load("activities", [1]) == storage.load("activities", [1]) == [Record(1, 1, b"one")]
    storage.close()
    with pytest.raises(Unsupported, match="feed 'flat' is flat and has no groups"):
        storage.read_groups(spec, [Query("a")])


def test_grouped_feeds_are_not_read_as_flat_ones() -> None:
    storage = GroupsOnFlat(FlatOnly())
    for call in (lambda: storage.read(SPEC, [Query("a")]), lambda: storage.locate(SPEC, Query("a"), [1])):
        with pytest.raises(Unsupported, match="feed 'n' has groups: read it with read_groups, not read or locate"):
            call()


def test_only_notification_feeds_have_marks() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    add(storage, member(1), spec=AGGREGATED)
    with pytest.raises(Unsupported, match="only notification feeds have marks"):
        mark(storage, spec=AGGREGATED)
    assert storage.stats(AGGREGATED, [Query("a")]) == [(1, 1, 1)]
    flat.calls.clear()
    storage.read_groups(AGGREGATED, [Query("a"), Query("b")])
    assert flat.calls == ["read"], "aggregated feeds cost nothing for marks"


# --- namespaces --------------------------------------------------------------------------------------------------


def test_the_flat_timelines_have_namespaces_that_no_other_feed_has() -> None:
    flat = FlatOnly()
    GroupsOnFlat(flat).prepare([SPEC, AGGREGATED])
    assert flat.prepared == [
        "streamfw:members:n:%(user_id)s",
        "streamfw:seen:n:%(user_id)s",
        "streamfw:read:n:%(user_id)s",
        "streamfw:members:g:%(user_id)s",
    ]
    mine = derived(SPEC, "members", 3).key_format
    for other in ("n:%(user_id)s", "%(user_id)s", "%(user_id)s:n", "members:n:%(user_id)s", "g:%(user_id)s"):
        assert not mine.clashes(KeyFormat(other))
        assert not mine.clashes(derived(SPEC, "seen", 3).key_format)


def test_flushing_a_feed_leaves_nothing_of_it_and_all_of_others() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    other = evolve(SPEC, key_format=KeyFormat("n:n:%(user_id)s"))
    for spec in (SPEC, other):
        add(storage, member(1), spec=spec)
        storage.mark(spec, "a", None, seen=True, read=True, stamp=5)
        remove(storage, 2, stamp=5, spec=spec)
    storage.flush(SPEC.namespace)
    assert groups(storage) == {}
    assert counts(storage, other) == {"g": 1}
    add(storage, member(1), member(2))
    assert counts(storage) == {"g": 2}
    assert unseen(storage) == {"g"}
    assert unseen(storage, other) == set()


# --- counts ------------------------------------------------------------------------------------------------------


def small(exact_members: int = 20, keep: int = 2) -> tuple[FeedSpec, int, int]:
    spec = evolve(SPEC, keep=keep, exact_members=exact_members)
    return spec, room(spec, None), exact_room(room(spec, None))


def test_counts_are_exact_up_to_what_is_promised() -> None:
    spec, _, exact = small()
    storage = GroupsOnFlat(FlatOnly())
    assert exact >= 20 + 2 * 16
    for number in range(1, exact + 1):
        add(storage, member(number, f"g{number % 2}"), spec=spec)
    assert {group.exact for group in groups(storage, spec).values()} == {True}
    assert sum(counts(storage, spec).values()) == exact


def test_a_feed_that_was_too_full_says_so_for_good() -> None:
    spec, limit, _ = small()
    storage = GroupsOnFlat(FlatOnly())
    for number in range(1, limit + 20):
        add(storage, member(number, stamp=1), spec=spec)
    [group] = groups(storage, spec).values()
    assert not group.exact
    assert group.member_count == limit - 1
    remove(storage, *range(25, limit + 20), stamp=2, spec=spec)
    [group] = groups(storage, spec).values()
    assert group.member_count == 4
    assert not group.exact, "others went for want of room"


def test_a_feed_that_is_nearly_full_is_noted_with_the_removal_that_makes_room() -> None:
    """Many writers at once, of whom none saw it full."""
    spec, limit, _ = small()
    flat = FlatOnly()
    flat.write(derived(spec, "members", limit), [Write(["a"], [packed(member(number)) for number in range(limit + 5)])])
    storage = GroupsOnFlat(flat)
    remove(storage, *range(10, limit + 5), stamp=2, spec=spec)
    [group] = groups(storage, spec).values()
    assert not group.exact


def test_the_room_fits_into_what_the_storage_bears() -> None:
    class Short(FlatOnly):
        capabilities = evolve(FlatOnly.capabilities, max_timeline=100)

        def check(self, spec: FeedSpec, call: str) -> None:
            super().check(spec, call)
            assert spec.keep <= 100

    storage = GroupsOnFlat(Short())
    assert storage.capabilities.exact_members == 50
    spec = evolve(SPEC, keep=10)
    for number in range(1, 200):
        add(storage, member(number, f"g{number % 10}", stamp=number), spec=spec)
        mark(storage, stamp=number, spec=spec)
    assert len(groups(storage, spec)) == 10
    assert unseen(storage, spec) == set()
    assert room(evolve(SPEC, keep=99), 100) == 99


# --- bytes and failures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xc1", "MessagePack data is malformed"),
        (b"", "truncated"),
        (msgspec.msgpack.encode([2, "g", "1", None]), "version 2 is not known: upgrade streamfw-core"),
        (msgspec.msgpack.encode([1, None, "no number", None]), "no number"),
        (msgspec.msgpack.encode({"group": "g"}), "Expected `array`"),
    ],
)
def test_what_is_no_member_is_named_by_readers_and_in_nobody_elses_way(data: bytes, why: str) -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    flat.write(derived(SPEC, "members", 1000), [Write(["a"], puts=[Entry(id_of(5), 1, data)])])
    assert add(storage, member(1)).added == 1
    assert mark(storage) == ["g"]
    with pytest.raises(DecodeError, match=why) as raised:
        groups(storage)
    assert (raised.value.feed, raised.value.activity_id) == ("n:a", id_of(5))
    assert f"feed.remove({id_of(5)}) takes it out" in str(raised.value)
    assert remove(storage, 5, stamp=2).removed == 1
    assert counts(storage) == {"g": 1}
    assert unseen(storage) == set()


class Failing(FlatOnly):
    """Cannot reach the feed `bad`: neither read nor write it."""

    def __init__(self, *, reads: bool) -> None:
        super().__init__()
        self.reads = reads

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> Any:
        if self.reads and any(query.owner == "bad" for query in queries):
            raise StorageError("the server of 'bad' is away", storage=self.name)
        return super().read(spec, queries)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        owners = {owner for write in writes for owner in write.owners}
        kept = [write._replace(owners=[owner for owner in write.owners if owner != "bad"]) for write in writes]
        outcome = super().write(spec, kept, report=report)
        failures = {"bad": StorageError("the server of 'bad' is away")} if "bad" in owners else {}
        return evolve(outcome, failures=failures)


@pytest.mark.parametrize("reads", [False, True])
def test_one_bad_feed_concerns_no_other(reads: bool) -> None:
    storage = GroupsOnFlat(Failing(reads=reads))
    owners = [*map(str, range(250)), "bad"]
    outcome = storage.write(SPEC, [Write(owners, [member(1)]), Write(owners, [member(2)])], report=True)
    assert (outcome.added, [*outcome.failures], len(outcome.changes)) == (500, ["bad"], 250)
    outcome = storage.write(SPEC, [Write(owners, removes=[Removal(id_of(1), 5)])], report=True)
    assert (outcome.removed, [*outcome.failures], len(outcome.changes)) == (250, ["bad"], 250)
    with pytest.raises(StorageError, match="the server of 'bad' is away"):
        storage.clear(SPEC, ["1", "bad", "2"], keep=0, stamp=9)


def test_counts_are_unknown_where_the_storage_does_not_count() -> None:
    class Uncounted(FlatOnly):
        def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
            return evolve(super().write(spec, writes, report=report), added=None, removed=None)

    storage = GroupsOnFlat(Uncounted())
    outcome = add(storage, member(1))
    assert (outcome.added, outcome.removed) == (None, None)
    assert dict(outcome.changes) == {"a": Change([id_of(1)], [])}


def test_a_fanout_to_a_hundred_feeds_is_a_handful_of_calls() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    owners = [*map(str, range(100))]
    for number in range(1, 4):
        flat.calls.clear()
        assert storage.write(SPEC, [Write(owners, [member(number, f"g{number}")])]).added == 100
        # The feeds, the write, and whether there was a cut meanwhile.
        assert flat.calls == ["read", "write", "read"]
    flat.calls.clear()
    storage.write(SPEC, [Write(owners, [member(4, "g4")])])
    assert flat.calls == ["read", "write", "read", "read", "read", "write"] or len(flat.calls) <= 10


def test_records_are_left_to_core() -> None:
    storage = GroupsOnFlat(FlatOnly())
    references = evolve(SPEC, inline=False)
    storage.store("activities", [Record(id_of(1), 1, b"one")])
    add(storage, member(1)._replace(payload=None), spec=references)
    [[group]] = storage.read_groups(references, [Query("a", hydrate="activities")])
    assert group.payloads is None
    assert group.members == [member(1)._replace(payload=None)]


# --- groups that disagree ----------------------------------------------------------------------------------------


def test_an_activity_is_in_the_group_that_its_newest_put_names() -> None:
    storage = GroupsOnFlat(FlatOnly())
    add(storage, member(1, "monday"), member(2, "monday"))
    assert add(storage, member(1, "tuesday", stamp=2)).added == 0
    assert counts(storage) == {"tuesday": 1, "monday": 1}
    add(storage, member(1, "monday", stamp=1))
    assert storage.groups_of(SPEC, "a", [id_of(1)]) == ["tuesday"]
    storage.write(SPEC, [Write(["a"], removes=[Removal(id_of(1), 3, "monday")])])
    assert counts(storage) == {"monday": 1}


# --- which storages get it ---------------------------------------------------------------------------------------


EXAMPLE = Path(__file__).parents[2] / "examples" / "streamfw_example_storage"


class Home(AggregatedFeed):
    name = "fallback-home"
    key_format = "fallback-home:%(user_id)s"
    max_length = 4


class Bell(NotificationFeed):
    name = "fallback-bell"
    key_format = "fallback-bell:%(user_id)s"
    max_length = 4


@pytest.fixture(params=["flat only", "starter", "plain", "example"])
def flat_storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    def example() -> Storage:
        monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
        made: Storage = import_module("streamfw_example_storage.storage").create(
            "default", {"path": str(tmp_path / "feeds.db")}
        )
        return made

    made: Mapping[str, Callable[[], Storage]] = {
        "flat only": lambda: FlatOnly("default"),
        "starter": lambda: SortedRows("default"),
        "plain": lambda: PlainStorage("default"),
        "example": example,
    }
    storage = made[request.param]()
    yield storage
    storage.close()


def streams_on(storage: Storage) -> Streams:
    streams = Streams({"storages": {"default": "memory://"}})
    streams._storages["default"] = storage
    return streams


def test_a_storage_without_groups_has_grouped_feeds_through_it(flat_storage: Storage) -> None:
    """Nothing but what the two-method base gives is needed for it."""
    assert flat_storage.capabilities.exact_members == 0
    streams = streams_on(flat_storage)
    feed = Bell(13, streams=streams)
    loves = [Activity(actor, Love, thing, time=activity(actor).time) for actor in range(1, 6) for thing in (42, 43)]
    assert feed.add_many(loves) in (10, None)
    assert feed.add_many(loves) in (0, None)
    assert [(one.activity_count, one.actor_count, one.other_actor_count) for one in feed[:]] == [(5, 5, 3)] * 2
    assert (feed.count(), feed.count_unseen(), feed.count_unread()) == (2, 2, 2)
    assert feed.mark_all(seen=True, read=False) == 2
    assert (feed.count_unseen(), feed.count_unread()) == (0, 2)
    feed.remove(loves[0])
    assert feed[feed.index_of(loves[2])].activity_count == 4
    feed.add(Activity(9, Love, 42, time=activity(9).time))
    assert feed.count_unseen() == 1
    assert feed[0].activities[-1].actor_id == 9
    feed.trim(1)
    assert feed.count() == 1
    feed.delete()
    assert feed[:] == []


def test_a_full_aggregated_feed_keeps_the_newest_groups(flat_storage: Storage) -> None:
    feed = Home(13, streams=streams_on(flat_storage))
    days = [activity(86_400 * day + number) for day in range(8) for number in range(3)]
    feed.add_many(days)
    assert [one.activity_count for one in feed[:]] == [3] * 4
    assert [one.last_activity for one in feed[:]] == days[:11:-3]


def test_it_is_declared(flat_storage: Storage) -> None:
    assert isinstance(flat_storage.capabilities, Capabilities)
    binding = streams_on(flat_storage).bind(Bell)
    assert isinstance(binding.timelines, GroupsOnFlat)
    assert (binding.timelines.name, binding.spec.exact_members) == ("default", 10_000)


def test_preparing_a_feed_prepares_what_it_consists_of() -> None:
    flat = FlatOnly("default")
    streams_on(flat).prepare(Bell, Home)
    assert flat.prepared == [
        f"streamfw:{what}:{feed.key_format}"
        for feed, whats in ((Bell, "members seen read"), (Home, "members"))
        for what in whats.split()
    ]


def test_the_memory_storage_has_groups_of_its_own() -> None:
    assert isinstance(streams_on(MemoryStorage("default")).bind(Bell).timelines, MemoryStorage)


@pytest.mark.parametrize("storage", [GroupsOnFlat(FlatOnly()), MemoryStorage()], ids=["flat", "memory"])
def test_an_entry_that_a_write_names_twice_may_come_with_the_second(storage: GroupStorage) -> None:
    storage.write(ROOMY, [Write(["a"], [member(1, "x"), member(5, "y")])])
    storage.clear(ROOMY, ["a"], keep=1, stamp=5)
    puts = [member(3, stamp=5), member(9, stamp=5), member(3, stamp=5)]
    assert storage.write(ROOMY, [Write(["a"], puts)]).added == 2

"""Groups as they are stored: packed, the older members of large ones beside that, counted, forgotten, gone without a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from attrs import evolve
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Change, Entry, FeedSpec, Outcome, Query, Removal, Stats, Write
from streamfw_core.storage.groups import Group
from streamfw_memory.storage import MemoryStorage
from streamfw_redis.group_packing import HEADER, ROW, Header
from streamfw_redis.storage import RedisStorage, create

from tests.services.redis import Server

NOW = 1_770_000_000_000
ROOM = 128
SPEC = FeedSpec("bell", KeyFormat("bell:%(user_id)s"), 10, kind="notification", view=5)


@pytest.fixture
def storage(redis_server: Server, request: pytest.FixtureRequest) -> Iterator[RedisStorage]:
    """With a prefix of the test's own."""
    made = create("feeds", {"url": redis_server.url, "prefix": f"{request.node.name}:"})
    yield made
    made.close()


class Stored:
    """What the server has of the feed of one owner."""

    def __init__(self, client: Any, prefix: str, owner: str = "a") -> None:
        self.client = client
        self.hash, self.order, self.payloads = (f"{prefix}{letter}:bell:{owner}" for letter in "gzp")

    def header(self, key: str = "k") -> Header:
        return Header.of(self.client.hget(self.hash, f"g{key}"))

    def packed(self, key: str = "k") -> int:
        """How many members are in the packed group."""
        return (len(self.client.hget(self.hash, f"g{key}")) - HEADER) // ROW

    def beside(self) -> tuple[int, int, int]:
        """How many groups, older members and actors are in the sorted set."""
        letters = [element[:1] for element in self.client.zrange(self.order, 0, -1)]
        return letters.count(b"g"), letters.count(b"m"), letters.count(b"n")

    def keys(self) -> list[str]:
        return [key for key in (self.hash, self.order, self.payloads) if self.client.exists(key)]


@pytest.fixture
def stored(redis_server: Server, storage: RedisStorage) -> Iterator[Stored]:
    with redis_server.client() as client:
        yield Stored(client, storage.options.prefix)


def at(number: int, group: str = "k", *, stamp: int | None = None, payload: bytes | None = None) -> Entry:
    """Three members share a millisecond, and actors have many each."""
    id = (NOW + number // 3) << 64 | number * 2**40 + 5
    return Entry(id, NOW + number if stamp is None else stamp, payload, group, f"actor {number % 37}")


def add(storage: RedisStorage, *numbers: int, spec: FeedSpec = SPEC) -> int | None:
    return written(storage.write(spec, [Write(["a"], puts=[at(number) for number in numbers])])).added


def remove(storage: RedisStorage, *numbers: int, spec: FeedSpec = SPEC, group: str | None = "k") -> int | None:
    removes = [Removal(at(number).id, 2 * NOW, group) for number in numbers]
    return written(storage.write(spec, [Write(["a"], removes=removes)])).removed


def written(outcome: Outcome) -> Outcome:
    assert not outcome.failures
    return outcome


def group(storage: RedisStorage, spec: FeedSpec = SPEC) -> Group:
    [found] = storage.get_groups(spec, "a", ["k"], hydrate=None)
    assert found is not None
    return found


# --- large groups -------------------------------------------------------------------------------------------------------


def test_a_group_of_more_than_128_keeps_its_newest_packed_and_the_others_beside(
    storage: RedisStorage, stored: Stored
) -> None:
    for number in range(ROOM):
        assert add(storage, number) == 1
    assert (stored.packed(), stored.beside()) == (ROOM, (1, 0, 0))
    assert add(storage, ROOM) == 1
    assert (stored.packed(), stored.beside()) == (ROOM // 2, (1, ROOM // 2 + 1, 37))
    found = group(storage)
    assert (found.member_count, found.actor_count, found.exact) == (ROOM + 1, 37, True)
    assert found.first_id == at(0).id
    assert [one.id for one in found.members] == [at(number).id for number in range(ROOM, ROOM - 5, -1)]
    assert add(storage, 0, 1, ROOM) == 0, "a redelivery of what is packed and of what is not"


def test_members_come_back_when_few_are_left_and_nothing_is_counted_beside_any_more(
    storage: RedisStorage, stored: Stored
) -> None:
    add(storage, *range(ROOM + 1))
    packed = ROOM // 2
    newest = ROOM + 1 - packed
    for number in range(ROOM, newest + ROOM // 4 - 1, -1):
        assert remove(storage, number) == 1
    assert (stored.packed(), stored.beside()[1]) == (ROOM // 4, newest)
    remove(storage, newest)
    assert (stored.packed(), stored.beside()[1]) == (2 * ROOM // 4 - 1, newest - ROOM // 4)
    numbers = [number for number in range(newest + ROOM // 4) if number != newest]
    while len(numbers) > 20:
        remove(storage, numbers.pop(), numbers.pop(0))
        found = group(storage)
        assert found.member_count == len(numbers)
        assert found.actor_count == len({number % 37 for number in numbers})
        assert (found.first_id, found.members[0].id) == (at(numbers[0]).id, at(numbers[-1]).id)
    assert stored.beside() == (1, 0, 0)
    remove(storage, *numbers)
    assert stored.keys() == []


def test_the_oldest_are_forgotten_beyond_the_exact_ones_and_what_may_be_one_of_them_is_refused(
    storage: RedisStorage, stored: Stored
) -> None:
    spec = evolve(SPEC, exact_members=150)
    add(storage, *range(10, 160), spec=spec)
    assert group(storage, spec).exact
    assert add(storage, 160, 161, spec=spec) == 2
    found = group(storage, spec)
    assert (found.exact, found.member_count, found.actor_count) == (False, 152, 37)
    assert found.first_id == at(12).id
    assert add(storage, 10, 11, 3, spec=spec) == 0
    assert group(storage, spec).member_count == 152
    assert remove(storage, 10, spec=spec) == 0
    assert remove(storage, *range(12, 162), spec=spec) == 150
    assert stored.keys() == [], "the group goes with the last member that is kept"


def test_a_group_may_be_smaller_than_what_would_be_packed(storage: RedisStorage, stored: Stored) -> None:
    spec = evolve(SPEC, exact_members=3)
    assert add(storage, *range(5), spec=spec) == 3, "two of the five had to go again"
    header = stored.header()
    assert (stored.packed(), header.older, header.forgotten, header.actors) == (3, 0, 2, 5)
    assert add(storage, 1, spec=spec) == 0
    storage.clear(spec, ["a"], keep=0, stamp=2 * NOW)
    assert stored.keys() == []


def test_a_larger_view_shows_more_of_what_is_there(storage: RedisStorage) -> None:
    add(storage, *range(200))
    for view in (1, 5, 100, 150, 300):
        found = group(storage, evolve(SPEC, view=view))
        assert [one.id for one in found.members] == [at(number).id for number in range(199, 199 - min(view, 200), -1)]


def test_adding_to_a_group_of_ten_thousand_moves_little(storage: RedisStorage, stored: Stored) -> None:
    for start in range(0, 10_000, 1000):
        assert add(storage, *range(start, start + 1000)) == 1000
    assert group(storage).exact
    before = stored.client.info("commandstats")["cmdstat_zrangebylex"]["calls"]
    assert add(storage, 10_000) == 1
    assert stored.client.info("commandstats")["cmdstat_zrangebylex"]["calls"] - before < 10
    found = group(storage)
    assert (found.exact, found.member_count, found.actor_count) == (False, 10_001, 37)
    assert stored.packed() <= ROOM
    assert storage.groups_of(SPEC, "a", [at(0).id, at(1).id, at(10_000).id]) == [None, "k", "k"]


# --- against the reference ----------------------------------------------------------------------------------------------


class Both(NamedTuple):
    """The storage and the reference, which get the same."""

    redis: RedisStorage
    memory: MemoryStorage

    def write(self, spec: FeedSpec, write: Write) -> None:
        # What is not reported may take a shorter way.
        ids = [*(put.id for put in write.puts), *(removal.id for removal in write.removes)]
        report = sum(id >> 41 for id in ids) % 2 > 0
        found, expected = (storage.write(spec, [write], report=report) for storage in self)
        assert (found.added, found.removed) == (expected.added, expected.removed)
        for changes in (found.changes, expected.changes):
            assert changes.keys() <= {"a"}
        one, other = (changes.get("a", Change()) for changes in (found.changes, expected.changes))
        assert (sorted(one.added), sorted(one.removed)) == (sorted(other.added), sorted(other.removed))

    def compare(self, spec: FeedSpec, words: str) -> None:
        found, expected = (storage.read_groups(spec, [Query("a")])[0] for storage in self)
        assert [*map(plain, found)] == [*map(plain, expected)], words
        assert self.redis.stats(spec, [Query("a")]) == self.memory.stats(spec, [Query("a")]), words


def plain(group: Group) -> Group:
    """As a group is without the actors of its members."""
    members = [one._replace(actor=None, payload=None) for one in group.members]
    return group._replace(members=members, payloads=[*(group.payloads or ())])


def removal(entry: Entry, stamp: int, random: Random) -> Removal:
    return Removal(entry.id, stamp, random.choice((entry.group, None)))


@pytest.mark.parametrize("inline", [False, True], ids=["references", "inline"])
@pytest.mark.parametrize("exact", [60, 200, 10_000])
def test_groups_of_hundreds_are_those_of_the_reference_after_every_step(
    storage: RedisStorage, stored: Stored, exact: int, inline: bool
) -> None:
    random, spec = Random(exact), evolve(SPEC, exact_members=exact, keep=3, inline=inline)
    both, larger = Both(storage, MemoryStorage()), 0
    for step in range(250):
        stamp = NOW + 10 * step
        numbers = random.sample(range(600), random.choice((1, 1, 3, 40)))
        payload = b"%d" % step if inline else None
        entries = [at(number, "kkkkklmn"[number % 8], stamp=stamp, payload=payload) for number in numbers]
        match random.choice(("add", "add", "add", "remove", "both", "update", "mark", "trim")):
            case "add":
                both.write(spec, Write(["a"], puts=entries))
            case "remove":
                both.write(spec, Write(["a"], removes=[removal(one, stamp, random) for one in entries]))
            case "both":
                gone = [removal(one, stamp + 1, random) for one in entries[::3]]
                both.write(spec, Write(["a"], entries, gone, entries[::2]))
            case "update":
                both.write(spec, Write(["a"], updates=entries))
            case "mark":
                wanted: Sequence[str] | None = random.choice((None, [random.choice("klmn")]))
                changed = [
                    sorted(one.mark(spec, "a", wanted, seen=True, read=step % 2 > 0, stamp=stamp)) for one in both
                ]
                assert changed[0] == changed[1]
            case _:
                if step % 4 == 0:
                    keep = random.choice((0, 1, 2))
                    for one in both:
                        one.clear(spec, ["a"], keep=keep, stamp=stamp - 500)
        both.compare(spec, f"after step {step}")
        larger += stored.beside()[1] > 0
    assert larger > 20 or exact < ROOM, "few steps had a group of which not all is packed"
    for one in both:
        one.clear(spec, ["a"], keep=0, stamp=2 * NOW)
    both.compare(spec, "in the end")
    assert stored.keys() == []


def test_a_very_large_feed_is_cleared_in_steps(storage: RedisStorage, stored: Stored) -> None:
    spec = evolve(SPEC, keep=1000)
    for start in range(0, 24_000, 1000):
        puts = [at(number, f"k{start // 4000}") for number in range(start, start + 1000)]
        assert written(storage.write(spec, [Write(["a"], puts=puts)])).added == 1000
    storage.clear(spec, ["a"], keep=1, stamp=2 * NOW)
    assert storage.stats(spec, [Query("a")]) == [Stats(1, 1, 1)]
    assert stored.beside() == (1, 4000 - stored.packed("k5"), 37)
    assert written(storage.write(spec, [Write(["a"], puts=[at(19_999, "late")])])).added == 0
    storage.clear(spec, ["a"], keep=0, stamp=2 * NOW)
    assert stored.keys() == []


# --- inline payloads and what is left behind ----------------------------------------------------------------------------


def test_what_an_inline_feed_loses_leaves_no_payload_behind(storage: RedisStorage, stored: Stored) -> None:
    spec = evolve(SPEC, keep=2, inline=True, exact_members=140)
    for number in range(150):
        storage.write(spec, [Write(["a"], puts=[at(number, payload=b"%d" % number)])])
    assert stored.client.hlen(stored.payloads) == 140, "ten are forgotten"
    remove(storage, 149, 20, spec=spec)
    assert stored.client.hlen(stored.payloads) == 138
    for number in range(200, 230):
        storage.write(spec, [Write(["a"], puts=[at(number, f"other {number}", payload=b"x")])])
    assert stored.client.hlen(stored.payloads) == 2
    assert stored.beside() == (2, 0, 0)
    storage.clear(spec, ["a"], keep=0, stamp=2 * NOW)
    assert stored.keys() == []


def test_a_lower_max_length_hides_the_oldest_groups_and_they_never_come_back(storage: RedisStorage) -> None:
    puts = [at(number, f"group {number}") for number in range(10)]
    storage.write(SPEC, [Write(["a"], puts=puts)])
    short = evolve(SPEC, keep=3)
    newest = ["group 9", "group 8", "group 7"]
    assert [one.key for one in storage.read_groups(short, [Query("a")])[0]] == newest
    assert storage.stats(short, [Query("a"), Query("a", upper=at(3).id)]) == [Stats(3, 3, 3), Stats(0)]
    assert storage.get_groups(short, "a", ["group 6"], hydrate=None) == [None]
    assert storage.groups_of(short, "a", [puts[6].id, puts[7].id]) == [None, "group 7"]
    assert storage.mark(short, "a", ["group 6"], seen=True, read=True, stamp=NOW) == []
    assert sorted(storage.mark(short, "a", None, seen=True, read=False, stamp=NOW)) == sorted(newest)
    removal = Removal(puts[9].id, 2 * NOW, "group 9")
    assert written(storage.write(short, [Write(["a"], removes=[removal])])).removed == 1
    assert [one.key for one in storage.read_groups(SPEC, [Query("a")])[0]] == newest[1:]


# --- versions -----------------------------------------------------------------------------------------------------------


def test_a_swap_that_is_sent_twice_is_one_swap(storage: RedisStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    add(storage, 1)
    version = storage.version(SPEC, "a")
    run = storage.servers.run
    monkeypatch.setattr(storage.servers, "run", lambda calls: [run([*given]) for given in [[*calls]] * 2][1])

    assert storage.swap(SPEC, "a", version, Write(["a"], puts=[at(2)]))
    assert not storage.swap(SPEC, "a", version, Write(["a"], puts=[at(3)]))
    monkeypatch.undo()
    assert storage.version(SPEC, "a") == version + 1
    assert group(storage).member_count == 2


def test_versions_of_a_feed_that_begins_anew_are_others(storage: RedisStorage) -> None:
    seen = set()
    for number in range(5):
        assert storage.version(SPEC, "a") == 0
        add(storage, number)
        seen.add(storage.version(SPEC, "a"))
        remove(storage, number)
    assert len(seen) == 5


# --- damage -------------------------------------------------------------------------------------------------------------


def test_clearing_a_feed_rids_it_of_what_is_damaged(storage: RedisStorage, stored: Stored) -> None:
    add(storage, 1)
    storage.write(SPEC, [Write(["a", "b"], puts=[at(2, "other"), at(3, "third")])])
    stored.client.hset(stored.hash, mapping={"gk": b"damaged", "v": b"short"})
    stored.client.zadd(stored.order, {b"g": 0, b"g" + bytes(16) + b"nowhere": 0})

    outcome = storage.write(SPEC, [Write(["a", "b"], puts=[at(4)])])
    assert (outcome.added, [*outcome.failures]) == (1, ["a"])
    with pytest.raises(StorageError, match=r"'feeds' .*MALFORMED .*g:bell:a"):
        storage.read_groups(SPEC, [Query("b"), Query("a")])
    with pytest.raises(StorageError, match=r"bell:a.* not a version"):
        storage.version(SPEC, "a")

    storage.clear(SPEC, ["a"], keep=0, stamp=2 * NOW)
    assert stored.keys() == []
    fresh = at(5, stamp=2 * NOW + 1)
    assert written(storage.write(SPEC, [Write(["a"], puts=[fresh])])).added == 1


def test_a_feed_with_a_value_of_another_type_is_left_as_it_was(storage: RedisStorage, stored: Stored) -> None:
    spec = evolve(SPEC, inline=True)
    writes = [Write(["a"], [at(1, payload=b"x"), at(2, "other", payload=b"x")]), Write(["a"], [at(3, payload=b"x")])]
    for broken in (stored.hash, stored.order, stored.payloads):
        stored.client.set(broken, b"no feed")
        for write in writes:
            assert [*storage.write(spec, [write]).failures] == ["a"]
        assert stored.keys() == [broken]
        stored.client.delete(broken)

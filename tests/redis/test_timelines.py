"""Flat timelines: lists that become sorted sets when they get long, what they take, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from attrs import evolve
from streamfw_core.clock import next_stamp
from streamfw_core.errors import ArgumentError, StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Removal, Stats, Write
from streamfw_redis.packing import LONG, MAX_STAMP, MIDDLE, SHORT, ids_of, stamps_of
from streamfw_redis.storage import RedisStorage, create

from tests.services.redis import Server

NOW = 1_770_000_000_000
LONGEST_LIST = 2000
LONG_FEED = FeedSpec("long", KeyFormat("long:%(user_id)s"), 1_000_000)


@pytest.fixture
def client(redis_server: Server) -> Iterator[Any]:
    with redis_server.client() as client:
        yield client


@pytest.fixture
def storage(redis_server: Server, request: pytest.FixtureRequest) -> Iterator[RedisStorage]:
    """With a prefix of the test's own."""
    made = create("feeds", {"url": redis_server.url, "prefix": f"{request.node.name}:"})
    yield made
    made.close()


def at(number: int) -> Entry:
    """Ten entries share a millisecond; half of the stamps fit a short element."""
    return Entry(
        (NOW + number // 10) << 64 | number * 2**50, (NOW + number // 10) * 1000 + (7 if number % 2 else 10**12)
    )


def put(storage: RedisStorage, spec: FeedSpec, owner: str, *entries: Entry) -> int | None:
    outcome = storage.write(spec, [Write([owner], puts=entries)])
    assert not outcome.failures
    return outcome.added


def kind_of(client: Any, storage: RedisStorage, spec: FeedSpec, owner: str) -> str:
    kind: bytes = client.type(storage.options.prefix + "f:" + spec.key(owner))
    return kind.decode()


class Model:
    """A feed as a dictionary, which is seen to be right."""

    def __init__(self, storage: RedisStorage, spec: FeedSpec) -> None:
        self.storage = storage
        self.spec = spec
        self.held: dict[int, Entry] = {}
        self.removed: set[int] = set()

    def put(self, *entries: Entry) -> None:
        admitted = {entry.id: entry for entry in entries if entry.id not in self.removed}
        new = admitted.keys() - self.held.keys()
        self.held |= admitted
        assert put(self.storage, self.spec, "a", *entries) == len(new)

    def remove(self, *ids: int) -> None:
        there = {*ids} & self.held.keys()
        self.removed |= {*ids}
        for id in there:
            del self.held[id]
        outcome = self.storage.write(self.spec, [Write(["a"], removes=[Removal(id, MAX_STAMP) for id in ids])])
        assert outcome.removed == len(there)

    def compare(self) -> None:
        expected = sorted(self.held.values(), reverse=True)
        assert self.storage.read(self.spec, [Query("a")])[0].entries == expected
        ids = [entry.id for entry in expected]
        for first, last in ((len(ids) // 3, len(ids) // 2), (0, 25), (len(ids) - 3, len(ids))):
            lower, upper = ids[last - 1], ids[first]
            query = Query("a", lower=lower, upper=upper)
            assert [entry.id for entry in self.storage.read(self.spec, [query])[0].entries] == ids[first:last]
            backwards = query._replace(oldest_first=True, start=1, stop=3)
            assert [entry.id for entry in self.storage.read(self.spec, [backwards])[0].entries] == ids[first:last][
                ::-1
            ][1:3]
            assert self.storage.stats(self.spec, [query]) == [Stats(last - first)]
            assert self.storage.locate(self.spec, query, [upper, lower]) == [0, last - first - 1]
        some = ids[:: max(1, len(ids) // 50)]
        assert self.storage.locate(self.spec, Query("a"), some) == [ids.index(id) for id in some]


@pytest.mark.parametrize("length", [120, LONGEST_LIST - 40, LONGEST_LIST + 300])
def test_entries_are_found_put_in_and_taken_out_anywhere(storage: RedisStorage, length: int) -> None:
    random = Random(length)
    numbers = random.sample(range(length * 3), length)
    model = Model(storage, LONG_FEED)
    for start in range(0, length, 500):
        model.put(*map(at, numbers[start : start + 500]))
    model.compare()
    for _ in range(40):
        model.put(at(random.randrange(length * 3)))
        model.remove(random.choice([*model.held]))
        model.put(*(at(random.randrange(length * 3)) for _ in range(5)))
    model.remove(*random.sample([*model.held], 30), at(length * 4).id)
    model.compare()


def test_a_list_becomes_a_sorted_set_when_it_gets_long_and_begins_anew_as_a_list(
    storage: RedisStorage, client: Any
) -> None:
    model = Model(storage, LONG_FEED)
    for start in range(0, LONGEST_LIST, 500):
        model.put(*map(at, range(start, start + 500)))
    assert kind_of(client, storage, LONG_FEED, "a") == "list"
    model.put(at(LONGEST_LIST))
    assert kind_of(client, storage, LONG_FEED, "a") == "zset"
    model.put(at(LONGEST_LIST + 1), at(LONGEST_LIST + 2))
    model.compare()

    storage.clear(LONG_FEED, ["a"], keep=0, stamp=next_stamp())
    assert not client.exists(f"{storage.options.prefix}f:long:a")
    fresh = Entry((NOW + 10**6) << 64, MAX_STAMP)
    put(storage, LONG_FEED, "a", fresh)
    assert kind_of(client, storage, LONG_FEED, "a") == "list"


def test_a_feed_of_a_shorter_max_length_never_becomes_a_set(storage: RedisStorage, client: Any) -> None:
    spec = evolve(LONG_FEED, keep=LONGEST_LIST)
    for start in range(0, 2 * LONGEST_LIST, 500):
        put(storage, spec, "a", *map(at, range(start, start + 500)))
    for number in range(2 * LONGEST_LIST, 2 * LONGEST_LIST + 40):
        put(storage, spec, "a", at(number))
    assert kind_of(client, storage, spec, "a") == "list"
    assert storage.stats(spec, [Query("a")]) == [Stats(LONGEST_LIST)]


@pytest.mark.parametrize("length", [50, LONGEST_LIST + 50])
def test_a_lower_max_length_shows_the_newest_and_what_is_beyond_never_comes_back(
    storage: RedisStorage, length: int
) -> None:
    for start in range(0, length, 500):
        put(storage, LONG_FEED, "a", *map(at, range(start, min(length, start + 500))))
    short = evolve(LONG_FEED, keep=10)
    newest = [at(number).id for number in range(length - 1, length - 11, -1)]
    assert [entry.id for entry in storage.read(short, [Query("a")])[0].entries] == newest
    storage.write(short, [Write(["a"], removes=[Removal(newest[0], MAX_STAMP)])])
    assert [entry.id for entry in storage.read(short, [Query("a")])[0].entries] == newest[1:]
    assert put(storage, short, "a", at(length)) == 1
    assert storage.stats(short, [Query("a")]) == [Stats(10)]


def test_what_an_inline_feed_loses_leaves_no_payload_behind(storage: RedisStorage, client: Any) -> None:
    spec = FeedSpec("inline", KeyFormat("inline:%(user_id)s"), 20, inline=True)
    payloads = f"{storage.options.prefix}p:inline:a"
    for number in range(100):
        put(storage, spec, "a", at(number)._replace(payload=b"%d" % number))
        visible = storage.stats(spec, [Query("a")])[0].entries
        assert visible <= client.hlen(payloads) == client.llen(f"{storage.options.prefix}f:inline:a") <= 20 + 16
    storage.write(spec, [Write(["a"], removes=[Removal(at(95).id, MAX_STAMP)])])
    assert client.hlen(payloads) == 19
    storage.clear(spec, ["a"], keep=5, stamp=MAX_STAMP)
    assert client.hlen(payloads) == 5
    assert storage.read(spec, [Query("a")])[0].payloads == [b"99", b"98", b"97", b"96", b"94"]
    storage.clear(spec, ["a"], keep=0, stamp=MAX_STAMP)
    assert not client.exists(payloads)


def test_a_long_feed_is_cut_in_steps_to_exactly_what_is_to_be_kept(storage: RedisStorage) -> None:
    count = 25_000  # two steps of ten thousand, and a half
    for start in range(0, count, 1000):
        put(storage, LONG_FEED, "a", *map(at, range(start, start + 1000)))
    storage.clear(LONG_FEED, ["a"], keep=3, stamp=MAX_STAMP)
    assert [entry.id for entry in storage.read(LONG_FEED, [Query("a")])[0].entries] == [
        at(number).id for number in range(count - 1, count - 4, -1)
    ]
    put(storage, LONG_FEED, "a", at(5), at(count - 4))
    assert storage.stats(LONG_FEED, [Query("a")]) == [Stats(3)]


@pytest.mark.parametrize("junk", [b"", b"junk", b"x" * 300])
def test_a_feed_with_something_in_it_that_is_not_ours_is_named_and_emptying_it_repairs_it(
    storage: RedisStorage, client: Any, junk: bytes
) -> None:
    spec = FeedSpec("inline", KeyFormat("inline:%(user_id)s"), 20, inline=True)
    for owner in "ab":
        put(storage, spec, owner, *(at(number)._replace(payload=b"it") for number in range(4)))
    key = f"{storage.options.prefix}f:inline:a"
    client.linsert(key, "after", client.lindex(key, 1), junk)
    for read in (lambda: storage.read(spec, [Query("a")]), lambda: storage.locate(spec, Query("a"), [at(1).id])):
        with pytest.raises(StorageError, match=r"'feeds' .*inline:a.* not"):
            read()
    outcome = storage.write(spec, [Write(["a", "b"], puts=[at(0)._replace(id=at(1).id + 1, payload=b"late")])])
    assert [*outcome.failures] == ["a"]
    assert "MALFORMED" in str(outcome.failures["a"])
    assert "deleting the feed makes it usable" in str(outcome.failures["a"])

    storage.clear(spec, ["a"], keep=0, stamp=MAX_STAMP - 1)
    assert not client.exists(f"{storage.options.prefix}f:inline:a", f"{storage.options.prefix}p:inline:a")
    assert put(storage, spec, "a", at(7)._replace(stamp=MAX_STAMP, payload=b"new")) == 1
    assert storage.read(spec, [Query("a")])[0].payloads == [b"new"]


def test_what_is_remembered_goes_with_its_time(redis_server: Server, client: Any) -> None:
    storage = create("feeds", {"url": redis_server.url, "prefix": "remembered:", "tombstone_ttl": 100.0})
    put(storage, LONG_FEED, "a", at(1))
    storage.write(LONG_FEED, [Write(["a"], removes=[Removal(at(1).id, MAX_STAMP)])])
    storage.remember(LONG_FEED, removes=[Removal(at(2).id, MAX_STAMP)])
    storage.clear(LONG_FEED, ["a"], keep=0, stamp=MAX_STAMP)
    keys = [*client.scan_iter("remembered:*")]
    assert len(keys) == 4, "two notes, their marker, and the cuts"
    assert all(90_000 < client.pttl(key) <= 100_000 for key in keys)
    storage.close()


@pytest.mark.parametrize("stamp", [-1, MAX_STAMP + 1, 2**80])
def test_a_stamp_that_scripts_could_not_count_is_refused_before_anything_is_sent(
    storage: RedisStorage, client: Any, stamp: int
) -> None:
    for refused in (
        lambda: storage.write(LONG_FEED, [Write(["a"], puts=[at(1), Entry(7, stamp)])]),
        lambda: storage.write(LONG_FEED, [Write(["a"], removes=[Removal(7, stamp)])]),
        lambda: storage.remember(LONG_FEED, removes=[Removal(7, stamp)]),
        lambda: storage.clear(LONG_FEED, ["a"], keep=0, stamp=stamp),
    ):
        with pytest.raises(ArgumentError, match=rf"a stamp of {stamp} cannot be stored: .*next_stamp\(\) makes them"):
            refused()
    assert not [*client.scan_iter(f"{storage.options.prefix}*")]


def test_an_entry_takes_few_bytes_where_it_was_published_when_it_happened_or_seconds_later(
    storage: RedisStorage, client: Any
) -> None:
    short = [Entry(NOW + number << 64 | 5, (NOW + number) * 1000 + number * 21_000) for number in range(4)]
    middle = [Entry(NOW + number << 64 | 5, (NOW + number + 16_777) * 1000) for number in range(5, 8)]
    long = [Entry(NOW + 9 << 64, (NOW + 16_787) * 1000), Entry(NOW + 10 << 64, 0), Entry(2**127, NOW * 1000)]
    for owner, entries, size in (("short", short, SHORT), ("middle", middle, MIDDLE), ("long", long, LONG)):
        put(storage, LONG_FEED, owner, *entries)
        stored = client.lrange(f"{storage.options.prefix}f:long:{owner}", 0, -1)
        assert [len(element) for element in stored] == [size] * len(entries)
        ids = ids_of(stored)
        assert [*zip(ids, stamps_of(stored, ids), strict=True)] == [entry[:2] for entry in entries]
    put(storage, LONG_FEED, "all", *short, *middle, *long)
    assert storage.read(LONG_FEED, [Query("all")])[0].entries == [*short, *middle, *long][::-1]

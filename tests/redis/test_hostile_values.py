"""Values that somebody else wrote: whatever the bytes, there is an answer or a typed error, and no feed costs another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from random import Random
from typing import Any

import pytest
from attrs import frozen
from streamfw_core.clock import next_stamp
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Record, Removal, Write
from streamfw_redis.packing import pack_id
from streamfw_redis.storage import RedisStorage, create

from tests.services.redis import Server

VALUES = 20_000
BATCH = 1000
PREFIX = "hostile:"
FLAT = FeedSpec("flat", KeyFormat("flat:%(user_id)s"), 100)
INLINE = FeedSpec("inline", KeyFormat("inline:%(user_id)s"), 100, inline=True)
LIKES = FeedSpec("likes", KeyFormat("likes:%(user_id)s"), 5, kind="notification")
NOW = 1_770_000_000_000


def at(number: int, payload: bytes | None = None) -> Entry:
    return Entry((NOW + number) << 64 | number, (NOW + number) * 1000, payload)


def liked(number: int, group: str = "g") -> Entry:
    return at(number)._replace(group=group, actor=str(number % 3))


@frozen
class Kind:
    """A kind of key.

    :param spec: of the feeds to which it belongs.
    :param fill: makes it, so that there are values of ours to be changed.
    :param plant: puts one value in for an owner.
    :param ours: values of ours after `fill`.
    :param concerns_all: whether what is planted for one feed concerns all of them.
    """

    spec: FeedSpec
    fill: Callable[[RedisStorage], None]
    plant: Callable[[Any, str, bytes], None]
    ours: Callable[[Any], list[bytes]]
    concerns_all: bool = False


def fill_flat(spec: FeedSpec) -> Callable[[RedisStorage], None]:
    def fill(storage: RedisStorage) -> None:
        puts = [at(number, b"payload") for number in range(20)]
        storage.write(spec, [Write(["model"], puts=[*puts, at(30)._replace(stamp=1, payload=b"late")])])
        storage.write(spec, [Write(["model"], removes=[Removal(at(3).id, next_stamp())])])
        storage.remember(spec, updates=[at(4, b"updated")._replace(stamp=next_stamp())])
        storage.clear(spec, ["model"], keep=10, stamp=next_stamp())

    return fill


def fill_groups(storage: RedisStorage) -> None:
    puts = [liked(number, f"group {number % 3}") for number in range(30)]
    storage.write(LIKES, [Write(["model"], puts=[*puts, *(liked(number, "large") for number in range(100, 400))])])
    storage.mark(LIKES, "model", None, seen=True, read=False, stamp=next_stamp())


def fill_records(storage: RedisStorage) -> None:
    storage.store("things", [Record(at(1).id, 1, b"activity"), Record(at(2).id, 1, None)])


def in_list(client: Any, owner: str, value: bytes) -> None:
    client.rpush(f"{PREFIX}f:flat:{owner}", value)


def in_set(client: Any, owner: str, value: bytes) -> None:
    client.zadd(f"{PREFIX}f:flat:{owner}", {value: 0, pack_id(at(1).id) + b"\0" * 8: 0})


def in_payloads(client: Any, owner: str, value: bytes) -> None:
    client.rpush(f"{PREFIX}f:inline:{owner}", pack_id(at(50).id) + b"\0" * 8)
    client.hset(f"{PREFIX}p:inline:{owner}", pack_id(at(50).id), value)


def in_groups(client: Any, owner: str, value: bytes) -> None:
    client.hset(f"{PREFIX}g:likes:{owner}", "gg", value)
    client.zadd(f"{PREFIX}z:likes:{owner}", {b"g" + pack_id(at(1).id) + b"g": 0})


def in_order(client: Any, owner: str, value: bytes) -> None:
    client.zadd(f"{PREFIX}z:likes:{owner}", {value: 0, b"g" + value: 0})


def in_version(client: Any, owner: str, value: bytes) -> None:
    client.hset(f"{PREFIX}g:likes:{owner}", "v", value)


def in_record(client: Any, owner: str, value: bytes) -> None:
    client.set(f"{PREFIX}a:things:".encode() + pack_id(at(int(owner)).id), value)
    client.rpush(f"{PREFIX}f:flat:{owner}", pack_id(at(int(owner)).id) + b"\0" * 8)


def in_note(field: str) -> Callable[[Any, str, bytes], None]:
    def plant(client: Any, owner: str, value: bytes) -> None:
        client.set(f"{PREFIX}n:inline:%(user_id)s", b"")
        # One note for each value would be found by none: the last of a batch is met by all feeds of it.
        client.hset(f"{PREFIX}n:inline:%(user_id)s:{pack_id(at(50).id).hex()}", field or owner, value)

    return plant


def in_cuts(client: Any, owner: str, value: bytes) -> None:
    client.hset(f"{PREFIX}c:flat:%(user_id)s", owner, value)


KINDS = {
    "list": Kind(FLAT, fill_flat(FLAT), in_list, lambda client: client.lrange(f"{PREFIX}f:flat:model", 0, -1)),
    "set": Kind(FLAT, fill_flat(FLAT), in_set, lambda client: client.lrange(f"{PREFIX}f:flat:model", 0, -1)),
    "payloads": Kind(INLINE, fill_flat(INLINE), in_payloads, lambda client: client.hvals(f"{PREFIX}p:inline:model")),
    "groups": Kind(LIKES, fill_groups, in_groups, lambda client: client.hvals(f"{PREFIX}g:likes:model")),
    "order": Kind(LIKES, fill_groups, in_order, lambda client: client.zrange(f"{PREFIX}z:likes:model", 0, -1)),
    "version": Kind(LIKES, fill_groups, in_version, lambda client: client.hvals(f"{PREFIX}g:likes:model")),
    "record": Kind(
        FLAT,
        fill_records,
        in_record,
        lambda client: [client.get(f"{PREFIX}a:things:".encode() + pack_id(at(number).id)) for number in (1, 2)],
    ),
    "note of one feed": Kind(INLINE, fill_flat(INLINE), in_note(""), lambda _: [b"\0" * 8]),
    "note of all": Kind(INLINE, fill_flat(INLINE), in_note("*"), lambda _: [b"\0" * 8], concerns_all=True),
    "update of all": Kind(
        INLINE, fill_flat(INLINE), in_note("!"), lambda _: [b"\0" * 8 + b"payload"], concerns_all=True
    ),
    "cuts": Kind(FLAT, fill_flat(FLAT), in_cuts, lambda client: client.hvals(f"{PREFIX}c:flat:%(user_id)s")),
}


def values(random: Random, ours: Sequence[bytes]) -> Iterator[bytes]:
    """Bytes at random, and values of ours cut short, made longer and changed in some places."""
    while True:
        yield random.randbytes(random.choice((0, 1, 8, 16, 17, 24, 32, random.randrange(200))))
        changed = bytearray(random.choice(ours))
        for _ in range(random.randrange(4)):
            if changed:
                changed[random.randrange(len(changed))] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
        yield bytes(changed[: random.randrange(len(changed) + 1)] if random.random() < 0.3 else changed)
        yield bytes(changed) + random.randbytes(random.randrange(40))


def batched(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := [*islice(items, size)]:
        yield batch


@pytest.fixture
def storage(redis_server: Server) -> Iterator[RedisStorage]:
    made = create("feeds", {"url": redis_server.url, "prefix": PREFIX, "timeout": 20.0})
    yield made
    with redis_server.client() as client:
        for keys in batched(client.scan_iter(f"{PREFIX}*", count=10_000), 1000):
            client.unlink(*keys)
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_any_value_gives_an_answer_or_a_typed_error(storage: RedisStorage, redis_server: Server, name: str) -> None:
    kind, random = KINDS[name], Random(name)
    with redis_server.client() as client:
        kind.fill(storage)
        hostile, refused = values(random, kind.ours(client)), 0
        for start in range(0, VALUES, BATCH):
            owners = [str(number) for number in range(start, start + BATCH)]
            with client.pipeline(transaction=False) as pipeline:
                for owner in owners:
                    kind.plant(pipeline, owner, next(hostile))
                pipeline.execute()
            refused += use(storage, kind.spec, owners, good=None if kind.concerns_all else f"good-{start}")
    assert refused, "nothing that was planted was found to be wrong"


def use(storage: RedisStorage, spec: FeedSpec, owners: Sequence[str], good: str | None) -> int:
    """Everything that touches these feeds. `good` is a feed that nobody spoiled. Returns how many errors there were."""
    refused = 0
    written = [*owners, *filter(None, [good])]
    put = at(50, b"new") if spec.kind == "flat" else liked(50)
    writes = (
        Write(written, puts=[put]),
        Write(written, puts=[put._replace(id=at(0).id), put._replace(id=at(51).id)]),
        Write(written, updates=[put._replace(stamp=next_stamp())]),
        Write(written, removes=[Removal(at(0).id, next_stamp(), put.group), Removal(at(1).id, next_stamp())]),
    )
    refused += read_each(storage, spec, owners[::20])
    for write in writes:
        outcome = storage.write(spec, [write])
        assert all(type(failure) is StorageError for failure in outcome.failures.values())
        assert all(spec.key(owner) in str(failure) for owner, failure in outcome.failures.items())
        assert good not in outcome.failures
        refused += len(outcome.failures)
    refused += read_each(storage, spec, owners)
    with suppress(StorageError):
        storage.stats(spec, [Query(owner) for owner in owners])
    for owner in owners[::10]:
        with suppress(StorageError):
            storage.clear(spec, [owner], keep=1, stamp=next_stamp())
        if spec.kind != "flat":
            with suppress(StorageError):
                storage.mark(spec, owner, None, seen=True, read=True, stamp=next_stamp())
            with suppress(StorageError):
                storage.swap(spec, owner, storage.version(spec, owner), writes[0]._replace(owners=[owner]))
    for owner in owners[::50]:
        with suppress(StorageError):
            storage.store("things", [Record(at(int(owner)).id, next_stamp(), b"new")])
    if good is None:
        return refused
    if spec.kind == "flat":
        assert storage.stats(spec, [Query(good)])[0].entries == 2
    else:
        assert [group.member_count for group in storage.read_groups(spec, [Query(good)])[0]] == [2]
    return refused


def read_each(storage: RedisStorage, spec: FeedSpec, owners: Sequence[str]) -> int:
    refused = 0
    for owner in owners:
        reads: list[Callable[[], object]]
        if spec.kind == "flat":
            reads = [
                partial(storage.read, spec, [Query(owner, 0, 25, hydrate=None if spec.inline else "things")]),
                partial(storage.locate, spec, Query(owner, lower=at(0).id, upper=at(60).id), [at(1).id]),
                partial(storage.load, "things", [at(int(owner)).id]),
            ]
        else:
            reads = [
                partial(storage.read_groups, spec, [Query(owner, 0, 25, hydrate="things")]),
                partial(storage.get_groups, spec, owner, ["g"], hydrate="things"),
                partial(storage.groups_of, spec, owner, [at(1).id]),
            ]
        for read in reads if int(owner) % 5 == 0 else reads[:1]:
            try:
                read()
            except StorageError:
                refused += 1
    return refused

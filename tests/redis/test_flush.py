"""Flushing a namespace takes what is its own and leaves all else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import FeedSpec, Record, Removal, Write
from streamfw_redis.storage import RedisStorage

from tests.redis.feeds import SPEC, Make, at, ids_of, meanwhile, own_server, spec, storages
from tests.services.redis import Server

make = pytest.fixture(storages)
server = pytest.fixture(own_server)


def fill(storage: RedisStorage, of: FeedSpec, owner: str = "7") -> None:
    """One of every kind of key that flat feeds have."""
    storage.write(of, [Write([owner], puts=[at(number, b"x") for number in (1, 2, 3)], removes=[Removal(at(9).id, 1)])])
    storage.remember(of, removes=[Removal(at(8).id, 1)], updates=[at(1, b"y")])
    storage.clear(of, [owner], keep=2, stamp=at(3).stamp)


def keys_of(server: Server, under: str) -> int:
    with server.client() as client:
        return sum(key.startswith(under.encode()) for key in client.scan_iter())


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("user:%(user_id)s", "user:%(user_id)s:x"),
        ("user:%(user_id)s", "xuser:%(user_id)s"),
        ("user:%(user_id)s:a", "user:%(user_id)s:b"),
        ("a*:%(user_id)s", "ab:%(user_id)s"),
        ("a?:%(user_id)s", "ab:%(user_id)s"),
        ("[ab]:%(user_id)s", "a:%(user_id)s"),
        ("a\\b:%(user_id)s", "ab:%(user_id)s"),
        ("%(user_id)s", "a:%(user_id)s"),
    ],
)
@pytest.mark.parametrize("buckets", [0, 16])
def test_only_the_namespace_is_flushed(server: Server, make: Make, text: str, other: str, buckets: int) -> None:
    storage = make(server.url, buckets=buckets)
    ours, theirs = spec(inline=True, key_format=KeyFormat(text)), spec(inline=True, key_format=KeyFormat(other))
    fill(storage, theirs)
    before = keys_of(server, "streamfw:")
    fill(storage, ours)
    storage.flush(ours.namespace)
    assert keys_of(server, "streamfw:") == before
    assert ids_of(storage, "7", of=theirs) == [3, 2]
    storage.flush(theirs.namespace)
    assert keys_of(server, "streamfw:") == 0


@pytest.mark.parametrize("prefix", ["a*:", "a?:", "[ab]:", "a\\", "", "é:"])
def test_only_the_prefix_is_flushed(server: Server, make: Make, prefix: str) -> None:
    ours, theirs = make(server.url, prefix=prefix), make(server.url, prefix="ab:")
    fill(theirs, SPEC)
    before = keys_of(server, "ab:")
    fill(ours, SPEC)
    ours.store("records", [Record(at(1).id, 1, b"x")])
    ours.flush(SPEC.namespace)
    ours.flush("records")
    assert keys_of(server, "") == keys_of(server, "ab:") == before
    assert ids_of(theirs, "7") == [3, 2]


@pytest.mark.parametrize("owner", ["%2A", "a.b_c~d-e", "%C3%A9", "%0A"])
def test_every_owner_is_flushed(server: Server, make: Make, owner: str) -> None:
    storage = make(server.url)
    fill(storage, spec(inline=True), owner)
    storage.flush(SPEC.namespace)
    assert server.ask("DBSIZE") == 0


def test_records_of_one_namespace_are_flushed_alone(server: Server, make: Make) -> None:
    storage = make(server.url)
    for namespace in ("a", "a:b", "aa", "a*"):
        storage.store(namespace, [Record(number, 1, b"x") for number in (0, 1, 2**128 - 1)])
    storage.flush("a*")
    storage.flush("a")
    assert storage.load("a", [1]) == storage.load("a*", [1]) == [None]
    for namespace in ("a:b", "aa"):
        assert all(storage.load(namespace, [0, 1, 2**128 - 1]))


def test_what_others_keep_on_the_server_stays(server: Server, make: Make) -> None:
    storage = make(server.url)
    fill(storage, SPEC)
    names = ["other", "streamfw:x", "streamfw:f:servers:7/8", "streamfw:f:servers:", "xstreamfw:f:servers:7"]
    for name in names:
        server.ask("SET", name, "theirs")
    storage.flush(SPEC.namespace)
    left = set(server.ask("KEYS", "*"))
    assert left >= {"other", "streamfw:x", "streamfw:f:servers:7/8", "xstreamfw:f:servers:7"}


def test_many_keys_are_flushed_and_flushing_again_does_nothing(server: Server, make: Make) -> None:
    storage = make(server.url)
    storage.write(SPEC, [Write([str(number) for number in range(5_000)], puts=[at(1)])])
    storage.flush(SPEC.namespace)
    storage.flush(SPEC.namespace)
    assert server.ask("DBSIZE") == 0


def test_a_server_that_is_away_is_an_error_that_names_the_namespace(
    start_redis: Callable[..., Server], make: Make
) -> None:
    own = start_redis()
    storage = make(own.url, retry_for=0)
    fill(storage, SPEC)
    own.kill()
    with pytest.raises(
        StorageError, match=r"storage 'feeds' \(Redis at .*\) failed in flushing 'servers:%\(user_id\)s'"
    ):
        storage.flush(SPEC.namespace)


def test_a_server_that_restarts_while_it_is_flushed_is_waited_for(
    start_redis: Callable[..., Server], make: Make
) -> None:
    own = start_redis(appendonly=True)
    storage = make(own.url, retry_for=20)
    fill(storage, SPEC)
    own.kill()
    with meanwhile(own.start, after=0.3):
        storage.flush(SPEC.namespace)
    assert own.ask("DBSIZE") == 0

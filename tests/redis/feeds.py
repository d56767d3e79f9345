"""What tests of the Redis storage write and read, and generators to make fixtures of: `make = pytest.fixture(storages)`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pytest
from attrs import evolve
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Storage
from streamfw_redis.keys import TIMELINE
from streamfw_redis.storage import RedisStorage, create

from tests.services.binaries import Binary
from tests.services.fixtures import Shared
from tests.services.redis import Server

START = 1_700_000_000_000
SPEC = FeedSpec("servers", KeyFormat("servers:%(user_id)s"), keep=100)


class OnRedis:
    """The hooks of the conformance kit, on a shared server of each version."""

    buckets = 0
    letter = TIMELINE
    """Of the key that is spoilt."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: Server) -> None:
        self.server = redis_server

    def make_storage(self, name: str) -> Storage:
        return create(name, {"url": self.server.url, "buckets": self.buckets})

    def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
        assert isinstance(storage, RedisStorage)
        key = spec.key(owner).encode()
        with self.server.client() as client:
            client.set(storage.keys.start(storage.keys.bucket_of_feed(key)) + self.letter + key, b"something else")
        return True


class Make(Protocol):
    """Makes storages, which are closed when the test is over."""

    def __call__(self, url: str, **options: Any) -> RedisStorage: ...


def storages() -> Iterator[Make]:
    made: list[RedisStorage] = []

    def make(url: str, **options: Any) -> RedisStorage:
        made.append(create("feeds", {"url": url, **options}))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


def own_server(redis_binary: Binary, shared_services: Shared) -> Iterator[Server]:
    """One that may be stopped and changed by one test after the other, and is empty before each; it keeps nothing."""
    server = shared_services.get(f"own server {redis_binary.label}", lambda: Server(redis_binary))
    server.flush()
    yield server


def own_keeping_server(redis_binary: Binary, shared_services: Shared) -> Iterator[Server]:
    """The same, but what was acknowledged is there after a restart."""
    keeping = shared_services.get(f"keeping server {redis_binary.label}", lambda: Server(redis_binary, appendonly=True))
    keeping.flush()
    yield keeping


@contextmanager
def meanwhile(what: Callable[..., object], *arguments: str, after: float) -> Iterator[None]:
    """Do something in some seconds, while the body runs; wait until it is done."""
    timer = threading.Timer(after, what, arguments)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def spec(**changes: Any) -> FeedSpec:
    return evolve(SPEC, **changes)


def at(number: int, payload: bytes | None = None) -> Entry:
    """The entry of a number: the higher, the newer."""
    return Entry(((START + number) << 64) | number, (START + number) * 1000, payload)


def ids_of(storage: RedisStorage, owner: str, of: FeedSpec = SPEC) -> list[int]:
    """The numbers of what is in a feed, the newest first."""
    return numbers_of(storage, [owner], of)[0]


def numbers_of(storage: RedisStorage, owners: Sequence[str], of: FeedSpec = SPEC) -> list[list[int]]:
    pages = storage.read(of, [Query(owner) for owner in owners])
    return [[id & 0xFFFF_FFFF for id in page.ids] for page in pages]

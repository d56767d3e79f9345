"""The part of the kit that needs other processes, on a storage that lives in one of its own."""

from collections.abc import Iterator, Sequence
from multiprocessing.managers import BaseManager

import pytest
from attrs import evolve
from streamfw_core.storage import FeedSpec, Query, Removal, Scope, Storage, Write
from streamfw_core.storage.protocol import Entry, Outcome, Page, Record, Stats
from streamfw_core.testing import FeedContract, StorageContract

from tests.core.kit.plain_storage import PlainStorage


class Server(BaseManager):
    """One storage for all processes that connect."""


_served: list[PlainStorage] = []


def _serve() -> PlainStorage:
    if not _served:
        _served.append(PlainStorage("served"))
    return _served[0]


Server.register("storage", callable=_serve)


class SharedStorage:
    """A client of the server. The proxies of multiprocessing connect anew after a fork, and in each thread."""

    capabilities = evolve(PlainStorage.capabilities, scope=Scope.SHARED, copies=False, starts=False)
    tombstone_ttl = PlainStorage.tombstone_ttl

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self._remote: PlainStorage = server.storage()  # type: ignore[attr-defined]

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        self._remote.prepare(specs)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return self._remote.write(spec, writes, report=report)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        self._remote.remember(spec, removes=removes, updates=updates)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return self._remote.read(spec, queries)

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        return self._remote.locate(spec, query, ids)

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        return self._remote.stats(spec, queries)

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        self._remote.clear(spec, owners, keep=keep, stamp=stamp)

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int | None:
        return self._remote.store(namespace, records, update=update)

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        return self._remote.load(namespace, ids)

    def flush(self, namespace: str) -> None:
        self._remote.flush(namespace)

    def close(self) -> None:
        pass


class OnServer:
    server: Server

    # Of the class, so that it comes before what the kit does for each test.
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def connect(cls) -> Iterator[None]:
        with Server() as cls.server:
            yield

    def make_storage(self, name: str) -> Storage:
        return SharedStorage(name, self.server)


class TestSharedStorage(OnServer, StorageContract):
    pass


class TestFeedsOnASharedStorage(OnServer, FeedContract):
    pass

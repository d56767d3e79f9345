"""What tests of the Cassandra storage write and read, and where: a keyspace of their own, which goes when they are done."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

import pytest
from attrs import evolve
from cassandra import OperationTimedOut
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, NoHostAvailable
from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Storage
from streamfw_core.testing.storages.case import StorageCase

from tests.services.cassandra import Cassandra

START = 1_700_000_000_000
SPEC = FeedSpec("users", KeyFormat("users:%(user_id)s"), keep=100)


@pytest.mark.usefixtures("on_cassandra")
class OnCassandra(StorageCase):
    """The hooks of the conformance kit, on the shared server."""

    server: Cassandra
    keyspace: str
    options: ClassVar[Mapping[str, object]] = {}

    def make_storage(self, name: str) -> Storage:
        storage = create(name, options_on(self.server, self.keyspace, **self.options))
        storage.prepare([])
        return storage

    def end(self) -> None:
        # No other test has these namespaces, and the whole keyspace goes soon: to empty each table takes longer than most tests.
        self._namespaces.clear()
        super().end()


class Make(Protocol):
    """Makes storages, which are closed when the test is over."""

    def __call__(self, **options: object) -> CassandraStorage: ...


def options_on(server: Cassandra, keyspace: str, **more: object) -> dict[str, object]:
    """The options of a storage on a server. What is slow here is so because machines that test are busy."""
    patient = {"timeout": 30.0, "connect_timeout": 30.0}
    return {"hosts": server.hosts, "port": server.port, "keyspace": keyspace, **patient, **more}


def storages(server: Cassandra, keyspace: str) -> Iterator[Make]:
    made: list[CassandraStorage] = []

    def make(**options: object) -> CassandraStorage:
        made.append(create("feeds", options_on(server, keyspace) | options))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


@contextmanager
def made_keyspace(server: Cassandra, *, replicas: int = 1) -> Iterator[str]:
    """An empty keyspace, as long as it is needed."""
    name = f"tests_{secrets.token_hex(6)}"
    kind = f"{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
    _administer(server, f"CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = {kind}")
    try:
        yield name
    finally:
        # Another session: the server may have been killed and restarted meanwhile.
        _administer(server, f"DROP KEYSPACE IF EXISTS {name}")


def _administer(server: Cassandra, cql: str) -> None:
    """Run a statement that may run twice. A node that has just come back may tell clients once more that others are away."""
    for last in (False, False, True):
        try:
            with administering(server) as session:
                session.execute(cql)
            return
        except (NoHostAvailable, OperationTimedOut):
            if last:
                raise
            time.sleep(5)


@contextmanager
def administering(server: Cassandra) -> Iterator[Any]:
    """A session for plain CQL, which bears with a busy machine."""
    patient = {EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=60)}
    with server.connected(connect_timeout=30, control_connection_timeout=30, execution_profiles=patient) as session:
        yield session


@contextmanager
def meanwhile(what: Callable[..., object], *arguments: object, after: float) -> Iterator[None]:
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


def numbers_of(storage: CassandraStorage, owners: Sequence[str], of: FeedSpec = SPEC) -> list[list[int]]:
    """The numbers of what is in feeds, the newest first."""
    pages = storage.read(of, [Query(owner) for owner in owners])
    return [[id & 0xFFFF_FFFF for id in page.ids] for page in pages]

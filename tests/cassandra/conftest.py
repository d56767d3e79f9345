"""Real servers for the tests of the Cassandra storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.cluster import Session

from tests.cassandra.feeds import Make, made_keyspace, storages
from tests.services.cassandra import Cassandra
from tests.services.fixtures import (
    cassandra_certificate,
    cassandra_jars,
    shared_cassandra,
    shared_services,
    start_cassandra,
)

__all__ = ["cassandra_certificate", "cassandra_jars", "shared_cassandra", "shared_services", "start_cassandra"]


@pytest.fixture(scope="class")
def on_cassandra(request: pytest.FixtureRequest, shared_cassandra: Cassandra) -> Iterator[None]:
    """Tells a class of the kit where its keyspace is, which goes with it: many tables would slow down all that follow."""
    with made_keyspace(shared_cassandra) as keyspace:
        request.cls.server, request.cls.keyspace = shared_cassandra, keyspace
        yield


@pytest.fixture(scope="module")
def keyspace(shared_cassandra: Cassandra) -> Iterator[str]:
    """One for the tests of a module."""
    with made_keyspace(shared_cassandra) as made:
        yield made


@pytest.fixture
def make_storage(shared_cassandra: Cassandra, keyspace: str) -> Iterator[Make]:
    """Makes storages in the module's keyspace on the shared server, with options of the test's own."""
    yield from storages(shared_cassandra, keyspace)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is sent from now on."""
    sent: list[Any] = []
    execute = Session.execute_async

    def spy(self: Session, query: Any, *arguments: Any, **more: Any) -> Any:
        sent.append(query)
        return execute(self, query, *arguments, **more)

    monkeypatch.setattr(Session, "execute_async", spy)
    return sent

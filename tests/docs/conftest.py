"""Each test has a default application and a verb registry of its own; those of pages on storages have servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamfw_core import set_default_streams, verbs
from tests.services.fixtures import (
    cassandra_jars,
    redis_binary,
    redis_cluster,
    shared_cassandra,
    shared_services,
    start_cassandra,
)

__all__ = [
    "cassandra_jars",
    "fresh_process_state",
    "redis_binary",
    "redis_cluster",
    "shared_cassandra",
    "shared_services",
    "start_cassandra",
]


@pytest.fixture(autouse=True)
def fresh_process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(verbs, "_verbs", dict(verbs._verbs))
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    set_default_streams(None)
    yield
    set_default_streams(None)

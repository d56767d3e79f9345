"""Flat feeds on Cassandra against the conformance kit."""

from __future__ import annotations

from typing import ClassVar

from streamfw_core.testing import FeedContract, StorageContract

from tests.cassandra.feeds import OnCassandra


class TestCassandraStorage(OnCassandra, StorageContract):
    pass


class TestCassandraStorageThatTrimsAtEveryWrite(OnCassandra, StorageContract):
    options: ClassVar = {"slack": 1}


class TestCassandraFeeds(OnCassandra, FeedContract):
    pass

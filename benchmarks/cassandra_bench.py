"""What the benchmarks of the Cassandra storage share: a private node, an application on it, and the bare driver beside it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs
import cassandra
from cassandra.cluster import Session
from measure import Table, parser, show, write_json
from services import Cassandra, find_cassandra
from streamfw_cassandra.options import Options
from streamfw_cassandra.sessions import Sessions

from streamfw_core import Feed, Streams

KEYSPACE = "bench"
PRODUCTION = {
    "commitlog_sync": "periodic",
    "commitlog_sync_period": "10s",
    "concurrent_reads": 32,
    "concurrent_writes": 32,
    "memtable_allocation_type": "heap_buffers",
}
"""Cassandra's own defaults, where those of the tests are smaller."""


@attrs.define
class CassandraBench:
    """Nodes that nobody else uses, or the one that `--at` names."""

    hosts: list[str]
    port: int
    options: argparse.Namespace
    stack: ExitStack
    tables: list[Table] = attrs.field(factory=list)

    @property
    def storage_options(self) -> dict[str, Any]:
        return {
            "hosts": self.hosts,
            "port": self.port,
            "keyspace": KEYSPACE,
            "replication": len(self.hosts),
        }

    def streams(self, *feed_classes: type[Feed], **options: object) -> Streams:
        """An application on the node, with the tables of these feeds."""
        described = {"backend": "cassandra", "options": {**self.storage_options, **options}}
        found = Streams({"storages": {"default": described}})
        self.stack.callback(found.close)
        found.prepare(*feed_classes)
        return found

    def session(self) -> Session:
        """The bare driver, set up as the storage sets it up: its defaults are slower."""
        sessions = Sessions("bare", Options(**self.storage_options))
        self.stack.callback(sessions.close)
        return sessions.connected().session

    def add(self, table: Table) -> None:
        show(table)
        self.tables.append(table)


@contextmanager
def cassandra_bench(description: str, *, runs: int, **numbers: int) -> Iterator[CassandraBench]:
    """Read the command line, start the node, and write what was measured."""
    command = parser(description, runs=runs)
    command.add_argument(
        "--at", metavar="HOST:PORT", help="a node that runs already, instead of those for this run alone"
    )
    command.add_argument(
        "--nodes", type=int, choices=[1, 3], default=1, help="each with a replica of everything; default: %(default)s"
    )
    for name, default in numbers.items():
        command.add_argument(f"--{name}", type=int, default=default, help="default: %(default)s")
    options = command.parse_args()
    with ExitStack() as stack:
        if options.at:
            host, _, port = options.at.rpartition(":")
            bench = CassandraBench([host], int(port), options, stack)
        else:
            heap = "2G" if options.nodes == 1 else "1G"
            server = stack.enter_context(
                Cassandra(find_cassandra(), nodes=options.nodes, fast=True, heap=heap, settings=PRODUCTION)
            )
            bench = CassandraBench(server.hosts, server.port, options, stack)
        yield bench
        [(version,)] = bench.session().execute("SELECT release_version FROM system.local")
        write_json(
            options.json,
            bench.tables,
            server=f"Cassandra {version}{', three nodes' if options.nodes > 1 else ''}",
            client=f"cassandra-driver {cassandra.__version__}",
        )

"""The schema: what is missing, making it, and refusing what belongs to somebody else. Nothing is ever dropped."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cassandra
from attrs import frozen
from streamfw_core.errors import FeedConflict, StorageError
from streamfw_core.storage import FeedSpec

from streamfw_cassandra.failures import lacks_table
from streamfw_cassandra.options import Options
from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import READ
from streamfw_cassandra.tables import Table, Tables

__all__ = ["Schema"]

TRIES: Final = 5
"""How often it is looked again what is missing, where another process makes the same."""

NOT_ALLOWED: Final = (cassandra.Unauthorized, cassandra.AuthenticationFailed, cassandra.InvalidRequest)
"""What does not pass: all else may be that nodes do not agree yet."""

KEYSPACES = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?"
TABLES = "SELECT comment, gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
ALL_TABLES = "SELECT table_name, comment FROM system_schema.tables WHERE keyspace_name = ?"
ANY = "SELECT * FROM {table} LIMIT 1"
COLUMNS = (
    "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns"
    " WHERE keyspace_name = ? AND table_name = ?"
)


_KEYS: Final = {"partition_key", "clustering"}


@frozen
class Schema:
    """The tables of a storage in a cluster."""

    running: Running
    tables: Tables

    def plan(self, specs: Sequence[FeedSpec]) -> list[str]:
        """The statements that make what these feeds need and is not there; none: all is.

        :raises FeedConflict: a table belongs to another feed class, or has columns of other types.
        :raises StorageError: the keyspace is not there, and `replication` does not ask for it.
        """
        names: dict[str, Table] = {}
        for table in self._wanted(specs):
            if names.setdefault(table.name, table).mark != table.mark:
                raise FeedConflict(
                    f"two feeds would share the table {table.path}: give one of them another name in the storage's `tables`"
                )
        statements = self._keyspace()
        return [*statements, *(cql for table in names.values() for cql in self._missing(table, known=not statements))]

    def apply(self, specs: Sequence[FeedSpec]) -> list[str]:
        """Make what is missing. Returns the statements that did; may be called again, and by many at once.

        :raises FeedConflict, StorageError: as `plan`.
        """
        done: list[str] = []
        for _ in range(TRIES):
            statements = self.plan(specs)
            if not statements:
                for table in self._wanted(specs):
                    self._wait_until_known(table)
                return done
            for statement in statements:
                self._change(statement)
                done.append(statement)
        missing = self.plan(specs)
        if missing:
            raise StorageError(
                f"storage {self._name!r}: the schema is still not there after it was made: {missing[0][:200]};"
                " do the nodes agree on it (`nodetool describecluster`)?",
                storage=self._name,
            )
        return done

    def truncate(self, digest: str) -> None:
        """Empty the tables of a feed class, by the digest of its key format."""
        for name, comment in self._select(ALL_TABLES, [self._options.keyspace]):
            if comment.startswith("streamfw ") and comment.endswith(f" {digest}"):
                self._change(f"TRUNCATE {self._options.keyspace}.{name}")

    @property
    def _options(self) -> Options:
        return self.tables.options

    @property
    def _name(self) -> str:
        return self.running.sessions.name

    def _wanted(self, specs: Sequence[FeedSpec]) -> list[Table]:
        return [*self.tables.shared, *(self.tables.timeline(spec) for spec in specs)]

    def _wait_until_known(self, table: Table) -> None:
        """A node lists a table that another process makes a moment before it takes statements on it."""
        until = time.monotonic() + self._options.retry_for
        while True:
            try:
                self.running.prepared(ANY, table, f"preparing {table.path}")
                return
            except StorageError as error:
                if error.__cause__ is None or not lacks_table(error.__cause__) or time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def _keyspace(self) -> list[str]:
        options = self._options
        if self._select(KEYSPACES, [options.keyspace]):
            return []
        replication = options.replication
        if replication is None:
            raise StorageError(
                f"storage {self._name!r}: there is no keyspace {options.keyspace!r}: make it, or set `replication` in the"
                " storage's options, such as 3 or {'dc1': 3}, and it will be made",
                storage=self._name,
            )
        return [f"CREATE KEYSPACE IF NOT EXISTS {options.keyspace} WITH replication = {_replication(replication)}"]

    def _missing(self, table: Table, *, known: bool) -> list[str]:
        found = self._select(TABLES, [table.keyspace, table.name]) if known else []
        if not found:
            return [table.create(self._gc_grace)]
        [(comment, gc_grace)] = found
        if comment != table.mark:
            whose = f"says {comment[:120]!r}" if comment else "says nothing"
            raise FeedConflict(
                f"table {table.path} is not of this feed class: its comment should say {table.mark!r}, and {whose};"
                " name another table for the feed in the storage's `tables`"
            )
        if gc_grace < self._options.tombstone_ttl:
            raise StorageError(
                f"table {table.path} keeps tombstones for {gc_grace} s, and removals are to be remembered for"
                f" {self._options.tombstone_ttl:g} s (tombstone_ttl), so that they may come back:"
                f" ALTER TABLE {table.path} WITH gc_grace_seconds = {self._gc_grace}",
                storage=self._name,
            )
        return self._missing_columns(table)

    def _missing_columns(self, table: Table) -> list[str]:
        rows = self._select(COLUMNS, [table.keyspace, table.name])
        if not rows:
            # Another node was asked for these than for the table, and does not know of that yet.
            return [table.create(self._gc_grace)]
        types = {name: type for name, type, *_ in rows}
        for column, wanted in table.columns.items():
            is_there = types.get(column.strip('"'))
            if is_there is not None and is_there.replace(" ", "") != wanted.replace(" ", ""):
                raise FeedConflict(
                    f"column {column} of table {table.path} is of the type {is_there}, and the feed declares {wanted};"
                    " the type of a column cannot be changed: declare another column"
                )
        keys = {(kind, position): (name, order) for name, _, kind, position, order in rows if kind in _KEYS}
        expected = {
            ("partition_key", place) if place < table.partition else ("clustering", place - table.partition): (
                key,
                "none" if place < table.partition else "desc",
            )
            for place, key in enumerate(table.keys)
        }
        if keys != expected:
            raise FeedConflict(
                f"table {table.path} has other keys, or in another order, than ({', '.join(table.keys)}), the newest id first:"
                " name another table for the feed in the storage's `tables`, or another `keyspace`"
            )
        return [table.add(column) for column in table.columns if column.strip('"') not in types]

    @property
    def _gc_grace(self) -> int:
        options = self._options
        return options.gc_grace if options.gc_grace is not None else int(-(-options.tombstone_ttl // 1))

    def _select(self, cql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        what = "looking at the schema"
        # These name their table themselves.
        asked = self.running.prepared(cql, self.tables.notes, what)
        return self.running.all([asked.bind(values)], what)[0]

    def _change(self, cql: str) -> None:
        """Change the schema, always through the same node: of two at once, each on its own, nodes cannot agree."""
        connected = self.running.sessions.connected()
        hosts = [host for host in connected.cluster.metadata.all_hosts() if host.is_up is not False]
        first = min(hosts, key=lambda host: str(host.endpoint), default=None)
        until = time.monotonic() + self._options.retry_for
        while True:
            try:
                connected.session.execute(cql, execution_profile=READ, host=first, timeout=60)
                return
            except Exception as error:
                if isinstance(error, NOT_ALLOWED) or time.monotonic() > until:
                    raise self.running.failed(error, f"changing the schema ({cql[:120]})") from error
            time.sleep(0.5)


def _replication(replication: int | Mapping[str, int]) -> str:
    if isinstance(replication, int):
        return f"{{'class': 'SimpleStrategy', 'replication_factor': {replication}}}"
    named = "".join(f", '{centre}': {number}" for centre, number in replication.items())
    return f"{{'class': 'NetworkTopologyStrategy'{named}}}"

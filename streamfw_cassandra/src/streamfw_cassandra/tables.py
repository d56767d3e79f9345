"""The tables: their names, their columns, and every statement that is sent to them.

Names are made here and nowhere else, of letters, digits and `_` only; values are always bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from attrs import field, frozen
from streamfw_core.errors import FeedConflict
from streamfw_core.storage import FeedSpec
from streamfw_core.storage.columns import check_columns

from streamfw_cassandra.options import NAME, Options

__all__ = ["ACTIVITIES", "NOTES", "Table", "Tables", "digest_of"]

VERSION: Final = 1
DIGEST: Final = 10
"""Characters of the digest of a key format in the name of a table."""

RESERVED: Final = ("owner", "id", "added", "data", "in_group", "actor", "seen", "read")


@frozen(eq=False)
class Table:
    """One table.

    :param name: with the keyspace.
    :param keys: of the partition, then those by which its rows are ordered, the newest id first.
    :param columns: name -> type, of all.
    :param mark: what its comment says: whose it is.
    :param partition: how many of the keys choose the partition.
    """

    keyspace: str
    name: str
    keys: tuple[str, ...]
    columns: Mapping[str, str]
    mark: str
    partition: int = 1
    own: tuple[str, ...] = ()
    """Columns of the application."""

    @property
    def path(self) -> str:
        return f"{self.keyspace}.{self.name}"

    def named(self, cql: str) -> str:
        """A statement on this table, whose name stands as `{table}` in it, and the columns of the application as `{own}`."""
        own = "".join(f', "{name}" = ?' for name in self.own)
        return cql.replace("{table}", self.path).replace("{own}", own)

    def create(self, gc_grace: int) -> str:
        """The statement that makes it."""
        columns = ", ".join(f"{name} {type}" for name, type in self.columns.items())
        partition, ordered = self.keys[: self.partition], self.keys[self.partition :]
        primary = ", ".join([f"({', '.join(partition)})", *ordered])
        order = f" CLUSTERING ORDER BY ({', '.join(f'{key} DESC' for key in ordered)}) AND" if ordered else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.path} ({columns}, PRIMARY KEY ({primary}))"
            f" WITH{order} gc_grace_seconds = {gc_grace} AND comment = '{self.mark}'"
        )

    def add(self, column: str) -> str:
        """The statement that adds a column."""
        return f"ALTER TABLE {self.path} ADD IF NOT EXISTS {column} {self.columns[column]}"


ACTIVITIES: Final = "activities"
NOTES: Final = "notes"


@frozen
class Tables:
    """The tables of one storage."""

    options: Options
    activities: Table = field(init=False)
    """Activities by id. What `removed` says outlives them: its time is that of the removal."""
    notes: Table = field(init=False)
    """What is remembered of an entry for all feeds of a class, present and future."""
    _timelines: dict[str, Table] = field(factory=dict, init=False)

    @activities.default
    def _activities(self) -> Table:
        columns = {"namespace": "text", "id": "blob", "added": "boolean", "data": "blob", "removed": "boolean"}
        return self._table(ACTIVITIES, ("namespace", "id"), columns, "activities", partition=2)

    @notes.default
    def _notes(self) -> Table:
        columns = {"namespace": "text", "id": "blob", "removed": "boolean", "data": "blob"}
        return self._table(NOTES, ("namespace", "id"), columns, "notes", partition=2)

    @property
    def shared(self) -> list[Table]:
        """Those that all feed classes have in common."""
        return [self.activities, self.notes]

    def timeline(self, spec: FeedSpec) -> Table:
        """The table of a feed class: a row for each entry.

        `added` is there when the entry was put, and the time of that cell is its stamp:
        an update alone makes no entry.
        """
        table = self._timelines.get(spec.namespace)
        if table is None or table.own != tuple(spec.columns):
            columns = {"owner": "text", "id": "blob", "added": "boolean", "data": "blob"}
            if spec.kind != "flat":
                columns |= {"in_group": "text", "actor": "text", "seen": "boolean", "read": "boolean"}
            columns |= _own(spec)
            named = self.options.tables.get(spec.name)
            name = named or f"{_slug(spec.name)}_{digest_of(spec.namespace)[:DIGEST]}"
            mark = f"{spec.kind} {digest_of(spec.namespace)}"
            table = self._table(name, ("owner", "id"), columns, mark, own=tuple(spec.columns))
            self._timelines[spec.namespace] = table
        return table

    def _table(
        self,
        name: str,
        keys: tuple[str, ...],
        columns: Mapping[str, str],
        mark: str,
        *,
        partition: int = 1,
        own: tuple[str, ...] = (),
    ) -> Table:
        return Table(self.options.keyspace, name, keys, columns, f"streamfw {VERSION} {mark}", partition, own)


def digest_of(namespace: str) -> str:
    """What tells a feed class from all others where its key format cannot stand."""
    return sha256(namespace.encode()).hexdigest()


def _slug(name: str) -> str:
    """As much of the feed's name as a table's can have."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:30].strip("_")
    return plain if plain[:1].isalpha() else f"feed_{plain}".strip("_")


def _own(spec: FeedSpec) -> dict[str, str]:
    """The columns that a feed class declares.

    :raises FeedConflict: one that cannot be.
    """
    for name in spec.columns:
        if not NAME.fullmatch(name) or name in RESERVED:
            raise FeedConflict(
                f"feed {spec.name!r} has a column {name[:60]!r}: names are lower-case letters, digits and _, a letter first,"
                f" and not {', '.join(RESERVED)}, which are there already"
            )
    columns = check_columns(spec.name, spec.columns)
    return {f'"{name}"': kind for name, kind in columns.items()}

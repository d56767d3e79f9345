"""What is remembered of entries for all feeds of a class: that they were removed, and what they were updated to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from attrs import frozen
from streamfw_core.storage import Entry, FeedSpec, Removal

from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import WRITE
from streamfw_cassandra.tables import Tables
from streamfw_cassandra.values import id_of, pack_id, parts, seconds

__all__ = ["Note", "Notes"]

FIND: Final = "SELECT id, WRITETIME(removed), WRITETIME(data), data FROM {table} WHERE namespace = ? AND id IN ?"
REMOVED: Final = "UPDATE {table} USING TIMESTAMP ? AND TTL ? SET removed = true WHERE namespace = ? AND id = ?"
UPDATED: Final = "UPDATE {table} USING TIMESTAMP ? AND TTL ? SET data = ? WHERE namespace = ? AND id = ?"
IDS_PER_REQUEST: Final = 50


class Note(NamedTuple):
    """Of one entry: the stamp of its removal, and of its last update with what that brought; -1: there was none."""

    removed: int = -1
    updated: int = -1
    data: bytes | None = None


@frozen
class Notes:
    """The table of notes. Each is a register: the newest stamp stays, whoever writes at once."""

    running: Running
    tables: Tables

    def find(self, spec: FeedSpec, ids: Iterable[int]) -> Mapping[int, Note]:
        """What is remembered, by id; only of those of which something is."""
        wanted = [*dict.fromkeys(ids)]
        if not wanted:
            return {}
        what = f"looking for removals from feeds of {spec.name!r}"
        select = self.running.prepared(FIND, self.tables.notes, what)
        asked = [select.bind((spec.namespace, [*map(pack_id, some)])) for some in parts(wanted, IDS_PER_REQUEST)]
        return {
            id_of(id): Note(-1 if removed is None else removed, -1 if updated is None else updated, data)
            for rows in self.running.all(asked, what)
            for id, removed, updated, data in rows
        }

    def remember(self, spec: FeedSpec, removes: Sequence[Removal], updates: Sequence[Entry], ttl: float) -> None:
        what = f"remembering removals for feeds of {spec.name!r}"
        lasting = seconds(ttl)
        statements: list[Any] = []
        if removes:
            remove = self.running.prepared(REMOVED, self.tables.notes, what)
            statements += [remove.bind((one.stamp, lasting, spec.namespace, pack_id(one.id))) for one in removes]
        if updates:
            update = self.running.prepared(UPDATED, self.tables.notes, what)
            statements += [
                update.bind((one.stamp, lasting, one.payload or b"", spec.namespace, pack_id(one.id)))
                for one in updates
            ]
        self.running.all(statements, what, WRITE)

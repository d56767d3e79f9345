"""Activities by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from cassandra.query import BatchStatement, BatchType
from streamfw_core.storage import Record

from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import WRITE
from streamfw_cassandra.tables import Tables
from streamfw_cassandra.values import id_of, pack_id, parts, seconds

__all__ = ["Records"]

IDS_PER_REQUEST: Final = 50
STORE: Final = "UPDATE {table} USING TIMESTAMP ? SET added = true, data = ? WHERE namespace = ? AND id = ?"
UPDATE: Final = "UPDATE {table} USING TIMESTAMP ? SET data = ? WHERE namespace = ? AND id = ?"
FORGET: Final = "DELETE added, data FROM {table} USING TIMESTAMP ? WHERE namespace = ? AND id = ?"
REMOVED: Final = "UPDATE {table} USING TIMESTAMP ? AND TTL ? SET removed = true WHERE namespace = ? AND id = ?"
LOAD: Final = "SELECT id, data, WRITETIME(added), WRITETIME(removed) FROM {table} WHERE namespace = ? AND id IN ?"
STAMPS: Final = "SELECT namespace, id, WRITETIME(data), WRITETIME(removed) FROM {table}"
DELETE: Final = "DELETE FROM {table} USING TIMESTAMP ? WHERE namespace = ? AND id = ?"


@frozen
class Records:
    """The table of activities.

    What was stored and what an update brought are cells with the stamps of their operations, so that the newest stays.
    A removal deletes them as of its stamp, and leaves a cell that says so for as long as removals are remembered.
    """

    running: Running
    tables: Tables

    def store(self, namespace: str, records: Sequence[Record], ttl: float, *, update: bool) -> None:
        """Write records; see `Storage.store`."""
        if not records:
            return
        what = f"storing activities of {namespace!r}"
        if update:
            records = [record for record in records if record.payload is not None]
            put = self._prepared(UPDATE, what)
        else:
            put = self._prepared(STORE, what)
        statements = [
            self._removal(namespace, record, ttl, what)
            if record.payload is None
            else put.bind((record.stamp, record.payload, namespace, pack_id(record.id)))
            for record in records
        ]
        self.running.all(statements, what, WRITE)

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        """The record of each id; see `Storage.load`."""
        if not ids:
            return []
        what = f"loading activities of {namespace!r}"
        select = self._prepared(LOAD, what)
        wanted = [*dict.fromkeys(ids)]
        asked = [select.bind((namespace, [*map(pack_id, some)])) for some in parts(wanted, IDS_PER_REQUEST)]
        found = {}
        for rows in self.running.all(asked, what):
            for packed, data, added, removed in rows:
                id = id_of(packed)
                if added is not None and (removed is None or removed < added):
                    found[id] = Record(id, added, b"" if data is None else data)
                elif removed is not None:
                    found[id] = Record(id, removed, None)
        return [found.get(id) for id in ids]

    def flush(self, namespace: str) -> None:
        """Delete what is stored under a namespace, and what is remembered of it. It looks at the whole table."""
        what = f"flushing {namespace!r}"
        for table in self.tables.shared:
            select = self.running.prepared(STAMPS, table, what)
            delete = self.running.prepared(DELETE, table, what)
            for rows in self.running.pages(select.bind(()), what):
                deletes = [
                    delete.bind((max((stamp for stamp in stamps if stamp is not None), default=0), namespace, id))
                    for space, id, *stamps in rows
                    if space == namespace
                ]
                self.running.all(deletes, what, WRITE)

    def _removal(self, namespace: str, record: Record, ttl: float, what: str) -> Any:
        """Both at once: they are of one partition."""
        note = self._prepared(REMOVED, what)
        delete = self._prepared(FORGET, what)
        id = pack_id(record.id)
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.add(note.bind((record.stamp, seconds(ttl), namespace, id)))
        batch.add(delete.bind((record.stamp, namespace, id)))
        batch.is_idempotent = True
        return batch

    def _prepared(self, cql: str, what: str) -> Any:
        return self.running.prepared(cql, self.tables.activities, what)

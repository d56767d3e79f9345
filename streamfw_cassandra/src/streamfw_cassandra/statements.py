"""The statements on the table of one feed class.

Values are bound; the table's name and the columns that the feed declares are put in by `Table.named` alone.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, frozen
from cassandra.query import BoundStatement

from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import Prepared
from streamfw_cassandra.tables import Table

__all__ = ["Statements", "Template"]

PUT: Final = "UPDATE {table} USING TIMESTAMP ? SET added = true, data = ?{own} WHERE owner = ? AND id = ?"
PUT_MEMBER: Final = "UPDATE {table} USING TIMESTAMP ? SET added = true, data = ?, in_group = ?, actor = ?{own} WHERE owner = ? AND id = ?"  # noqa: E501
UNMARKED: Final = "UPDATE {table} USING TIMESTAMP ? SET added = true WHERE owner = ? AND id = ?"
UPDATE: Final = "UPDATE {table} USING TIMESTAMP ? SET data = ?{own} WHERE owner = ? AND id = ?"
FACT: Final = "UPDATE {table} USING TIMESTAMP ? AND TTL ? SET added = true, data = ? WHERE owner = ? AND id = ?"
SEE: Final = "UPDATE {table} USING TIMESTAMP ? SET seen = true WHERE owner = ? AND id = ?"
SEE_AND_READ: Final = "UPDATE {table} USING TIMESTAMP ? SET seen = true, read = true WHERE owner = ? AND id = ?"
READ: Final = "UPDATE {table} USING TIMESTAMP ? SET read = true WHERE owner = ? AND id = ?"
REMOVE: Final = "DELETE FROM {table} USING TIMESTAMP ? WHERE owner = ? AND id = ?"
CUT: Final = "DELETE FROM {table} USING TIMESTAMP ? WHERE owner = ? AND id < ?"
EMPTY: Final = "DELETE FROM {table} USING TIMESTAMP ? WHERE owner = ?"

IDS: Final = "SELECT id, WRITETIME(added) FROM {table} WHERE owner = ? AND id >= ? AND id <= ? LIMIT ?"
IDS_UP: Final = (
    "SELECT id, WRITETIME(added) FROM {table} WHERE owner = ? AND id >= ? AND id <= ? ORDER BY id ASC LIMIT ?"
)
PAGE: Final = "SELECT id, WRITETIME(added), data FROM {table} WHERE owner = ? AND id >= ? AND id <= ? LIMIT ?"
PAGE_UP: Final = (
    "SELECT id, WRITETIME(added), data FROM {table} WHERE owner = ? AND id >= ? AND id <= ? ORDER BY id ASC LIMIT ?"
)
COUNT: Final = "SELECT COUNT(added) FROM {table} WHERE owner = ? AND id >= ? AND id <= ?"
PRESENT: Final = "SELECT id, WRITETIME(added) FROM {table} WHERE owner = ? AND id IN ?"
NEWEST_OF_SOME: Final = (
    "SELECT owner, id, WRITETIME(added) FROM {table} WHERE owner IN ? AND id >= ? AND id <= ?"
    " PER PARTITION LIMIT ? LIMIT ?"
)
"""Without the second limit, which keeps nothing out, nodes would page, and read one partition after the other."""
MEMBERS: Final = (
    "SELECT id, WRITETIME(added), in_group, actor, WRITETIME(seen), WRITETIME(read), data FROM {table}"
    " WHERE owner = ? AND id <= ?"
)

OUTLINE: Final = "SELECT id, WRITETIME(added), in_group, seen, read FROM {table} WHERE owner = ? AND id >= ? AND id < ?"
"""What counting, marking and trimming take of members."""
NEWEST: Final = "SELECT id, WRITETIME(added), in_group, seen, read FROM {table} WHERE owner = ? LIMIT ?"
"""An outline from the top: what is not marked, facts, and the newest members."""


@define
class Template:
    """A statement for any feed: what is bound before the owner, and after.

    :param size: bytes of its payload.
    """

    statement: Prepared
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    size: int = 0
    _first: Any = None

    def of(self, owner: str) -> Any:
        """The statement for one feed. Only the first is bound as a whole: the others differ in the owner alone."""
        if self._first is None:
            self._first = self.statement.bind((*self.before, owner, *self.after))
            return self._first
        bound = BoundStatement(self._first.prepared_statement)
        bound.values = [*self._first.values]
        bound.values[len(self.before)] = owner.encode()
        return bound


@frozen
class Statements:
    """Statements of one table, each prepared when it is first used."""

    running: Running
    table: Table
    what: str
    """What they are for, for messages."""

    def __call__(self, cql: str) -> Any:
        return self.running.prepared(cql, self.table, self.what)

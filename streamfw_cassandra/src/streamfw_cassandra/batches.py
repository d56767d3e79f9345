"""Statements in unlogged batches: over many feeds, but no feed's in two where they fit into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import define, field
from cassandra.query import BatchStatement, BatchType

from streamfw_cassandra.options import Options

__all__ = ["Batch", "Packer"]

ROW: Final = 100
"""Bytes that nodes count for a row beside its owner and its payload: 80 of a reference, 100 of a payload, as measured."""


@define
class Batch:
    """Statements that are sent together, and the feeds that they are of."""

    statements: list[Any] = field(factory=list)
    owners: list[str] = field(factory=list)
    """One for each statement."""
    size: int = 0

    @property
    def request(self) -> Any:
        """What is sent."""
        if len(self.statements) == 1:
            return self.statements[0]
        batch = BatchStatement(BatchType.UNLOGGED)
        for statement in self.statements:
            batch.add(statement)
        batch.is_idempotent = True
        return batch


@define
class Packer:
    """Fills batches."""

    options: Options
    _open: Batch = field(factory=Batch)

    def add(self, owner: str, statements: Sequence[Any], sizes: Sequence[int]) -> Iterator[Batch]:
        """Take the statements of one feed; those batches come out that are full.

        :param sizes: bytes of the payload of each.
        """
        row = ROW + len(owner)
        size = sum(sizes) + len(statements) * row
        if size > self.options.batch_bytes:
            yield from self.end()
            yield from self._alone(owner, statements, [size + row for size in sizes])
            return
        batch = self._open
        full = len(batch.statements) + len(statements) > self.options.batch_rows
        if batch.statements and (full or batch.size + size > self.options.batch_bytes):
            yield from self.end()
            batch = self._open
        batch.statements += statements
        batch.owners += [owner] * len(statements)
        batch.size += size

    def end(self) -> Iterator[Batch]:
        """What is left."""
        if self._open.statements:
            yield self._open
            self._open = Batch()

    def _alone(self, owner: str, statements: Sequence[Any], sizes: Sequence[int]) -> Iterator[Batch]:
        """More of one feed than a batch takes."""
        batch = Batch()
        for statement, size in zip(statements, sizes, strict=True):
            if batch.statements and batch.size + size > self.options.batch_bytes:
                yield batch
                batch = Batch()
            batch.statements.append(statement)
            batch.owners.append(owner)
            batch.size += size
        yield batch

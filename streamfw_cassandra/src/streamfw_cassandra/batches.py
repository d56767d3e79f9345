"""Statements in unlogged batches: over many feeds, but no feed's in two where they fit into one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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

    def fill(self, feeds: Iterable[tuple[str, Sequence[Any]]], sizes: Sequence[int]) -> Iterator[Batch]:
        """Take as many statements of each feed; those batches come out that are full.

        :param sizes: bytes of the payload of each statement.
        """
        most_rows, most_bytes = self.options.batch_rows, self.options.batch_bytes
        number = len(sizes)
        fixed = sum(sizes) + number * ROW
        batch = self._open
        for owner, statements in feeds:
            size = fixed + number * len(owner)
            if batch.statements and (len(batch.statements) + number > most_rows or batch.size + size > most_bytes):
                yield batch
                self._open = batch = Batch()
            if size > most_bytes:
                yield from self._alone(owner, statements, [size + ROW + len(owner) for size in sizes])
                continue
            batch.statements += statements
            batch.owners += [owner] * number
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

"""The two methods that an author implements, and transactions on them."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from streamfw_core.errors import DecodeError, StorageError, StreamsError
from streamfw_core.storage import rows
from streamfw_core.storage.remembering import Lifetime, forget
from streamfw_core.storage.transaction import Row, Swap, Torn, Transaction

__all__ = ["ROWS_AT_ONCE", "TEN_DAYS", "Partitions"]

T = TypeVar("T")

TEN_DAYS = 864_000.0
ROWS_AT_ONCE = 1000
"""Rows that are read or written together where nothing says how many there are."""


class Partitions(ABC):
    """Ordered rows in partitions, in which several may be changed as one."""

    attempts: int = 50

    def __init__(self, name: str, tombstone_ttl: float) -> None:
        self.name = name
        self.tombstone_ttl = tombstone_ttl

    # --- to be implemented ---

    @abstractmethod
    def scan(
        self, partition: str, first: bytes, last: bytes, *, limit: int | None, backwards: bool
    ) -> Iterable[tuple[bytes, bytes]]:
        """The rows (key, value) of a partition whose keys are `first` to `last`, both included, ordered by their bytes.

        :param limit: the largest number of rows; None: all.
        :param backwards: from `last` down.

        One call sees one state of the partition, which includes every commit that returned before.
        """

    @abstractmethod
    def commit(self, partition: str, swaps: Sequence[Swap]) -> bool:
        """Change the rows of all swaps, if the value of each is `old`; otherwise change nothing and return False.

        `old` None: there must be no such row; `new` None: delete it. No key comes twice.
        Swaps whose `old` and `new` are equal are there to be compared: the row must be so when the others change.
        In the terms of databases: a serializable transaction.
        """

    def fetch(self, partition: str, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The value of each key; None where there is no such row. By default one scan for each."""
        found = ([*self.scan(partition, key, key, limit=1, backwards=False)] for key in keys)
        return [rows[0][1] if rows else None for rows in found]

    # --- on top of them ---

    def _transact(self, partition: str, work: Callable[[Transaction], T]) -> T:
        """Try until nobody gets ahead."""
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(random.uniform(0, min(0.1, 0.0005 * 2**attempt)))
            transaction = self._transaction(partition)
            with suppress(Torn):
                result = work(transaction)
                if self._commit(partition, transaction):
                    return result
        raise StorageError(
            f"storage {self.name!r} gave up a change in {partition!r} after {self.attempts} attempts, as other writers were"
            " always ahead: nothing was changed, try again later",
            storage=self.name,
        )

    def _transaction(self, partition: str) -> Transaction:
        return Transaction(partial(self._scan, partition), partial(self._fetch, partition))

    def _commit(self, partition: str, transaction: Transaction) -> bool:
        swaps = transaction.swaps()
        if not swaps:
            return True
        with self._failing(f"commit of {len(swaps)} rows in {partition!r}"):
            committed = self.commit(partition, swaps)
        if committed and transaction.adds(rows.EXPIRY):
            self._forget(partition)
        return committed

    def _forget(self, partition: str) -> None:
        """Delete what need not be remembered any more. If that fails, the next one who remembers something does it."""
        with suppress(StreamsError):
            transaction, now = self._transaction(partition), self._lifetime().now
            if forget(transaction, now, ROWS_AT_ONCE):
                self.commit(partition, transaction.swaps())

    def _scan(
        self, partition: str, first: bytes, last: bytes, *, limit: int | None, backwards: bool = False
    ) -> Sequence[Row]:
        with self._failing(f"scan of {partition!r}"):
            found = self.scan(partition, first, last, limit=limit, backwards=backwards)
            return [Row(bytes(key), bytes(value)) for key, value in found]

    def _fetch(self, partition: str, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        if not keys:
            return []
        with self._failing(f"look-up of {len(keys)} rows in {partition!r}"):
            return [None if value is None else bytes(value) for value in self.fetch(partition, keys)]

    def _lifetime(self) -> Lifetime:
        return Lifetime(time.time_ns() // 1000, self.tombstone_ttl)

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except StreamsError:
            raise
        except Exception as error:
            raise StorageError(
                f"storage {self.name!r} failed in a {what}: {type(error).__name__}: {error}", storage=self.name
            ) from error

    @contextmanager
    def _decoding(self, place: str) -> Iterator[None]:
        """Say where a row is that cannot be decoded."""
        try:
            yield
        except rows.Malformed as error:
            raise DecodeError(
                f"{place!r} on storage {self.name!r} has a row that cannot be decoded: {error}", feed=place
            ) from error

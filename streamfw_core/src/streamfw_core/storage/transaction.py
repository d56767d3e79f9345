"""Many rows read and changed as one, on nothing but a scan and a conditional commit.

It is optimistic: rows are read when they are needed, changes are gathered,
and the commit takes place only if every row that was looked up, and every row that is changed, is still as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

__all__ = ["Row", "Scan", "Swap", "Torn", "Transaction"]


class Torn(Exception):
    """What was read does not fit together, as somebody changed it in between: read again."""


class Row(NamedTuple):
    """A row of a partition: a `key` and a `value`."""

    key: bytes
    value: bytes


class Swap(NamedTuple):
    """One row of a commit: the value at `key` must be `old` and becomes `new`; None means that there is no such row.

    The two are the same for a row that must only be as it was.
    """

    key: bytes
    old: bytes | None
    new: bytes | None


class Scan(Protocol):
    """The ordered scan of one partition."""

    def __call__(self, first: bytes, last: bytes, *, limit: int | None, backwards: bool) -> Sequence[Row]: ...


class Transaction:
    """What one attempt has read and wants to change in a partition."""

    def __init__(self, scan: Scan, fetch: Callable[[Sequence[bytes]], Sequence[bytes | None]]) -> None:
        self._scan = scan
        self._fetch = fetch
        self._seen: dict[bytes, bytes | None] = {}
        self._looked_up: dict[bytes, None] = {}
        self._new: dict[bytes, bytes | None] = {}

    def expect(self, keys: Iterable[bytes]) -> None:
        """Read rows that will be looked up, all at once."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._seen]
        if missing:
            self._seen.update(zip(missing, self._fetch(missing), strict=True))

    def get(self, key: bytes) -> bytes | None:
        """A row as this transaction leaves it. The commit depends on it."""
        self.expect([key])
        self._looked_up[key] = None
        return self._new[key] if key in self._new else self._seen[key]

    def set(self, key: bytes, value: bytes | None) -> None:
        """Put a row in, replace it, or (None) delete it."""
        self.expect([key])
        self._new[key] = value

    def scan(self, first: bytes, last: bytes, *, limit: int, backwards: bool = False) -> list[Row]:
        """Up to `limit` rows as this transaction leaves them.

        The commit does not depend on them, nor on there being no others:
        whoever scans a timeline also looks up its head, which changes with the timeline.
        """
        changed = {key: value for key, value in self._new.items() if first <= key <= last}
        gone = sum(value is None for value in changed.values())
        rows = {row.key: row.value for row in self._scan(first, last, limit=limit + gone, backwards=backwards)}
        for key, scanned in rows.items():
            self._seen.setdefault(key, scanned)
        for key, changed_to in changed.items():
            if changed_to is not None:
                rows[key] = changed_to
            else:
                rows.pop(key, None)
        return [Row(key, rows[key]) for key in sorted(rows, reverse=backwards)[:limit]]

    def swaps(self) -> list[Swap]:
        """What to commit; empty when nothing changes."""
        if all(self._seen[key] == value for key, value in self._new.items()):
            return []
        keys = dict.fromkeys([*self._looked_up, *self._new])
        return [Swap(key, self._seen[key], self._new.get(key, self._seen[key])) for key in keys]

    def adds(self, kind: bytes) -> bool:
        """Whether a row is put in whose key begins so."""
        return any(value is not None and key.startswith(kind) for key, value in self._new.items())

"""A storage on the starter in a dictionary: the two methods and nothing else, and what can be done to it from outside."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

from streamfw_core.storage.starter import StarterStorage, Swap


class SortedRows(StarterStorage):
    """Rows in this process. `before_commit` is called before each commit, without the lock."""

    def __init__(self, name: str = "rows", *, tombstone_ttl: float = 864_000.0) -> None:
        super().__init__(name, tombstone_ttl=tombstone_ttl)
        self.partitions: dict[str, dict[bytes, bytes]] = {}
        self.scanned: list[int] = []
        self.commits = 0
        self.before_commit: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def scan(
        self, partition: str, first: bytes, last: bytes, *, limit: int | None, backwards: bool
    ) -> Iterable[tuple[bytes, bytes]]:
        with self._lock:
            rows = self.partitions.get(partition, {})
            keys = sorted(rows)
            found = keys[bisect_left(keys, first) : bisect_right(keys, last)]
            if backwards:
                found.reverse()
            self.scanned.append(len(found[:limit]))
            return [(key, rows[key]) for key in found[:limit]]

    def commit(self, partition: str, swaps: Sequence[Swap]) -> bool:
        self.before_commit()
        with self._lock:
            rows = self.partitions.setdefault(partition, {})
            self.commits += 1
            assert len({swap.key for swap in swaps}) == len(swaps)
            if any(rows.get(swap.key) != swap.old for swap in swaps):
                return False
            for swap in swaps:
                if swap.new is None:
                    rows.pop(swap.key, None)
                else:
                    rows[swap.key] = swap.new
            return True

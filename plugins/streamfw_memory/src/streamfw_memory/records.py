"""Activities by id, in one namespace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from attrs import define, field
from streamfw_core.storage import Record


@define
class Records:
    """Records of one namespace; removed ones are forgotten after `ttl` seconds. The storage holds its lock around calls."""

    ttl: float
    by_id: dict[int, Record] = field(factory=dict)
    _updated: dict[int, int] = field(factory=dict)
    """Id -> stamp of the newest update, which the record's own stamp does not tell."""
    _removed: deque[tuple[float, Record]] = field(factory=deque)

    def store(self, record: Record) -> bool:
        """Keep a record unless a newer one is known; the removal wins a tie. Returns whether the activity is new."""
        known = self.by_id.get(record.id)
        if known is not None and (record.stamp, record.payload is None) <= (known.stamp, known.payload is None):
            return False
        updated = self._updated.get(record.id, -1) if self._updated else -1
        if updated > record.stamp and record.payload is not None and known is not None:
            record = record._replace(payload=known.payload)
        elif updated >= 0:
            del self._updated[record.id]
        self.by_id[record.id] = record
        if record.payload is None:
            self._forget()
            self._removed.append((time.monotonic() + self.ttl, record))
            return False
        return known is None or known.payload is None

    def update(self, record: Record) -> None:
        """Replace the payload of a record that exists and is older; it keeps its stamp."""
        known = self.by_id.get(record.id)
        if known is None or known.payload is None:
            return
        if record.stamp > max(known.stamp, self._updated.get(record.id, -1)):
            self.by_id[record.id] = known._replace(payload=record.payload)
            self._updated[record.id] = record.stamp

    def payloads(self, ids: Sequence[int]) -> list[bytes | None]:
        """The payload of each activity; None where there is none."""
        by_id = self.by_id
        try:
            return [by_id[id][2] for id in ids]
        except KeyError:
            return [by_id[id][2] if id in by_id else None for id in ids]

    def _forget(self) -> None:
        while self._removed and self._removed[0][0] <= time.monotonic():
            _, old = self._removed.popleft()
            if self.by_id.get(old.id) is old:
                del self.by_id[old.id]

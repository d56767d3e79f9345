"""Timelines of one feed class: for each owner a list of entries by ascending id, so that the newest is appended."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from attrs import define, field
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import Change, Entry, Query, Removal, Write

MERGE_FROM = 16
"""From so many entries out of order, one sort of the whole list is cheaper than inserting each."""


@define
class Note:
    """What is remembered of an entry beyond the feeds that hold it."""

    expires: float
    removed: int = -1
    """Stamp of the removal from every feed."""
    removed_from: dict[str, int] = field(factory=dict)
    """Owner -> stamp of the removal from that feed."""
    update: Entry | None = None
    """The newest update for every feed."""
    updated_in: dict[str, int] = field(factory=dict)
    """Owner -> stamp of an update of that feed alone, which the entry's own stamp does not tell."""

    def removed_at(self, owner: str) -> int:
        return max(self.removed, self.removed_from.get(owner, -1))


@define
class Floor:
    """That a feed was cut at `stamp`: puts that are not newer and below `bound` stay out."""

    expires: float
    bound: int
    stamp: int


@define
class Timelines:
    """All feeds of one feed class. The storage holds its lock around every call."""

    ttl: float
    feeds: dict[str, list[Entry]] = field(factory=dict)
    notes: dict[int, Note] = field(factory=dict)
    floors: dict[str, list[Floor]] = field(factory=dict)
    _expiring: deque[tuple[float, int | str]] = field(factory=deque)

    def append_to_all(self, owners: Sequence[str], entry: Entry, keep: int) -> int | None:
        """Fan-out's case: one entry, newer than what most of the feeds hold. None: not that case, nothing was done."""
        id = entry.id
        if id in self.notes or self.floors or keep < 1:
            return None
        feeds, slack, added = self.feeds, keep + _slack(keep), 0
        for owner in owners:
            entries = feeds.get(owner)
            if entries is None:
                feeds[owner] = [entry]
                added += 1
            elif not entries or entries[-1][0] < id:
                entries.append(entry)
                added += 1
                if len(entries) > slack:
                    del entries[:-keep]
            else:
                added += len(self._put(owner, entries, (entry,), keep))
        return added

    def write(self, owner: str, write: Write, keep: int) -> Change:
        """Apply one write to one feed."""
        entries = self.feeds.get(owner)
        if entries is None:
            entries = self.feeds[owner] = []
        added = self._put(owner, entries, write.puts, keep) if write.puts else []
        removed = [removal.id for removal in write.removes if self._remove(owner, entries, removal, keep)]
        for update in write.updates:
            self._update(owner, entries, update)
        if not entries:
            del self.feeds[owner]
        if removed and added:
            gone = set(removed)
            both = gone.intersection(added)
            added = [id for id in added if id not in both]
            removed = [id for id in removed if id not in both]
        return Change(added, removed)

    def remember(self, removes: Sequence[Removal], updates: Sequence[Entry]) -> None:
        """Note removals and updates for every feed."""
        for removal in removes:
            note = self._note(removal.id)
            note.removed = max(note.removed, removal.stamp)
        for update in updates:
            note = self._note(update.id)
            if note.update is None or note.update.stamp <= update.stamp:
                note.update = update

    def select(self, query: Query, keep: int) -> list[Entry]:
        """The entries that a query asks for, in its order."""
        entries = self.feeds.get(query.owner)
        if not entries:
            return []
        low, high = _window(entries, query, keep)
        start, stop = query.start, query.stop
        if query.oldest_first:
            return entries[low + start : high if stop is None else min(high, low + stop)]
        page = entries[low if stop is None else max(low, high - stop) : max(low, high - start)]
        page.reverse()
        return page

    def locate(self, query: Query, id: int, keep: int) -> int | None:
        entries = self.feeds.get(query.owner, [])
        low, high = _window(entries, query, keep)
        place = bisect_left(entries, (id,))
        if not low <= place < high or entries[place].id != id:
            return None
        return place - low if query.oldest_first else high - 1 - place

    def count(self, query: Query, keep: int) -> int:
        low, high = _window(self.feeds.get(query.owner, []), query, keep)
        return max(0, high - low)

    def clear(self, owner: str, keep: int, cap: int, stamp: int) -> None:
        """Cut a feed to its newest entries, and remember the cut."""
        entries = self.feeds.get(owner, [])
        _trim(entries, cap)
        # Only what was there before this operation is cut: a put with a newer stamp is not.
        cut = len(entries) - keep if keep else len(entries)
        kept_newer = [entry for entry in entries[: max(cut, 0)] if entry.stamp > stamp]
        kept = kept_newer + entries[max(cut, 0) :]
        if kept:
            self.feeds[owner] = kept
        else:
            self.feeds.pop(owner, None)
        if keep == 0:
            self._raise_floor(owner, 2**128, stamp)
        elif cut > 0:
            self._raise_floor(owner, entries[cut].id, stamp)

    def _raise_floor(self, owner: str, bound: int, stamp: int) -> None:
        floors = [floor for floor in self.floors.get(owner, []) if floor.bound > bound or floor.stamp > stamp]
        self.floors[owner] = [*floors, Floor(self._expire(owner), bound, stamp)]

    def _put(self, owner: str, entries: list[Entry], puts: Sequence[Entry], keep: int) -> list[int]:
        """Put entries in; returns the ids that are new and within the newest `keep`."""
        _trim(entries, keep)
        fresh: dict[int, Entry] = {}
        for put in puts:
            entry = self._admit(owner, put)
            if entry is None:
                continue
            place = bisect_left(entries, (entry.id,))
            if place < len(entries) and entries[place].id == entry.id:
                if entries[place].stamp < entry.stamp:
                    entries[place] = self._renewed(owner, entries[place], entry)
            elif entry.id not in fresh or fresh[entry.id].stamp < entry.stamp:
                fresh[entry.id] = entry
        if not fresh:
            return []
        ordered = sorted(fresh.values())
        if not entries or entries[-1] < ordered[0]:
            entries.extend(ordered)
        elif len(ordered) >= MERGE_FROM:
            entries.extend(ordered)
            entries.sort()
        else:
            for entry in ordered:
                entries.insert(bisect_left(entries, entry), entry)
        _trim(entries, keep)
        oldest = entries[0].id if entries else 2**128
        return [entry.id for entry in ordered if entry.id >= oldest]

    def _admit(self, owner: str, entry: Entry) -> Entry | None:
        """The entry as it may be put in, or None when a newer operation forbids it."""
        for floor in self.floors.get(owner, ()):
            if entry.stamp <= floor.stamp and entry.id < floor.bound:
                return None
        note = self.notes.get(entry.id)
        if note is None:
            return entry
        if note.removed_at(owner) >= entry.stamp:
            return None
        if note.update is not None and entry.payload is not None and note.update.stamp >= entry.stamp:
            return entry._replace(payload=note.update.payload)
        return entry

    def _renewed(self, owner: str, known: Entry, entry: Entry) -> Entry:
        """The newer of two puts, with the payload of an update that is newer still."""
        note = self.notes.get(entry.id)
        if note is not None and note.updated_in.get(owner, -1) > entry.stamp:
            return entry._replace(payload=known.payload)
        return entry

    def _remove(self, owner: str, entries: list[Entry], removal: Removal, keep: int) -> bool:
        note = self.notes.get(removal.id)
        if note is None or note.removed < removal.stamp:
            note = self._note(removal.id)
            note.removed_from[owner] = max(note.removed_from.get(owner, -1), removal.stamp)
        _trim(entries, keep)
        place = bisect_left(entries, (removal.id,))
        if place == len(entries) or entries[place].id != removal.id or entries[place].stamp > removal.stamp:
            return False
        del entries[place]
        self.notes[removal.id].updated_in.pop(owner, None)
        return True

    def _update(self, owner: str, entries: list[Entry], update: Entry) -> None:
        place = bisect_left(entries, (update.id,))
        if place == len(entries) or entries[place].id != update.id:
            return
        note = self.notes.get(update.id)
        everywhere = None if note is None else note.update
        if everywhere is not None and everywhere.stamp >= update.stamp:
            update = everywhere
        updated = -1 if note is None else note.updated_in.get(owner, -1)
        if update.stamp <= max(entries[place].stamp, updated):
            return
        entries[place] = entries[place]._replace(payload=update.payload)
        if update is not everywhere:
            self._note(update.id).updated_in[owner] = update.stamp

    def _note(self, id: int) -> Note:
        expires = self._expire(id)
        note = self.notes.get(id)
        if note is None:
            note = self.notes[id] = Note(expires)
        note.expires = expires
        return note

    def _expire(self, what: int | str) -> float:
        """When what is remembered from now on may be forgotten; forgets what may be by now."""
        now = time.monotonic()
        while self._expiring and self._expiring[0][0] <= now:
            _, old = self._expiring.popleft()
            if isinstance(old, str):
                self._forget_floors(old, now)
            elif old in self.notes and self.notes[old].expires <= now:
                del self.notes[old]
        self._expiring.append((now + self.ttl, what))
        return now + self.ttl

    def _forget_floors(self, owner: str, now: float) -> None:
        floors = [floor for floor in self.floors.pop(owner, []) if floor.expires > now]
        if floors:
            self.floors[owner] = floors


def _window(entries: list[Entry], query: Query, keep: int) -> tuple[int, int]:
    """Where the visible entries within the query's bounds begin and end."""
    visible = max(0, len(entries) - keep)
    low = bisect_left(entries, (query.lower,), visible) if query.lower else visible
    high = bisect_left(entries, (query.upper + 1,), low) if query.upper < MAX_ID else len(entries)
    return low, high


def _trim(entries: list[Entry], keep: int) -> None:
    if len(entries) > keep:
        del entries[: len(entries) - keep]


def _slack(keep: int) -> int:
    """How many entries more than the newest `keep` a feed may hold, so that a long one is not moved at every append."""
    return keep >> 6

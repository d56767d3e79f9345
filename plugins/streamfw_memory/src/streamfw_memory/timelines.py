"""Timelines of one feed class: for each owner a list of entries by ascending id, so that the newest is appended."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from attrs import define, field
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import Change, Entry, FeedSpec, Query, Removal, Stats, Write

from streamfw_memory.remembering import Memory

MERGE_FROM = 16
"""From so many entries out of order, one sort of the whole list is cheaper than inserting each."""


@define
class Timelines:
    """All feeds of one feed class. The storage holds its lock around every call."""

    memory: Memory
    feeds: dict[str, list[Entry]] = field(factory=dict)

    def append_to_all(self, owners: Sequence[str], entry: Entry, spec: FeedSpec) -> int | None:
        """Fan-out's case: one entry, newer than what most of the feeds hold. None: not that case, nothing was done."""
        id, keep = entry.id, spec.keep
        if id in self.memory.notes or self.memory.floors or keep < 1:
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

    def write(self, owner: str, write: Write, spec: FeedSpec) -> Change:
        """Apply one write to one feed."""
        keep = spec.keep
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

    def select(self, query: Query, spec: FeedSpec) -> list[Entry]:
        """The entries that a query asks for, in its order."""
        owner, start, stop, lower, upper, oldest_first, *_ = query
        entries = self.feeds.get(owner)
        if not entries:
            return []
        low, high = _window(entries, lower, upper, spec.keep)
        if oldest_first:
            return entries[low + start : high if stop is None else min(high, low + stop)]
        page = entries[low if stop is None else max(low, high - stop) : max(low, high - start)]
        page.reverse()
        return page

    def locate(self, query: Query, id: int, spec: FeedSpec) -> int | None:
        entries = self.feeds.get(query.owner, [])
        low, high = _window(entries, query.lower, query.upper, spec.keep)
        place = bisect_left(entries, (id,))
        if not low <= place < high or entries[place].id != id:
            return None
        return place - low if query.oldest_first else high - 1 - place

    def stats(self, query: Query, spec: FeedSpec) -> Stats:
        low, high = _window(self.feeds.get(query.owner, []), query.lower, query.upper, spec.keep)
        return Stats(max(0, high - low))

    def clear(self, owner: str, keep: int, stamp: int, spec: FeedSpec) -> None:
        """Cut a feed to its newest entries, and remember the cut."""
        entries = self.feeds.get(owner, [])
        _trim(entries, spec.keep)
        # Only what was there before this operation is cut: a put with a newer stamp is not.
        cut = len(entries) - keep if keep else len(entries)
        kept_newer = [entry for entry in entries[: max(cut, 0)] if entry.stamp > stamp]
        kept = kept_newer + entries[max(cut, 0) :]
        if kept:
            self.feeds[owner] = kept
        else:
            self.feeds.pop(owner, None)
        if keep == 0:
            self.memory.cut(owner, 2**128, stamp)
        elif cut > 0:
            self.memory.cut(owner, entries[cut].id, stamp)

    def _put(self, owner: str, entries: list[Entry], puts: Sequence[Entry], keep: int) -> list[int]:
        """Put entries in; returns the ids that are new and within the newest `keep`."""
        _trim(entries, keep)
        fresh: dict[int, Entry] = {}
        for put in puts:
            entry = self.memory.admit(owner, put)
            if entry is None or self.memory.is_cut(owner, entry.id, entry.stamp):
                continue
            place = bisect_left(entries, (entry.id,))
            if place < len(entries) and entries[place].id == entry.id:
                entries[place] = self.memory.renewed(owner, entries[place], entry)
            elif entry.id not in fresh or fresh[entry.id].stamp < entry.stamp:
                fresh[entry.id] = entry
        if not fresh:
            return []
        for id in fresh:
            # What was cut meanwhile left its updates behind: they were of other bytes.
            self.memory.gone(owner, id)
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

    def _remove(self, owner: str, entries: list[Entry], removal: Removal, keep: int) -> bool:
        self.memory.removed(owner, removal)
        _trim(entries, keep)
        place = bisect_left(entries, (removal.id,))
        if place == len(entries) or entries[place].id != removal.id or entries[place].stamp > removal.stamp:
            return False
        del entries[place]
        self.memory.gone(owner, removal.id)
        return True

    def _update(self, owner: str, entries: list[Entry], update: Entry) -> None:
        place = bisect_left(entries, (update.id,))
        if place < len(entries) and entries[place].id == update.id:
            entries[place] = self.memory.updated(owner, entries[place], update)


def _window(entries: list[Entry], lower: int, upper: int, keep: int) -> tuple[int, int]:
    """Where the visible entries within the bounds begin and end."""
    visible = max(0, len(entries) - keep)
    low = bisect_left(entries, (lower,), visible) if lower else visible
    high = bisect_left(entries, (upper + 1,), low) if upper < MAX_ID else len(entries)
    return low, high


def _trim(entries: list[Entry], keep: int) -> None:
    if len(entries) > keep:
        del entries[: len(entries) - keep]


def _slack(keep: int) -> int:
    """How many entries more than the newest `keep` a feed may hold, so that a long one is not moved at every append."""
    return keep >> 6

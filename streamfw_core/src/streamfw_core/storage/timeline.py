"""One timeline within a transaction: what a write, a cut and a removal of everything do to its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from streamfw_core.ids import MAX_ID
from streamfw_core.storage import rows
from streamfw_core.storage.protocol import Change, Entry, Removal, Write
from streamfw_core.storage.remembering import Lifetime, ids_of
from streamfw_core.storage.rows import Floor, Head, Note, RemovedHere, StoredEntry
from streamfw_core.storage.transaction import Row, Torn, Transaction

__all__ = ["Timeline", "delete", "erase", "keys_of_write"]


def keys_of_write(owner: str, writes: Iterable[Write]) -> Iterator[bytes]:
    """The rows of a timeline that writes will look up."""
    prefix = rows.timeline_prefix(owner)
    yield rows.head_key(prefix)
    for write in writes:
        for id in ids_of(write):
            yield rows.entry_key(prefix, id)
            yield rows.removal_key(prefix, id)


class Timeline:
    """The rows of one owner.

    Every change goes along with a new head, so that the head, which every transaction looks up,
    makes all changes of a timeline happen one after the other.
    Nothing else than the rows that an operation concerns is read: adding to the newest end of a full timeline
    reads its head, the entry, what is remembered of it, and the oldest entry.

    :param notes: what is remembered of the entries of a write in all timelines.
    :raises rows.Malformed: the head is not readable.
    """

    def __init__(
        self,
        transaction: Transaction,
        owner: str,
        keep: int,
        lifetime: Lifetime,
        notes: Callable[[int], Note | None] = lambda _: None,
    ) -> None:
        self._rows = transaction
        self._prefix = rows.timeline_prefix(owner)
        self._keep = keep
        self._lifetime = lifetime
        self._notes = notes
        self._changed = False
        data = transaction.get(rows.head_key(self._prefix))
        head = Head() if data is None else rows.unpack_head(data)
        self.count = head.entries
        self._floors = [floor for floor in head.floors if floor.expires > lifetime.now]

    def save(self) -> None:
        """Put the head in, if anything changed. To be called once, at the end."""
        if self._changed:
            self._rows.set(rows.head_key(self._prefix), rows.pack_head(Head(self.count, tuple(self._floors))))

    def write(self, write: Write) -> Change:
        """Apply one write."""
        added = self._put(write.puts) if write.puts else []
        removed = [removal.id for removal in write.removes if self._remove(removal)]
        for update in write.updates:
            self._update(update)
        both = set(added).intersection(removed)
        return Change([id for id in added if id not in both], [id for id in removed if id not in both])

    def cut_to_keep(self, limit: int | None = None) -> None:
        """Delete what no reader sees: entries beyond the newest `keep`, at most `limit` of them.

        There are some only where `keep` was larger before.
        """
        excess = self.count - self._keep
        if excess > 0:
            for row in self._oldest(excess if limit is None else min(excess, limit)):
                self._delete(rows.id_at_end(row.key))

    def bound(self, keep: int) -> int | None:
        """The id below which entries are older than the newest `keep`; None: there are not that many."""
        if keep == 0:
            return MAX_ID + 1
        cut = self.count - keep
        if cut <= 0:
            return None
        # From the end that is nearer.
        backwards = keep <= cut
        limit = keep if backwards else cut + 1
        found = self._scan(0, MAX_ID, limit, backwards=backwards)
        if len(found) < limit:
            raise Torn(f"the head counts {self.count} entries, and there are fewer")
        return rows.id_at_end(found[-1].key)

    def clear(self, start: int, bound: int, stamp: int, limit: int) -> int | None:
        """Delete entries from `start` to below `bound` that are not newer than `stamp`, and keep them out from now on.

        :returns: where to go on, after `limit` entries; None: it is done.
        """
        found = self._scan(start, bound - 1, limit)
        for row in found:
            entry = rows.unpack_entry(rows.id_at_end(row.key), row.value).entry
            if entry.stamp <= stamp:
                self._delete(entry.id)
        self._raise_floor(Floor(bound - 1, stamp, self._lifetime.end))
        if len(found) < limit or rows.id_at_end(found[-1].key) == bound - 1:
            return None
        return rows.id_at_end(found[-1].key) + 1

    # --- inside ---

    def _put(self, puts: Sequence[Entry]) -> list[int]:
        """Put entries in; returns the ids that are new and within the newest `keep`."""
        self.cut_to_keep()
        fresh: dict[int, Entry] = {}
        for put in puts:
            entry = self._admitted(put)
            if entry is None:
                continue
            known = self._entry(entry.id)
            if known is not None:
                self._renew(known, entry)
            elif entry.id not in fresh or fresh[entry.id].stamp < entry.stamp:
                fresh[entry.id] = entry
        excess = self.count + len(fresh) - self._keep
        if fresh and excess > 0:
            present = [rows.id_at_end(row.key) for row in self._oldest(excess)]
            cut = set(sorted([*present, *fresh])[:excess])
            for id in cut.intersection(present):
                self._delete(id)
            fresh = {id: entry for id, entry in fresh.items() if id not in cut}
        for entry in fresh.values():
            self._set(StoredEntry(entry))
        self.count += len(fresh)
        return sorted(fresh)

    def _admitted(self, entry: Entry) -> Entry | None:
        """The entry as it may be put in, or None when a newer operation forbids it."""
        if any(entry.stamp <= floor.stamp and entry.id <= floor.last for floor in self._floors):
            return None
        here = self._removed_here(entry.id)
        if here is not None and here.stamp >= entry.stamp:
            return None
        note = self._notes(entry.id)
        if note is None:
            return entry
        if note.removed >= entry.stamp:
            return None
        if note.updated >= entry.stamp and entry.payload is not None:
            return entry._replace(payload=note.payload)
        return entry

    def _renew(self, known: StoredEntry, entry: Entry) -> None:
        """Let a newer put take the place of the entry, with the payload of an update that is newer still."""
        if known.entry.stamp >= entry.stamp:
            return
        if known.updated > entry.stamp:
            self._set(known._replace(entry=entry._replace(payload=known.entry.payload)))
        else:
            self._set(StoredEntry(entry))

    def _remove(self, removal: Removal) -> bool:
        note = self._notes(removal.id)
        if note is None or note.removed < removal.stamp:
            here = self._removed_here(removal.id)
            self._remember(
                removal if here is None or here.stamp < removal.stamp else removal._replace(stamp=here.stamp)
            )
        self.cut_to_keep()
        known = self._entry(removal.id)
        if known is None or known.entry.stamp > removal.stamp:
            return False
        self._delete(removal.id)
        return True

    def _update(self, update: Entry) -> None:
        note = self._notes(update.id)
        if note is not None and note.updated >= update.stamp:
            update = update._replace(stamp=note.updated, payload=note.payload)
        known = self._entry(update.id)
        if known is not None and max(known.entry.stamp, known.updated) < update.stamp:
            entry = known.entry._replace(stamp=max(known.entry.stamp, 0), payload=update.payload)
            self._set(StoredEntry(entry, update.stamp))

    def _entry(self, id: int) -> StoredEntry | None:
        data = self._rows.get(rows.entry_key(self._prefix, id))
        return None if data is None else rows.unpack_entry(id, data)

    def _set(self, stored: StoredEntry) -> None:
        self._rows.set(rows.entry_key(self._prefix, stored.entry.id), rows.pack_entry(stored))
        self._changed = True

    def _delete(self, id: int) -> None:
        self._rows.set(rows.entry_key(self._prefix, id), None)
        self.count -= 1
        self._changed = True

    def _oldest(self, limit: int) -> Sequence[Row]:
        return self._scan(0, MAX_ID, limit)

    def _scan(self, lower: int, upper: int, limit: int, *, backwards: bool = False) -> Sequence[Row]:
        first, last = rows.entry_key(self._prefix, lower), rows.entry_key(self._prefix, upper)
        return self._rows.scan(first, last, limit=limit, backwards=backwards)

    def _removed_here(self, id: int) -> RemovedHere | None:
        data = self._rows.get(rows.removal_key(self._prefix, id))
        removal = None if data is None else rows.unpack_removal(data)
        return None if removal is None or removal.expires <= self._lifetime.now else removal

    def _remember(self, removal: Removal) -> None:
        key = rows.removal_key(self._prefix, removal.id)
        expires = self._lifetime.expiring(self._rows, key)
        self._rows.set(key, rows.pack_removal(RemovedHere(removal.stamp, expires)))
        self._changed = True

    def _raise_floor(self, floor: Floor) -> None:
        others = [other for other in self._floors if other.last > floor.last or other.stamp > floor.stamp]
        self._floors = [*others, floor]
        self._changed = True


def delete(transaction: Transaction, keys: Sequence[bytes]) -> None:
    """Delete rows that belong to no timeline."""
    for key in keys:
        transaction.set(key, None)


def erase(transaction: Transaction, prefixes: Sequence[bytes], limit: int) -> bool:
    """Delete up to `limit` rows of each timeline. Returns whether there may be more.

    The head goes with the last of them: as long as there are entries, their number stands in it.
    """
    transaction.expect(map(rows.head_key, prefixes))
    unfinished = [prefix for prefix in prefixes if _erase_one(transaction, prefix, limit)]
    return bool(unfinished)


def _erase_one(transaction: Transaction, prefix: bytes, limit: int) -> bool:
    key = rows.head_key(prefix)
    data = transaction.get(key)
    found = transaction.scan(prefix, prefix + b"\xff", limit=limit)
    for row in found:
        transaction.set(row.key, None)
    if len(found) < limit:
        return False
    try:
        head = Head() if data is None else rows.unpack_head(data)
    except rows.Malformed:
        head = Head()
    entries = sum(row.key < key for row in found)
    transaction.set(key, rows.pack_head(head._replace(entries=max(0, head.entries - entries))))
    return True

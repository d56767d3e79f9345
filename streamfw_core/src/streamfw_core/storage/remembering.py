"""What is kept of activities beside timelines: records, and what is remembered of removals and updates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamfw_core.storage import rows
from streamfw_core.storage.protocol import Entry, Record, Removal, Write
from streamfw_core.storage.rows import Note, StoredRecord
from streamfw_core.storage.transaction import Transaction

__all__ = ["Lifetime", "forget", "ids_of", "notes_of", "remember", "store"]


class Lifetime:
    """Until when what is remembered now is remembered.

    :param now: microseconds since 1970, of the process that writes. Clocks of processes may differ by seconds;
        what is remembered lives for days.
    :param ttl: seconds.
    """

    def __init__(self, now: int, ttl: float) -> None:
        self.now = now
        self.end = now + int(ttl * 1e6)

    def expiring(self, transaction: Transaction, key: bytes) -> int:
        """When a row will expire that is put in now; it is queued for being forgotten then."""
        transaction.set(rows.expiry_key(self.end), key)
        return self.end


def ids_of(write: Write) -> list[int]:
    """The ids that a write is about."""
    return [
        *(put.id for put in write.puts),
        *(removal.id for removal in write.removes),
        *(update.id for update in write.updates),
    ]


# --- notes: what concerns an entry in all timelines --------------------------------------------------------------


def notes_of(transaction: Transaction, writes: Iterable[Write], now: int) -> dict[int, Note]:
    """What is remembered of the entries of writes. The commit depends on it."""
    ids = dict.fromkeys(id for write in writes for id in ids_of(write))
    transaction.expect(map(rows.note_key, ids))
    found = {id: _note(transaction, id, now) for id in ids}
    return {id: note for id, note in found.items() if note is not None}


def remember(
    transaction: Transaction, lifetime: Lifetime, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()
) -> None:
    """Note removals and updates for all timelines."""
    transaction.expect(map(rows.note_key, ids_of(Write((), removes=removes, updates=updates))))
    for removal in removes:
        note = _note(transaction, removal.id, lifetime.now) or Note(0)
        _set_note(transaction, lifetime, removal.id, note._replace(removed=max(note.removed, removal.stamp)))
    for update in updates:
        note = _note(transaction, update.id, lifetime.now) or Note(0)
        if note.updated <= update.stamp:
            note = note._replace(updated=update.stamp, payload=update.payload)
        _set_note(transaction, lifetime, update.id, note)


def _note(transaction: Transaction, id: int, now: int) -> Note | None:
    data = transaction.get(rows.note_key(id))
    note = None if data is None else rows.unpack_note(data)
    return None if note is None or note.expires <= now else note


def _set_note(transaction: Transaction, lifetime: Lifetime, id: int, note: Note) -> None:
    key = rows.note_key(id)
    transaction.set(key, rows.pack_note(note._replace(expires=lifetime.expiring(transaction, key))))


# --- records -----------------------------------------------------------------------------------------------------


def store(transaction: Transaction, lifetime: Lifetime, records: Sequence[Record], *, update: bool) -> int:
    """Keep records unless newer ones are known; returns how many are new."""
    transaction.expect(rows.record_key(record.id) for record in records)
    new = 0
    for record in records:
        data = transaction.get(rows.record_key(record.id))
        known = None if data is None else rows.unpack_record(record.id, data)
        if known is not None and known.is_forgotten(lifetime.now):
            known = None
        if update:
            _update(transaction, known, record)
        else:
            new += _store(transaction, lifetime, known, record)
    return new


def _store(transaction: Transaction, lifetime: Lifetime, known: StoredRecord | None, record: Record) -> bool:
    if known is not None:
        old = known.record
        if (record.stamp, record.payload is None) <= (old.stamp, old.payload is None):
            return False
    key = rows.record_key(record.id)
    if record.payload is None:
        transaction.set(key, rows.pack_record(StoredRecord(record, lifetime.expiring(transaction, key))))
        return False
    if known is None or known.record.payload is None:
        transaction.set(key, rows.pack_record(StoredRecord(record)))
        return True
    if known.more > record.stamp:
        # An update that is newer came before this one: its payload stays.
        transaction.set(key, rows.pack_record(known._replace(record=record._replace(payload=known.record.payload))))
    else:
        transaction.set(key, rows.pack_record(StoredRecord(record)))
    return False


def _update(transaction: Transaction, known: StoredRecord | None, record: Record) -> None:
    if known is None or known.record.payload is None or max(known.record.stamp, known.more) >= record.stamp:
        return
    old = known.record
    updated = StoredRecord(Record(old.id, max(old.stamp, 0), record.payload), record.stamp)
    transaction.set(rows.record_key(record.id), rows.pack_record(updated))


# --- forgetting --------------------------------------------------------------------------------------------------


def forget(transaction: Transaction, now: int, limit: int) -> bool:
    """Delete rows that were to be remembered until now, unless they were renewed since. Returns whether there are any."""
    due = transaction.scan(*rows.expiry_bounds(now), limit=limit)
    transaction.expect(row.value for row in due)
    for row in due:
        transaction.set(row.key, None)
        # What the queue says is not believed: only a row that is known to have expired is deleted.
        data = transaction.get(row.value)
        if data is not None and rows.has_expired(row.value, data, now):
            transaction.set(row.value, None)
    return bool(due)

"""How the starter lays a namespace out in rows, and what stands in their values.

A namespace is one partition. Its keys, in order:

| key | value |
|---|---|
| `F` owner `e` id | an entry of the owner's timeline |
| `F` owner `h` | the head of the timeline: how many entries it has, where it was cut, a mark that changes with every change |
| `F` owner `n` id | that the entry was removed from this timeline |
| `N` id | what is remembered of an entry in all timelines |
| `R` id | a record |
| `X` time random | the key of a row that may be forgotten after this time |

Ids are 16 bytes big-endian, so that their order is the order of the keys.
The head comes right after the entries, so that nothing lies between it and the newest.
A key of a timeline has 19 bytes more than the owner, of which 64 are kept as they are; a longer one is replaced by its digest.
So no key has more than 83.

Values are a version byte, a few fixed fields, and bytes that only the feed's serializer looks into.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from struct import Struct, error
from typing import Final, NamedTuple

from streamfw_core.errors import DecodeError, EncodeError
from streamfw_core.ids import MAX_ID
from streamfw_core.storage.protocol import Entry, Record

VERSION: Final = 1
ID_BYTES: Final = 16
LONGEST_PLAIN_OWNER: Final = 64
FIRST_KEY: Final = b""
LAST_KEY: Final = b"Z"
EXPIRY: Final = b"X"

_ENTRY = Struct(">BBQQ")
_LENGTH = Struct(">I")
_REMOVAL = Struct(">BQQ")
_NOTE = Struct(">BBQQQ")
_RECORD = Struct(">BBQQ")
_HEAD = Struct(">B8sQI")
_FLOOR = Struct(">16sQQ")
_TIME = Struct(">Q")
_PAYLOAD, _GROUP, _ACTOR = 1, 2, 4
_REMOVED, _UPDATED = 2, 4


class Malformed(DecodeError):
    """Bytes that are no value of the kind that their key says."""


# --- keys --------------------------------------------------------------------------------------------------------


def id_bytes(id: int) -> bytes:
    return id.to_bytes(ID_BYTES, "big")


def id_at_end(key: bytes) -> int:
    """The id of an entry, from the key of its row."""
    return int.from_bytes(key[-ID_BYTES:], "big")


def timeline_prefix(owner: str) -> bytes:
    """What the keys of one timeline begin with. The length in front keeps one owner from continuing another."""
    data = owner.encode("utf-8", "surrogatepass")
    if len(data) > LONGEST_PLAIN_OWNER:
        return b"F\xff" + blake2b(data, digest_size=32).digest()
    return b"F" + bytes([len(data)]) + data


def timeline_of(key: bytes) -> bytes | None:
    """The prefix of the timeline to which a key belongs; None: to none."""
    if key[:1] != b"F" or len(key) < 3:
        return None
    return key[: 34 if key[1] == 0xFF else 2 + key[1]]


def entry_key(prefix: bytes, id: int) -> bytes:
    return prefix + b"e" + id_bytes(id)


def head_key(prefix: bytes) -> bytes:
    """The key of the head of the timeline whose keys begin with this."""
    return prefix + b"h"


def removal_key(prefix: bytes, id: int) -> bytes:
    return prefix + b"n" + id_bytes(id)


def note_key(id: int) -> bytes:
    return b"N" + id_bytes(id)


def record_key(id: int) -> bytes:
    return b"R" + id_bytes(id)


def expiry_key(time: int) -> bytes:
    """A new key in the queue of what may be forgotten; random at its end, as many rows may expire at once."""
    return EXPIRY + _pack(_TIME, time) + os.urandom(8)


def expiry_bounds(now: int) -> tuple[bytes, bytes]:
    """The first and the last possible key of what may be forgotten by now."""
    return EXPIRY, EXPIRY + _pack(_TIME, now) + b"\xff" * 8


# --- entries -----------------------------------------------------------------------------------------------------


class StoredEntry(NamedTuple):
    """An entry as it is kept; `updated` is the stamp of the update that its payload comes from, or 0."""

    entry: Entry
    updated: int = 0


def pack_entry(stored: StoredEntry) -> bytes:
    entry, updated = stored
    flags = 0
    parts = []
    for flag, text in ((_GROUP, entry.group), (_ACTOR, entry.actor)):
        if text is not None:
            flags |= flag
            data = text.encode("utf-8", "surrogatepass")
            parts += [_LENGTH.pack(len(data)), data]
    if entry.payload is not None:
        flags |= _PAYLOAD
        parts.append(entry.payload)
    return b"".join([_pack(_ENTRY, VERSION, flags, entry.stamp, updated), *parts])


def unpack_entry(id: int, data: bytes) -> StoredEntry:
    """The entry in a row.

    Of a row that is none, the id is still known from its key: it is an entry with the oldest of stamps,
    so that any operation replaces it, and with a payload that no serializer takes.
    Whoever reads the feed thus gets the error that names feed and id, or goes on without this one.
    """
    try:
        return _unpack_entry(id, data)
    except (Malformed, UnicodeDecodeError):
        return StoredEntry(Entry(id, -1, b""))


def _unpack_entry(id: int, data: bytes) -> StoredEntry:
    _, flags, stamp, updated = _unpack(_ENTRY, data)
    at = _ENTRY.size
    texts: dict[int, str] = {}
    for flag in (_GROUP, _ACTOR):
        if flags & flag:
            (length,) = _unpack(_LENGTH, data, at)
            at += _LENGTH.size + length
            if at > len(data):
                raise Malformed(f"{len(data)} bytes, where {at} or more are needed")
            texts[flag] = data[at - length : at].decode("utf-8", "surrogatepass")
    if flags & ~(_PAYLOAD | _GROUP | _ACTOR) or (len(data) > at and not flags & _PAYLOAD):
        raise Malformed("unknown bytes at the end")
    payload = data[at:] if flags & _PAYLOAD else None
    return StoredEntry(Entry(id, stamp, payload, texts.get(_GROUP), texts.get(_ACTOR)), updated)


# --- what is remembered ------------------------------------------------------------------------------------------


class RemovedHere(NamedTuple):
    """That an entry was removed from one timeline at `stamp`; forgotten after `expires` (microseconds since 1970)."""

    stamp: int
    expires: int


class Note(NamedTuple):
    """What is remembered of an entry in all timelines: the stamp of its removal (-1: none), and its newest update."""

    expires: int
    removed: int = -1
    updated: int = -1
    payload: bytes | None = None


def pack_removal(removal: RemovedHere) -> bytes:
    return _pack(_REMOVAL, VERSION, *removal)


def unpack_removal(data: bytes) -> RemovedHere:
    """:raises Malformed:"""
    _, stamp, expires = _unpack(_REMOVAL, data, whole=True)
    return RemovedHere(stamp, expires)


def pack_note(note: Note) -> bytes:
    flags = (
        (_REMOVED if note.removed >= 0 else 0)
        | (_UPDATED if note.updated >= 0 else 0)
        | (_PAYLOAD if note.payload is not None else 0)
    )
    return _pack(_NOTE, VERSION, flags, note.expires, max(note.removed, 0), max(note.updated, 0)) + (
        note.payload or b""
    )


def unpack_note(data: bytes) -> Note:
    """:raises Malformed:"""
    _, flags, expires, removed, updated = _unpack(_NOTE, data)
    if flags & ~(_REMOVED | _UPDATED | _PAYLOAD) or (len(data) > _NOTE.size and not flags & _PAYLOAD):
        raise Malformed("unknown bytes at the end")
    return Note(
        expires,
        removed if flags & _REMOVED else -1,
        updated if flags & _UPDATED else -1,
        data[_NOTE.size :] if flags & _PAYLOAD else None,
    )


# --- records -----------------------------------------------------------------------------------------------------


class StoredRecord(NamedTuple):
    """A record as it is kept.

    :param more: of a present one, the stamp of the update that its payload comes from, or 0;
        of a removed one, when it may be forgotten.
    """

    record: Record
    more: int = 0

    def is_forgotten(self, now: int) -> bool:
        """Whether it is a removal that is not remembered any more."""
        return self.record.payload is None and self.more <= now


def pack_record(stored: StoredRecord) -> bytes:
    record, more = stored
    flags = 0 if record.payload is None else _PAYLOAD
    return _pack(_RECORD, VERSION, flags, record.stamp, more) + (record.payload or b"")


def unpack_record(id: int, data: bytes) -> StoredRecord:
    """The record in a row; of a row that is none, one that any operation replaces and no serializer takes."""
    try:
        _, flags, stamp, more = _unpack(_RECORD, data)
    except Malformed:
        return StoredRecord(Record(id, -1, b""))
    if flags & ~_PAYLOAD or (len(data) > _RECORD.size and not flags & _PAYLOAD):
        return StoredRecord(Record(id, -1, b""))
    return StoredRecord(Record(id, stamp, data[_RECORD.size :] if flags & _PAYLOAD else None), more)


# --- heads -------------------------------------------------------------------------------------------------------


class Floor(NamedTuple):
    """That a timeline was cut at `stamp`: puts that are not newer stay out, if their id is `last` or below."""

    last: int
    stamp: int
    expires: int


class Head(NamedTuple):
    """What is known of a timeline as a whole: how many entries it has, and where it was cut."""

    entries: int = 0
    floors: tuple[Floor, ...] = ()


def pack_head(head: Head) -> bytes:
    """Different at each call: two heads with equal bytes are one and the same state of their timeline."""
    parts = [_pack(_HEAD, VERSION, os.urandom(8), head.entries, len(head.floors))]
    parts += [_pack(_FLOOR, id_bytes(floor.last), floor.stamp, floor.expires) for floor in head.floors]
    return b"".join(parts)


def unpack_head(data: bytes) -> Head:
    """:raises Malformed:"""
    _, _, number, floors = _unpack(_HEAD, data)
    if len(data) != _HEAD.size + floors * _FLOOR.size:
        raise Malformed(f"{len(data)} bytes, where {floors} floors are announced")
    return Head(
        number,
        tuple(
            Floor(int.from_bytes(last, "big"), stamp, expires)
            for last, stamp, expires in _FLOOR.iter_unpack(data[_HEAD.size :])
        ),
    )


# --- expiry ------------------------------------------------------------------------------------------------------


def has_expired(key: bytes, data: bytes, now: int) -> bool:
    """Whether a row is one that is remembered for a time only, and that time is over."""
    kind = key[:1]
    prefix = timeline_of(key)
    try:
        if prefix is not None and key[len(prefix) : len(prefix) + 1] == b"n":
            return unpack_removal(data).expires <= now
        if kind == b"N":
            return unpack_note(data).expires <= now
    except Malformed:
        return False
    return kind == b"R" and unpack_record(id_at_end(key), data).is_forgotten(now)


# --- bytes -------------------------------------------------------------------------------------------------------


def _pack(struct: Struct, *values: int | bytes) -> bytes:
    try:
        return struct.pack(*values)
    except error as reason:
        raise EncodeError(f"{values!r} cannot be kept: stamps are integers from 0 to 2**64 - 1 ({reason})") from None


def _unpack(struct: Struct, data: bytes, at: int = 0, *, whole: bool = False) -> tuple[int, ...]:
    if len(data) < at + struct.size or (whole and len(data) != struct.size):
        raise Malformed(f"{len(data)} bytes, where {at + struct.size} are needed")
    values = struct.unpack_from(data, at)
    if struct is not _LENGTH and values[0] != VERSION:
        raise Malformed(f"version {values[0]}, where {VERSION} is known")
    return values


assert MAX_ID < 2 ** (8 * ID_BYTES)

"""Ids, stamps and entries as bytes, and commands as the protocol of Redis wants them (RESP)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from streamfw_core.errors import ArgumentError
from streamfw_core.storage import Entry

__all__ = [
    "LONG",
    "MAX_STAMP",
    "SHORT",
    "bulk",
    "element",
    "entries_of",
    "pack_id",
    "pack_stamp",
    "short_element",
    "unpack_id",
    "unpack_stamp",
]

MAX_STAMP = 2**53 - 1
"""Microseconds until the year 2255: larger numbers lose digits in the server's scripts."""
SHORT, LONG = 17, 24
"""Lengths of elements: 14 bytes of id and 3 of how much later it was published, or 16 of id and 8 of stamp."""

_SHORT_ID = 2**112
_SHORT_DELAY = 2**24
_stamp = Struct(">Q")


def pack_id(id: int) -> bytes:
    return id.to_bytes(16, "big")


def unpack_id(data: bytes) -> int:
    return int.from_bytes(data, "big")


def pack_stamp(stamp: int) -> bytes:
    """:raises ArgumentError: not between 0 and 2**53."""
    if not 0 <= stamp <= MAX_STAMP:
        raise ArgumentError(
            f"a stamp of {stamp} cannot be stored: it is in microseconds since 1970, from 0 to {MAX_STAMP};"
            " streamfw_core.clock.next_stamp() makes them"
        )
    return _stamp.pack(stamp)


def unpack_stamp(data: bytes) -> int:
    return int(_stamp.unpack(data)[0])


def element(id: int, stamp: int) -> bytes:
    """An entry as a list keeps it: short where it was published when its activity happened, or seconds later."""
    return short_element(id, stamp) or pack_id(id) + pack_stamp(stamp)


def short_element(id: int, stamp: int) -> bytes | None:
    delay = stamp - (id >> 64) * 1000
    if 0 <= delay < _SHORT_DELAY and id < _SHORT_ID:
        return (id << 24 | delay).to_bytes(SHORT, "big")
    return None


def entries_of(elements: Iterable[bytes]) -> list[Entry]:
    """:raises ValueError: one of them is not ours."""
    made, found = tuple.__new__, []
    for data in elements:
        if len(data) == SHORT:
            number = int.from_bytes(data, "big")
            id, stamp = number >> 24, (number >> 88) * 1000 + (number & 0xFFFFFF)
        elif len(data) == LONG:
            id, stamp = int.from_bytes(data[:16], "big"), int.from_bytes(data[16:], "big")
        else:
            raise ValueError(f"{len(data)} bytes are not an entry of a timeline, which has {SHORT} or {LONG}")
        # A page is read more often than anything else; the class's own way takes twice as long.
        found.append(made(Entry, (id, stamp, None, None, None)))
    return found


def bulk(texts: Iterable[bytes]) -> bytes:
    """Texts as RESP's bulk strings, one after the other."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in texts])


def bulk_between(before: bytes, texts: Sequence[str], after: bytes) -> bytes:
    """`bulk` of ASCII texts with the same beginning and end, in one pass."""
    extra = len(before) + len(after)
    start, end = before.decode("latin-1"), after.decode("latin-1")
    return "".join([f"${len(text) + extra}\r\n{start}{text}{end}\r\n" for text in texts]).encode("latin-1")

"""Ids, stamps and entries as bytes, and commands as the protocol of Redis wants them (RESP)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from struct import Struct

from streamfw_core.errors import ArgumentError

__all__ = [
    "LONG",
    "MAX_STAMP",
    "MIDDLE",
    "SHORT",
    "bulk",
    "ids_of",
    "pack_id",
    "pack_stamp",
    "stamps_of",
    "unpack_id",
    "unpack_stamp",
]

MAX_STAMP = 2**53 - 1
"""Microseconds until the year 2255: larger numbers lose digits in the server's scripts."""
SHORT, MIDDLE, LONG = 16, 17, 24
"""Lengths of elements: 14 bytes of id and 2 or 3 of how many microseconds later it was published than its activity happened;
or 16 of id and 8 of stamp."""

CRLF = "\r\n"
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


def ids_of(elements: Sequence[bytes]) -> list[int]:
    """:raises ValueError: one of the elements is not ours."""
    # A page is read more often than anything else, and nearly always all of it is short.
    if {*map(len, elements)} <= {SHORT}:
        return [number >> 16 for number in map(int.from_bytes, elements)]
    return [*map(_id_of, elements)]


def stamps_of(elements: Sequence[bytes], ids: Sequence[int]) -> list[int]:
    """Of elements that have these ids."""
    return [
        int.from_bytes(data[16:], "big") if len(data) == LONG else (id >> 64) * 1000 + int.from_bytes(data[14:], "big")
        for data, id in zip(elements, ids, strict=True)
    ]


def _id_of(data: bytes) -> int:
    if len(data) not in {SHORT, MIDDLE, LONG}:
        raise ValueError(f"{len(data)} bytes are not an entry of a timeline, which has {SHORT}, {MIDDLE} or {LONG}")
    return int.from_bytes(data[: 16 if len(data) == LONG else 14], "big")


def bulk(texts: Iterable[bytes]) -> bytes:
    """Texts as RESP's bulk strings, one after the other."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in texts])


def bulk_between(before: bytes, texts: Sequence[str], after: bytes) -> bytes:
    """`bulk` of ASCII texts with the same beginning and end; quick for texts that are in the order of their lengths."""
    start, end = before.decode("latin-1"), after.decode("latin-1")
    packed = []
    for length, some in groupby(texts, len):
        head = f"${length + len(before) + len(after)}\r\n{start}"
        packed.append(f"{head}{f'{end}{CRLF}{head}'.join(some)}{end}{CRLF}")
    return "".join(packed).encode("latin-1")

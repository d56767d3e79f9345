"""Groups as the server packs them; lua/groups.lua writes the same layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from streamfw_core.ids import DIGEST_BITS, digest_of
from streamfw_core.storage import Entry
from streamfw_core.storage.groups import Group, digest_of_group

__all__ = ["HEADER", "ROW", "Header", "actor_digest", "group_digest", "group_of"]

_header = Struct(">BIIIIIIIQIQ8s")
_row = Struct(">16sQ12x")

HEADER, ROW = _header.size, _row.size
"""Lengths in bytes: what stands before the members of a group, and one member."""

LAYOUT = 1
NOBODY = bytes(8)
"""The actor of a member that has none."""

HIGH_HALF = -1 << DIGEST_BITS


class Header(NamedTuple):
    """What stands before the members.

    Arrivals are counted in each group: a mark covers those up to the number that it has.

    :param arrivals: how many members ever arrived.
    :param last: the latest arrival among the present members.
    :param actors: how many actors the members have, forgotten ones included.
    :param older: how many members are not packed, as there is no room.
    :param forgotten: how many are not kept any more.
    :param older_last: the latest arrival among those that are not packed.
    :param seen: how many had arrived when the group was marked as seen.
    :param digest: of the group's key.
    """

    layout: int
    arrivals: int
    last: int
    actors: int
    older: int
    forgotten: int
    older_last: int
    seen: int
    seen_at: int
    read: int
    read_at: int
    digest: bytes

    @classmethod
    def of(cls, data: bytes) -> Header:
        return cls(*_header.unpack_from(data))

    def packed(self) -> bytes:
        return _header.pack(*self)


@lru_cache(maxsize=10_000)
def actor_digest(actor: str | None) -> bytes:
    """8 bytes by which actors are told apart."""
    return NOBODY if actor is None else digest_of(actor).to_bytes(8, "big")


def group_digest(key: str) -> bytes:
    """The half of the group's id that does not move."""
    return digest_of_group(key).to_bytes(8, "big")


def group_of(key: str, head: bytes, rows: bytes, members: int, payloads: Sequence[bytes | None] | None) -> Group:
    """A group for a reader.

    :param head: the header, and the id of the oldest member.
    :param rows: of the members in view, by ascending id.
    :param members: how many are packed in all.
    :param payloads: beside the members, newest first.
    """
    header = Header.of(head)
    # Members are what most of a page consists of; Entry(...) takes half as long again.
    new, number = tuple.__new__, int.from_bytes
    shown = [new(Entry, (number(id, "big"), stamp, None, key, None, None)) for id, stamp in _row.iter_unpack(rows)]
    shown.reverse()
    return Group(
        key=key,
        id=shown[0].id & HIGH_HALF | int.from_bytes(header.digest, "big"),
        members=shown,
        payloads=payloads,
        member_count=members + header.older + header.forgotten,
        actor_count=header.actors,
        first_id=int.from_bytes(head[HEADER:], "big"),
        exact=not header.forgotten,
        seen=header.last <= header.seen,
        read=header.last <= header.read,
        seen_at=header.seen_at,
        read_at=header.read_at,
    )

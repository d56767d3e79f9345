"""Ids, stamps and lifetimes as Cassandra has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from streamfw_core.errors import ArgumentError
from streamfw_core.ids import MAX_ID

__all__ = ["END", "FIRST", "LAST", "LIMIT", "id_of", "pack_id", "parts", "seconds"]

Item = TypeVar("Item")

FIRST: Final = bytes(16)
LAST: Final = MAX_ID.to_bytes(16, "big")
END: Final = LAST + bytes(1)
"""What comes after all ids."""
LIMIT: Final = 2**31 - 1
"""The largest number of rows that a statement can ask for."""
LONGEST: Final = 20 * 365 * 86_400
"""Seconds; Cassandra refuses a longer time to live."""


def pack_id(id: int) -> bytes:
    """16 bytes, which are ordered as the ids are.

    :raises ArgumentError: it is no id.
    """
    try:
        return id.to_bytes(16, "big")
    except OverflowError:
        raise ArgumentError(f"an id of {str(id)[:60]} cannot be stored: ids are from 0 to 2**128 - 1") from None


def id_of(packed: bytes) -> int:
    return int.from_bytes(packed, "big")


def seconds(ttl: float) -> int:
    """A time to live in whole seconds."""
    return max(1, min(int(-(-ttl // 1)), LONGEST))


def parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, at most so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]

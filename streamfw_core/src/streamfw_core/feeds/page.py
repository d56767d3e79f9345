"""Pages with cursors: walk a feed without missing or repeating an activity, whatever is added meanwhile.

A cursor is the id of the last activity of its page, so it stays exact when the feed moves;
it holds nothing that a reader may not know, and a forged one only starts elsewhere in the same feed.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from streamfw_core.errors import CursorError, SliceError, given, shown
from streamfw_core.feeds.binding import Binding
from streamfw_core.feeds.selection import Selection
from streamfw_core.ids import DIGEST_BITS, MAX_ID
from streamfw_core.storage.protocol import Query

__all__ = ["FeedPage"]

VERSION = 1
DIGEST = (1 << DIGEST_BITS) - 1
ID_BYTES = 16


@frozen
class FeedPage:
    """One page of a feed.

    :param items: the activities.
    :param next_cursor: where the next page starts; None: the feed has ended.
    :param missing: how many entries were passed over as their activity does not exist any more.
    :param broken: how many were passed over as they could not be decoded (see `Feed.skipping_broken`).
    """

    items: Sequence[Any]
    next_cursor: str | None
    missing: int = 0
    broken: int = 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def read_page(
    binding: Binding, owner: str, selection: Selection, size: int, after: str | None, *, skip_broken: bool
) -> FeedPage:
    """Read until the page is full or the feed ends."""
    _check_size(size)
    if after is not None:
        selection = _beyond(selection, _decode_cursor(after, selection.oldest_first))
    items: list[Any] = []
    missing = broken = 0
    while True:
        # One more than is wanted tells whether the feed goes on.
        wanted = size - len(items) + 1
        query = Query(owner, 0, wanted, selection.lower, selection.upper, selection.oldest_first, binding.hydrate)
        found = binding.find(query, skip_broken=skip_broken)
        items += found.activities
        missing += len(found.missing)
        broken += len(found.broken)
        if len(items) > size:
            del items[size:]
            return FeedPage(items, _encode_cursor(items[-1].serialization_id, selection.oldest_first), missing, broken)
        if found.examined < wanted or found.last_id is None:
            return FeedPage(items, None, missing, broken)
        selection = _beyond(selection, found.last_id)


def page_of_ranked(items: Sequence[Any], size: int, after: str | None, *, oldest_first: bool) -> FeedPage:
    """A page of a feed that is read in an order of its aggregator's own: what follows the group of the cursor."""
    _check_size(size)
    start = 0
    if after is not None:
        digest = _decode_cursor(after, oldest_first) & DIGEST
        # A group that is gone cannot be followed: the walk ends.
        start = next((n for n, one in enumerate(items, 1) if one.serialization_id & DIGEST == digest), len(items))
    page = items[start : start + size]
    more = len(items) > start + size
    return FeedPage(page, _encode_cursor(page[-1].serialization_id, oldest_first) if more else None)


def _check_size(size: object) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise SliceError(f"a page has 1 activity or more, got size {shown(size)}")


def _beyond(selection: Selection, id: int) -> Selection:
    if selection.oldest_first:
        return selection._replace(lower=max(selection.lower, id + 1))
    return selection._replace(upper=min(selection.upper, id - 1))


def _encode_cursor(id: int, oldest_first: bool) -> str:
    return urlsafe_b64encode(bytes([VERSION, oldest_first]) + id.to_bytes(ID_BYTES, "big")).decode()


def _decode_cursor(cursor: object, oldest_first: bool) -> int:
    if not isinstance(cursor, str):
        raise CursorError(f"a page cursor is a text, got {given(cursor)}: pass page.next_cursor")
    try:
        data = urlsafe_b64decode(cursor.encode("ascii"))
    except (Base64Error, ValueError):
        data = b""
    if len(data) != ID_BYTES + 2 or data[0] != VERSION or data[1] > 1:
        raise CursorError(
            f"{cursor[:60]!r} is not a page cursor: pass page.next_cursor as it is, or None for the first page"
        )
    if bool(data[1]) != oldest_first:
        raise CursorError("this page cursor comes from the other order: keep the feed's order_by while paging")
    id = int.from_bytes(data[2:], "big")
    assert id <= MAX_ID
    return id

"""What is kept of members of notification feeds that are not marked, so that to count and to mark takes few of the others.

Above all ids there is a *hint* for each member that was not seen: a row; below these, and above all ids too, one for each that
was seen and not read. They are written and removed with their members, and have their stamps. That one is there proves nothing,
as a member that is added again while it is there gets one: the cells of the member do. What is sure is that there is one
for each member that is not marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from streamfw_core.ids import DIGEST_BITS
from streamfw_core.storage import FeedSpec

from streamfw_cassandra import statements as cql
from streamfw_cassandra.group_rows import GroupedFeed, outlined
from streamfw_cassandra.running import Reading
from streamfw_cassandra.statements import Statements
from streamfw_cassandra.values import END, FIRST, LAST, id_of, pack_id

__all__ = ["find_unmarked", "hints_of", "member_of", "rows_of", "unread_row", "unseen_row"]

UNREAD: Final = END
UNSEEN: Final = LAST + b"\x01"
"""What rows begin with of members that were seen and not read, and of those that were not seen."""
AT_ONCE: Final = 64
"""Rows that are read first: what is not marked is nearly always among the newest."""


def unseen_row(id: int) -> bytes:
    return UNSEEN + pack_id(id)


def unread_row(id: int) -> bytes:
    return UNREAD + pack_id(id)


def member_of(hint: bytes) -> int:
    """The id of the member that a hint is of."""
    return id_of(hint[len(UNSEEN) :])


def hints_of(spec: FeedSpec, id: int) -> list[bytes]:
    """Where there may be hints of an entry."""
    return [unread_row(id), unseen_row(id)] if spec.kind == "notification" else []


def rows_of(spec: FeedSpec, id: int) -> list[bytes]:
    """Where there may be something of an entry."""
    return [pack_id(id), *hints_of(spec, id)]


def find_unmarked(
    asked: Statements, spec: FeedSpec, owner: str, *, read: bool, keys: Sequence[str] = ()
) -> Reading[tuple[GroupedFeed, frozenset[bytes]]]:
    """All groups of a notification feed that are not marked, and maybe others, without actors, payloads and times of marks.

    :param read: those that are not marked as read, too.
    :param keys: of groups that are wanted, marked or not, where they are among what is read.
    :returns: them, and the hints that were read.
    """
    [top] = yield [asked(cql.NEWEST).bind((owner, AT_ONCE))]
    wanted = [id for id, *_ in top if id >= (UNREAD if read else UNSEEN)]
    rows = [row for row in top if row[0] <= LAST]
    if len(wanted) == AT_ONCE:
        [rows] = yield [asked(cql.OUTLINE).bind((owner, FIRST, END))]
    elif len(top) == AT_ONCE and wanted:
        lower, upper = _start_of_millisecond(wanted), min(top[-1][0], END)
        if lower < upper:
            [more] = yield [asked(cql.OUTLINE).bind((owner, lower, upper))]
            rows += more
    known: list[tuple[Any, ...]] | None = outlined(rows)
    if known is None:
        [known] = yield [asked(cql.MEMBERS).bind((owner, LAST))]
    elif len(wanted) < AT_ONCE and len(known) <= spec.keep:
        # All hints were read; and however many groups there are, the feed shows them all.
        known = _concerned(known, {hint[len(UNSEEN) :] for hint in wanted}, keys)
    return GroupedFeed.of(spec, owner, known), frozenset(id for id, *_ in top if id > LAST)


def _concerned(rows: list[tuple[Any, ...]], hinted: set[bytes], keys: Sequence[str]) -> list[tuple[Any, ...]]:
    """The members of groups that have one of these, of named ones, and of the newest; and facts.

    An empty feed is another thing than one in which all is marked: so there is always a group, where there is one.
    """
    groups: set[str | None] = {row[2] for row in rows if row[0] in hinted}
    groups.update([*keys, None, next((row[2] for row in rows if row[2] is not None), None)])
    return [row for row in rows if row[2] in groups]


def _start_of_millisecond(rows: list[bytes]) -> bytes:
    """Of the oldest member of these rows: no group without members from there on is newer than one of theirs."""
    oldest = min((member_of(row) for row in rows if len(row) == len(UNSEEN) + len(LAST)), default=id_of(LAST))
    return pack_id(oldest >> DIGEST_BITS << DIGEST_BITS)

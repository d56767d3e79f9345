"""One flat timeline: a partition, in it a row for each entry, the newest first.

An entry is there when its cell `added` is, and the time of that cell is its stamp. A row without is what an update has left
of an entry that never came, or that was removed since.

Every method is a `Reading`: it yields statements, and is sent their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from attrs import frozen
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import FeedSpec, Page, Query

from streamfw_cassandra import statements as cql
from streamfw_cassandra.running import Reading
from streamfw_cassandra.statements import Statements
from streamfw_cassandra.values import LIMIT, id_of, pack_id

__all__ = ["Timeline", "excess"]


@frozen
class Timeline:
    """The feed of one owner."""

    spec: FeedSpec
    statements: Statements
    owner: str

    def page(self, query: Query) -> Reading[Page]:
        """What a query finds."""
        _, start, stop, lower, upper, oldest_first, hydrate, _ = query
        room = self.spec.keep
        if oldest_first:
            lower = max(lower, (yield from self.oldest()))
        elif upper < MAX_ID:
            [above] = yield from self.counts([(upper + 1, MAX_ID)])
            room -= above
        number = room if stop is None else min(stop, room)
        wants_data = self.spec.inline and hydrate is None
        up, down = (cql.PAGE_UP, cql.PAGE) if wants_data else (cql.IDS_UP, cql.IDS)
        rows = yield from self.entries(up if oldest_first else down, lower, upper, number)
        rows = rows[start:]
        ids = [id_of(row[0]) for row in rows]
        payloads = None if hydrate is not None else [row[2] if wants_data else None for row in rows]
        return Page(ids, payloads, [row[1] for row in rows])

    def count(self, query: Query) -> Reading[int]:
        """How many entries a query without start and stop finds."""
        if query.lower > query.upper:
            return 0
        within, above = yield from self.counts([(query.lower, query.upper), (query.upper + 1, MAX_ID)])
        return max(0, min(within, self.spec.keep - above))

    def places(self, query: Query, ids: Sequence[int]) -> Reading[dict[int, int]]:
        """Where each of the ids that a query without start and stop finds is in that."""
        shown = yield from self.shown(ids)
        found = [id for id in ids if id in shown and query.lower <= id <= query.upper]
        lower = max(query.lower, (yield from self.oldest())) if query.oldest_first else 0
        before = [(lower, id - 1) if query.oldest_first else (id + 1, query.upper) for id in found]
        counts = yield from self.counts(before)
        return dict(zip(found, counts, strict=True))

    def shown(self, ids: Sequence[int]) -> Reading[set[int]]:
        """Which of the ids the feed shows."""
        present: set[int] = set()
        if ids:
            packed = [pack_id(id) for id in ids]
            [rows] = yield [self.statements(cql.PRESENT).bind((self.owner, packed))]
            present = {id_of(id) for id, stamp in rows if stamp is not None}
        if not present:
            return present
        oldest = yield from self.oldest()
        return {id for id in present if id >= oldest}

    def newest(self, number: int) -> Reading[list[int]]:
        """The newest ids."""
        rows = yield from self.entries(cql.IDS, 0, MAX_ID, number)
        return [id_of(row[0]) for row in rows]

    def oldest(self) -> Reading[int]:
        """The oldest id that the feed shows, or 0 where it shows all that there is."""
        [count] = yield from self.counts([(0, MAX_ID)])
        hidden = count - self.spec.keep
        if hidden <= 0:
            return 0
        rows = yield from self.entries(cql.IDS_UP, 0, MAX_ID, hidden + 1)
        return id_of(rows[-1][0]) if len(rows) > hidden else 0

    def counts(self, bounds: Sequence[tuple[int, int]]) -> Reading[list[int]]:
        """How many entries there are within each bounds, inclusive, whether readers see them or not."""
        count = self.statements(cql.COUNT)
        asked = [each for each in bounds if each[0] <= each[1]]
        rows = yield [count.bind((self.owner, pack_id(lower), pack_id(upper))) for lower, upper in asked]
        found = dict(zip(asked, (found[0][0] for found in rows), strict=True))
        return [found.get(each, 0) for each in bounds]

    def entries(self, select: str, lower: int, upper: int, number: int) -> Reading[list[Any]]:
        """The first rows that are entries, in the order that the statement gives them."""
        found: list[Any] = []
        while len(found) < number and lower <= upper:
            limit = min(number - len(found), LIMIT)
            [rows] = yield [self.statements(select).bind((self.owner, pack_id(lower), pack_id(upper), limit))]
            found += [row for row in rows if row[1] is not None]
            if len(rows) < limit:
                break
            # Some were no entries: on from the last one.
            last = id_of(rows[-1][0])
            lower, upper = (last + 1, upper) if select in {cql.IDS_UP, cql.PAGE_UP} else (lower, last - 1)
        return found


def excess(spec: FeedSpec, statements: Statements, owners: Sequence[str]) -> Reading[list[tuple[str, Any]]]:
    """Of feeds those that have more entries than readers see, each with the statement that deletes the others.

    That has the stamp of the newest entry that it deletes, so that whatever is put with a newer stamp, however old its id,
    stays; what of that nobody sees goes when newer entries have taken that one's place.
    """
    wanted = min(spec.keep + 1, LIMIT)
    values = ([*owners], pack_id(0), pack_id(MAX_ID), wanted, min(wanted * len(owners), LIMIT))
    [found] = yield [statements(cql.NEWEST_OF_SOME).bind(values)]
    cuts = []
    for owner, some in groupby(found, itemgetter(0)):
        rows = [*some]
        if len(rows) == wanted and None in map(itemgetter(2), rows):
            # Some are no entries: there may be more below them.
            entries = yield from Timeline(spec, statements, owner).entries(cql.IDS, 0, MAX_ID, wanted)
            rows = [(owner, *entry) for entry in entries]
        if len(rows) == wanted:
            (_, bound, _), (_, _, stamp) = rows[-2:]
            cuts.append((owner, statements(cql.CUT).bind((stamp, owner, bound))))
    return cuts

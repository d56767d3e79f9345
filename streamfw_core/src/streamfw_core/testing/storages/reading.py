"""Order, bounds, offsets, the cap, positions and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamfw_core.ids import MAX_ID
from streamfw_core.storage.protocol import Page, Query, Record, Write
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase, tied

__all__ = ["ReadingContract"]


class ReadingContract(StorageCase):
    """What `read`, `locate` and `stats` return."""

    @promise("C2")
    def test_entries_are_ordered_by_id_newest_first(self) -> None:
        spec = self.spec()
        ids = [*tied(12), MILLISECOND - 1, MILLISECOND + 2**64, 5]
        shuffled = ids[::2] + ids[1::2]
        for id in shuffled[:6]:
            self.put(spec, "a", [id])
        self.put(spec, "a", shuffled[6:])
        same(self.ids(spec, "a"), sorted(ids, reverse=True), "C2", "newest first by id")
        ascending = self.ids(spec, Query("a", oldest_first=True))
        same(ascending, sorted(ids), "C2", "oldest first by id")

    @promise("C2")
    def test_ties_in_time_are_ordered_by_the_rest_of_the_id(self) -> None:
        spec, ids = self.spec(), tied(60)
        for id in ids[::-1][:20]:
            self.put(spec, "a", [id])
        self.put(spec, "a", ids[:40])
        same(self.ids(spec, "a"), ids[::-1], "C2", "entries of one millisecond, newest first")

    @promise("C2")
    def test_ids_are_exact_from_zero_to_the_largest(self) -> None:
        spec = self.spec()
        ids = [0, 1, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 2**127, MAX_ID - 1, MAX_ID]
        self.put(spec, "a", ids)
        same(self.ids(spec, "a"), ids[::-1], "C2", "ids of every size")
        for id in ids:
            same(self.ids(spec, Query("a", lower=id, upper=id)), [id], "C2", f"only the id {id}")

    @promise("C3")
    def test_lower_bound_is_exact(self) -> None:
        spec, ids = self.spec(), tied(10)
        self.put(spec, "a", ids)
        for bound in [bound for id in ids for bound in (id - 1, id, id + 1)]:
            expected = [id for id in ids if id >= bound]
            for oldest_first in (True, False):
                found = self.ids(spec, Query("a", lower=bound, oldest_first=oldest_first))
                same(
                    found,
                    expected if oldest_first else expected[::-1],
                    "C3",
                    f"entries with id >= {bound} (lower, inclusive)",
                )

    @promise("C3")
    def test_upper_bound_is_exact(self) -> None:
        spec, ids = self.spec(), tied(10)
        self.put(spec, "a", ids)
        for bound in [bound for id in ids for bound in (id - 1, id, id + 1)]:
            expected = [id for id in ids if id <= bound]
            for oldest_first in (True, False):
                found = self.ids(spec, Query("a", upper=bound, oldest_first=oldest_first))
                same(
                    found,
                    expected if oldest_first else expected[::-1],
                    "C3",
                    f"entries with id <= {bound} (upper, inclusive)",
                )

    @promise("C3")
    def test_both_bounds_together_are_exact(self) -> None:
        spec, ids = self.spec(), tied(6)
        self.put(spec, "a", ids)
        for lower in ids:
            for upper in ids:
                expected = [id for id in ids if lower <= id <= upper]
                found = self.ids(spec, Query("a", lower=lower, upper=upper, oldest_first=True))
                same(found, expected, "C3", f"entries with {lower} <= id <= {upper}")

    @promise("C3")
    def test_offsets_count_from_the_newest(self) -> None:
        self._offsets(oldest_first=False)

    @promise("C3")
    def test_offsets_count_from_the_oldest_when_that_is_the_order(self) -> None:
        self._offsets(oldest_first=True)

    def _offsets(self, *, oldest_first: bool) -> None:
        spec, ids = self.spec(), tied(6)
        self.put(spec, "a", ids)
        inner = ids[1:5]
        for bounds, within in (((0, MAX_ID), ids), ((ids[1], ids[4]), inner)):
            ordered = within if oldest_first else within[::-1]
            for start in range(8):
                for stop in (*range(start, 9), None):
                    query = Query("a", start, stop, *bounds, oldest_first)
                    order = "oldest" if oldest_first else "newest"
                    words = f"slice [{start}:{stop}] of {len(within)} entries, {order} first"
                    same(self.ids(spec, query), ordered[start:stop], "C3", words)

    @promise("C3")
    def test_walking_by_the_last_id_visits_hundreds_of_one_millisecond_once(self) -> None:
        spec, ids = self.spec(keep=1000), tied(400)
        self.put(spec, "a", ids)
        for oldest_first in (False, True):
            seen: list[int] = []
            query = Query("a", 0, 7, oldest_first=oldest_first)
            while page := self.ids(spec, query):
                seen += page
                check(len(seen) <= len(ids), "C3", "walking the feed visits entries again, or never ends")
                last = page[-1]
                query = query._replace(lower=last + 1) if oldest_first else query._replace(upper=last - 1)
            same(seen, ids if oldest_first else ids[::-1], "C3", "a walk through 400 entries of one millisecond")

    @promise("C4")
    def test_reading_changes_nothing(self) -> None:
        spec, ids, namespace = self.spec(inline=True), tied(5), self.namespace()
        self.put(spec, "a", ids, payload=b"x")
        query = Query("a", 1, 4)
        first = self.storage.read(spec, [query])[0]
        remembered = _columns(first)
        self.storage.locate(spec, Query("a"), ids)
        self.storage.stats(spec, [Query("a"), Query("nobody")])
        self.storage.load(namespace, ids)
        again = self.storage.read(spec, [query])[0]
        same(_columns(again), remembered, "C4", "the same read, twice")
        same(_columns(first), remembered, "C4", "a page that was read before")
        self.put(spec, "a", [MILLISECOND + 2**64], stamp=2)
        self.storage.read(spec, [query])
        same(_columns(first), remembered, "C4", "a page that was read, after something was added to the feed")
        same(self.ids(spec, "a"), [MILLISECOND + 2**64, *ids[::-1]], "C4", "the feed after reads of every kind")

    @promise("C7")
    def test_a_feed_keeps_its_newest_entries(self) -> None:
        ids = tied(10)
        for order, words in ((ids, "ascending"), (ids[::-1], "descending"), (ids[::2] + ids[1::2], "mixed")):
            spec = self.spec(keep=4)
            for id in order:
                self.put(spec, "one by one", [id])
            self.put(spec, "at once", order)
            for owner in ("one by one", "at once"):
                same(self.ids(spec, owner), ids[:-5:-1], "C7", f"a feed of 4 after 10 adds, {words}, {owner}")

    @promise("C7")
    def test_what_was_cut_is_seen_by_no_read(self) -> None:
        spec, ids = self.spec(keep=4), tied(9)
        for id in ids:
            self.put(spec, "a", [id])
        shown = ids[-4:]
        same(self.ids(spec, Query("a", oldest_first=True)), shown, "C7", "a full feed, oldest first")
        same(self.ids(spec, Query("a", upper=ids[4])), [], "C7", "entries below the oldest that the feed shows")
        same(self.ids(spec, Query("a", 2, 8)), shown[1::-1], "C7", "a slice beyond the end of a full feed")
        stats = self.storage.stats(spec, [Query("a"), Query("a", upper=ids[6])])
        same([each.entries for each in stats], [4, 2], "C7", "counts of a full feed")
        places = self.storage.locate(spec, Query("a"), [ids[4], ids[5], ids[8]])
        same(places, [None, 3, 0], "C7", "positions in a full feed")

    @promise("C7")
    def test_the_cap_is_each_feed_s_own(self) -> None:
        spec, ids = self.spec(keep=3), tied(10)
        self.put(spec, "few", ids[:2])
        self.write(spec, Write(["few", "many"], puts=[self.entry(id) for id in ids[4:]]))
        self.put(spec, "late", ids[:1])
        same(self.ids(spec, "few"), ids[:-4:-1], "C7", "a feed that had older entries")
        same(self.ids(spec, "many"), ids[:-4:-1], "C7", "a feed that had none")
        same(self.ids(spec, "late"), ids[:1], "C7", "a feed with one old entry")

    @promise("C2")
    def test_positions_agree_with_what_is_read(self) -> None:
        spec, ids = self.spec(), tied(8)
        self.put(spec, "a", ids[1:])
        for query in (
            Query("a"),
            Query("a", oldest_first=True),
            Query("a", lower=ids[3], upper=ids[6]),
            Query("a", lower=ids[3], upper=ids[6], oldest_first=True),
        ):
            order = self.ids(spec, query)
            expected = [order.index(id) if id in order else None for id in ids]
            words = f"positions, {'oldest' if query.oldest_first else 'newest'} first"
            same([*self.storage.locate(spec, query, ids)], expected, "C2", words)
            twice = self.storage.locate(spec, query, [ids[4], ids[0], ids[4]])
            same([*twice], [expected[4], None, expected[4]], "C2", f"{words}, asked for one id twice")

    @promise("C3")
    def test_counts_agree_with_what_is_read(self) -> None:
        spec, ids = self.spec(), tied(8)
        self.put(spec, "a", ids)
        queries = [
            Query("a"),
            *(Query("a", lower=id) for id in ids),
            *(Query("a", upper=id) for id in ids),
            Query("a", lower=ids[2], upper=ids[5], oldest_first=True),
            Query("a", lower=ids[0] + 1, upper=ids[0]),
            Query("nobody"),
        ]
        counts = [stats.entries for stats in self.storage.stats(spec, queries)]
        same(counts, [len(self.ids(spec, query)) for query in queries], "C3", "counts within bounds")

    @promise("C8")
    def test_many_queries_get_a_page_each_in_their_order(self) -> None:
        spec, ids = self.spec(), tied(4)
        for number, owner in enumerate(("a", "b", "c")):
            self.put(spec, owner, ids[number : number + 2])
        queries = [Query("c"), Query("nobody"), Query("a", 0, 1), Query("c"), Query("b", oldest_first=True)]
        pages = [[*page.ids] for page in self.storage.read(spec, queries)]
        same(pages, [self.ids(spec, query) for query in queries], "C8", "five queries in one read")
        same(pages[0], [ids[3], ids[2]], "C8", "the first of five queries in one read")

    @promise("C10")
    def test_hydration_gives_each_entry_the_bytes_of_its_record(self) -> None:
        spec, ids, namespace = self.spec(), tied(5), self.namespace()
        self.put(spec, "a", ids)
        self.storage.store(namespace, [Record(id, self.stamp(1), b"payload %d" % (id % 1000)) for id in ids[1:]])
        self.storage.store(namespace, [Record(ids[2], self.stamp(2), None)])
        page = self.storage.read(spec, [Query("a", hydrate=namespace)])[0]
        same([*page.ids], ids[::-1], "C10", "entries, some without a record")
        if self.storage.capabilities.one_trip_hydrate:
            present = [None if id in (ids[0], ids[2]) else b"payload %d" % (id % 1000) for id in ids[::-1]]
            check(page.payloads is not None, "C10", "hydration gives no payloads, though one_trip_hydrate is declared")
            same([*(page.payloads or ())], present, "C10", "payloads beside the entries, None without a record")
        else:
            check(page.payloads is None, "C10", "hydration gives payloads, but one_trip_hydrate is not declared")


def _columns(page: Page) -> list[Sequence[Any]]:
    """All that a page has, copied."""
    return [[*page.ids], [*(page.payloads or ())], [*page.stamps]]

"""Order, bounds, offsets, the cap, views, and groups found by their key."""

from __future__ import annotations

from attrs import evolve

from streamfw_core.storage.groups import digest_of_group, group_id
from streamfw_core.storage.protocol import FeedSpec, Query, Record
from streamfw_core.testing.groups.case import GroupCase, at, members_of
from streamfw_core.testing.promises import check, promise, same

__all__ = ["GroupReadingContract"]


class GroupReadingContract(GroupCase):
    """What `read_groups`, `get_groups`, `groups_of` and `stats` return."""

    @promise("C2")
    def test_groups_are_ordered_by_their_newest_member(self) -> None:
        for kind in ("aggregated", "notification"):
            spec = self.grouped(kind=kind)
            self.join(spec, "a", self.member(at(5), "five"), self.member(at(1), "nine"), self.member(at(7), "seven"))
            self.join(spec, "a", self.member(at(9), "nine"), self.member(at(2), "seven"))
            same(self.keys(spec, "a"), ["nine", "seven", "five"], "C2", f"{kind} groups, newest first")
            same(self.keys(spec, Query("a", oldest_first=True)), ["five", "seven", "nine"], "C2", "oldest first")

    @promise("C2")
    def test_a_group_moves_with_its_newest_member_and_keeps_its_digest(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(5), "one"), self.member(at(6), "other"))
        ids = [self.group(spec, "a", "one").id]
        for step, words in (
            (at(4), "an older member"),
            (at(5, 9), "one of the same millisecond"),
            (at(7), "a newer one"),
        ):
            self.join(spec, "a", self.member(step, "one"))
            ids.append(self.group(spec, "a", "one").id)
            same(len(self.keys(spec, "a")), 2, "C12", f"how many groups there are after {words} joined")
        newest = [at(5), at(5), at(5, 9), at(7)]
        same(ids, [group_id(id, "one") for id in newest], "C2", "ids of a group as members join")
        same({id % 2**64 for id in ids}, {digest_of_group("one")}, "C2", "the lower halves of these ids")
        same(self.keys(spec, "a"), ["one", "other"], "C2", "the order after a newer member joined")
        self.leave(spec, "a", [at(7)])
        same(self.group(spec, "a", "one").id, group_id(at(5, 9), "one"), "C2", "its id after the newest member left")
        same(self.keys(spec, "a"), ["other", "one"], "C2", "the order after the newest member left")

    @promise("C13")
    def test_groups_updated_in_one_millisecond_stay_apart(self) -> None:
        spec = self.grouped()
        keys = [f"group {number}" for number in range(40)]
        for number, key in enumerate(keys):
            self.join(spec, "a", self.member(at(-number, number), key), self.member(at(0, number), key))
        expected = sorted(keys, key=digest_of_group, reverse=True)
        same(sorted(self.keys(spec, "a")), sorted(keys), "C13", "40 groups updated in one millisecond")
        same(self.keys(spec, "a"), expected, "C2", "their order")
        for number, key in enumerate(keys):
            check(at(0, number) in self.held(spec, "a", key), "C13", f"{key} lost its member to another group")
            same(self.counts(spec, "a", key)[0], 2 if number else 1, "C13", f"how many members {key} has")

    @promise("C3")
    def test_bounds_of_groups_are_exact(self) -> None:
        spec, ids = self._tied_groups(9)
        for bound in [bound for id in ids for bound in (id - 1, id, id + 1)]:
            for oldest_first in (True, False):
                queries = [
                    Query("a", lower=bound, oldest_first=oldest_first),
                    Query("a", upper=bound, oldest_first=oldest_first),
                ]
                above, below = ([group.id for group in found] for found in self.groups.read_groups(spec, queries))
                expected = ([id for id in ids if id >= bound], [id for id in ids if id <= bound])
                same(above, expected[0][:: 1 if oldest_first else -1], "C3", f"groups with id >= {bound}")
                same(below, expected[1][:: 1 if oldest_first else -1], "C3", f"groups with id <= {bound}")

    @promise("C3")
    def test_offsets_count_groups_from_the_end_where_the_order_begins(self) -> None:
        spec, ids = self._tied_groups(6)
        for oldest_first in (False, True):
            for lower, upper in ((0, 2**128 - 1), (ids[1], ids[4])):
                within = [id for id in ids if lower <= id <= upper][:: 1 if oldest_first else -1]
                for start in range(7):
                    for stop in (*range(start, 8), None):
                        query = Query("a", start, stop, lower, upper, oldest_first)
                        words = (
                            f"groups [{start}:{stop}] of {len(within)}, {'oldest' if oldest_first else 'newest'} first"
                        )
                        same([group.id for group in self.found(spec, query)], within[start:stop], "C3", words)

    @promise("C3")
    def test_walking_by_the_last_group_visits_each_once(self) -> None:
        spec, ids = self._tied_groups(80)
        for oldest_first in (False, True):
            seen: list[int] = []
            query = Query("a", 0, 7, oldest_first=oldest_first)
            while page := self.found(spec, query):
                seen += [group.id for group in page]
                check(len(seen) <= len(ids), "C3", "walking the feed visits groups again, or never ends")
                last = page[-1].id
                query = query._replace(lower=last + 1) if oldest_first else query._replace(upper=last - 1)
            same(seen, ids if oldest_first else ids[::-1], "C3", "a walk through 80 groups of one millisecond")

    @promise("C3", "C18")
    def test_counts_agree_with_the_groups_that_are_read(self) -> None:
        spec, ids = self._tied_groups(8)
        keys = [group.key for group in self.found(spec, "a")]
        self.mark(spec, "a", keys[::2])
        self.mark(spec, "a", keys[::3], seen=False, read=True)
        bounds = [*((id, 2**128 - 1) for id in ids), *((0, id) for id in ids), (ids[2], ids[5]), (ids[0] + 1, ids[0])]
        queries = [Query("a"), *(Query("a", 0, None, *both) for both in bounds), Query("nobody")]
        for query, counts in zip(queries, self.storage.stats(spec, queries), strict=True):
            groups = self.found(spec, query) if query.lower <= query.upper else []
            words = f"of groups from {query.lower} to {query.upper}"
            same(counts.entries, len(groups), "C3", f"the count {words}")
            same(counts.unseen, sum(not group.seen for group in groups), "C18", f"the unseen {words}")
            same(counts.unread, sum(not group.read for group in groups), "C18", f"the unread {words}")

    @promise("C15")
    def test_a_group_is_found_by_its_key_however_far_down(self) -> None:
        spec = self.grouped(keep=1000)
        self.join(spec, "a", *(self.member(at(number), f"group {number}") for number in range(400)))
        keys = ["group 0", "group 399", "none", "group 1", "group 0"]
        found = self.groups.get_groups(spec, "a", keys, hydrate=None)
        expected = [[at(0)], [at(399)], [], [at(1)], [at(0)]]
        same([members_of(group) for group in found], expected, "C15", "five groups by key, out of 400")
        for number in range(5):
            self.join(spec, "a", self.member(at(number, 1), f"group {number}", "2"))
            same(
                self.counts(spec, "a", f"group {number}"),
                (2, 2),
                "C15",
                f"the group {number} from the bottom, added to",
            )
        same(self.stats(spec, "a").entries, 400, "C15", "how many groups there are then")
        self.join(spec, "a", self.member(at(1000), "group 0", "3"))
        same(
            self.keys(spec, Query("a", 0, 2)),
            ["group 0", "group 399"],
            "C15",
            "the top after the oldest group moved up",
        )
        same(self.counts(spec, "a", "group 0"), (3, 3), "C15", "the group that moved from the bottom to the top")

    @promise("C15")
    def test_the_group_of_a_member_is_found(self) -> None:
        spec = self.grouped(view=2)
        members = [self.member(at(number), f"group {number % 3}") for number in range(30)]
        self.join(spec, "a", *members)
        ids = [at(29), at(0), at(99), at(13), at(0)]
        found = [*self.groups.groups_of(spec, "a", ids)]
        same(
            found, ["group 2", "group 0", None, "group 1", "group 0"], "C15", "the groups of five members, one unknown"
        )
        self.leave(spec, "a", [at(13)])
        same([*self.groups.groups_of(spec, "a", [at(13), at(10)])], [None, "group 1"], "C17", "after one of them left")
        same([*self.groups.groups_of(spec, "nobody", [at(0)])], [None], "C26", "the group of a member of another feed")

    @promise("C14")
    def test_a_view_shows_the_newest_members_and_counts_all(self) -> None:
        spec = self.grouped(view=3)
        members = [self.member(at(number), "g", str(number % 7)) for number in range(20)]
        self.join(spec, "a", *members[::2])
        self.join(spec, "a", *members[1::2])
        for view in (1, 3, 19, 20, 1000):
            viewed = evolve(spec, view=view)
            for group in (self.group(viewed, "a"), self.found(viewed, "a")[0]):
                self.same_as_recomputed(group, members, f"a group of 20, {view} in view", view=view, name="C14")

    @promise("C4")
    def test_reading_groups_changes_nothing(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), f"group {number % 3}") for number in range(9)))
        self.mark(spec, "a", ["group 1"])
        first = self.found(spec, "a")
        remembered = [(group, [*group.members]) for group in first]
        self.groups.get_groups(spec, "a", ["group 0", "none"], hydrate=None)
        self.groups.groups_of(spec, "a", [at(0), at(99)])
        self.storage.stats(spec, [Query("a"), Query("nobody")])
        same([(group, [*group.members]) for group in self.found(spec, "a")], remembered, "C4", "the same read, twice")
        self.join(spec, "a", *(self.member(at(20 + number), f"group {number}") for number in range(3)))
        self.leave(spec, "a", [at(0)])
        self.mark(spec, "a")
        self.found(spec, "a")
        same([(group, [*group.members]) for group in first], remembered, "C4", "groups that were read, after writes")

    @promise("C7")
    def test_a_feed_keeps_its_newest_groups(self) -> None:
        keys = [f"group {number}" for number in range(10)]
        for order, words in ((keys, "ascending"), (keys[::-1], "descending"), (keys[::2] + keys[1::2], "mixed")):
            spec = self.grouped(keep=4)
            members = [self.member(at(keys.index(key), low), key) for key in order for low in range(6)]
            for member in members:
                self.join(spec, "one by one", member)
            added = self.join(spec, "at once", *members).added
            self.counted(added, 24, "members of the groups for which there is room")
            for owner in ("one by one", "at once"):
                same(self.keys(spec, owner), keys[:-5:-1], "C7", f"a feed of 4 groups after 10, {words}, {owner}")
                same(self.counts(spec, owner, keys[9]), (6, 1), "C7", f"the newest group, {words}, {owner}")

    @promise("C7")
    def test_a_group_that_was_cut_is_seen_by_no_read(self) -> None:
        spec = self.grouped(keep=3)
        for number in range(7):
            self.join(
                spec, "a", self.member(at(number), f"group {number}"), self.member(at(number, 1), f"group {number}")
            )
        kept = [f"group {number}" for number in (6, 5, 4)]
        same(self.keys(spec, Query("a", oldest_first=True)), kept[::-1], "C7", "a full feed, oldest first")
        same(self.keys(spec, Query("a", upper=at(3, 2**64 - 1))), [], "C7", "groups below the oldest that are shown")
        same(self.keys(spec, Query("a", 2, 8)), kept[2:], "C7", "a slice beyond the end of a full feed")
        same(self.stats(spec, "a")[:], (3, 3, 3), "C7", "counts of a full feed")
        same(self.held(spec, "a", "group 3"), [], "C7", "a group that was cut, by its key")
        same([*self.groups.groups_of(spec, "a", [at(3), at(4)])], [None, "group 4"], "C7", "the group of a cut member")
        same(
            self.mark(spec, "a", ["group 3", "group 4"]), ["group 4"], "C7", "what marking a group that was cut changes"
        )

    @promise("C7", "C19")
    def test_a_group_that_was_cut_is_gone_with_its_members_and_marks(self) -> None:
        spec = self.grouped(keep=2)
        self.join(spec, "a", *(self.member(at(1, low), "old", str(low)) for low in range(5)))
        self.mark(spec, "a", read=True)
        self.join(spec, "a", self.member(at(2), "two"), self.member(at(3), "three"))
        self.join(spec, "a", self.member(at(4), "old", "x", stamp=4))
        same(self.keys(spec, "a"), ["old", "three"], "C7", "a full feed after a group that was cut began anew")
        self.same_as_recomputed(
            self.group(spec, "a", "old"), [self.member(at(4), "old", "x", 4)], "a group begun anew", name="C7"
        )
        group = self.group(spec, "a", "old")
        same((group.seen, group.read, group.seen_at, group.read_at), (False, False, 0, 0), "C19", "the marks it has")

    @promise("C8")
    def test_many_queries_get_their_groups_each_in_their_order(self) -> None:
        spec = self.grouped()
        for number, owner in enumerate(("a", "b", "c")):
            self.join(spec, owner, *(self.member(at(number + step), f"group {number + step}") for step in range(2)))
        queries = [Query("c"), Query("nobody"), Query("a", 0, 1), Query("c"), Query("b", oldest_first=True)]
        found = [[group.key for group in groups] for groups in self.groups.read_groups(spec, queries)]
        expected = [["group 3", "group 2"], [], ["group 1"], ["group 3", "group 2"], ["group 1", "group 2"]]
        same(found, expected, "C8", "five queries in one read")

    @promise("C10")
    def test_hydration_gives_each_member_the_bytes_of_its_record(self) -> None:
        spec, namespace = self.grouped(view=4), self.namespace()
        self.join(spec, "a", *(self.member(at(number), f"group {number % 2}") for number in range(12)))
        self.storage.store(namespace, [Record(at(n), self.stamp(1), b"%d" % n) for n in range(12) if n != 8])
        self.storage.store(namespace, [Record(at(6), self.stamp(2), None)])
        groups = [
            *self.groups.read_groups(spec, [Query("a", hydrate=namespace)])[0],
            *self.groups.get_groups(spec, "a", ["group 1", "group 0"], hydrate=namespace),
        ]
        even, odd = (
            ([at(10), at(8), at(6), at(4)], [b"10", None, None, b"4"]),
            ([at(n) for n in (11, 9, 7, 5)], [b"11", b"9", b"7", b"5"]),
        )
        for group, (ids, payloads) in zip(groups, (odd, even, odd, even), strict=True):
            same(members_of(group), ids, "C10", "members, some without a record")
            given = None if group is None or group.payloads is None else [*group.payloads]
            if self.storage.capabilities.one_trip_hydrate:
                same(given, payloads, "C10", "payloads beside the members, None without a record")
            else:
                check(given is None, "C10", "hydration gives payloads, but one_trip_hydrate is not declared")

    def _tied_groups(self, number: int) -> tuple[FeedSpec, list[int]]:
        """A feed of that many groups of one millisecond, two members each, and their ids in ascending order."""
        spec = self.grouped()
        keys = [f"group {each}" for each in range(number)]
        self.join(spec, "a", *(self.member(at(-1, each), key) for each, key in enumerate(keys)))
        self.join(spec, "a", *(self.member(at(0, each), key) for each, key in enumerate(keys)))
        return spec, sorted(group_id(at(0), key) for key in keys)

"""What is seen and read: a mark covers what had arrived when it was made."""

from __future__ import annotations

from streamfw_core.storage.protocol import Query, Write
from streamfw_core.testing.groups.case import GroupCase, at
from streamfw_core.testing.promises import promise, same

__all__ = ["GroupMarkingContract"]


class GroupMarkingContract(GroupCase):
    """What `mark` does, and what readers and `stats` say of it."""

    @promise("C18")
    def test_seen_and_read_are_marked_apart(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), f"group {number % 3}") for number in range(9)))
        same(self.unmarked(spec, "a"), (3, 3), "C18", "unseen and unread of three new groups")
        steps: tuple[tuple[list[str] | None, bool, bool, list[str], tuple[int, int]], ...] = (
            (["group 0", "group 2"], True, False, ["group 0", "group 2"], (1, 3)),
            (["group 1", "none", "group 1"], False, True, ["group 1"], (1, 2)),
            (["group 0", "group 1"], True, True, ["group 0", "group 1"], (0, 1)),
            (["group 0", "group 1"], True, True, [], (0, 1)),
            (None, True, True, ["group 2"], (0, 0)),
            (None, True, True, [], (0, 0)),
        )
        for keys, seen, read, changed, left in steps:
            words = f"after marking {keys or 'all'} as {'seen ' * seen}{'read' * read}"
            same(sorted(self.mark(spec, "a", keys, seen=seen, read=read)), changed, "C18", f"what changed {words}")
            same(self.unmarked(spec, "a"), left, "C18", f"unseen and unread {words}")
            groups = self.found(spec, "a")
            flags = (sum(not group.seen for group in groups), sum(not group.read for group in groups))
            same(flags, left, "C18", f"groups that are unseen and unread {words}")

    @promise("C19")
    def test_what_arrives_later_makes_a_group_unseen_again_whatever_its_time(self) -> None:
        spec = self.grouped()
        for late, words in (
            (at(9), "newer"),
            (at(-9), "older than all that was marked"),
            (at(5, 5), "of the same time"),
        ):
            owner = words.replace(" ", "-")
            self.join(spec, owner, self.member(at(5)), self.member(at(6), "other"))
            self.mark(spec, owner, read=True)
            # The stamps of members say nothing either: this one was published before the mark.
            self.join(spec, owner, self.member(late, "g", "2", stamp=1))
            group = self.group(spec, owner)
            same((group.seen, group.read), (False, False), "C19", f"a group marked before a member arrived, {words}")
            same(self.unmarked(spec, owner), (1, 1), "C18", "unseen and unread then")
            same(group.seen_at, self.stamp(3), "C19", "when it was last marked")
            same(self.mark(spec, owner), ["g"], "C18", "what another mark changes")
            same(self.unmarked(spec, owner), (0, 1), "C18", "unseen and unread after another mark as seen")

    @promise("C18", "C19")
    def test_a_redelivered_member_does_not_make_a_group_unseen(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number)) for number in range(3)]
        self.join(spec, "a", *members)
        self.mark(spec, "a", read=True)
        for stamp in (1, 9):
            self.join(spec, "a", *(member._replace(stamp=self.stamp(stamp)) for member in members))
            self.write(spec, Write(["a"], updates=[self.member(at(0), stamp=9 + stamp)]))
            same(self.unmarked(spec, "a"), (0, 0), "C18", "unseen and unread after a redelivery")

    @promise("C19")
    def test_a_member_added_anew_after_its_removal_is_unseen(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(1)), self.member(at(2)))
        self.mark(spec, "a", read=True)
        self.leave(spec, "a", [at(1)], stamp=4)
        same(self.unmarked(spec, "a"), (0, 0), "C18", "unseen and unread after a seen member was removed")
        self.join(spec, "a", self.member(at(1), stamp=5))
        same(self.unmarked(spec, "a"), (1, 1), "C19", "unseen and unread after it was added anew")

    @promise("C18")
    def test_a_group_is_seen_again_when_what_was_unseen_is_removed(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number)) for number in range(3)))
        self.mark(spec, "a", read=True)
        self.join(spec, "a", self.member(at(7)), self.member(at(-1)))
        self.leave(spec, "a", [at(7)], group="g")
        same(self.unmarked(spec, "a"), (1, 1), "C18", "unseen and unread with one of two late members removed")
        self.leave(spec, "a", [at(-1)])
        same(self.unmarked(spec, "a"), (0, 0), "C18", "unseen and unread with both late members removed")

    @promise("C18", "C19")
    def test_a_group_that_begins_anew_has_no_marks(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(1)))
        self.mark(spec, "a", read=True)
        self.leave(spec, "a", [at(1)], stamp=4)
        same(self.unmarked(spec, "a"), (0, 0), "C18", "unseen and unread of an empty feed")
        self.join(spec, "a", self.member(at(2), stamp=5))
        group = self.group(spec, "a")
        same((group.seen, group.read, group.seen_at, group.read_at), (False, False, 0, 0), "C19", "its marks")

    @promise("C19")
    def test_marking_all_covers_what_is_there_and_no_group_that_comes(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(5), "old"), self.member(at(6), "older"))
        self.mark(spec, "a", read=True)
        self.join(spec, "a", self.member(at(1), "new"))
        same(self.unmarked(spec, "a"), (1, 1), "C19", "unseen and unread after a group came, older than those marked")
        same(
            [group.key for group in self.found(spec, "a") if not group.seen], ["new"], "C19", "the group that is unseen"
        )

    @promise("C19")
    def test_the_times_of_the_last_marks_are_kept(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(1)), self.member(at(2), "other"))
        steps = (
            (True, False, 10, (10, 0)),
            (False, True, 11, (10, 11)),
            (True, True, 12, (12, 12)),
            (True, False, 9, (12, 12)),
        )
        for seen, read, stamp, expected in steps:
            self.mark(spec, "a", ["g"], seen=seen, read=read, stamp=stamp)
            group = self.group(spec, "a")
            times = tuple(self.stamp(number) if number else 0 for number in expected)
            same((group.seen_at, group.read_at), times, "C19", f"when a group was marked, after a mark of {stamp}")
        other = self.group(spec, "a", "other")
        same((other.seen_at, other.read_at, other.seen), (0, 0, False), "C19", "the marks of a group beside it")

    @promise("C18")
    def test_counts_are_right_after_trims_and_clearing(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), f"group {number}") for number in range(6)))
        self.mark(spec, "a", ["group 0", "group 1", "group 5"])
        self.mark(spec, "a", ["group 4"], seen=False, read=True)
        for keep, expected in ((4, (4, 3, 3)), (2, (2, 1, 1)), (1, (1, 0, 1)), (0, (0, 0, 0))):
            self.clear(spec, "a", keep=keep, stamp=5 + keep)
            same(self.stats(spec, "a")[:], expected, "C18", f"groups, unseen and unread of a feed trimmed to {keep}")

    @promise("C18")
    def test_counts_are_right_when_a_full_feed_cuts_groups(self) -> None:
        spec = self.grouped(keep=3)
        for number in range(9):
            self.join(
                spec, "a", self.member(at(number), f"group {number}"), self.member(at(number, 1), f"group {number}")
            )
            if number % 2:
                self.mark(spec, "a", [f"group {number}"])
            groups = self.found(spec, "a")
            expected = (len(groups), sum(int(group.key[-1]) % 2 == 0 for group in groups), len(groups))
            same(
                self.stats(spec, "a")[:],
                expected,
                "C18",
                f"groups, unseen and unread after group {number} of a feed of 3",
            )

    @promise("C26")
    def test_marks_concern_one_feed(self) -> None:
        one, other = self.grouped(), self.grouped()
        for spec in (one, other):
            self.write(spec, Write(["a", "b"], puts=[self.member(at(1)), self.member(at(2), "h")]))
        self.mark(one, "a", read=True)
        found = [self.unmarked(spec, owner) for spec in (one, other) for owner in ("a", "b")]
        same(found, [(0, 0), (2, 2), (2, 2), (2, 2)], "C26", "unseen and unread of four feeds, one of them marked")
        self.clear(one, "a", keep=0, stamp=5)
        same(self.stats(one, "a")[:], (0, 0, 0), "C18", "counts of the feed that was marked, emptied")

    @promise("C18")
    def test_unseen_groups_are_counted_within_bounds(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), f"group {number}") for number in range(6)))
        self.mark(spec, "a", ["group 1", "group 4"])
        queries = [
            Query("a", lower=at(2)),
            Query("a", upper=at(2)),
            Query("a", lower=at(4), upper=at(5)),
            Query("a", 0, 1),
        ]
        counts = [stats.unseen for stats in self.storage.stats(spec, queries)]
        same(counts, [3, 1, 0, 4], "C18", "unseen within bounds (and without the slice)")

    @promise("C19")
    def test_marks_outlive_members_beyond_the_exact_ones(self) -> None:
        spec = self.grouped(exact_members=10)
        self.join(spec, "a", *(self.member(at(number)) for number in range(40)))
        self.mark(spec, "a", read=True)
        same(self.unmarked(spec, "a"), (0, 0), "C18", "unseen and unread of a very large group that was marked")
        self.join(spec, "a", self.member(at(41)))
        same(self.unmarked(spec, "a"), (1, 1), "C19", "unseen and unread after another member arrived")
        self.mark(spec, "a", read=True)
        same(self.unmarked(spec, "a"), (0, 0), "C18", "unseen and unread after another mark")

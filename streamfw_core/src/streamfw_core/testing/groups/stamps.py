"""Stamps: the newest operation on a member wins, on a tie the removal, whatever the order of arrival."""

from __future__ import annotations

from itertools import permutations

from streamfw_core.storage.protocol import FeedSpec, Removal, Write
from streamfw_core.testing.groups.case import GroupCase, at
from streamfw_core.testing.promises import check, promise, same

__all__ = ["GroupStampsContract"]


class GroupStampsContract(GroupCase):
    """Late, reordered and repeated operations on members."""

    @promise("C9")
    def test_a_late_add_does_not_bring_back_a_removed_member(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), "g", str(number)) for number in range(3)]
        self.join(spec, "a", *members)
        self.leave(spec, "a", [at(1)], group="g", stamp=5)
        for stamp in (1, 4, 5):
            late = self.member(at(1), "g", "1", stamp)
            self.join(spec, "a", late)
            self.join(spec, "a", *members)
            self.write(spec, Write(["a", "b"], puts=[late]))
        self.same_as_recomputed(self.group(spec, "a"), [members[0], members[2]], "a group after late adds", name="C9")
        same(self.held(spec, "b"), [at(1)], "C9", "a feed from which it was not removed")

    @promise("C9")
    def test_a_late_add_does_not_make_a_group_whose_last_member_was_removed(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(1)))
        self.leave(spec, "a", [at(1)], stamp=5)
        self.leave(spec, "removed first", [at(1)], stamp=5)
        for owner in ("a", "removed first"):
            self.join(spec, owner, self.member(at(1), stamp=4))
            same((self.keys(spec, owner), self.stats(spec, owner)[:]), ([], (0, 0, 0)), "C9", "a feed after a late add")
            self.counted(self.join(spec, owner, self.member(at(1), stamp=6)).added, 1, "a member added anew")
            same(self.held(spec, owner), [at(1)], "C9", "a group after its member was added anew")

    @promise("C9")
    def test_on_a_tie_the_removal_wins(self) -> None:
        spec, member = self.grouped(), self.member(at(1), stamp=3)
        self.join(spec, "add first", member)
        self.leave(spec, "add first", [at(1)], stamp=3)
        self.leave(spec, "removal first", [at(1)], stamp=3)
        self.join(spec, "removal first", member)
        self.write(spec, Write(["at once"], puts=[member], removes=[Removal(at(1), self.stamp(3), "g")]))
        for owner in ("add first", "removal first", "at once"):
            same(self.keys(spec, owner), [], "C9", f"an add and a removal of one stamp, {owner}")

    @promise("C9")
    def test_a_late_removal_does_not_take_out_a_member_that_was_added_anew(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(1), stamp=1))
        self.join(spec, "a", self.member(at(1), stamp=5))
        self.join(spec, "a", self.member(at(1), stamp=2))
        self.counted(self.leave(spec, "a", [at(1)], stamp=4).removed, 0, "a removal older than the member")
        self.same_as_recomputed(
            self.group(spec, "a"), [self.member(at(1), stamp=5)], "a member added at 1, 5 and 2", name="C9"
        )

    @promise("C9", "C14")
    def test_the_order_of_arrival_does_not_matter(self) -> None:
        spec = self.grouped()
        histories = {
            "added, removed, added": ["add", "remove", "add"],
            "removed, added, removed": ["remove", "add", "remove"],
            "added, added, removed": ["add", "add", "remove"],
        }
        for number, (words, kinds) in enumerate(histories.items()):
            # The order of stamps: 1, 2, 3; with two adds before a removal, the removal is in the middle.
            history = list(zip(kinds, (1, 3, 2) if kinds[1] == "add" and kinds[0] == "add" else (1, 2, 3), strict=True))
            newest = max(history, key=lambda operation: operation[1])[0]
            for place, order in enumerate(permutations(history)):
                owner = f"{number}-{place}"
                self.join(spec, owner, self.member(at(0), "g", "2"))
                for kind, stamp in (*order, *order[:2]):
                    self._do(spec, owner, kind, stamp)
                expected = [self.member(at(0), "g", "2")]
                if newest == "add":
                    expected.append(self.member(at(1), "g", "1", 3))
                arrival = ", ".join(str(stamp) for _, stamp in order)
                found = self.group(spec, owner)
                same(len(found.members), len(expected), "C9", f"{words}, arrived as {arrival} and repeated")
                self.same_as_recomputed(found, expected, f"{words}, arrived as {arrival} and repeated", name="C9")

    def _do(self, spec: FeedSpec, owner: str, kind: str, stamp: int) -> None:
        if kind == "add":
            self.join(spec, owner, self.member(at(1), "g", "1", stamp))
        else:
            self.leave(spec, owner, [at(1)], stamp=stamp)

    @promise("C9")
    def test_remembered_removals_hold_for_every_feed(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), f"group {number % 2}", str(number), 4) for number in range(4)]
        self.join(spec, "present", *members)
        self.storage.remember(spec, removes=[Removal(at(1), self.stamp(5)), Removal(at(2), self.stamp(5), "group 0")])
        same(self.counts(spec, "present", "group 1")[0], 2, "C9", "a group that had what is remembered as removed")
        self.counted(self.write(spec, Write(["new", "other"], puts=members)).added, 4, "four members, two remembered")
        for owner in ("new", "other"):
            same(
                [self.held(spec, owner, f"group {n}") for n in (0, 1)], [[at(0)], [at(3)]], "C9", "groups of new feeds"
            )
        self.join(spec, "third", members[1])
        same(self.keys(spec, "third"), [], "C9", "a feed that gets only what is remembered as removed")
        self.join(spec, "third", members[1]._replace(stamp=self.stamp(6)))
        same(self.held(spec, "third", "group 1"), [at(1)], "C9", "a feed that gets it anew, after the removal")

    @promise("C9")
    def test_remembered_updates_meet_members_that_arrive_later(self) -> None:
        spec = self.grouped(inline=True)
        self.storage.remember(spec, updates=[self.member(at(1), stamp=5, payload=b"updated")])
        same(self.keys(spec, "late"), [], "C6", "a feed without the member whose update was remembered")
        self.join(spec, "late", self.member(at(1), stamp=1, payload=b"old"))
        same(self._payloads(spec, "late"), [b"updated"], "C9", "a member that arrived after its update")
        self.join(spec, "anew", self.member(at(1), stamp=6, payload=b"newer"))
        same(self._payloads(spec, "anew"), [b"newer"], "C9", "a member newer than the remembered update")

    @promise("C6", "C18")
    def test_an_update_replaces_the_payload_and_nothing_else(self) -> None:
        spec = self.grouped(inline=True)
        self.join(spec, "a", self.member(at(1), payload=b"old"), self.member(at(0), "g", "2", payload=b"first"))
        self.mark(spec, "a", read=True)
        update = self.member(at(1), stamp=5, payload=b"new")
        outcome = self.write(spec, Write(["a", "b"], updates=[update, self.member(at(2), stamp=5, payload=b"new")]))
        self.counted(outcome.added, 0, "updates")
        same(self._payloads(spec, "a"), [b"new", b"first"], "C6", "payloads after an update")
        same(self.counts(spec, "a"), (2, 2), "C14", "counts after an update")
        same((self.unmarked(spec, "a"), self.keys(spec, "b")), ((0, 0), []), "C18", "what is unseen after an update")
        self.write(spec, Write(["a"], updates=[self.member(at(1), stamp=4, payload=b"older")]))
        self.join(spec, "a", self.member(at(1), stamp=3, payload=b"3"))
        same(self._payloads(spec, "a"), [b"new", b"first"], "C9", "payloads after an older update and an older add")
        self.leave(spec, "a", [at(1)], stamp=4)
        same(self.held(spec, "a"), [at(0)], "C9", "a member of 3 updated at 5, after its removal of 4")

    def _payloads(self, spec: FeedSpec, owner: str) -> list[bytes | None]:
        return [*(self.group(spec, owner).payloads or ())]

    @promise("C7", "C9")
    def test_emptying_a_feed_keeps_out_what_is_older(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), f"group {number % 3}", stamp=1) for number in range(6)]
        for owner in ("a", "other"):
            self.join(spec, owner, *members)
        self.clear(spec, "a", keep=0, stamp=5)
        same((self.keys(spec, "a"), self.stats(spec, "a")[:]), ([], (0, 0, 0)), "C7", "a feed after it was emptied")
        for stamp in (4, 5):
            late = [member._replace(stamp=self.stamp(stamp)) for member in members]
            self.join(spec, "a", *late, self.member(at(9), "group 9", stamp=stamp))
            self.write(spec, Write(["a", "third"], puts=late[:1]))
        same(self.keys(spec, "a"), [], "C9", "an emptied feed after late adds")
        same(self.keys(spec, "other"), ["group 2", "group 1", "group 0"], "C7", "a feed that was not emptied")
        same(self.keys(spec, "third"), ["group 0"], "C9", "a feed that was not emptied, and got the same add")
        anew = [member._replace(stamp=self.stamp(6)) for member in members[:2]]
        self.join(spec, "a", *anew)
        self.same_as_recomputed(
            self.group(spec, "a", "group 0"), anew[:1], "a group of an emptied feed, begun anew", name="C9"
        )

    @promise("C7", "C9")
    def test_trimming_keeps_the_newest_groups(self) -> None:
        spec = self.grouped()
        keys = [f"group {number}" for number in range(7)]
        members = [self.member(at(number, low), key, str(low)) for number, key in enumerate(keys) for low in range(3)]
        self.join(spec, "a", *members)
        self.mark(spec, "a", keys[:2])
        self.clear(spec, "a", keep=3, stamp=5)
        kept = keys[:3:-1]
        same(self.keys(spec, "a"), kept, "C7", "a feed of seven groups after it was trimmed to three")
        same(self.stats(spec, "a")[:], (3, 3, 3), "C18", "its counts")
        self.join(spec, "a", *(member._replace(stamp=self.stamp(4)) for member in members))
        self.join(spec, "a", *(self.member(at(number, 7), keys[number], "x", 5) for number in range(4)))
        same(self.keys(spec, "a"), kept, "C9", "a trimmed feed after late adds to groups that were cut")
        same(self.counts(spec, "a", keys[4]), (3, 3), "C14", "a group that was kept, after late adds")
        self.join(spec, "a", self.member(at(1, 9), keys[4], "y", 4))
        same(self.counts(spec, "a", keys[4]), (4, 4), "C9", "a group that was kept, after an old member arrived late")
        self.join(spec, "a", self.member(at(9), "group 9", stamp=4))
        same(
            self.keys(spec, "a"), ["group 9", *kept], "C9", "a trimmed feed after a late group newer than what was cut"
        )
        anew = self.member(at(1), keys[1], "z", 6)
        self.join(spec, "a", anew)
        same(self.keys(spec, "a"), ["group 9", *kept, keys[1]], "C9", "a trimmed feed after a group began anew")
        self.same_as_recomputed(self.group(spec, "a", keys[1]), [anew], "a group begun anew after a trim", name="C9")
        check(not self.group(spec, "a", keys[1]).seen, "C19", "a group begun anew after a trim has an old mark")

    @promise("C9", "C14")
    def test_what_an_emptied_feed_had_does_not_join_its_group_when_that_begins_anew(self) -> None:
        spec = self.grouped()
        old = [self.member(at(number), "g", str(number)) for number in range(3)]
        anew = self.member(at(9), "g", "x", 6)
        self.join(spec, "a", *old)
        self.clear(spec, "a", keep=0, stamp=5)
        self.join(spec, "a", anew)
        self.join(spec, "newer first", *old, anew)
        self.clear(spec, "newer first", keep=0, stamp=5)
        for owner in ("a", "newer first"):
            self.join(spec, owner, *old, self.member(at(3), "g", "3", 4))
            self.same_as_recomputed(
                self.group(spec, owner), [anew], f"a group begun anew in an emptied feed, {owner}", name="C9"
            )

    @promise("C7")
    def test_trimming_to_more_groups_than_there_are_changes_nothing(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), f"group {number % 3}") for number in range(9)))
        for keep in (3, 4, 1000):
            self.clear(spec, "a", keep=keep, stamp=2)
            same(self.keys(spec, "a"), ["group 2", "group 1", "group 0"], "C7", f"a feed of three trimmed to {keep}")
            same(self.counts(spec, "a", "group 0")[0], 3, "C7", "a group of it")

    @promise("C9")
    def test_a_late_clearing_leaves_members_that_are_newer(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), f"group {number % 2}", stamp=2 if number < 2 else 6) for number in range(3)]
        self.join(spec, "a", *members)
        self.clear(spec, "a", keep=0, stamp=4)
        same(self.keys(spec, "a"), ["group 0"], "C9", "groups with members of 2 and 6 after a clearing of 4")
        self.same_as_recomputed(
            self.group(spec, "a", "group 0"), members[2:], "a group with members of 2 and 6", name="C9"
        )
        self.clear(spec, "a", keep=0, stamp=3)
        self.join(spec, "a", self.member(at(1), "group 1", stamp=4))
        same(self.keys(spec, "a"), ["group 0"], "C9", "the feed after an older clearing, and a late add")

"""Idempotence, counts and reports of writes, batches, payloads, and what is refused."""

from __future__ import annotations

import pytest

from streamfw_core.storage.groups import GroupStorage
from streamfw_core.storage.protocol import Query, Removal, Write
from streamfw_core.testing.groups.case import GroupCase, at, facts, members_of
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.bytes import PAYLOADS

__all__ = ["GroupWritingContract"]


class GroupWritingContract(GroupCase):
    """What `write` does to groups, and says that it did."""

    @promise("C6")
    def test_members_are_counted_over_many_feeds_and_groups(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), f"group {number % 2}") for number in range(4)]
        self.join(spec, "a", *members[:1])
        outcome = self.write(spec, Write(["a", "b", "c"], puts=members), Write(["d", "a"], puts=members[:2]))
        self.counted(outcome.added, 3 + 4 + 4 + 2, "two writes to four feeds")
        removal = Write(["a", "b", "nobody"], removes=[Removal(at(0), self.stamp(2))])
        self.counted(self.write(spec, removal).removed, 2, "one removal from three feeds, two of which had it")
        self.counted(self.write(spec, removal).removed, 0, "the same removal again")
        self.counted(self.leave(spec, "a", [at(1), at(1)]).removed, 1, "one member, removed twice in the batch")

    @promise("C6")
    def test_a_report_says_which_members_changed_where(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), f"group {number % 2}") for number in range(4)]
        self.join(spec, "a", *members[:2])
        self.join(spec, "full", *members)
        write = Write(["a", "b", "full"], puts=members[:3], removes=[Removal(at(3), self.stamp(2))])
        changes = self.write(spec, write, report=True).changes
        found = {owner: (sorted(change.added), sorted(change.removed)) for owner, change in changes.items()}
        expected = {"a": ([at(2)], []), "b": ([at(0), at(1), at(2)], []), "full": ([], [at(3)])}
        same(found, expected, "C6", "what changed, by owner")
        same(dict(self.write(spec, write, report=True).changes), {}, "C6", "what a repeated delivery changed")

    @promise("C6", "C7")
    def test_what_a_full_feed_does_not_take_is_not_new(self) -> None:
        spec = self.grouped(keep=2)
        self.join(spec, "a", self.member(at(5), "five"), self.member(at(6), "six"))
        outcome = self.write(spec, Write(["a"], puts=[self.member(at(1), "one")]), report=True)
        self.counted(outcome.added, 0, "a group older than all that a full feed shows")
        same(dict(outcome.changes), {}, "C6", "what a group too old for a full feed changed")
        same(self.keys(spec, "a"), ["six", "five"], "C7", "a full feed after an older group arrived")
        self.counted(
            self.join(spec, "a", self.member(at(0), "five")).added, 1, "an old member of a group that is there"
        )

    @promise("C8", "C12")
    def test_every_feed_of_a_batch_is_written(self) -> None:
        spec = self.grouped()
        owners = [f"user-{number}" for number in range(300)]
        old, new = self.member(at(0), "g", "1"), self.member(at(1), "g", "2")
        self.write(spec, Write(owners[::3], puts=[old]))
        self.counted(self.write(spec, Write(owners, puts=[new])).added, 300, "one member to 300 feeds")
        found = self.groups.read_groups(spec, [Query(owner) for owner in owners])
        members = [[members_of(group) for group in groups] for groups in found]
        expected = [[[at(1), at(0)]] if number % 3 == 0 else [[at(1)]] for number in range(300)]
        wrong = [owner for owner, one, other in zip(owners, members, expected, strict=True) if one != other]
        check(not wrong, "C8", f"a batch over 300 feeds left {len(wrong)} of them wrong, such as {wrong[:3]}")

    @promise("C8")
    def test_writes_of_a_batch_are_applied_in_their_order(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), "g", str(number)) for number in range(3)]
        again = [member._replace(stamp=self.stamp(3)) for member in members]
        self.write(
            spec,
            Write(["a", "b"], puts=members),
            Write(["b"], removes=[Removal(at(1), self.stamp(2), "g")]),
            Write(["b", "c"], puts=[again[1], again[0]]),
        )
        self.same_as_recomputed(self.group(spec, "a"), members, "the feed of the first of three writes", name="C8")
        self.same_as_recomputed(
            self.group(spec, "b"), [*again[:2], members[2]], "a feed of all three writes", name="C8"
        )
        self.same_as_recomputed(self.group(spec, "c"), again[:2], "the feed of the last of three writes", name="C8")

    @promise("C8")
    def test_a_feed_that_cannot_be_written_is_named_and_costs_no_other(self) -> None:
        spec, owners = self.grouped(), ["before", "spoilt", "after"]
        if not self.spoil_feed(self.storage, spec, "spoilt"):
            pytest.skip("spoil_feed() does not make a feed that cannot be written")
        outcome = self.storage.write(spec, [Write(owners, puts=[self.member(at(0))])])
        same(sorted(outcome.failures), ["spoilt"], "C8", "the feeds that are reported as failed")
        for owner in ("before", "after"):
            same(self.held(spec, owner), [at(0)], "C8", f"the feed written {owner} one that failed")

    @promise("C11")
    def test_empty_input_does_nothing(self) -> None:
        spec, groups = self.grouped(), self.groups
        self.join(spec, "a", self.member(at(0)))
        for writes in ([], [Write(["a"])], [Write([], puts=[self.member(at(1))])]):
            outcome = self.write(spec, *writes)
            self.counted(outcome.added, 0, "added by an empty write")
            self.counted(outcome.removed, 0, "removed by an empty write")
        self.storage.remember(spec)
        self.storage.clear(spec, [], keep=0, stamp=self.stamp(5))
        found = (
            [*groups.read_groups(spec, [])],
            [*groups.get_groups(spec, "a", [], hydrate=None)],
            [*groups.groups_of(spec, "a", [])],
            [*self.storage.stats(spec, [])],
        )
        same(found, ([], [], [], []), "C11", "reads of nothing")
        same(self.mark(spec, "a", []), [], "C11", "what marking no group changes")
        same(self.mark(spec, "a", seen=False, read=False), [], "C11", "what marking neither way changes")
        same(
            (self.held(spec, "a"), self.unmarked(spec, "a")), ([at(0)], (1, 1)), "C11", "a feed after writes of nothing"
        )

    @promise("C11")
    def test_a_feed_that_was_never_written_has_no_groups(self) -> None:
        spec = self.grouped()
        same((self.keys(spec, "nobody"), self.get(spec, "nobody")), ([], None), "C11", "a feed that was never written")
        same(self.stats(spec, "nobody")[:], (0, 0, 0), "C11", "its counts")
        same([*self.groups.groups_of(spec, "nobody", [at(0)])], [None], "C11", "the group of a member in it")
        same(self.mark(spec, "nobody") + self.mark(spec, "nobody", ["g"]), [], "C11", "what marking it changes")
        self.leave(spec, "nobody", [at(5)])
        self.clear(spec, "nobody", keep=5, stamp=1)
        same(self.keys(spec, "nobody"), [], "C11", "a feed from which something was removed that it never had")

    @promise("C8")
    def test_nothing_given_is_changed(self) -> None:
        spec = self.grouped()
        owners, keys, ids = ["b", "a"], ["y", "x"], [at(1), at(0)]
        puts = [self.member(at(1), "x"), self.member(at(0), "y")]
        removes = [Removal(at(1), self.stamp(2)), Removal(at(0), self.stamp(2))]
        before = ([*owners], [*keys], [*ids], [*puts], [*removes])
        self.write(spec, Write(owners, puts, removes, puts))
        self.groups.get_groups(spec, "a", keys, hydrate=None)
        self.groups.groups_of(spec, "a", ids)
        self.mark(spec, "a", keys)
        same((owners, keys, ids, puts, removes), before, "C8", "lists that were handed to the storage")

    @promise("C25")
    def test_inline_payloads_come_back_beside_their_members(self) -> None:
        spec = self.grouped(inline=True, view=8)
        payloads = {at(number): payload for number, payload in enumerate(PAYLOADS)}
        for number, (id, payload) in enumerate(payloads.items()):
            self.join(spec, "a", self.member(id, f"group {number % 3}", payload=payload))
        found: dict[int, bytes | None] = {}
        for group in (*self.found(spec, "a"), self.group(spec, "a", "group 0")):
            check(group.payloads is not None, "C25", "a feed with inline payloads is read without them")
            found |= dict(zip(members_of(group), group.payloads or (), strict=True))
        same(found, payloads, "C25", "inline payloads, each beside its member")

    @promise("C25")
    def test_members_come_back_equal(self) -> None:
        for kind in ("aggregated", "notification"):
            spec = self.grouped(kind=kind)
            members = [self.member(at(number), f"é {number % 2}", f"\0 {number}", stamp=number) for number in range(6)]
            self.join(spec, "a", *members)
            found = [entry for key in ("é 0", "é 1") for entry in self.group(spec, "a", key).members]
            found.sort(key=lambda entry: entry.id)
            same([each.id for each in found], [each.id for each in members], "C25", "members")
            same(facts(found), facts(members, found), "C25", "members, with stamps, groups and actors")

    @promise("C8")
    def test_a_storage_with_groups_has_all_methods(self) -> None:
        name = type(self.storage).__name__
        check(isinstance(self.storage, GroupStorage), "C8", f"{name} lacks methods of the protocol GroupStorage")

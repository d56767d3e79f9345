"""Counts of groups equal recomputation, and removing members removes exactly those."""

from __future__ import annotations

from random import Random

from streamfw_core.storage.protocol import Entry
from streamfw_core.testing.groups.case import GroupCase, at
from streamfw_core.testing.promises import check, promise, same

__all__ = ["GroupCountingContract"]


class GroupCountingContract(GroupCase):
    """How many members and actors a group has."""

    @promise("C14", "C6")
    def test_a_redelivered_member_counts_once(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), "g", str(number % 2)) for number in range(4)]
        self.counted(self.join(spec, "a", *members).added, 4, "four new members")
        for stamp in (1, 5):
            again = [member._replace(stamp=self.stamp(stamp)) for member in members]
            self.counted(self.join(spec, "a", *again).added, 0, "the same members again")
            for member in again:
                self.join(spec, "a", member)
            self.same_as_recomputed(self.group(spec, "a"), again, "a group after a redelivery")
        self.counted(self.join(spec, "b", members[0], members[0], members[1]).added, 2, "a member twice in a batch")
        same(self.counts(spec, "b"), (2, 2), "C14", "counts after a member came twice in one batch")

    @promise("C14")
    def test_actors_are_counted_once_each(self) -> None:
        spec = self.grouped()
        for number, actor in enumerate(("ann", "bob", "ann", "ANN", "ann ", "bob")):
            self.join(spec, "a", self.member(at(number), "g", actor))
        same(self.counts(spec, "a"), (6, 4), "C14", "six members of four actors")

    @promise("C14")
    def test_an_actor_counts_until_the_last_of_their_members_goes(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), "g", "ann" if number < 3 else "bob") for number in range(4)))
        for number, expected in ((1, (3, 2)), (0, (2, 2)), (2, (1, 1))):
            self.leave(spec, "a", [at(number)])
            same(self.counts(spec, "a"), expected, "C14", "counts as the members of one of two actors go")
            self.leave(spec, "a", [at(number)], stamp=3)
            same(self.counts(spec, "a"), expected, "C14", "counts after a member that was gone is removed again")

    @promise("C14")
    def test_counts_equal_recomputation_when_most_members_are_out_of_view(self) -> None:
        spec = self.grouped(view=3)
        members = {at(number): self.member(at(number), "g", str(number % 11)) for number in range(60)}
        self.join(spec, "a", *members.values())
        random = Random(7)
        for _ in range(12):
            gone = random.sample(sorted(members), 4)
            self.leave(spec, "a", gone)
            for id in gone:
                del members[id]
            self.join(spec, "a", *random.sample([*members.values()], 5))
            self.same_as_recomputed(
                self.group(spec, "a"), members.values(), "a group of which three are in view", view=3
            )

    @promise("C14")
    def test_the_oldest_member_is_known(self) -> None:
        spec = self.grouped(view=2)
        self.join(spec, "a", *(self.member(at(number), "g") for number in range(5, 9)))
        same(self.group(spec, "a").first_id, at(5), "C14", "the oldest member, out of view")
        self.join(spec, "a", self.member(at(1), "g"))
        same(self.group(spec, "a").first_id, at(1), "C14", "the oldest member after an older one arrived late")
        self.leave(spec, "a", [at(1), at(5)])
        same(self.group(spec, "a").first_id, at(6), "C14", "the oldest member after the two oldest were removed")

    @promise("C14")
    def test_a_thousand_members_are_counted_exactly(self) -> None:
        number = min(1000, self.storage.capabilities.exact_members)
        spec = self.grouped(exact_members=number)
        members = [self.member(at(each // 10, each), "g", str(each % 300)) for each in range(number)]
        for start in range(0, number, 250):
            self.join(spec, "a", *members[start : start + 250])
        self.same_as_recomputed(self.group(spec, "a"), members, f"a group of {number}")
        check(self.group(spec, "a").exact, "C14", f"a group of {number} is not exact, though exact_members is as much")
        self.join(spec, "a", *members[::3])
        self.leave(spec, "a", [member.id for member in members[::2]])
        self.leave(spec, "a", [member.id for member in members[::4]], group="g", stamp=3)
        self.same_as_recomputed(self.group(spec, "a"), members[1::2], f"a group of {number}, half of them removed")

    @promise("C14")
    def test_a_group_says_when_its_counts_are_not_exact(self) -> None:
        exact = 20
        spec = self.grouped(exact_members=exact, view=5)
        members: list[Entry] = []
        for number in range(exact * 4):
            members.append(self.member(at(number), "g", str(number % 70)))
            self.join(spec, "a", members[-1])
            group = self.group(spec, "a")
            check(
                group.exact or number >= exact, "C14", f"a group of {number + 1} is not exact, to {exact} are promised"
            )
            if group.exact:
                self.same_as_recomputed(group, members, f"a group of {number + 1} that is said to be exact", view=5)
            newest = [member.id for member in members[:-6:-1]]
            same([member.id for member in group.members], newest, "C14", "the members in view of a very large group")
            enough = group.member_count >= min(number + 1, exact)
            check(enough, "C14", f"a group of {number + 1} counts {group.member_count} members")
        self.join(spec, "a", *members[-10:])
        self.join(spec, "a", *(self.member(at(number), "other", str(number)) for number in range(200, 205)))
        same(self.counts(spec, "a", "other"), (5, 5), "C14", "a small group beside a very large one")

    @promise("C17")
    def test_removing_members_removes_exactly_those(self) -> None:
        for named in (True, False):
            spec = self.grouped()
            members = [self.member(at(number), f"group {number % 3}", str(number % 4)) for number in range(18)]
            self.join(spec, "a", *members)
            gone = [at(number) for number in (0, 3, 6, 16)]
            for id, group in zip(gone, ("group 0", "group 0", "group 0", "group 1"), strict=True):
                self.leave(spec, "a", [id], group=group if named else None)
            words = f"after four members were removed, the group {'named' if named else 'not named'}"
            for number in range(3):
                left = [member for member in members[number::3] if member.id not in gone]
                self.same_as_recomputed(self.group(spec, "a", f"group {number}"), left, words)
            same(
                [*self.groups.groups_of(spec, "a", gone)], [None] * 4, "C17", f"the groups of what was removed, {words}"
            )

    @promise("C17")
    def test_a_group_goes_with_its_last_member_and_not_before(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), "g") for number in range(3)), self.member(at(9), "other"))
        for left in ([at(2), at(1)], [at(2)]):
            self.leave(spec, "a", [at(2 - len(left))])
            same(self.held(spec, "a"), left, "C17", "a group of which one member after the other is removed")
        self.leave(spec, "a", [at(2)], group="g")
        same(self.get(spec, "a"), None, "C17", "a group whose last member was removed, by its key")
        same(self.keys(spec, "a"), ["other"], "C17", "a feed whose other group was emptied")
        same(self.stats(spec, "a").entries, 1, "C17", "its count")
        self.leave(spec, "a", [at(9)])
        same((self.keys(spec, "a"), self.stats(spec, "a")[:]), ([], (0, 0, 0)), "C17", "a feed without any member")

    @promise("C17", "C14")
    def test_a_group_begins_anew_after_its_last_member_went(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", *(self.member(at(number), "g", str(number)) for number in range(3)))
        self.leave(spec, "a", [at(number) for number in range(3)])
        late = [self.member(at(number), "g", str(number), 5) for number in (1, 7)]
        self.join(spec, "a", *late)
        self.same_as_recomputed(self.group(spec, "a"), late, "a group that begins anew")

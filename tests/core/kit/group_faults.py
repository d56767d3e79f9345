"""Storages with one fault each in their groups, and the promise that the kit must say it breaks.

`GROUP_FAULTS` is the table: name -> what is wrong, and which promise.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve
from streamfw_core.storage import Entry, FeedSpec, Outcome, Query, Removal, Stats, Write
from streamfw_core.storage.groups import Group, digest_of_group

from tests.core.kit.faults import Fault
from tests.core.kit.plain_groups import GroupedClass, PlainGroups

GROUP_FAULTS: Final[dict[str, Fault]] = {}
"""Name -> fault."""

MOMENT = 0.0005


def breaks(promise: str) -> Callable[[type[PlainGroups]], type[PlainGroups]]:
    def listed(storage: type[PlainGroups]) -> type[PlainGroups]:
        GROUP_FAULTS[storage.__name__] = Fault(storage, promise, (storage.__doc__ or "").strip())
        return storage

    return listed


# --- ids and order ----------------------------------------------------------------------------------------------


@breaks("C2")
class LeavesGroupsWhereTheyAre(PlainGroups):
    """A group stays where its first member put it."""

    def id_of(self, key: str, members: Sequence[Entry]) -> int:
        return super().id_of(key, members[-1:])


@breaks("C2")
class MovesTheDigest(PlainGroups):
    """The whole id of a group moves, not only its upper half."""

    def id_of(self, key: str, members: Sequence[Entry]) -> int:
        return members[0].id


@breaks("C13")
class MergesGroupsOfOneMillisecond(PlainGroups):
    """Groups are kept by the time of their update, so that one hides another of the same millisecond."""

    def order(self, of: GroupedClass, owner: str) -> list[tuple[int, list[Entry]]]:
        by_time = {id >> 64: (id, members) for id, members in super().order(of, owner)}
        return [*by_time.values()]


@breaks("C3")
class LosesTheGroupAtTheBound(PlainGroups):
    """The group at the upper bound is lost."""

    def within(self, spec: FeedSpec, query: Query) -> list[tuple[int, list[Entry]]]:
        return super().within(spec, query._replace(upper=query.upper - 1))


@breaks("C3")
class ComparesTimesOfGroups(PlainGroups):
    """Bounds are compared by time alone."""

    def within(self, spec: FeedSpec, query: Query) -> list[tuple[int, list[Entry]]]:
        return super().within(spec, query._replace(upper=query.upper | 2**64 - 1))


@breaks("C15")
class LooksInAWindow(PlainGroups):
    """Groups are looked for among the newest hundred."""

    def get_groups(self, spec: FeedSpec, owner: str, keys: Sequence[str], *, hydrate: str | None) -> list[Group | None]:
        groups = {group.key: group for group in self.read_groups(spec, [Query(owner, 0, 100, hydrate=hydrate)])[0]}
        return [groups.get(key) for key in keys]


@breaks("C15")
class AddsToWhatIsInAWindow(PlainGroups):
    """A member of a group that is not among the newest hundred begins the group anew."""

    def join(self, of: GroupedClass, owner: str, put: Entry) -> None:
        for _, members in self.order(of, owner)[100:]:
            for member in members if members[0].group == put.group else ():
                self.forget(of, owner, member.id)
        super().join(of, owner, put)


# --- counts -----------------------------------------------------------------------------------------------------


class _Counting(PlainGroups):
    """Counts are kept, as a server's counters are."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.counters: defaultdict[tuple[str, str, str], int] = defaultdict(int)

    def count(self, of: GroupedClass, owner: str, put: Entry, *, new: bool) -> int:
        return 1 if new else 0

    def counter(self, spec: FeedSpec, owner: str, key: str) -> int:
        return self.counters[spec.namespace, owner, key]

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        of = self.of(spec)
        for put in write.puts:
            before = put.id in of.feeds[owner]
            super().apply(spec, owner, Write([owner], [put]))
            new = not before and put.id in of.feeds[owner]
            counts = self.count(self.groups_of_class(spec), owner, put, new=new) if spec.kind != "flat" else 0
            self.counters[spec.namespace, owner, put.group or ""] += counts
        for removal in write.removes:
            held = {**of.feeds[owner]}
            super().apply(spec, owner, Write([owner], removes=[removal]))
            for id in held.keys() - of.feeds[owner].keys():
                self.counters[spec.namespace, owner, held[id].group or ""] -= 1
        super().apply(spec, owner, write._replace(puts=(), removes=()))

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        return group._replace(member_count=self.counter(spec, owner, group.key))


@breaks("C14")
class CountsRedeliveries(_Counting):
    """A member that is added again is counted again."""

    def count(self, of: GroupedClass, owner: str, put: Entry, *, new: bool) -> int:
        return 1


@breaks("C7")
class KeepsCountersOfGroupsThatWent(_Counting):
    """A group that was cut begins anew with the counter that it had."""


@breaks("C14")
class CountsActivitiesAsActors(PlainGroups):
    """Every member is taken for another actor's."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        return super().made(spec, owner, id, members, hydrate)._replace(actor_count=len(members))


@breaks("C14")
class NeverForgetsAnActor(PlainGroups):
    """An actor counts although the last of their members was removed."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.actors: defaultdict[tuple[str, str, str], set[str | None]] = defaultdict(set)

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        actors = self.actors[spec.namespace, owner, group.key]
        actors |= {member.actor for member in members}
        return group._replace(actor_count=len(actors))


@breaks("C14")
class ForgetsActorsTooSoon(PlainGroups):
    """An actor does not count any more after the first of their members was removed."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.gone: defaultdict[tuple[str, str], set[str | None]] = defaultdict(set)

    def leave(self, of: GroupedClass, owner: str, removal: Removal) -> None:
        known = of.feeds[owner].get(removal.id)
        super().leave(of, owner, removal)
        if known is not None and removal.id not in of.feeds[owner]:
            self.gone[owner, known.group or ""].add(known.actor)

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        actors = {member.actor for member in members} - self.gone[owner, group.key]
        return group._replace(actor_count=len(actors))


@breaks("C14")
class CountsWhatIsInView(PlainGroups):
    """Members out of view are not counted."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        return super().made(spec, owner, id, members[: spec.view], hydrate)


@breaks("C14")
class ShowsTheOldestMembers(PlainGroups):
    """The members in view are the first that came."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group, shown = super().made(spec, owner, id, members, hydrate), members[-spec.view :]
        return group._replace(members=shown, payloads=self.page(shown, hydrate).payloads)


@breaks("C14")
class ShowsMoreThanTheView(PlainGroups):
    """All members are shown, however few are to be in view."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        return super().made(evolve(spec, view=10**6), owner, id, members, hydrate)


@breaks("C14")
class TakesTheOldestInViewForTheFirst(PlainGroups):
    """A group began with the oldest member in view."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        return group._replace(first_id=group.members[-1].id)


@breaks("C14")
class ClaimsToBeExact(PlainGroups):
    """Members of very large groups are forgotten, and the counts are said to be exact."""

    def cut(self, spec: FeedSpec, owner: str) -> None:
        of = self.groups_of_class(spec)
        for _, members in self.order(of, owner):
            for member in members[spec.exact_members :]:
                self.forget(of, owner, member.id)
        super().cut(spec, owner)


@breaks("C14")
class IsNeverExact(PlainGroups):
    """Counts are never said to be exact, to be on the safe side."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        return super().made(spec, owner, id, members, hydrate)._replace(exact=False)


# --- adding and removing ----------------------------------------------------------------------------------------


@breaks("C12")
class ReadsMergesAndWrites(PlainGroups):
    """A group is read, changed and written back without a lock."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        if spec.kind == "flat":
            return super().write(spec, writes, report=report)
        of = self.groups_of_class(spec)
        for write in writes:
            for owner in write.owners:
                with self.lock:
                    read = {**of.feeds[owner]}
                time.sleep(MOMENT)
                with self.lock:
                    of.feeds[owner] = read
        return super().write(spec, writes, report=report)


@breaks("C12")
class BeginsAGroupForEachWriter(PlainGroups):
    """The members that one write brings make a group of their own."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.written = 0

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        self.written += 1
        super().apply(spec, owner, write)

    def order(self, of: GroupedClass, owner: str) -> list[tuple[int, list[Entry]]]:
        order = super().order(of, owner)
        return [(id, part) for id, members in order for part in (members[:50], members[50:]) if part]


@breaks("C16")
class TakesGroupsOutToMoveThem(PlainGroups):
    """A group that moves is taken out and put in again, and readers do not wait."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        if spec.kind != "flat":
            of = self.groups_of_class(spec)
            for write in writes:
                keys = {put.group for put in write.puts}
                for owner in write.owners:
                    with self.lock:
                        moved = {id: one for id, one in of.feeds[owner].items() if one.group in keys}
                        for id in moved:
                            del of.feeds[owner][id]
                    time.sleep(MOMENT)
                    with self.lock:
                        of.feeds[owner].update(moved)
        return super().write(spec, writes, report=report)


@breaks("C17")
class RemovesTheWholeGroup(PlainGroups):
    """With one member its whole group goes."""

    def leave(self, of: GroupedClass, owner: str, removal: Removal) -> None:
        known = of.feeds[owner].get(removal.id)
        super().leave(of, owner, removal)
        if known is not None and removal.id not in of.feeds[owner]:
            for member in [*of.feeds[owner].values()]:
                if member.group == known.group:
                    self.forget(of, owner, member.id)


@breaks("C17")
class IgnoresRemovalsWithoutAGroup(PlainGroups):
    """A removal that does not name the group removes nothing."""

    def leave(self, of: GroupedClass, owner: str, removal: Removal) -> None:
        if removal.group is not None:
            super().leave(of, owner, removal)


@breaks("C17")
class KeepsEmptyGroups(PlainGroups):
    """A group whose last member was removed is still counted and shown."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.last: dict[tuple[str, str, str], Group] = {}

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        found = super().read_groups(spec, queries)
        for query, groups in zip(queries, found, strict=True):
            for group in groups:
                self.last[spec.namespace, query.owner, group.key] = group
            groups += [
                group._replace(members=[], payloads=[], member_count=0, actor_count=0)
                for (namespace, owner, key), group in self.last.items()
                if (namespace, owner) == (spec.namespace, query.owner) and key not in {each.key for each in groups}
            ]
        return found


@breaks("C8")
class WritesTheFirstGroupOnly(PlainGroups):
    """Of a batch that concerns several groups only the first is written."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        puts = [put for put in write.puts if put.group == write.puts[0].group]
        super().apply(spec, owner, write._replace(puts=puts))

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(spec, writes[:1] if spec.kind != "flat" else writes, report=report)


@breaks("C6")
class CountsMembersThatWereThere(PlainGroups):
    """`added` is how many members were given, not how many were new."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        outcome = super().write(spec, writes, report=report)
        return evolve(outcome, added=sum(len(write.owners) * len(write.puts) for write in writes))


@breaks("C7")
class CutsMembers(PlainGroups):
    """The cap counts members instead of groups."""

    def cut(self, spec: FeedSpec, owner: str) -> None:
        of = self.groups_of_class(spec)
        for id in sorted(of.feeds[owner], reverse=True)[spec.keep :]:
            self.forget(of, owner, id)


@breaks("C7")
class HidesWhatItShouldCut(PlainGroups):
    """A group for which there is no room is only hidden, and comes back with its old members."""

    def cut(self, spec: FeedSpec, owner: str) -> None:
        pass

    def within(self, spec: FeedSpec, query: Query) -> list[tuple[int, list[Entry]]]:
        shown = [id for id, _ in self.order(self.groups_of_class(spec), query.owner)[: spec.keep]]
        return [group for group in super().within(spec, query) if group[0] in shown]


@breaks("C9")
class RevivesMembers(PlainGroups):
    """Removals are not remembered, so that a late add brings a member back."""

    def leave(self, of: GroupedClass, owner: str, removal: Removal) -> None:
        super().leave(of, owner, removal)
        of.removals.clear()


@breaks("C9")
class RevivesTrimmedGroups(PlainGroups):
    """A late add makes a group again that was trimmed away."""

    def is_late(self, of: GroupedClass, owner: str, put: Entry) -> bool:
        return False


@breaks("C9")
class RefillsGroupsThatBeganAnew(PlainGroups):
    """In an emptied feed a late add is refused only while its group is not there."""

    def is_late(self, of: GroupedClass, owner: str, put: Entry) -> bool:
        return put.group not in of.keys(owner) and super().is_late(of, owner, put)


@breaks("C9")
class RefusesLateMembersOfGroupsThatWereKept(PlainGroups):
    """After a trim an old member of a group that was kept is refused."""

    def is_late(self, of: GroupedClass, owner: str, put: Entry) -> bool:
        return any(put.id < bound and put.stamp <= stamp for bound, stamp in of.cuts[owner])


@breaks("C9")
class ClearsWhatIsNewer(PlainGroups):
    """A late clearing takes out what was added after it."""

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        of = self.groups_of_class(spec)
        for owner in owners if spec.kind != "flat" else ():
            for id, member in of.feeds[owner].items():
                of.feeds[owner][id] = member._replace(stamp=min(member.stamp, stamp))
        super().clear(spec, owners, keep=keep, stamp=stamp)


# --- marks ------------------------------------------------------------------------------------------------------


@breaks("C19")
class MarksTheFuture(PlainGroups):
    """A mark covers what arrives later in the group, too."""

    def is_marked(self, of: GroupedClass, owner: str, members: Sequence[Entry], way: str) -> bool:
        return (members[0].group or "", way) in of.marks[owner]


@breaks("C19")
class MarksGroupsThatCome(PlainGroups):
    """Marking all covers groups that begin later and are older than what was marked."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.newest: dict[tuple[str, str], int] = {}

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        if keys is None:
            self.newest[spec.namespace, owner] = max(self.groups_of_class(spec).feeds[owner], default=0)
        return super().mark(spec, owner, keys, seen=seen, read=read, stamp=stamp)

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        covered = members[0].id <= self.newest.get((spec.namespace, owner), -1)
        return group._replace(seen=group.seen or covered)


@breaks("C19")
class MarksByTime(PlainGroups):
    """A mark covers what is older than the newest member that it saw, also when that arrives later."""

    def is_marked(self, of: GroupedClass, owner: str, members: Sequence[Entry], way: str) -> bool:
        covered, _ = of.marks[owner].get((members[0].group or "", way), (-1, 0))
        seen = [id for id, arrival in of.arrivals[owner].items() if arrival <= covered]
        return members[0].id <= max(seen, default=-1)


@breaks("C19")
class MarksByStamp(PlainGroups):
    """A mark covers what was published before it, also when that arrives later."""

    def is_marked(self, of: GroupedClass, owner: str, members: Sequence[Entry], way: str) -> bool:
        _, stamp = of.marks[owner].get((members[0].group or "", way), (0, 0))
        return all(member.stamp <= stamp for member in members)


@breaks("C19")
class RemembersThatItWasSeen(PlainGroups):
    """A member that is added anew after its removal is still seen."""

    def forget(self, of: GroupedClass, owner: str, id: int) -> None:
        arrival = of.arrivals[owner].get(id)
        super().forget(of, owner, id)
        if arrival is not None:
            of.arrivals[owner][id] = arrival

    def join(self, of: GroupedClass, owner: str, put: Entry) -> None:
        before = of.arrivals[owner].get(put.id)
        super().join(of, owner, put)
        if before is not None:
            of.arrivals[owner][put.id] = before


@breaks("C19")
class KeepsMarksOfGroupsThatWent(PlainGroups):
    """A group that begins anew has the marks of the one before."""

    def settle(self, of: GroupedClass, owner: str) -> None:
        of.versions[owner] += 1


@breaks("C18")
class RedeliveryMakesUnseen(PlainGroups):
    """A member that is delivered again makes its group unseen."""

    def join(self, of: GroupedClass, owner: str, put: Entry) -> None:
        super().join(of, owner, put)
        if put.id in of.feeds[owner]:
            of.number += 1
            of.arrivals[owner][put.id] = of.number


@breaks("C18")
class StaysUnseen(PlainGroups):
    """A group stays unseen when the member that made it so is removed."""

    def is_marked(self, of: GroupedClass, owner: str, members: Sequence[Entry], way: str) -> bool:
        key = members[0].group or ""
        covered, _ = of.marks[owner].get((key, way), (-1, 0))
        return self.latest.get((id(of), owner, key), 0) <= covered

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.latest: dict[tuple[int, str, str], int] = {}

    def join(self, of: GroupedClass, owner: str, put: Entry) -> None:
        before = of.number
        super().join(of, owner, put)
        if of.number > before:
            self.latest[id(of), owner, put.group or ""] = of.number


@breaks("C18")
class CountsUnseenOnItsOwn(PlainGroups):
    """The count of what is unseen is kept apart, and not corrected when a group goes."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.extra: defaultdict[tuple[str, str], int] = defaultdict(int)

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        before = {owner: self.stats(spec, [Query(owner)])[0].unseen for owner in owners}
        super().clear(spec, owners, keep=keep, stamp=stamp)
        for owner in owners:
            self.extra[spec.namespace, owner] += before[owner] - self.stats(spec, [Query(owner)])[0].unseen

    def counted(self, spec: FeedSpec, query: Query) -> Stats:
        stats = super().counted(spec, query)
        return stats._replace(unseen=stats.unseen + self.extra[spec.namespace, query.owner])


@breaks("C18")
class CountsSeenGroupsWhereOnlyMarksAreAskedFor(PlainGroups):
    """What is unseen is counted in another way where the number of groups does not matter, and wrong."""

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        found = zip(queries, super().stats(spec, queries), strict=True)
        return [
            Stats(0, stats.entries, stats.unread) if "entries" not in query.counts else stats for query, stats in found
        ]


@breaks("C18")
class CountsUnseenWithoutBounds(PlainGroups):
    """What is unseen is counted in the whole feed, whatever the bounds."""

    def counted(self, spec: FeedSpec, query: Query) -> Stats:
        whole = super().counted(spec, Query(query.owner))
        return super().counted(spec, query)._replace(unseen=whole.unseen, unread=whole.unread)


@breaks("C18")
class ReportsAllThatWasMarked(PlainGroups):
    """Groups are reported as changed that were marked before."""

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        super().mark(spec, owner, keys, seen=seen, read=read, stamp=stamp)
        there = self.groups_of_class(spec).keys(owner)
        return sorted(there) if keys is None else sorted(there.intersection(keys))


@breaks("C26")
class SharesMarksBetweenOwners(PlainGroups):
    """A mark concerns the group of this key in every feed."""

    def groups_of_class(self, spec: FeedSpec) -> GroupedClass:
        of = super().groups_of_class(spec)
        if not isinstance(of.marks, _Shared):
            of.marks = _Shared(dict)
        return of


class _Shared(defaultdict[str, dict[tuple[str, str], tuple[int, int]]]):
    """One value for all keys."""

    def __getitem__(self, _: str) -> dict[tuple[str, str], tuple[int, int]]:
        return super().__getitem__("*")

    def __setitem__(self, _: str, value: dict[tuple[str, str], tuple[int, int]]) -> None:
        super().__setitem__("*", value)


# --- keys, payloads, versions -----------------------------------------------------------------------------------


@breaks("C26")
class IgnoresTheCaseOfKeys(PlainGroups):
    """Keys of groups that differ only in case are one."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        puts = [put._replace(group=put.group and put.group.lower()) for put in write.puts]
        super().apply(spec, owner, write._replace(puts=puts))


@breaks("C26")
class EndsKeysAtNul(PlainGroups):
    """Keys of groups end at the first NUL character."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        puts = [put._replace(group=put.group and put.group.split("\0")[0]) for put in write.puts]
        super().apply(spec, owner, write._replace(puts=puts))


@breaks("C26")
class LimitsKeys(PlainGroups):
    """Keys of groups are cut at 255 characters."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        puts = [put._replace(group=put.group and put.group[:255]) for put in write.puts]
        super().apply(spec, owner, write._replace(puts=puts))


@breaks("C26")
class KnowsGroupsByTheirDigestOfAByte(PlainGroups):
    """Groups are told apart by one byte of the digest of their keys."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        known = {digest_of_group(key) % 256: key for key in self.of(spec).feeds and self._keys(spec, owner)}
        puts = [
            put._replace(group=known.setdefault(digest_of_group(put.group or "") % 256, put.group or ""))
            for put in write.puts
        ]
        super().apply(spec, owner, write._replace(puts=puts))

    def _keys(self, spec: FeedSpec, owner: str) -> set[str]:
        return self.groups_of_class(spec).keys(owner) if spec.kind != "flat" else set()


@breaks("C10")
class LeavesOutMembersWithoutRecord(PlainGroups):
    """Members without a record are left out, so that payloads and members do not match what was asked for."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        pairs = [pair for pair in zip(group.members, group.payloads or (), strict=True) if hydrate is None or pair[1]]
        return group._replace(members=[pair[0] for pair in pairs], payloads=[pair[1] for pair in pairs])


@breaks("C25")
class LosesStampsOfMembers(PlainGroups):
    """Members come back without their stamps."""

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        return group._replace(members=[member._replace(stamp=0) for member in group.members])


@breaks("C12")
class SwapsWhateverTheVersion(PlainGroups):
    """`swap` does not look at the version."""

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        return super().swap(spec, owner, self.version(spec, owner), write)


@breaks("C12")
class ForgetsMarksInVersions(PlainGroups):
    """A mark does not change the version of a feed."""

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        version = self.version(spec, owner)
        changed = super().mark(spec, owner, keys, seen=seen, read=read, stamp=stamp)
        self.groups_of_class(spec).versions[owner] = version
        return changed


@breaks("C26")
class SharesVersionsBetweenFeeds(PlainGroups):
    """All feeds of a class have one version, so that a writer is in every other's way."""

    def version(self, spec: FeedSpec, owner: str) -> int:
        with self.lock:
            return sum(self.groups_of_class(spec).versions.values())

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        with self.lock:
            own = self.groups_of_class(spec).versions[owner]
            return super().swap(spec, owner, own if version == self.version(spec, owner) else -1, write)


@breaks("C4")
class HandsOutItsOwnMembers(PlainGroups):
    """The members of a group are the storage's own list, which changes when the group does."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.lists: defaultdict[tuple[str, str, str], list[Entry]] = defaultdict(list)

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        group = super().made(spec, owner, id, members, hydrate)
        own = self.lists[spec.namespace, owner, group.key]
        own[:] = group.members
        return group._replace(members=own)

"""What tests of groups have at hand: grouped feed classes, members, and groups as a reader gets them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import pytest

from streamfw_core.storage.groups import Group, GroupStorage, group_id
from streamfw_core.storage.protocol import Entry, FeedSpec, Outcome, Query, Removal, Stats, Write
from streamfw_core.testing.promises import check, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase

__all__ = ["GroupCase", "at", "facts", "members_of"]


def at(milliseconds: int, low: int = 0) -> int:
    """An id in one millisecond."""
    return MILLISECOND + (milliseconds << 64) + low


def members_of(group: Group | None) -> list[int]:
    """The ids of the members in view."""
    return [] if group is None else [entry.id for entry in group.members]


def facts(members: Sequence[Entry], shown: Sequence[Entry] | None = None) -> list[tuple[object, ...]]:
    """What a reader must get of members: id, stamp and group, and the actor where the storage gives it back.

    :param shown: of the same members what the storage gives; without the actor of one, that is not compared.
    """
    given = members if shown is None else shown
    return [
        (one.id, one.stamp, one.group, None if other.actor is None else one.actor)
        for one, other in zip(members, given, strict=True)
    ]


class GroupCase(StorageCase):
    """Hooks as those of `StorageCase`."""

    def begin(self) -> None:
        super().begin()
        if not self.storage.capabilities.exact_members:
            self.end()
            pytest.skip("there are no groups (the capability exact_members is 0)")

    @property
    def groups(self) -> GroupStorage:
        """The storage."""
        return cast("GroupStorage", self.storage)

    def grouped(self, *, kind: str = "notification", exact_members: int = 1000, **more: Any) -> FeedSpec:
        """A grouped feed class; see `spec`."""
        return self.spec(kind=kind, exact_members=exact_members, **more)

    # --- words ---

    def member(
        self, id: int, group: str = "g", actor: str = "1", stamp: int = 1, payload: bytes | None = None
    ) -> Entry:
        return Entry(id, self.stamp(stamp), payload, group, actor)

    def join(self, spec: FeedSpec, owner: str, *members: Entry) -> Outcome:
        """Add members to one feed."""
        return self.write(spec, Write([owner], puts=members))

    def leave(
        self, spec: FeedSpec, owner: str, ids: Iterable[int], *, group: str | None = None, stamp: int = 2
    ) -> Outcome:
        """Remove members from one feed."""
        return self.write(spec, Write([owner], removes=[Removal(id, self.stamp(stamp), group) for id in ids]))

    def mark(
        self,
        spec: FeedSpec,
        owner: str,
        keys: Sequence[str] | None = None,
        *,
        seen: bool = True,
        read: bool = False,
        stamp: int = 3,
    ) -> list[str]:
        """Mark groups of one feed, and return what the storage says changed."""
        return [*self.groups.mark(spec, owner, keys, seen=seen, read=read, stamp=self.stamp(stamp))]

    def found(self, spec: FeedSpec, query: Query | str) -> list[Group]:
        """The groups that a query (or a whole feed, given its owner) shows."""
        asked = Query(query) if isinstance(query, str) else query
        return [*self.groups.read_groups(spec, [asked])[0]]

    def keys(self, spec: FeedSpec, query: Query | str) -> list[str]:
        """The keys of the groups that a query (or a whole feed, given its owner) shows."""
        return [group.key for group in self.found(spec, query)]

    def get(self, spec: FeedSpec, owner: str, key: str = "g") -> Group | None:
        """One group by its key."""
        return self.groups.get_groups(spec, owner, [key], hydrate=None)[0]

    def group(self, spec: FeedSpec, owner: str, key: str = "g") -> Group:
        """One group by its key, which must be there."""
        group = self.get(spec, owner, key)
        check(group is not None, "C15", f"the group {key[:40]!r} of feed {owner!r} is not found by its key")
        assert group is not None
        return group

    def held(self, spec: FeedSpec, owner: str, key: str = "g") -> list[int]:
        """The ids of the members in view of one group; none where there is no such group."""
        return members_of(self.get(spec, owner, key))

    def counts(self, spec: FeedSpec, owner: str, key: str = "g") -> tuple[int, int]:
        """How many members and actors one group has."""
        group = self.group(spec, owner, key)
        return group.member_count, group.actor_count

    def stats(self, spec: FeedSpec, query: Query | str) -> Stats:
        """The counts of a query (or a whole feed, given its owner)."""
        asked = Query(query) if isinstance(query, str) else query
        [stats] = self.storage.stats(spec, [asked])
        for count in ("unseen", "unread"):
            [alone] = self.storage.stats(spec, [asked._replace(counts=(count,))])
            same(
                getattr(alone, count), getattr(stats, count), "C18", f"what is {count} where nothing else is asked for"
            )
        return stats

    def unmarked(self, spec: FeedSpec, owner: str) -> tuple[int, int]:
        """How many groups are unseen and unread."""
        stats = self.stats(spec, owner)
        return stats.unseen, stats.unread

    def same_as_recomputed(
        self, group: Group, members: Iterable[Entry], words: str, *, view: int = 15, name: str | None = None
    ) -> None:
        """A group is what its members, given in any order, make of it.

        :param name: the promise that a difference in members or counts breaks, where the test is about another one.
        """
        ordered = sorted(members, key=lambda member: member.id, reverse=True)
        if not ordered:
            check(False, name or "C17", f"{words}: group {group.key!r} is there without members")
        shown, expected = group.members, ordered[:view]
        same([each.id for each in shown], [each.id for each in expected], name or "C17", f"{words}: members in view")
        same(facts(shown), facts(expected, shown), "C25", f"{words}: members in view, with stamps, group and actors")
        actors = {each.actor for each in ordered}
        same(group.member_count, len(ordered), name or "C14", f"{words}: how many members {group.key!r} has")
        same(group.actor_count, len(actors), name or "C14", f"{words}: how many actors {group.key!r} has")
        same(group.first_id, ordered[-1].id, name or "C14", f"{words}: the oldest member of {group.key!r}")
        same(group.id, group_id(ordered[0].id, group.key), "C2", f"{words}: the id of {group.key!r}")

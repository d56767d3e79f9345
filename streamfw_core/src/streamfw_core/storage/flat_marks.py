"""What was marked as seen or read in a grouped feed, as flat timelines: one of what was seen, one of what was read.

An entry there says that the member with its id had arrived when it was marked; its stamp is that of the member then.
A member is taken out of these timelines with the stamp of its removal, and *before* it is taken out of the feed.
So one that is added anew is not covered, nor by a mark whose writer read the feed before the removal:
its entry is as old as the removal, and refused.
A mark thus only puts entries in. Two at once lose nothing, and what arrives meanwhile is not among them.

When a group was last marked is an entry as well, with an id made from its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from streamfw_core.storage.flat_members import Feed, derived, fact_id
from streamfw_core.storage.protocol import Entry, FeedSpec, Outcome, Query, Removal, Storage, Write

__all__ = ["KINDS", "Marks", "MarksOnFlat"]

KINDS: Final = ("seen", "read")


@frozen
class Marks:
    """What was marked in one feed, one way: id -> stamp, of members and of groups."""

    stamps: Mapping[int, int] = field(factory=dict)

    def cover(self, members: Iterable[Entry]) -> bool:
        """Whether every one of them had arrived."""
        return all(member.id in self.stamps for member in members)

    def at(self, key: str) -> int:
        """The stamp of the last mark of a group, 0: never."""
        return self.stamps.get(fact_id(key), 0)

    def missing(self, groups: Mapping[str, Sequence[Entry]]) -> list[Entry]:
        """What is to be put in so that they are covered."""
        members = (member for group in groups.values() for member in group)
        return [Entry(member.id, member.stamp) for member in members if member.id not in self.stamps]

    def strays(self, feed: Feed) -> list[Removal]:
        """Marks of what is not in the feed any more; it must have been read after them."""
        known = {member.id for members in feed.groups.values() for member in members}
        known |= {fact_id(key) for key in feed.groups}
        return [Removal(id, stamp) for id, stamp in self.stamps.items() if id not in known]


@frozen
class MarksOnFlat:
    """The marks of one feed class; aggregated feeds have none, and cost nothing for it."""

    storage: Storage
    spec: FeedSpec
    room: int

    @property
    def specs(self) -> list[FeedSpec]:
        if self.spec.kind != "notification":
            return []
        limit = self.storage.capabilities.max_timeline
        keep = self.room + 2 * self.spec.keep
        return [derived(self.spec, kind, keep if limit is None else min(keep, limit)) for kind in KINDS]

    def read(self, owners: Sequence[str]) -> list[tuple[Marks, Marks]]:
        """What was seen and what was read in each feed."""
        queries = [Query(owner) for owner in owners]
        found = [
            [Marks(dict(zip(page.ids, page.stamps, strict=True))) for page in self.storage.read(spec, queries)]
            for spec in self.specs
        ] or [[Marks()] * len(owners)] * 2
        return list(zip(*found, strict=True))

    def add(self, owner: str, kind: str, puts: Sequence[Entry], strays: Sequence[Removal]) -> Outcome:
        return self.storage.write(self.specs[KINDS.index(kind)], [Write([owner], puts, strays)])

    def forget(
        self, removals: Mapping[str, Sequence[Removal]], groups: Mapping[str, Iterable[str]]
    ) -> dict[str, Exception]:
        """Take members and groups out, before they leave the feed. Returns why that failed, by owner."""
        failures: dict[str, Exception] = {}
        for spec in self.specs:
            of_groups = self._groups(spec, groups)
            writes = [
                Write([owner], removes=removes)
                for owner in {**removals, **of_groups}
                if (removes := [*removals.get(owner, ()), *of_groups.get(owner, ())])
            ]
            if writes:
                failures.update(self.storage.write(spec, writes).failures)
        return failures

    def _groups(self, spec: FeedSpec, groups: Mapping[str, Iterable[str]]) -> dict[str, list[Removal]]:
        wanted = [(owner, fact_id(key)) for owner, keys in groups.items() for key in keys]
        if not wanted:
            return {}
        pages = self.storage.read(spec, [Query(owner, lower=id, upper=id) for owner, id in wanted])
        found: dict[str, list[Removal]] = {}
        for (owner, _), page in zip(wanted, pages, strict=True):
            found.setdefault(owner, []).extend(map(Removal, page.ids, page.stamps))
        return found

"""A storage with groups as plain as can be: members, and everything recomputed at every read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from attrs import define, evolve, field
from streamfw_core.storage import Entry, FeedSpec, Query, Removal, Stats, Write
from streamfw_core.storage.groups import Group, group_id

from tests.core.kit.plain_storage import FeedClass, PlainStorage


@define
class GroupedClass(FeedClass):
    """What is stored of one grouped feed class; `feeds` has the members of each owner."""

    arrivals: defaultdict[str, dict[int, int]] = field(factory=lambda: defaultdict(dict))
    """Owner -> id -> the how many-th member it was."""
    marks: defaultdict[str, dict[tuple[str, str], tuple[int, int]]] = field(factory=lambda: defaultdict(dict))
    """Owner -> group and way -> how many members had arrived, and the stamp."""
    number: int = 0
    versions: defaultdict[str, int] = field(factory=lambda: defaultdict(int))

    def keys(self, owner: str) -> set[str]:
        return {member.group or "" for member in self.feeds[owner].values()}


class PlainGroups(PlainStorage):
    capabilities = evolve(PlainStorage.capabilities, exact_members=10_000, cas=True)

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.grouped: dict[str, GroupedClass] = {}

    def of(self, spec: FeedSpec) -> FeedClass:
        return super().of(spec) if spec.kind == "flat" else self.groups_of_class(spec)

    def groups_of_class(self, spec: FeedSpec) -> GroupedClass:
        return self.grouped.setdefault(spec.namespace, GroupedClass())

    # --- writing ---

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        if spec.kind == "flat":
            super().apply(spec, owner, write)
            return
        of = self.groups_of_class(spec)
        for put in write.puts:
            self.join(of, owner, put)
        for removal in write.removes:
            self.leave(of, owner, removal)
        for update in write.updates:
            self.update(of, owner, update)
        self.cut(spec, owner)
        self.settle(of, owner)

    def join(self, of: GroupedClass, owner: str, put: Entry) -> None:
        feed = of.feeds[owner]
        known = feed.get(put.id)
        if known is not None:
            if known.stamp < put.stamp:
                feed[put.id] = of.version_of(owner, put)
        elif of.removed_at(owner, put.id) < put.stamp and not self.is_late(of, owner, put):
            feed[put.id] = of.version_of(owner, put)
            of.number += 1
            of.arrivals[owner][put.id] = of.number

    def is_late(self, of: GroupedClass, owner: str, put: Entry) -> bool:
        """Whether a put comes after the feed was cut where it would stand."""
        key = put.group or ""
        bounds = [bound for bound, stamp in of.cuts[owner] if put.stamp <= stamp]
        if key in of.keys(owner):
            return 2**128 in bounds
        return any(group_id(put.id, key) < bound for bound in bounds)

    def leave(self, of: GroupedClass, owner: str, removal: Removal) -> None:
        key = (owner, removal.id)
        of.removals[key] = max(of.removals.get(key, -1), removal.stamp)
        known = of.feeds[owner].get(removal.id)
        if known is not None and known.stamp <= removal.stamp and removal.group in (None, known.group):
            self.forget(of, owner, removal.id)

    def forget(self, of: GroupedClass, owner: str, id: int) -> None:
        del of.feeds[owner][id]
        of.arrivals[owner].pop(id, None)
        of.updates.pop((owner, id), None)

    def update(self, of: GroupedClass, owner: str, update: Entry) -> None:
        key, feed = (owner, update.id), of.feeds[owner]
        if update.id in feed and (key not in of.updates or of.updates[key].stamp < update.stamp):
            of.updates[key] = update
            feed[update.id] = of.version_of(owner, feed[update.id])

    def cut(self, spec: FeedSpec, owner: str) -> None:
        """Forget the groups for which there is no room."""
        of = self.groups_of_class(spec)
        for _, members in self.order(of, owner)[spec.keep :]:
            for member in members:
                self.forget(of, owner, member.id)

    def settle(self, of: GroupedClass, owner: str) -> None:
        """After each change: a group that is gone has no marks, and the feed has another version."""
        keys = of.keys(owner)
        of.marks[owner] = {mark: value for mark, value in of.marks[owner].items() if mark[0] in keys}
        of.versions[owner] += 1

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        if spec.kind == "flat":
            super().clear(spec, owners, keep=keep, stamp=stamp)
            return
        with self.lock:
            of = self.groups_of_class(spec)
            for owner in owners:
                order = self.order(of, owner)
                if keep < len(order) or not keep:
                    of.cuts[owner].append((order[keep - 1][0] if keep else 2**128, stamp))
                for _, members in order[keep:]:
                    for member in members:
                        if member.stamp <= stamp:
                            self.forget(of, owner, member.id)
                self.settle(of, owner)

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        with self.lock:
            of, changed = self.groups_of_class(spec), []
            for _, members in self.order(of, owner):
                key = members[0].group or ""
                ways = [way for way, wanted in (("seen", seen), ("read", read)) if wanted]
                if keys is not None and key not in keys:
                    continue
                if not all(self.is_marked(of, owner, members, way) for way in ways):
                    changed.append(key)
                for way in ways:
                    latest = max(stamp, of.marks[owner].get((key, way), (0, 0))[1])
                    of.marks[owner][key, way] = (of.number, latest)
            self.settle(of, owner)
            return changed

    def version(self, spec: FeedSpec, owner: str) -> int:
        with self.lock:
            return self.groups_of_class(spec).versions[owner]

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        with self.lock:
            if self.groups_of_class(spec).versions[owner] != version:
                return False
            self.apply(spec, owner, write)
            return True

    def flush(self, namespace: str) -> None:
        super().flush(namespace)
        self.grouped.pop(namespace, None)

    # --- reading ---

    def order(self, of: GroupedClass, owner: str) -> list[tuple[int, list[Entry]]]:
        """The id and the members of each group, newest first."""
        groups: dict[str, list[Entry]] = {}
        for id in sorted(of.feeds[owner], reverse=True):
            member = of.feeds[owner][id]
            groups.setdefault(member.group or "", []).append(member)
        order = [(self.id_of(key, members), members) for key, members in groups.items()]
        return sorted(order, key=lambda group: group[0], reverse=True)

    def id_of(self, key: str, members: Sequence[Entry]) -> int:
        return group_id(members[0].id, key)

    def within(self, spec: FeedSpec, query: Query) -> list[tuple[int, list[Entry]]]:
        """The groups that a query without start and stop finds."""
        order = self.order(self.groups_of_class(spec), query.owner)
        groups = [group for group in order if query.lower <= group[0] <= query.upper]
        return groups[::-1] if query.oldest_first else groups

    def is_marked(self, of: GroupedClass, owner: str, members: Sequence[Entry], way: str) -> bool:
        covered, _ = of.marks[owner].get((members[0].group or "", way), (-1, 0))
        return all(of.arrivals[owner][member.id] <= covered for member in members)

    def made(self, spec: FeedSpec, owner: str, id: int, members: list[Entry], hydrate: str | None) -> Group:
        of, key = self.groups_of_class(spec), members[0].group or ""
        shown = members[: spec.view]
        return Group(
            key=key,
            id=id,
            members=shown,
            payloads=self.page(shown, hydrate).payloads,
            member_count=len(members),
            actor_count=len({member.actor for member in members}),
            first_id=members[-1].id,
            seen=self.is_marked(of, owner, members, "seen"),
            read=self.is_marked(of, owner, members, "read"),
            seen_at=of.marks[owner].get((key, "seen"), (0, 0))[1],
            read_at=of.marks[owner].get((key, "read"), (0, 0))[1],
        )

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        with self.lock:
            return [
                [
                    self.made(spec, query.owner, id, members, query.hydrate)
                    for id, members in self.within(spec, query)[query.start : query.stop]
                ]
                for query in queries
            ]

    def get_groups(self, spec: FeedSpec, owner: str, keys: Sequence[str], *, hydrate: str | None) -> list[Group | None]:
        with self.lock:
            groups = self.read_groups(spec, [Query(owner, hydrate=hydrate)])[0]
            return [next((group for group in groups if group.key == key), None) for key in keys]

    def groups_of(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        with self.lock:
            feed = self.groups_of_class(spec).feeds[owner]
            return [feed[id].group if id in feed else None for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        if spec.kind == "flat":
            return super().stats(spec, queries)
        with self.lock:
            return [self.counted(spec, query) for query in queries]

    def counted(self, spec: FeedSpec, query: Query) -> Stats:
        of, groups = self.groups_of_class(spec), self.within(spec, query)
        ways = [
            sum(not self.is_marked(of, query.owner, members, way) for _, members in groups) for way in ("seen", "read")
        ]
        return Stats(len(groups), *ways)

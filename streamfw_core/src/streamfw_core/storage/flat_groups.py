"""Grouped feeds on a storage that only has flat timelines: right, and slower than groups of its own.

The members of all groups of a feed are the entries of one flat timeline (`flat_members`), what was marked stands in
two others (`flat_marks`), and groups are made of them whenever somebody reads.
Adding a member is the storage's own atomic and idempotent put, so nothing is lost, doubled or brought back,
whoever writes at the same time. The rest is recomputed:

| operation | costs, of each feed concerned |
|---|---|
| reading, counting, finding | all its members, and its marks in a notification feed |
| adding, removing | the same read before the write, and once more when a group may be new or gone |
| marking | one read, and one write of what was not marked yet |

**Groups beyond `keep`.** Readers pass over them, and every write takes what it finds of them out for good,
in the same atomic step with what it puts in; a write that makes a group looks once more after it.
So a group that readers do not see any more never comes back with its old members when a writer died in between,
or when a write begins after the one that pushed the group out has ended.
Of two writes at the same time to a full feed, one may still add to a group that the other is just pushing out;
the feed then ends as if this one had come first.

A member that was cut with its group is out for as long as removals are remembered, unless it is published anew:
a redelivery does not make its group again. The same goes for one that was refused since its feed had been cleared.

**Groups that disagree.** An activity is in one group of a feed at most: the one that its newest put or update names.
A removal takes it out wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

from attrs import evolve

from streamfw_core.errors import StreamsError, Unsupported
from streamfw_core.ids import MAX_ID
from streamfw_core.storage.flat_cutting import Done, Plan, plan, planned_writes
from streamfw_core.storage.flat_marks import KINDS, Marks, MarksOnFlat
from streamfw_core.storage.flat_members import (
    FIRST_FACT,
    Feed,
    derived,
    exact_room,
    fact_id,
    feed_of,
    floor_entry,
    id_of,
    namespace,
    packed,
    room,
)
from streamfw_core.storage.groups import Group
from streamfw_core.storage.protocol import (
    Change,
    Entry,
    FeedSpec,
    Outcome,
    Page,
    Query,
    Record,
    Removal,
    SchemaStorage,
    Stats,
    Storage,
    Write,
)

__all__ = ["GroupsOnFlat"]

FEEDS_AT_ONCE: Final = 100
EXACT_MEMBERS: Final = 10_000
MEMBERS: Final = "members"


class GroupsOnFlat:
    """A `GroupStorage` on any `Storage`. Flat feeds and records it passes on.

    :param storage: where everything is kept. It shares name, capabilities and `tombstone_ttl` with this one,
        save that there is no `swap`, and that groups are there.
    """

    def __init__(self, storage: Storage) -> None:
        limit = storage.capabilities.max_timeline
        self.name = storage.name
        self.capabilities = evolve(
            storage.capabilities,
            cas=False,
            exact_members=EXACT_MEMBERS if limit is None else max(1, min(EXACT_MEMBERS, limit // 2)),
            one_trip_hydrate=False,
            starts=False,
        )
        self._storage = storage

    @property
    def tombstone_ttl(self) -> float:
        return self._storage.tombstone_ttl

    @tombstone_ttl.setter
    def tombstone_ttl(self, seconds: float) -> None:
        self._storage.tombstone_ttl = seconds

    # --- writing ---

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """Make the schema of the flat timelines that these feeds consist of."""
        self._storage.prepare([flat for spec in specs for flat in self._parts(spec)])

    def plan_schema(self, specs: Sequence[FeedSpec]) -> list[str]:
        """See `SchemaStorage.plan_schema`."""
        return cast("SchemaStorage", self._storage).plan_schema([flat for spec in specs for flat in self._parts(spec)])

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        """See `Storage.write`. One after the other, a hundred feeds at a time."""
        if spec.kind == "flat":
            return self._storage.write(spec, writes, report=report)
        done = Done()
        for write in writes:
            for start in range(0, len(write.owners), FEEDS_AT_ONCE):
                owners = [owner for owner in write.owners[start : start + FEEDS_AT_ONCE] if owner not in done.failures]
                if owners:
                    self._write(spec, write._replace(owners=owners), done)
        return done.outcome(report=report)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        """See `Storage.remember`."""
        if spec.kind == "flat":
            self._storage.remember(spec, removes=removes, updates=updates)
        else:
            self._storage.remember(self._members(spec), removes=removes, updates=[*map(packed, updates)])

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        """See `GroupStorage.mark`. Only notification feeds have marks."""
        self._check(spec)
        if spec.kind != "notification":
            raise Unsupported(f"feed {spec.name!r} is of the kind {spec.kind!r}: only notification feeds have marks")
        marks = self._marks(spec)
        # Marks are read before the feed, so that what is not in the feed then has left it.
        before = marks.read([owner])[0]
        feed = self._feeds(spec, [owner], strict=False)[owner]
        visible = feed.visible
        groups = visible if keys is None else {key: visible[key] for key in dict.fromkeys(keys) if key in visible}
        changed: set[str] = set()
        for kind, wanted, known in zip(KINDS, (seen, read), before, strict=True):
            strays = known.strays(feed)
            if not wanted:
                continue
            changed.update(key for key, members in groups.items() if not known.cover(members))
            puts = [*known.missing(groups), *(Entry(fact_id(key), stamp) for key in groups)]
            if puts or strays:
                _raise(marks.add(owner, kind, puts, strays).failures)
        return [key for key in groups if key in changed]

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        """See `Storage.clear`. What is remembered of the cut is written first: who puts meanwhile looks at it after."""
        if spec.kind == "flat":
            self._storage.clear(spec, owners, keep=keep, stamp=stamp)
            return
        failures: dict[str, Exception] = {}
        for owner in owners:
            failures.update(self._clear(spec, owner, keep, stamp))
        _raise(failures)

    # --- reading ---

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        """See `GroupStorage.read_groups`. Records are left to core."""
        found = self._read(spec, [query.owner for query in queries])
        return [
            [_group(spec, feed, key, marks, query.hydrate, exact=self._is_exact(spec, feed)) for key in keys]
            for query, (feed, marks) in zip(queries, found, strict=True)
            for keys in [feed.within(query)[query.start : query.stop]]
        ]

    def get_groups(self, spec: FeedSpec, owner: str, keys: Sequence[str], *, hydrate: str | None) -> list[Group | None]:
        """See `GroupStorage.get_groups`."""
        [(feed, marks)] = self._read(spec, [owner])
        visible, exact = feed.visible, self._is_exact(spec, feed)
        return [_group(spec, feed, key, marks, hydrate, exact=exact) if key in visible else None for key in keys]

    def groups_of(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        """See `GroupStorage.groups_of`."""
        self._check(spec)
        groups = self._feeds(spec, [owner], strict=False)[owner].visible
        holders = {member.id: key for key, members in groups.items() for member in members}
        return [holders.get(id) for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        """See `Storage.stats`."""
        if spec.kind == "flat":
            return self._storage.stats(spec, queries)
        counts = []
        for query, (feed, marks) in zip(queries, self._read(spec, [query.owner for query in queries]), strict=True):
            groups = [feed.groups[key] for key in feed.within(query)]
            counts.append(Stats(len(groups), *(sum(not known.cover(group) for group in groups) for known in marks)))
        return counts

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        """Of flat feeds; see `Storage.read`."""
        self._check_flat(spec)
        return self._storage.read(spec, queries)

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        """Of flat feeds; see `Storage.locate`."""
        self._check_flat(spec)
        return self._storage.locate(spec, query, ids)

    def version(self, spec: FeedSpec, owner: str) -> int:
        """There is none: the capability `cas` is missing."""
        raise self._no_cas(spec, owner)

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        """There is none: the capability `cas` is missing."""
        raise self._no_cas(spec, owner)

    # --- passed on ---

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int | None:
        return self._storage.store(namespace, records, update=update)

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        return self._storage.load(namespace, ids)

    def flush(self, of: str) -> None:
        """See `Storage.flush`."""
        for flat in (of, *(namespace(of, what) for what in (MEMBERS, *KINDS))):
            self._storage.flush(flat)

    def close(self) -> None:
        self._storage.close()

    # --- inside: writing ---

    def _write(self, spec: FeedSpec, write: Write, done: Done) -> None:
        """One write to some feeds: look, take marks out, write, and look again where that may have been too much."""
        write = write._replace(puts=[put for put in write.puts if put.group is not None])
        if write.puts or write.removes:
            looked_at = self._looked_at(spec, write.owners, done.failures)
            plans = {owner: plan(feed, write, full=self._is_full(spec, feed, write)) for owner, feed in looked_at}
            removals = {owner: planned.unmarked for owner, planned in plans.items() if planned.unmarked}
            groups = {owner: planned.gone_groups for owner, planned in plans.items() if planned.gone_groups}
            done.failures.update(self._marks(spec).forget(removals, groups))
        else:
            plans = dict.fromkeys(write.owners, Plan())
        plans = {owner: planned for owner, planned in plans.items() if owner not in done.failures}
        outcome = self._storage.write(self._members(spec), [*planned_writes(plans, write)], report=True)
        done.failures.update(outcome.failures)
        done.counts &= outcome.added is not None
        changes = {
            owner: planned.change(outcome.changes.get(owner, Change()))
            for owner, planned in plans.items()
            if owner not in done.failures
        }
        if write.puts or write.removes:
            self._finish(spec, plans, changes, done.failures)
        for owner, change in changes.items():
            if owner not in done.failures:
                done.add(owner, change)

    def _finish(
        self, spec: FeedSpec, plans: Mapping[str, Plan], changes: dict[str, Change], failures: dict[str, Exception]
    ) -> None:
        """Cut what the writes pushed out or brought too late, and take out the marks of what nobody expected to go."""
        late: dict[str, list[Removal]] = {}
        for owner, change in changes.items():
            unexpected = {*change.removed}.difference(removal.id for removal in plans[owner].unmarked)
            if unexpected:
                late[owner] = [removal for removal in plans[owner].removes if removal.id in unexpected]
        groups: dict[str, list[str]] = {}
        cuts: dict[str, list[Removal]] = {}
        for owner, feed in self._looked_at(spec, self._to_look_at_again(spec, plans, changes), failures):
            cut = plans[owner].to_cut(feed)
            groups[owner] = [key for key, members in cut.items() if len(members) == len(feed.groups[key])]
            groups[owner] += [key for key in plans[owner].doubtful_groups if key not in feed.groups]
            if cut:
                cuts[owner] = [Removal(one.id, one.stamp) for members in cut.values() for one in members]
                late.setdefault(owner, []).extend(cuts[owner])
                out = {removal.id for removal in cuts[owner]}
                changes[owner] = Change([id for id in changes[owner].added if id not in out], changes[owner].removed)
        failures.update(self._marks(spec).forget(late, groups))
        writes = [Write([owner], removes=removes) for owner, removes in cuts.items() if owner not in failures]
        if writes:
            failures.update(self._storage.write(self._members(spec), writes).failures)

    def _to_look_at_again(self, spec: FeedSpec, plans: Mapping[str, Plan], owners: Iterable[str]) -> list[str]:
        """Feeds in which there may be too many groups, and those that were cut during the write."""
        again = {owner: plans[owner].look_again for owner in owners}
        put_into = [owner for owner in again if plans[owner].puts and not again[owner]]
        if put_into:
            pages = self._storage.read(self._members(spec), [Query(owner, lower=FIRST_FACT) for owner in put_into])
            for owner, page in zip(put_into, pages, strict=True):
                floors = feed_of(spec, owner, page, strict=False).floors
                again[owner] = not plans[owner].floors.issuperset(floors)
        return [owner for owner, needed in again.items() if needed]

    def _clear(self, spec: FeedSpec, owner: str, keep: int, stamp: int) -> Mapping[str, Exception]:
        members = self._members(spec)
        feed = self._feeds(spec, [owner], strict=False)[owner]
        kept = [*feed.visible][:keep]
        if keep and len(kept) == len(feed.groups):
            return {}
        if not keep or len(kept) < len(feed.visible):
            bound = id_of(kept[-1], feed.groups[kept[-1]]) if kept else MAX_ID
            floor = floor_entry(bound, stamp)
            failures = self._storage.write(members, [Write([owner], [floor], feed.outdone_by(bound, stamp))]).failures
            if failures:
                return failures
            feed = self._feeds(spec, [owner], strict=False)[owner]
        else:
            bound = 0
        hidden = feed.hidden
        cut = {key: group for key, group in feed.groups.items() if key not in kept and id_of(key, group) < bound}
        removes = [Removal(member.id, member.stamp) for group in hidden.values() for member in group]
        removes += [
            Removal(member.id, stamp)
            for key, group in cut.items()
            if key not in hidden
            for member in group
            if member.stamp <= stamp
        ]
        out = {removal.id for removal in removes}
        emptied = [key for key, group in feed.groups.items() if out.issuperset(member.id for member in group)]
        failures = self._marks(spec).forget({owner: removes}, {owner: emptied})
        return failures or self._storage.write(members, [Write([owner], removes=removes)]).failures

    # --- inside: reading ---

    def _read(self, spec: FeedSpec, owners: Sequence[str]) -> list[tuple[Feed, tuple[Marks, Marks]]]:
        """Feeds with what was marked in them."""
        self._check(spec)
        different = [*dict.fromkeys(owners)]
        if not different:
            return []
        # Marks are read after the feeds: a member that is added anew meanwhile has no marks of before.
        feeds = self._feeds(spec, different, strict=True)
        marks = dict(zip(different, self._marks(spec).read(different), strict=True))
        return [(feeds[owner], marks[owner]) for owner in owners]

    def _feeds(self, spec: FeedSpec, owners: Sequence[str], *, strict: bool) -> dict[str, Feed]:
        pages = self._storage.read(self._members(spec), [Query(owner) for owner in owners])
        return {owner: feed_of(spec, owner, page, strict=strict) for owner, page in zip(owners, pages, strict=True)}

    def _looked_at(
        self, spec: FeedSpec, owners: Sequence[str], failures: dict[str, Exception]
    ) -> Iterator[tuple[str, Feed]]:
        """Feeds as they are; what cannot be read of one concerns no other."""
        if not owners:
            return
        try:
            yield from self._feeds(spec, owners, strict=False).items()
        except StreamsError as error:
            if len(owners) == 1:
                failures[owners[0]] = error
                return
            for owner in owners:
                yield from self._looked_at(spec, [owner], failures)

    def _is_exact(self, spec: FeedSpec, feed: Feed) -> bool:
        return not feed.lost_some and feed.size <= exact_room(self._room(spec))

    def _is_full(self, spec: FeedSpec, feed: Feed, write: Write) -> bool:
        """Whether so many members come that some may go, and nothing in the feed says so yet."""
        return not feed.lost_some and feed.size + len(write.puts) > exact_room(self._room(spec))

    # --- inside: what a feed consists of ---

    def _room(self, spec: FeedSpec) -> int:
        return room(spec, self.capabilities.max_timeline)

    def _members(self, spec: FeedSpec) -> FeedSpec:
        return derived(spec, MEMBERS, self._room(spec))

    def _marks(self, spec: FeedSpec) -> MarksOnFlat:
        return MarksOnFlat(self._storage, spec, self._room(spec))

    def _parts(self, spec: FeedSpec) -> list[FeedSpec]:
        return [spec] if spec.kind == "flat" else [self._members(spec), *self._marks(spec).specs]

    def _check(self, spec: FeedSpec) -> None:
        if spec.kind == "flat":
            raise Unsupported(f"feed {spec.name!r} is flat and has no groups")

    def _check_flat(self, spec: FeedSpec) -> None:
        if spec.kind != "flat":
            raise Unsupported(f"feed {spec.name!r} has groups: read it with read_groups, not read or locate")

    def _no_cas(self, spec: FeedSpec, owner: str) -> Unsupported:
        return Unsupported(
            f"feed {spec.key(owner)!r}: storage {self.name!r} keeps flat timelines only, so that there is no swap"
            " (capability cas): use an aggregator that only defines get_group, or a storage with groups of its own"
        )


def _group(spec: FeedSpec, feed: Feed, key: str, marks: Sequence[Marks], hydrate: str | None, *, exact: bool) -> Group:
    members = feed.groups[key]
    shown = members[: spec.view]
    seen, read = marks
    return Group(
        key=key,
        id=id_of(key, members),
        members=shown,
        payloads=[member.payload for member in shown] if hydrate is None else None,
        member_count=len(members),
        actor_count=len({member.actor for member in members}),
        first_id=members[-1].id,
        exact=exact,
        seen=seen.cover(members),
        read=read.cover(members),
        seen_at=seen.at(key),
        read_at=read.at(key),
    )


def _raise(failures: Mapping[str, Exception]) -> None:
    for error in failures.values():
        raise error

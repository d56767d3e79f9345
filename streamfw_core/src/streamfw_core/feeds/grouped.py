"""Grouped feeds bound to their storage: entries carry the group that an aggregator gives, reads make aggregated activities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve, frozen

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.clock import next_stamp
from streamfw_core.errors import AggregatorError, DecodeError, StorageError, given
from streamfw_core.feeds.binding import Binding, Found
from streamfw_core.ids import text_of_id
from streamfw_core.storage.groups import Group, GroupStorage
from streamfw_core.storage.protocol import Change, Entry, Outcome, Query, Removal, Write

if TYPE_CHECKING:
    from streamfw_core.aggregators import BaseAggregator
    from streamfw_core.feeds.aggregated import AggregatedFeed

__all__ = ["GroupedBinding"]

MERGE_ATTEMPTS = 50
"""How often a merge is tried that other writers get ahead of."""


@frozen(eq=False)
class GroupedBinding(Binding):
    """Where and how the aggregated feeds of one class live, and what groups them."""

    aggregator: BaseAggregator

    @property
    def groups(self) -> GroupStorage:
        return cast("GroupStorage", self.timelines)

    @property
    def needs_activities(self) -> bool:
        return True

    # --- writing ---

    def entries(self, encoded: Sequence[tuple[Activity, bytes]], stamp: int) -> list[Entry]:
        return [self._entry(activity, stamp, payload if self.spec.inline else None) for activity, payload in encoded]

    def copies(self, activities: Sequence[Activity], stamp: int) -> list[Entry]:
        if self.spec.inline:
            return self.entries(self.encode(activities), stamp)
        return [self._entry(activity, stamp, None) for activity in activities]

    def removals(self, ids: Iterable[int], stamp: int, activities: Mapping[int, Activity]) -> list[Removal]:
        if self.aggregator.overrides_merge:
            return [Removal(id, stamp) for id in ids]
        return [
            Removal(id, stamp, self.aggregator.group_of(activities[id]) if id in activities else None) for id in ids
        ]

    def apply(self, write: Write, *, report: bool = False) -> Outcome:
        if not (write.puts and self.aggregator.overrides_merge):
            return super().apply(write, report=report)
        changes: dict[str, Change] = {}
        failures: dict[str, Exception] = {}
        activities = self._activities_of(write.puts)
        for owner in write.owners:
            try:
                changes[owner] = self._merge(owner, write, activities)
            except StorageError as error:
                failures[owner] = error
        return Outcome(
            added=sum(len(change.added) for change in changes.values()),
            removed=sum(len(change.removed) for change in changes.values()),
            failures=failures,
            changes=changes if report else {},
        )

    def _entry(self, activity: Activity, stamp: int, payload: bytes | None) -> Entry:
        # With a merge of the aggregator's own the group is decided when the feed is read.
        group = None if self.aggregator.overrides_merge else self.aggregator.group_of(activity)
        actor = text_of_id(activity.actor_id, "actor")
        return Entry(activity.serialization_id, stamp, payload, group, actor, self.columns(activity))

    def _activities_of(self, puts: Sequence[Entry]) -> dict[int, Activity]:
        inline = {put.id: self.serializer.loads(put.payload, put.id) for put in puts if put.payload is not None}
        return inline if self.spec.inline else self.load([put.id for put in puts])

    def _merge(self, owner: str, write: Write, activities: Mapping[int, Activity]) -> Change:
        added = [
            put.id for put in write.puts if put.id in activities and self._merge_one(owner, put, activities[put.id])
        ]
        removes = write._replace(owners=[owner], puts=())
        change = super().apply(removes, report=True).changes.get(owner, Change()) if write.removes else Change()
        return Change(added, change.removed)

    def _merge_one(self, owner: str, put: Entry, activity: Activity) -> bool:
        """Let the aggregator merge an activity into the feed as it is; again when somebody else wrote meanwhile."""
        for _ in range(MERGE_ATTEMPTS):
            version = self.groups.version(self.spec, owner)
            if self.groups.groups_of(self.spec, owner, [put.id])[0] is not None:
                return False
            merged = self.aggregator.merge(self._find(self._top(owner), skip_broken=False).activities, [activity])
            if self.groups.swap(self.spec, owner, version, self._merged(merged, put)._replace(owners=[owner])):
                return self.groups.groups_of(self.spec, owner, [put.id])[0] is not None
        raise StorageError(
            f"feed {self.spec.key(owner)!r} changed during each of {MERGE_ATTEMPTS} merges:"
            " so many writers to one feed need an aggregator that does not override merge",
            storage=self.timelines.name,
        )

    def _top(self, owner: str) -> Query:
        length = cast("type[AggregatedFeed]", self.feed_class).merge_max_length
        return Query(owner, 0, length, hydrate=self.hydrate)

    def _merged(self, result: tuple[Any, ...], put: Entry) -> Write:
        """What an aggregator's merge means for the groups: members that come and members that go."""
        puts: list[Entry] = []
        removes: list[Removal] = []
        for before, after in _pairs(type(self.aggregator).__name__, result):
            was, now = (_members(one) for one in (before, after))
            if before is not None:
                # The oldest that are no longer at hand, as there is no room for them, have not gone.
                no_room = after.minimized_activities - before.minimized_activities if after is not None else 0
                gone = sorted(was.keys() - now.keys())[max(0, no_room) :]
                removes += [Removal(id, next_stamp(), before.group) for id in gone]
            if after is not None:
                moved = before is None or before.group != after.group
                new = now.keys() if moved else now.keys() - was.keys()
                if after.activity_count > (0 if before is None else before.activity_count) and put.id not in now:
                    new = new | {put.id}
                puts += [self._placed(put if id == put.id else None, now.get(id), after.group) for id in sorted(new)]
        return Write((), puts=puts, removes=removes)

    def _placed(self, put: Entry | None, activity: Activity | None, group: str) -> Entry:
        """The entry of a group's new member: the one that is being added, or one that another group had."""
        if put is None:
            assert activity is not None
            put = self._entry(activity, next_stamp(), self._payload(activity))
        return put._replace(group=group)

    def _payload(self, activity: Activity) -> bytes | None:
        return self.serializer.dumps(activity) if self.spec.inline else None

    # --- reading ---

    def _find(self, query: Query, skip_broken: bool) -> Found:
        if self.aggregator.overrides_rank:
            found = self._made(
                query.owner, self.groups.read_groups(self.spec, [query._replace(start=0, stop=None)])[0], skip_broken
            )
            ranked = self.aggregator.rank(found.activities)[query.start : query.stop]
            last_id = ranked[-1].serialization_id if ranked else None
            return found._replace(activities=ranked, last_id=last_id, examined=len(ranked))
        return self._made(query.owner, self.groups.read_groups(self.spec, [query])[0], skip_broken)

    def held(self, owner: str, ids: Sequence[int]) -> list[int]:
        keys = self.groups.groups_of(self.spec, owner, ids)
        return [id for id, key in zip(ids, keys, strict=True) if key is not None]

    def get(self, owner: str, keys: Sequence[str]) -> list[AggregatedActivity]:
        """The aggregated activities of these groups, those that are there."""
        groups = self.groups.get_groups(self.spec, owner, keys, hydrate=self.hydrate)
        return self._made(owner, [group for group in groups if group is not None], skip_broken=False).activities

    def members(self, owner: str, key: str, *, before: int) -> list[int]:
        """The ids of all members of a group that were added before an operation with this stamp."""
        spec = evolve(self.spec, view=self.spec.exact_members)
        group = self.groups.get_groups(spec, owner, [key], hydrate=None)[0]
        return [] if group is None else [entry.id for entry in group.members if entry.stamp <= before]

    def keys_of(self, query: Query) -> list[tuple[int, str]]:
        """(id, key) of each group that a query finds, without their members."""
        spec = evolve(self.spec, view=1)
        return [(group.id, group.key) for group in self.groups.read_groups(spec, [query._replace(hydrate=None)])[0]]

    def _made(self, owner: str, groups: Sequence[Group], skip_broken: bool) -> Found:
        """Aggregated activities of groups; a member without its activity is passed over, and a group without any."""
        shown: list[AggregatedActivity] = []
        missing: list[int] = []
        broken: list[DecodeError] = []
        for group, payloads in zip(groups, self._payloads_of(groups), strict=True):
            members: list[Activity] = []
            for entry, data in zip(group.members, payloads, strict=True):
                if data is None:
                    missing.append(entry.id)
                    continue
                try:
                    members.append(self.serializer.loads(data, entry.id))
                except DecodeError as error:
                    located = self.located(owner, entry.id, error)
                    if not skip_broken:
                        raise located from error
                    broken.append(located)
            if members:
                shown.append(self._aggregated(group, members))
        return Found(shown, groups[-1].id if groups else None, len(groups), missing, broken)

    def _aggregated(self, group: Group, members: Sequence[Activity]) -> AggregatedActivity:
        return self.aggregator.aggregated_activity_class.from_group(group, members)

    def _payloads_of(self, groups: Sequence[Group]) -> list[Sequence[bytes | None]]:
        if self.activities is None or self.activities.name == self.timelines.name:
            at_hand = [group.payloads for group in groups]
            if None not in at_hand:
                return cast("list[Sequence[bytes | None]]", at_hand)
        ids = [entry.id for group in groups for entry in group.members]
        records = (
            {} if self.activities is None else dict(zip(ids, self.activities.load(self.records, ids), strict=True))
        )
        return [
            [None if (record := records.get(entry.id)) is None else record.payload for entry in group.members]
            for group in groups
        ]


def _pairs(name: str, result: Any) -> list[tuple[Any, Any]]:
    """(before, after) of every group that a merge touched; None where there is none.

    :raises AggregatorError: it returned something else.
    """
    if not isinstance(result, tuple) or len(result) not in (2, 3):
        raise AggregatorError(f"{name}.merge returned {result!r}: return (new, changed) or (new, changed, deleted)")
    pairs: list[tuple[Any, Any]] = [(None, one) for one in result[0]]
    pairs += [(before, after) for before, after in result[1]]
    pairs += [(one, None) for deleted in result[2:] for one in deleted]
    for one in (one for pair in pairs for one in pair):
        if one is not None and not isinstance(one, AggregatedActivity):
            raise AggregatorError(f"{name}.merge returned {given(one)}, not an aggregated activity")
    return pairs


def _members(one: AggregatedActivity | None) -> dict[int, Activity]:
    return {} if one is None else {activity.serialization_id: activity for activity in one.activities}

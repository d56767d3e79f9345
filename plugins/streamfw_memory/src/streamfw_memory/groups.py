"""Grouped feeds of one feed class: for each owner groups by key, and their order by group id."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from attrs import define, field
from streamfw_core.ids import DIGEST_BITS, MAX_ID
from streamfw_core.storage import Change, Entry, FeedSpec, Query, Removal, Stats, Write
from streamfw_core.storage.groups import Group, digest_of_group

from streamfw_memory.remembering import Memory


@define
class Marked:
    """A mark: it covers what had arrived by then."""

    arrival: int = 0
    stamp: int = 0


@define
class Members:
    """One group: its members, when each arrived, and what was marked."""

    key: str
    digest: int
    """The half of the group's id that does not move."""
    entries: list[Entry] = field(factory=list)
    """By ascending id."""
    arrivals: dict[int, int] = field(factory=dict)
    """Id -> the how many-th entry of the feed it was."""
    by_actor: dict[str | None, int] = field(factory=dict)
    """Actor -> how many members are theirs."""
    last_arrival: int = 0
    """Of those that are members now."""
    forgotten: int = 0
    """Members beyond `exact_members` that are not kept any more."""
    seen: Marked = field(factory=Marked)
    read: Marked = field(factory=Marked)

    @property
    def id(self) -> int:
        return self.entries[-1].id >> DIGEST_BITS << DIGEST_BITS | self.digest

    def add(self, entry: Entry, arrival: int, exact_members: int) -> bool:
        """Put a member in that is not there; returns whether it is now."""
        if self.forgotten and entry.id < self.entries[0].id:
            # It may be one of those that are not kept any more.
            return False
        insort(self.entries, entry)
        self.arrivals[entry.id] = self.last_arrival = arrival
        self.by_actor[entry.actor] = self.by_actor.get(entry.actor, 0) + 1
        if len(self.entries) > exact_members:
            # Its actor still counts: who acted long ago has acted.
            if self.arrivals.pop(self.entries.pop(0).id) == arrival:
                # Only then: in a group of many, going through all at every add is what takes longest.
                self.last_arrival = max(self.arrivals.values(), default=0)
            self.forgotten += 1
        return True

    def remove(self, id: int) -> None:
        entry = self.entries.pop(bisect_left(self.entries, (id,)))
        if self.arrivals.pop(entry.id) == self.last_arrival:
            self.last_arrival = max(self.arrivals.values(), default=0)
        left = self.by_actor[entry.actor] - 1
        if left:
            self.by_actor[entry.actor] = left
        else:
            del self.by_actor[entry.actor]

    def covered_by(self, mark: Marked) -> bool:
        """Whether every member had arrived when it was marked."""
        return self.last_arrival <= mark.arrival

    def shown(self, view: int) -> Group:
        return Group(
            key=self.key,
            id=self.id,
            members=self.entries[-view:][::-1],
            payloads=None,
            member_count=len(self.entries) + self.forgotten,
            actor_count=len(self.by_actor),
            first_id=self.entries[0].id,
            exact=not self.forgotten,
            seen=self.covered_by(self.seen),
            read=self.covered_by(self.read),
            seen_at=self.seen.stamp,
            read_at=self.read.stamp,
        )


@define
class GroupedFeed:
    """The groups of one owner."""

    groups: dict[str, Members] = field(factory=dict)
    order: list[tuple[int, str]] = field(factory=list)
    """(id, key) of each group, ascending."""
    arrivals: int = 0
    version: int = 0

    def holders(self, id: int, group: str | None) -> list[Members]:
        """The group of this key if it has the member; without a key whichever have it."""
        searched = self.groups.values() if group is None else filter(None, [self.groups.get(group)])
        return [members for members in searched if id in members.arrivals]


@define
class GroupTimelines:
    """All feeds of one grouped feed class. The storage holds its lock around every call."""

    memory: Memory
    feeds: dict[str, GroupedFeed] = field(factory=dict)
    writes: int = 0
    """How many there were; a feed's version is the number of its last one."""

    def write(self, owner: str, write: Write, spec: FeedSpec) -> Change:
        """Apply one write to one feed."""
        feed = self.feeds.get(owner)
        if feed is None:
            feed = self.feeds[owner] = GroupedFeed()
        self._changes(feed)
        added = [put for put in write.puts if self._put(owner, feed, put, spec)]
        removed = [removal.id for removal in write.removes if self._remove(owner, feed, removal)]
        for update in write.updates:
            self._update(owner, feed, update)
        self._trim(feed, spec.keep)
        if not feed.groups:
            del self.feeds[owner]
        both = {put.id for put in added}.intersection(removed)
        return Change(
            [put.id for put in added if put.id not in both and feed.holders(put.id, put.group)],
            [id for id in removed if id not in both],
        )

    def read(self, query: Query, spec: FeedSpec) -> list[Group]:
        """The groups that a query asks for, in its order."""
        feed = self.feeds.get(query.owner)
        if feed is None:
            return []
        keys = [key for _, key in _within(feed.order, query)]
        if not query.oldest_first:
            keys.reverse()
        return [feed.groups[key].shown(spec.view) for key in keys[query.start : query.stop]]

    def get(self, owner: str, key: str, spec: FeedSpec) -> Group | None:
        feed = self.feeds.get(owner)
        members = None if feed is None else feed.groups.get(key)
        return None if members is None else members.shown(spec.view)

    def group_of(self, owner: str, id: int) -> str | None:
        feed = self.feeds.get(owner)
        holders = [] if feed is None else feed.holders(id, None)
        return holders[0].key if holders else None

    def mark(self, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int) -> list[str]:
        """Mark groups: what they have now. Returns the keys of those for which that changed something."""
        feed = self.feeds.get(owner)
        if feed is None:
            return []
        self._changes(feed)
        changed = []
        for key in feed.groups if keys is None else dict.fromkeys(keys):
            members = feed.groups.get(key)
            marks = (
                []
                if members is None
                else [mark for wanted, mark in ((seen, members.seen), (read, members.read)) if wanted]
            )
            if members is not None and any(not members.covered_by(mark) for mark in marks):
                changed.append(key)
            for mark in marks:
                mark.arrival = feed.arrivals
                mark.stamp = max(mark.stamp, stamp)
        return changed

    def stats(self, query: Query, spec: FeedSpec) -> Stats:
        feed = self.feeds.get(query.owner)
        if feed is None:
            return Stats(0)
        groups = [feed.groups[key] for _, key in _within(feed.order, query)]
        unseen = sum(not members.covered_by(members.seen) for members in groups)
        unread = sum(not members.covered_by(members.read) for members in groups)
        return Stats(len(groups), unseen, unread)

    def clear(self, owner: str, keep: int, stamp: int, spec: FeedSpec) -> None:
        """Cut a feed to its newest groups, and remember the cut."""
        feed = self.feeds.get(owner)
        cut = [] if feed is None else feed.order[: max(0, len(feed.order) - keep)]
        if keep == 0:
            self.memory.cut(owner, MAX_ID + 1, stamp)
        elif feed is not None and cut:
            self.memory.cut(owner, feed.order[len(cut)][0], stamp)
        if feed is None:
            return
        self._changes(feed)
        for _, key in cut:
            members = feed.groups[key]
            # Only what was there before this operation is cut: a put with a newer stamp is not.
            for entry in [*members.entries]:
                if entry.stamp <= stamp:
                    _forget(feed, members, entry.id)

    def version(self, owner: str) -> int:
        feed = self.feeds.get(owner)
        return 0 if feed is None else feed.version

    def _changes(self, feed: GroupedFeed) -> None:
        self.writes += 1
        feed.version = self.writes

    def _put(self, owner: str, feed: GroupedFeed, put: Entry, spec: FeedSpec) -> bool:
        """Put one member in; returns whether it is new."""
        entry = self.memory.admit(owner, put)
        if entry is None or entry.group is None:
            return False
        for holder in feed.holders(entry.id, entry.group):
            _replace(holder, self.memory.renewed(owner, _member(holder, entry.id), entry))
            return False
        members = feed.groups.get(entry.group)
        if members is None:
            members = Members(entry.group, digest_of_group(entry.group))
            if self.memory.is_cut(owner, entry.id >> DIGEST_BITS << DIGEST_BITS | members.digest, entry.stamp):
                return False
        elif self.memory.is_emptied(owner, entry.stamp):
            # The group began anew after that.
            return False
        before = members.id if members.entries else None
        feed.arrivals += 1
        if not members.add(entry, feed.arrivals, spec.exact_members):
            return False
        feed.groups[members.key] = members
        _reorder(feed, members, before)
        return True

    def _remove(self, owner: str, feed: GroupedFeed, removal: Removal) -> bool:
        self.memory.removed(owner, removal)
        holders = [
            members
            for members in feed.holders(removal.id, removal.group)
            if _member(members, removal.id).stamp <= removal.stamp
        ]
        for members in holders:
            _forget(feed, members, removal.id)
            self.memory.gone(owner, removal.id)
        return bool(holders)

    def _update(self, owner: str, feed: GroupedFeed, update: Entry) -> None:
        for members in feed.holders(update.id, update.group):
            _replace(members, self.memory.updated(owner, _member(members, update.id), update))

    def _trim(self, feed: GroupedFeed, keep: int) -> None:
        for _, key in feed.order[: max(0, len(feed.order) - keep)]:
            del feed.groups[key]
        del feed.order[: max(0, len(feed.order) - keep)]


def _member(members: Members, id: int) -> Entry:
    return members.entries[bisect_left(members.entries, (id,))]


def _replace(members: Members, entry: Entry) -> None:
    members.entries[bisect_left(members.entries, (entry.id,))] = entry


def _forget(feed: GroupedFeed, members: Members, id: int) -> None:
    """Take one member out, and the group with its last."""
    before = members.id
    members.remove(id)
    if not members.entries:
        del feed.groups[members.key]
    _reorder(feed, members, before)


def _reorder(feed: GroupedFeed, members: Members, before: int | None) -> None:
    """Move a group to where it belongs now."""
    if before is not None:
        if members.entries and members.id == before:
            return
        del feed.order[bisect_left(feed.order, (before, members.key))]
    if members.entries:
        insort(feed.order, (members.id, members.key))


def _within(order: list[tuple[int, str]], query: Query) -> list[tuple[int, str]]:
    low = bisect_left(order, (query.lower,))
    return order[low : bisect_left(order, (query.upper + 1,), low)]

"""What a write to a grouped feed means for its flat timeline: groups beyond `keep` go, and what comes too late stays out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from attrs import define, field, frozen

from streamfw_core.clock import next_stamp
from streamfw_core.storage.flat_members import Feed, Floor, packed, unroomy_entry
from streamfw_core.storage.protocol import Change, Entry, Outcome, Removal, Write

__all__ = ["Done", "Plan", "plan", "planned_writes"]


@frozen
class Plan:
    """What a write does to one feed, as the feed was just before it.

    :param puts: the members to put in.
    :param removes: those that are asked for, and those that go because of what was found in the feed.
    :param as_asked: whether that is what was asked for, and nothing else.
    :param asked: ids of the removals that are asked for.
    :param cut: ids of members of hidden groups.
    :param unmarked: removals that will take something out, for the marks.
    :param gone_groups: groups that are gone with them.
    :param doubtful_groups: groups of which all members go while others may come.
    :param new_groups: groups that may be new.
    :param crowded: whether these may be too many, or too late.
    :param floors: where the feed had been cut.
    """

    puts: Sequence[Entry] = ()
    removes: Sequence[Removal] = ()
    as_asked: bool = True
    asked: frozenset[int] = frozenset()
    cut: frozenset[int] = frozenset()
    unmarked: Sequence[Removal] = ()
    gone_groups: Sequence[str] = ()
    doubtful_groups: Sequence[str] = ()
    new_groups: frozenset[str] = frozenset()
    crowded: bool = False
    floors: frozenset[Floor] = frozenset()

    @property
    def look_again(self) -> bool:
        return self.crowded or bool(self.doubtful_groups)

    def change(self, flat: Change) -> Change:
        """What was asked for of what was changed in the flat timeline."""
        ids = {put.id for put in self.puts}
        removed = [id for id in flat.removed if id in self.asked and id not in self.cut]
        return Change([id for id in flat.added if id in ids], removed)

    def to_cut(self, feed: Feed) -> dict[str, list[Entry]]:
        """What must go from the feed as it was after the write: group -> members."""
        cut = feed.hidden
        # Not only from new groups: a cut during the write may have emptied one that was there.
        was_cut = not self.floors.issuperset(feed.floors)
        written = frozenset(put.group for put in self.puts if put.group is not None)
        suspects = written if was_cut else self.new_groups
        ids = {put.id for put in self.puts}
        for key in suspects.intersection(feed.visible):
            members = feed.groups[key]
            late = [one for one in members if one.id in ids and feed.refuses(one, is_first=False)] if was_cut else []
            if all(feed.refuses(one) for one in members):
                late = members
            if late:
                cut[key] = late
        return cut


def plan(feed: Feed, write: Write, *, full: bool) -> Plan:
    """What a write does to a feed that looks like this.

    :param full: whether it is to be noted that members may go for want of room.
    """
    visible, hidden = feed.visible, feed.hidden
    present = {member.id: member for members in visible.values() for member in members}
    puts, refused = _admitted(feed, write.puts, visible.keys(), present)
    cut = [_removal(member) for members in hidden.values() for member in members]
    newest = {id: member.stamp for id, member in present.items()}
    for put in puts:
        newest[put.id] = max(newest.get(put.id, put.stamp), put.stamp)
    going = [removal for removal in write.removes if removal.id in present and newest[removal.id] <= removal.stamp]
    emptied = _emptied(visible, {removal.id for removal in going})
    coming = frozenset(put.group for put in puts if put.group is not None)
    new_groups = coming.difference(visible)
    return Plan(
        puts=[*puts, *([unroomy_entry(next_stamp())] if full else [])],
        removes=[*write.removes, *refused, *cut],
        as_asked=not (refused or cut or full),
        asked=frozenset(removal.id for removal in write.removes),
        cut=frozenset(removal.id for removal in cut),
        unmarked=[*cut, *going],
        gone_groups=[*hidden, *(key for key in emptied if key not in coming)],
        doubtful_groups=[key for key in emptied if key in coming],
        new_groups=new_groups,
        crowded=bool(new_groups) and (len(visible) + len(new_groups) > feed.keep or bool(feed.floors)),
        floors=frozenset(feed.floors),
    )


def planned_writes(plans: Mapping[str, Plan], write: Write) -> Iterator[Write]:
    """The writes to the flat timelines: one for all feeds of which nothing special was found."""
    flat = {id(put): packed(put) for put in write.puts}
    updates = [packed(update) for update in write.updates]
    plain = [owner for owner, planned in plans.items() if planned.as_asked]
    if plain:
        yield Write(plain, [*flat.values()], write.removes, updates)
    for owner, planned in plans.items():
        if not planned.as_asked:
            # A fact is packed already.
            yield Write([owner], [flat.get(id(put), put) for put in planned.puts], planned.removes, updates)


def _admitted(
    feed: Feed, puts: Iterable[Entry], keys: Iterable[str], present: Mapping[int, Entry]
) -> tuple[list[Entry], list[Removal]]:
    """The puts that may be made, and instead of the others that they stay out."""
    there = set(keys)
    admitted: list[Entry] = []
    refused: list[Removal] = []
    for put in puts:
        assert put.group is not None
        late = feed.refuses(put, is_first=put.group not in there)
        if late and put.id not in present:
            refused.append(_removal(put))
        else:
            there.add(put.group)
            admitted.append(put)
    # A write may name an entry twice, and find its group begun the second time.
    made = {put.id for put in admitted}
    return admitted, [removal for removal in refused if removal.id not in made]


def _emptied(groups: Mapping[str, Sequence[Entry]], going: set[int]) -> list[str]:
    return [key for key, members in groups.items() if going and going.issuperset(member.id for member in members)]


def _removal(member: Entry) -> Removal:
    """That exactly this put is out: one that is made anew is not concerned."""
    return Removal(member.id, member.stamp)


@define
class Done:
    """What several writes did."""

    added: dict[str, list[int]] = field(factory=dict)
    removed: dict[str, list[int]] = field(factory=dict)
    failures: dict[str, Exception] = field(factory=dict)
    counts: bool = True
    """Whether the storage counts."""

    def add(self, owner: str, change: Change) -> None:
        self.added.setdefault(owner, []).extend(change.added)
        self.removed.setdefault(owner, []).extend(change.removed)

    def outcome(self, *, report: bool) -> Outcome:
        changes = {owner: Change(self.added[owner], self.removed[owner]) for owner in self.added}
        return Outcome(
            added=len([*chain(*self.added.values())]) if self.counts else None,
            removed=len([*chain(*self.removed.values())]) if self.counts else None,
            failures=self.failures,
            changes={owner: change for owner, change in changes.items() if report and any(change)},
        )

"""What a grouped feed must show, recomputed from the list of all operations: small enough to be seen to be right.

Nothing is kept but who is a member and since when; groups, ids, counts and what is seen are worked out from that at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from streamfw_core.ids import MAX_ID
from streamfw_core.storage.groups import group_id

__all__ = ["Added", "Kind", "Operation", "Outcome", "Shown", "added", "replayed", "shown"]

Kind: TypeAlias = Literal["write", "trim", "mark"]


class Added(NamedTuple):
    """A member that is added."""

    id: int
    stamp: int
    group: str
    actor: str


class Operation(NamedTuple):
    """One operation on a feed, as it arrives.

    :param adds: of a write.
    :param removes: of a write: ids and stamps.
    :param keep: of a trim: how many groups stay.
    :param keys: of a mark; None: all groups.
    :param stamp: of a trim or a mark.
    """

    kind: Kind
    adds: Sequence[Added] = ()
    removes: Sequence[tuple[int, int]] = ()
    keep: int = 0
    keys: Collection[str] | None = None
    seen: bool = False
    read: bool = False
    stamp: int = 0


class Shown(NamedTuple):
    """A group that a feed shows; `ids` are those of all its members, newest first."""

    key: str
    id: int
    ids: list[int]
    actors: int
    seen: bool
    read: bool
    seen_at: int
    read_at: int


class Mark(NamedTuple):
    """That a group was marked as the `number`th operation."""

    number: int = -1
    stamp: int = 0


class Outcome(NamedTuple):
    """What a feed is after operations.

    :param members: id -> what was added.
    :param since: id -> the number of the operation with which the member came.
    :param seen: group -> the last mark.
    :param cut: id -> stamp of members for which there was no room.
    :param trimmed: id -> stamp of the trim with which a member went, or for which it came too late.
    :param floors: the bound and the stamp of each trim: what is not newer and below the bound begins no group.
    """

    members: dict[int, Added]
    since: dict[int, int]
    seen: dict[str, Mark]
    read: dict[str, Mark]
    cut: dict[int, int]
    trimmed: dict[int, int]
    floors: list[tuple[int, int]]

    @property
    def trims(self) -> int:
        """The newest stamp of a trim that cut something; -1: there was none."""
        return max((stamp for _, stamp in self.floors), default=-1)


def replayed(operations: Iterable[Operation], *, keep: int) -> Outcome:
    """Do operations in the order of their arrival, in a feed of at most `keep` groups."""
    feed = Outcome({}, {}, {}, {}, {}, {}, [])
    removed: dict[int, int] = {}
    for number, operation in enumerate(operations):
        match operation.kind:
            case "write":
                for add in operation.adds:
                    _add(feed, add, number, removed)
                for id, stamp in operation.removes:
                    _remove(feed, id, stamp, removed)
                _cut(feed, keep)
            case "trim":
                _trim(feed, operation)
            case "mark":
                _mark(feed, operation, number)
        for marks in (feed.seen, feed.read):
            for key in marks.keys() - _ids(feed):
                # A group goes with its last member, and takes its marks along.
                del marks[key]
    return feed


def shown(operations: Iterable[Operation], *, keep: int) -> list[Shown]:
    """The groups of a feed after operations, newest first."""
    feed = replayed(operations, keep=keep)
    groups = []
    for key, id in _ids(feed).items():
        ids = sorted((add.id for add in feed.members.values() if add.group == key), reverse=True)
        seen, read = feed.seen.get(key, Mark()), feed.read.get(key, Mark())
        last = max(feed.since[member] for member in ids)
        actors = len({feed.members[member].actor for member in ids})
        groups.append(Shown(key, id, ids, actors, last < seen.number, last < read.number, seen.stamp, read.stamp))
    return sorted(groups, key=lambda group: group.id, reverse=True)


def added(before: Iterable[Shown], after: Iterable[Shown]) -> int:
    """How many members are new."""
    return len({id for group in after for id in group.ids} - {id for group in before for id in group.ids})


def _add(feed: Outcome, add: Added, number: int, removed: dict[int, int]) -> None:
    if removed.get(add.id, -1) >= add.stamp:
        return
    known = feed.members.get(add.id)
    if known is not None:
        feed.members[add.id] = max(known, add, key=lambda one: one.stamp)
        return
    is_first = add.group not in _ids(feed)
    late = [
        stamp
        for bound, stamp in feed.floors
        if add.stamp <= stamp and group_id(add.id, add.group) < bound and (is_first or bound > MAX_ID)
    ]
    if late:
        feed.trimmed[add.id] = max(late)
    else:
        feed.members[add.id], feed.since[add.id] = add, number


def _remove(feed: Outcome, id: int, stamp: int, removed: dict[int, int]) -> None:
    removed[id] = max(stamp, removed.get(id, -1))
    if id in feed.members and feed.members[id].stamp <= stamp:
        del feed.members[id]


def _mark(feed: Outcome, operation: Operation, number: int) -> None:
    for marks, wanted in ((feed.seen, operation.seen), (feed.read, operation.read)):
        for key in _ids(feed) if wanted else ():
            if operation.keys is None or key in operation.keys:
                marks[key] = Mark(number, max(operation.stamp, marks.get(key, Mark()).stamp))


def _trim(feed: Outcome, operation: Operation) -> None:
    order = sorted(_ids(feed).items(), key=lambda group: group[1], reverse=True)
    if operation.keep == 0:
        feed.floors.append((MAX_ID + 1, operation.stamp))
    elif len(order) > operation.keep:
        feed.floors.append((order[operation.keep - 1][1], operation.stamp))
    gone = {key for key, _ in order[operation.keep :]}
    for add in [*feed.members.values()]:
        if add.group in gone and add.stamp <= operation.stamp:
            del feed.members[add.id]
            feed.trimmed[add.id] = operation.stamp


def _cut(feed: Outcome, keep: int) -> None:
    order = sorted(_ids(feed).items(), key=lambda group: group[1], reverse=True)
    gone = {key for key, _ in order[keep:]}
    for add in [*feed.members.values()]:
        if add.group in gone:
            del feed.members[add.id]
            feed.cut[add.id] = add.stamp


def _ids(feed: Outcome) -> dict[str, int]:
    """Group -> its id, of all groups that have members."""
    newest: dict[str, int] = {}
    for add in feed.members.values():
        newest[add.group] = max(add.id, newest.get(add.group, 0))
    return {key: group_id(id, key) for key, id in newest.items()}

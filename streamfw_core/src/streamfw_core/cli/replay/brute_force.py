"""Brute force: what feeds must show, from the two files alone.

It pulls where streamfw pushes: it reads both files anew, and goes through what concerns a user event by event,
with dicts and sorted lists. It knows nothing of feeds, aggregators, managers, queues or storages,
and reckons the ids of activities and groups itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from attrs import define, field, frozen

from streamfw_core.cli.replay.marking import EVERY_THIRD, moments
from streamfw_core.cli.replay.network import VERBS
from streamfw_core.cli.replay.reading import Events, read_edges, read_events

__all__ = ["ExpectedGroup", "ExpectedGroups", "KeyOf", "Log", "groups_of", "verb_and_day", "verb_object_and_day"]

KeyOf = Callable[[Events, int], str]
"""The key of the group that the event at a place belongs to."""

_VERB_IDS = tuple(verb.id for verb in VERBS.values())
_NOTIFYING = {place for place, name in enumerate(VERBS) if name in ("MT", "RE")}


@frozen
class Log:
    """The files, read for a verification.

    :param arrivals: user -> places of the events that concern the user, in the order of the log.
    """

    events: Events
    arrivals: Mapping[int, Sequence[int]]

    @classmethod
    def of_followers(cls, users: Sequence[int], edges: Path, events: Path, limit: int | None) -> Log:
        """What those did whom the users follow."""
        followed: dict[int, set[int]] = {user: set() for user in users}
        for follower, one in read_edges(edges):
            if follower in followed:
                followed[follower].add(one)
        log = read_events(events, list(VERBS), limit)
        done: dict[int, list[int]] = {one: [] for ones in followed.values() for one in ones}
        for place, actor in enumerate(log.actors):
            if actor in done:
                done[actor].append(place)
        return cls(log, {user: sorted(place for one in followed[user] for place in done[one]) for user in users})

    @classmethod
    def of_mentioned(cls, users: Sequence[int], events: Path, limit: int | None) -> Log:
        """Mentions of the users, and replies to them."""
        log = read_events(events, list(VERBS), limit)
        arrivals: dict[int, list[int]] = {user: [] for user in users}
        for place, (one, verb) in enumerate(zip(log.objects, log.verbs, strict=True)):
            if verb in _NOTIFYING and one in arrivals:
                arrivals[one].append(place)
        return cls(log, arrivals)

    def activity_id(self, place: int) -> int:
        """48 bits of the time in milliseconds, 64 bits of a digest of actor, verb and object; there is no target."""
        events = self.events
        facts = events.actors[place], _VERB_IDS[events.verbs[place]], events.objects[place]
        return events.times[place] * 1000 << 64 | _digest([str(fact) for fact in facts], b"-")


@define
class ExpectedGroup:
    """One group as it must be shown.

    :param members: the actor of each activity by its id.
    :param newest: the highest of these ids.
    :param seen: the ids of the activities that were there when it was marked as seen; None: it was not.
    :param read: likewise.
    """

    key: str
    members: dict[int, int] = field(factory=dict)
    newest: int = 0
    seen: frozenset[int] | None = None
    read: frozenset[int] | None = None

    @property
    def id(self) -> int:
        return self.newest >> 64 << 64 | _digest([self.key])

    @property
    def ids(self) -> list[int]:
        """Of the activities, the oldest first."""
        return sorted(self.members)

    @property
    def actors(self) -> set[int]:
        return {*self.members.values()}

    @property
    def is_seen(self) -> bool:
        return self.seen is not None and self.seen.issuperset(self.members)

    @property
    def is_read(self) -> bool:
        return self.read is not None and self.read.issuperset(self.members)


@frozen
class ExpectedGroups:
    """All groups of one user, newest first.

    :param some_cut: whether there have been more groups than a feed keeps, and so some were cut and may have begun anew.
    """

    groups: Sequence[ExpectedGroup]
    some_cut: bool


def groups_of(log: Log, user: int, key_of: KeyOf, *, max_length: int, marked: bool, cut: bool = True) -> ExpectedGroups:
    """The groups of one user.

    :param marked: whether the user marks them in between, as `marking` does.
    :param cut: False leaves groups that are cut their members: what they may have at most.
    """
    kept = _Kept(max_length)
    marks = list(zip(moments(len(log.events)), (_see_all, _read_some), strict=True)) if marked else []
    keys: set[str] = set()
    for place in log.arrivals[user]:
        while marks and marks[0][0] <= place:
            marks.pop(0)[1](kept)
        key = key_of(log.events, place)
        keys.add(key)
        kept.arrive(key, log.activity_id(place), log.events.actors[place])
        if cut:
            kept.cut()
    for _, mark in marks:
        mark(kept)
    kept.cut()
    return ExpectedGroups(kept.newest_first(), len(keys) > max_length)


def verb_and_day(events: Events, place: int) -> str:
    """What the aggregator `recent_verb` should return."""
    return f"{_VERB_IDS[events.verbs[place]]}-{_day(events.times[place])}"


def verb_object_and_day(events: Events, place: int) -> str:
    """What the aggregator `notification` should return."""
    return f"{_VERB_IDS[events.verbs[place]]}-{events.objects[place]}-{_day(events.times[place])}"


@define
class _Kept:
    """The groups that one user has at some time."""

    max_length: int
    groups: dict[str, ExpectedGroup] = field(factory=dict)

    def arrive(self, key: str, id: int, actor: int) -> None:
        group = self.groups.setdefault(key, ExpectedGroup(key))
        group.members[id] = actor
        group.newest = max(group.newest, id)

    def cut(self) -> None:
        if len(self.groups) > self.max_length:
            for group in self.newest_first()[self.max_length :]:
                del self.groups[group.key]

    def newest_first(self) -> list[ExpectedGroup]:
        return sorted(self.groups.values(), key=lambda group: group.id, reverse=True)


def _see_all(kept: _Kept) -> None:
    for group in kept.newest_first():
        group.seen = frozenset(group.members)


def _read_some(kept: _Kept) -> None:
    for group in kept.newest_first()[EVERY_THIRD]:
        group.seen = group.read = frozenset(group.members)


def _digest(texts: Iterable[str], end: bytes = b"") -> int:
    data = b"".join(b"%d:%b" % (len(text.encode()), text.encode()) for text in texts)
    return int.from_bytes(blake2b(data + end, digest_size=8).digest(), "big")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()

"""The members of all groups of a feed as entries of one flat timeline, and what that timeline says of the feed.

A member is an entry whose payload is a MessagePack array: version, group, actor, payload of the activity.
Two facts stand among the members, with ids at the top, where no timeline cuts them: that the feed was cut (a *floor*),
and that so many members came that some may have gone by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve, field, frozen
from msgspec import DecodeError as NotMessagePack
from msgspec import ValidationError
from msgspec.msgpack import Decoder, Encoder

from streamfw_core.errors import DecodeError
from streamfw_core.ids import DIGEST_BITS, MAX_ID, digest_of
from streamfw_core.keys import KeyFormat
from streamfw_core.storage.groups import group_id
from streamfw_core.storage.protocol import Entry, FeedSpec, Page, Query, Removal

__all__ = [
    "FIRST_FACT",
    "Feed",
    "Floor",
    "derived",
    "exact_room",
    "fact_id",
    "feed_of",
    "floor_entry",
    "id_of",
    "namespace",
    "packed",
    "room",
    "unroomy_entry",
]

VERSION: Final = 1
MEMBERS_PER_GROUP: Final = 16
"""Room for so many members of each group, beside one group with `exact_members`."""
MARGIN: Final = 16
"""The last sixteenth of the room is for what many writers add at once: with it in use, counts are not called exact."""

FIRST_FACT: Final = MAX_ID >> DIGEST_BITS << DIGEST_BITS
"""Ids from here on are those of facts."""

_encode = Encoder().encode
_decode = Decoder(tuple[int, str | None, str | None, bytes | None]).decode


def derived(spec: FeedSpec, what: str, keep: int) -> FeedSpec:
    """The flat feed class that holds one part of a grouped one.

    No key format of a user's meets it, unless it begins with `streamfw:` itself.
    """
    return evolve(spec, kind="flat", inline=True, keep=keep, key_format=KeyFormat(namespace(spec.namespace, what)))


def namespace(of: str, what: str) -> str:
    return f"streamfw:{what}:{of}"


def room(spec: FeedSpec, max_timeline: int | None) -> int:
    """How many members of one feed are kept, over all its groups.

    It depends on what is the same for all readers and writers of a feed; so not on `spec.view`.
    """
    wanted = (spec.exact_members + MEMBERS_PER_GROUP * spec.keep) * MARGIN // (MARGIN - 1) + 1
    # The timelines of the marks have an entry more for each group.
    return wanted if max_timeline is None else min(wanted, max(spec.keep, max_timeline - 2 * spec.keep))


def exact_room(room: int) -> int:
    """Up to how many members of a feed no one has gone by itself."""
    return room - room // MARGIN - 1


# --- entries -----------------------------------------------------------------------------------------------------


def packed(entry: Entry) -> Entry:
    """A member as the flat timeline has it."""
    return Entry(entry.id, entry.stamp, _encode((VERSION, entry.group, entry.actor, entry.payload)))


def fact_id(*texts: str) -> int:
    """An id that no activity has: a time at the end of all times, and a digest."""
    return FIRST_FACT | digest_of(*texts)


def floor_entry(bound: int, stamp: int) -> Entry:
    """That a feed was cut at `stamp`: what is not newer, and would make a group below `bound`, stays out."""
    return Entry(fact_id("floor", str(bound)), stamp, _encode((VERSION, None, str(bound), None)))


def unroomy_entry(stamp: int) -> Entry:
    """That members may have gone for want of room."""
    return Entry(fact_id("room"), stamp, _encode((VERSION, None, None, None)))


# --- a feed ------------------------------------------------------------------------------------------------------


@frozen
class Floor:
    """`entry` is the fact itself; see `floor_entry`."""

    bound: int
    entry: Entry

    def refuses(self, member: Entry, *, is_first: bool) -> bool:
        if not is_first and self.bound < MAX_ID:
            return False
        return member.stamp <= self.entry.stamp and group_id(member.id, member.group or "") < self.bound


@frozen
class Feed:
    """What stands in the timeline of the members of one feed.

    :param groups: key -> members, newest first; by group id, newest first. Those beyond `keep` are included.
    :param size: how many entries the timeline has.
    """

    keep: int
    size: int = 0
    groups: dict[str, list[Entry]] = field(factory=dict)
    floors: Sequence[Floor] = ()
    lost_some: bool = False

    @property
    def visible(self) -> dict[str, list[Entry]]:
        """The groups that readers see."""
        if len(self.groups) <= self.keep:
            return self.groups
        return {key: self.groups[key] for key in [*self.groups][: self.keep]}

    @property
    def hidden(self) -> dict[str, list[Entry]]:
        """The groups that are as good as gone."""
        return {key: self.groups[key] for key in [*self.groups][self.keep :]}

    def refuses(self, member: Entry, *, is_first: bool = True) -> bool:
        """Whether this would come too late: as its group's first member, or at all, as the feed was emptied."""
        return any(floor.refuses(member, is_first=is_first) for floor in self.floors)

    def outdone_by(self, bound: int, stamp: int) -> list[Removal]:
        """Floors that say nothing more beside this one."""
        floors = [floor.entry for floor in self.floors if floor.bound <= bound and floor.entry.stamp <= stamp]
        return [Removal(entry.id, entry.stamp) for entry in floors if entry.id != floor_entry(bound, stamp).id]

    def within(self, query: Query) -> list[str]:
        """The keys of the visible groups that a query without start and stop finds, in its order."""
        ids = ((id_of(key, members), key) for key, members in self.visible.items())
        keys = [key for id, key in ids if query.lower <= id <= query.upper]
        return keys[::-1] if query.oldest_first else keys


def id_of(key: str, members: Sequence[Entry]) -> int:
    return group_id(members[0].id, key)


def feed_of(spec: FeedSpec, owner: str, page: Page, *, strict: bool) -> Feed:
    """Group what the timeline has, newest first.

    :param strict: refuse bytes that are no member; otherwise pass over them, so that they are in no writer's way.
    :raises DecodeError: there are such.
    """
    groups: dict[str, list[Entry]] = {}
    floors: list[Floor] = []
    size, lost_some = 0, False
    for entry, form in _forms(spec, owner, page, strict=strict):
        size += 1
        if form is None:
            continue
        _, key, actor, payload = form
        if key is not None:
            groups.setdefault(key, []).append(Entry(entry.id, entry.stamp, payload, key, actor))
        elif actor is not None:
            floors.append(Floor(int(actor), entry))
        else:
            lost_some = True
    order = sorted(groups, key=lambda key: (id_of(key, groups[key]), key), reverse=True)
    return Feed(spec.keep, size, {key: groups[key] for key in order}, floors, lost_some)


def _forms(
    spec: FeedSpec, owner: str, page: Page, *, strict: bool
) -> Iterator[tuple[Entry, tuple[int, str | None, str | None, bytes | None] | None]]:
    for entry, data in zip(page.entries, page.payloads or (), strict=True):
        try:
            form = _decode(data or b"")
        except (NotMessagePack, ValidationError, UnicodeDecodeError) as error:
            if strict:
                raise _malformed(spec, owner, entry, str(error)) from error
            yield entry, None
            continue
        if form[0] != VERSION and strict:
            raise _malformed(spec, owner, entry, f"version {form[0]} is not known: upgrade streamfw-core")
        _, key, actor, _ = form
        bound = actor is None or (actor.isascii() and actor.isdigit() and len(actor) < 40)
        if key is None and not bound and strict:
            raise _malformed(spec, owner, entry, f"{actor[:40]!r} is no number" if actor else "it has no bound")
        yield entry, form if form[0] == VERSION and (key is not None or bound) else None


def _malformed(spec: FeedSpec, owner: str, entry: Entry, why: str) -> DecodeError:
    key = spec.key(owner)
    return DecodeError(
        f"member {entry.id} of feed {key!r} cannot be decoded: {why}; feed.remove({entry.id}) takes it out",
        feed=key,
        activity_id=entry.id,
    )

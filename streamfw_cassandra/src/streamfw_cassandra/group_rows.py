"""What stands in the partition of a grouped feed, and what groups that makes.

A member is a row like an entry of a flat feed, with its group and its actor, and with a cell each when it was marked as seen
and as read. Those cells have the time of the member's own stamp: a removal takes them along, and one that is added anew
after that is unseen.

Rows with ids at the very top are *facts* about the feed: when a group was last marked, and where the feed was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from attrs import field, frozen
from streamfw_core.errors import DecodeError
from streamfw_core.ids import DIGEST_BITS, MAX_ID, digest_of
from streamfw_core.storage import Entry, FeedSpec, Query
from streamfw_core.storage.groups import Group, digest_of_group, group_id

from streamfw_cassandra.values import id_of, pack_id

__all__ = ["FACT_OF_ALL", "Floor", "GroupedFeed", "Member", "fact_of_group", "floor_fact", "outlined"]

FIRST_FACT: Final = MAX_ID >> DIGEST_BITS << DIGEST_BITS
FACT_OF_ALL: Final = FIRST_FACT | digest_of("all marked")
"""The id of the row that tells when all groups were last marked."""
WIDTH: Final = DIGEST_BITS // 8


class Member(NamedTuple):
    """One member of a group. `seen` and `read`: whether it had arrived when it was marked."""

    id: int
    stamp: int
    group: str
    actor: str | None
    payload: bytes | None
    seen: bool
    read: bool


class Floor(NamedTuple):
    """That the feed was cut at `stamp`: what is not newer and below `bound` stays out, save of groups that were kept."""

    bound: int
    stamp: int
    kept: frozenset[int]

    def hides(self, member: Member) -> bool:
        return (
            member.stamp <= self.stamp
            and group_id(member.id, member.group) < self.bound
            and digest_of_group(member.group) not in self.kept
        )


def fact_of_group(key: str) -> int:
    """The id of the row that tells when a group was last marked."""
    return FIRST_FACT | digest_of("marked", key)


def outlined(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]] | None:
    """The rows of an outline as those of members; None: the feed was cut, and where is not in its outline."""
    for id, stamp, group, *_ in rows:
        if id_of(id) < FIRST_FACT:
            break
        if stamp is not None and group is None:
            return None
    return [(id, stamp, group, None, seen, read, None) for id, stamp, group, seen, read in rows]


def floor_fact(bound: int, kept: Iterable[str]) -> tuple[int, bytes]:
    """The id of the row that tells where a feed was cut, and what stands in it."""
    digests = b"".join(digest_of_group(key).to_bytes(WIDTH, "big") for key in kept)
    return FIRST_FACT | digest_of("floor", str(bound)), pack_id(bound) + digests


@frozen
class GroupedFeed:
    """One feed, as its rows make it.

    :param groups: key -> members, newest first; by group id, newest first, and no more than the feed shows.
    :param hidden: the others, which are as good as gone.
    :param marks: id of the fact of a group, or of all -> stamps of the last marks as seen and as read.
    """

    spec: FeedSpec
    groups: Mapping[str, Sequence[Member]]
    hidden: Mapping[str, Sequence[Member]] = field(factory=dict)
    marks: Mapping[int, tuple[int, int]] = field(factory=dict)

    @classmethod
    def of(cls, spec: FeedSpec, owner: str, rows: Iterable[tuple[Any, ...]]) -> GroupedFeed:
        """Group the rows of a partition, which are in the order of their ids, newest first.

        :raises DecodeError: one is not of a member and of no fact.
        """
        members: list[Member] = []
        floors: list[Floor] = []
        marks: dict[int, tuple[int, int]] = {}
        for packed, stamp, group, actor, seen, read, data in rows:
            id = id_of(packed)
            if stamp is None:
                if id >= FIRST_FACT:
                    marks[id] = (seen or 0, read or 0)
            elif id >= FIRST_FACT and group is None:
                floors.append(_floor(spec, owner, id, stamp, data))
            elif group is None:
                raise _malformed(spec, owner, id, "it has no group")
            else:
                members.append(Member(id, stamp, group, actor, data, seen is not None, read is not None))
        groups: dict[str, list[Member]] = {}
        for member in members:
            if not (floors and any(floor.hides(member) for floor in floors)):
                groups.setdefault(member.group, []).append(member)
        order = sorted(groups, key=lambda key: group_id(groups[key][0].id, key), reverse=True)
        return cls(
            spec,
            {key: groups[key] for key in order[: spec.keep]},
            {key: groups[key] for key in order[spec.keep :]},
            marks,
        )

    def keys(self, query: Query) -> list[str]:
        """The keys of the groups that a query without start and stop finds, in its order."""
        found = [key for key in self.groups if query.lower <= self.id_of(key) <= query.upper]
        return found[::-1] if query.oldest_first else found

    def id_of(self, key: str) -> int:
        return group_id(self.groups[key][0].id, key)

    def is_seen(self, key: str) -> bool:
        return all(member.seen for member in self.groups[key])

    def is_read(self, key: str) -> bool:
        return all(member.read for member in self.groups[key])

    def shown(self, key: str, hydrate: str | None) -> Group:
        """One group for a reader."""
        members = self.groups[key]
        view = members[: self.spec.view]
        facts = [self.marks.get(fact, (0, 0)) for fact in (fact_of_group(key), FACT_OF_ALL)]
        seen_at, read_at = map(max, *facts)
        return Group(
            key=key,
            id=self.id_of(key),
            members=[Entry(one.id, one.stamp, one.payload, key, one.actor) for one in view],
            payloads=[one.payload for one in view] if hydrate is None else None,
            member_count=len(members),
            actor_count=len({member.actor for member in members}),
            first_id=members[-1].id,
            seen=self.is_seen(key),
            read=self.is_read(key),
            # A group that began anew since it was marked has no member that was there then.
            seen_at=seen_at if any(member.seen for member in members) else 0,
            read_at=read_at if any(member.read for member in members) else 0,
        )

    def group_of(self, id: int) -> str | None:
        """The key of the group that has a member."""
        return next((key for key, members in self.groups.items() for member in members if member.id == id), None)


def _floor(spec: FeedSpec, owner: str, id: int, stamp: int, data: bytes | None) -> Floor:
    if data is None or len(data) < WIDTH * 2 or len(data) % WIDTH:
        raise _malformed(spec, owner, id, "it tells where the feed was cut, and is cut off itself")
    digests = [data[start : start + WIDTH] for start in range(WIDTH * 2, len(data), WIDTH)]
    return Floor(id_of(data[: WIDTH * 2]), stamp, frozenset(map(id_of, digests)))


def _malformed(spec: FeedSpec, owner: str, id: int, why: str) -> DecodeError:
    key = spec.key(owner)
    return DecodeError(
        f"row {id} of feed {key!r} cannot be read: {why}; feed.remove({id}) takes it out", feed=key, activity_id=id
    )

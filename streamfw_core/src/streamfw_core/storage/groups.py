"""The storage protocol for grouped feeds: aggregated and notification feeds.

A grouped feed is a set of *groups*, each with a key and *members*: entries whose `group` is that key.
Adding a member is one atomic operation on the group; nothing is read, merged and written back.

- A group's id is `group_id(newest member, key)`: it moves when a newer member arrives, its lower 64 bits never do.
  Groups are ordered by it, newest first, and two groups updated in the same millisecond stay apart.
- At most `spec.keep` groups are visible, the newest ones. One that is cut is gone with its members and marks.
- Counts come from the members. To `spec.exact_members` members they are exact;
  beyond, a storage may forget the oldest and says so in `Group.exact`.
- Marks cover what had arrived: a group is seen when every member it has now had arrived when it was marked.
  A member that arrives later makes it unseen and unread, whatever its time; one that is added again does not.

`Storage.write`, `remember`, `stats`, `clear` and `flush` mean the same for grouped feeds, with these differences:
puts and updates carry `group` and `actor`, a removal may carry the group (without it all groups are searched);
`stats` counts groups; `clear` cuts groups, and a late put is refused when its group is not there and its group id is
below the oldest that was kept (with `keep` 0: always); `Outcome.added` and `Change.added` count members.
`read` and `locate` are for flat feeds only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from streamfw_core.ids import DIGEST_BITS, digest_of
from streamfw_core.storage.protocol import Entry, FeedSpec, Query, Storage, Write

__all__ = ["Group", "GroupStorage", "digest_of_group", "group_id"]


class Group(NamedTuple):
    """One group as a reader gets it.

    :param key: the group's key.
    :param id: its id, which moves with its newest member.
    :param members: the newest members, newest first, at most `spec.view`.
        A storage need not give back their actors, which activities know: `actor` may be None.
    :param payloads: beside each member the activity's bytes; None for one whose record does not exist.
        None as a whole when hydration was asked for and the storage leaves it to core.
    :param member_count: how many members there are.
    :param actor_count: how many different actors they have.
    :param first_id: the id of the oldest member.
    :param exact: whether both counts are exact.
    :param seen: whether all members had arrived when it was last marked seen.
    :param read: likewise.
    :param seen_at: stamp of the last mark, 0: never.
    :param read_at: likewise.
    """

    key: str
    id: int
    members: Sequence[Entry]
    payloads: Sequence[bytes | None] | None
    member_count: int
    actor_count: int
    first_id: int
    exact: bool = True
    seen: bool = False
    read: bool = False
    seen_at: int = 0
    read_at: int = 0


@runtime_checkable
class GroupStorage(Storage, Protocol):
    """A storage with groups of its own: its capability `exact_members` is not 0."""

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        """The groups that each query asks for; bounds are group ids. A reader never sees a group twice or half-updated."""
        ...

    def get_groups(self, spec: FeedSpec, owner: str, keys: Sequence[str], *, hydrate: str | None) -> list[Group | None]:
        """The group of each key, however far down the feed it is; None where there is none that is visible."""
        ...

    def groups_of(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        """The key of the visible group that has each member; None where none has it."""
        ...

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        """Mark groups (None: all) as seen, read or both: what they have now, and not what arrives later.

        :returns: the keys of those that were unseen or unread in what was marked.
        """
        ...

    def version(self, spec: FeedSpec, owner: str) -> int:
        """A number that changes with every write to this feed (capability `cas`)."""
        ...

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        """Apply a write to this feed if its version is still the given one (capability `cas`). Returns whether it was."""
        ...


def digest_of_group(key: str) -> int:
    """The lower 64 bits of the id of a group."""
    return digest_of(key)


def group_id(newest: int, key: str) -> int:
    """The id of a group: the newest member's milliseconds, and a digest of the key."""
    return newest >> DIGEST_BITS << DIGEST_BITS | digest_of(key)

"""Writes to grouped feeds, packed for the server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from streamfw_core.storage import Entry, FeedSpec, Removal, Write

from streamfw_redis.group_packing import actor_digest, group_digest
from streamfw_redis.keys import GROUPS, ORDER, PAYLOADS, Keys, ends_of
from streamfw_redis.packing import bulk, bulk_between, pack_id, pack_stamp
from streamfw_redis.scripts import Call, script
from streamfw_redis.timelines import lifetime

__all__ = ["EXACT_MEMBERS", "PackedGroups", "marker", "parts", "room"]

WRITE = script("group_write", "remembering", "groups", "group_members", "group_writing")

EXACT_MEMBERS = 10_000
OPERATIONS_PER_CALL = 1000
FEEDS_PER_CALL = 250
"""A chunk is sent in parts, so that the server works on one while the next is packed."""
STEPS_PER_CALL = 10_000
"""Operations times feeds: the server does nothing else meanwhile."""
SMALLEST_ROOM = 128


def room(spec: FeedSpec) -> int:
    """How many members a packed group has at most. With a quarter of them it still shows all that a reader gets."""
    return max(SMALLEST_ROOM, 4 * spec.view)


def marker() -> list[bytes]:
    """The version of a feed that is new, which no feed had before, and what tells a write from all others."""
    return [b"%d" % (1 + secrets.randbits(48)), secrets.token_bytes(8)]


def parts(write: Write) -> Iterator[Write]:
    """A write of very many operations in parts, so that no call keeps the server for long."""
    puts = [put for put in write.puts if put.group is not None]
    removes, updates = write.removes, write.updates
    if len(puts) + len(removes) + len(updates) <= OPERATIONS_PER_CALL:
        if puts or removes or updates:
            yield write._replace(puts=puts)
        return
    for first in range(0, len(puts), OPERATIONS_PER_CALL):
        yield Write(write.owners, puts=puts[first : first + OPERATIONS_PER_CALL])
    for first in range(0, len(removes), OPERATIONS_PER_CALL):
        yield Write(write.owners, removes=removes[first : first + OPERATIONS_PER_CALL])
    for first in range(0, len(updates), OPERATIONS_PER_CALL):
        yield Write(write.owners, updates=updates[first : first + OPERATIONS_PER_CALL])


class PackedGroups:
    """One write, packed but for its owners.

    :param expected: the version that a feed must have.
    """

    def __init__(
        self, spec: FeedSpec, write: Write, ttl: float, *, report: bool = False, expected: int | None = None
    ) -> None:
        operations: list[Entry | Removal] = [*write.puts, *write.removes, *write.updates]
        self._ids = [*dict.fromkeys(pack_id(one.id) for one in operations)]
        self._notes = {id: b"%d" % (number + 1) for number, id in enumerate(self._ids)}
        keys = [*dict.fromkeys(one.group for one in operations if one.group is not None)]
        self._groups: dict[str | None, bytes] = {key: b"%d" % (number + 1) for number, key in enumerate(keys)}
        self._groups[None] = b"0"
        self._spec = spec
        self._namespace = spec.namespace.encode()
        self._ends = ends_of(spec)
        now, lasting = lifetime(ttl)
        flags = [b"1" if spec.inline else b"0", b"1" if report else b"0"]
        self._first = [b"%d" % spec.keep, *flags, b"%d" % now, b"%d" % lasting]
        exact = max(1, min(spec.exact_members, EXACT_MEMBERS))
        self._second = [b"%d" % room(spec), b"%d" % exact, *marker()]
        self._second.append(b"" if expected is None else b"%d" % expected)
        numbers = [len(self._ids), len(keys), len(write.puts), len(write.removes), len(write.updates)]
        self._second += [b"%d" % number for number in numbers]
        for key in keys:
            self._second += [key.encode(), group_digest(key)]
        for put in write.puts:
            self._second += [*self._operation(put), actor_digest(put.actor), *self._payload(put)]
        for removal in write.removes:
            self._second += self._operation(removal)
        for update in write.updates:
            self._second += [*self._operation(update), *self._payload(update)]
        self._heads: dict[int, tuple[bytes, bytes]] = {}
        self.feeds_per_call = max(1, min(FEEDS_PER_CALL, STEPS_PER_CALL // max(1, len(operations))))

    def call(self, keys: Keys, bucket: int, owners: Sequence[str]) -> Call:
        before, after = self._ends
        letters = (GROUPS, ORDER, PAYLOADS) if self._spec.inline else (GROUPS, ORDER)
        starts = [keys.start(bucket) + letter + before for letter in letters]
        if bucket not in self._heads:
            first = [keys.floors(bucket, self._namespace), *keys.notes(bucket, self._namespace, self._ids)]
            around = [b"%d" % len(starts[0]), b"%d" % len(after)]
            self._heads[bucket] = bulk(first), bulk([*self._first, *around, *self._second])
        head, tail = self._heads[bucket]
        number = 2 + len(self._ids) + len(starts) * len(owners)
        feeds = b"".join([bulk_between(start, owners, after) for start in starts])
        size = 1 + number + len(self._first) + 2 + len(self._second)
        return Call(WRITE, size, b"%b%b%b%b" % (bulk((b"%d" % number,)), head, feeds, tail), bucket)

    def _operation(self, one: Entry | Removal) -> list[bytes]:
        id = pack_id(one.id)
        pack_stamp(one.stamp)
        return [self._notes[id], self._groups[one.group], id, b"%d" % one.stamp]

    def _payload(self, entry: Entry) -> list[bytes]:
        return [entry.payload or b""] if self._spec.inline else []

"""Grouped feeds: what is sent to the server, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import FeedSpec, Outcome, Query, Stats, Write
from streamfw_core.storage.groups import Group

from streamfw_redis.answers import Answers
from streamfw_redis.group_packing import ROW, group_of
from streamfw_redis.group_writes import PackedGroups, marker, parts, room
from streamfw_redis.keys import GROUPS, ORDER, PAYLOADS, Keys
from streamfw_redis.packing import pack_id, pack_stamp, unpack_stamp
from streamfw_redis.scripts import Call, call, command, script
from streamfw_redis.timelines import Written, by_bucket, lifetime

__all__ = ["Groups"]

READ = script("group_read", "groups", "group_views")
LOAD = script("group_load", "groups", "group_views")
COUNT = script("group_count", "groups")
FIND = script("group_find", "groups")
MARK = script("group_mark", "groups")
CLEAR = script("group_clear", "remembering", "groups", "group_members")

FEEDS_PER_CALL = 100
KEYS_PER_CALL = 1000
IDS_PER_CALL = 100
CUT_AT_ONCE = 10_000


@define
class Groups:
    """The grouped feeds of one storage."""

    answers: Answers
    keys: Keys

    # --- writing ---

    def write(self, spec: FeedSpec, writes: Sequence[Write], ttl: float, *, report: bool) -> Outcome:
        made: list[Sequence[str]] = []

        def calls() -> Iterator[Call]:
            for write in writes:
                for part in parts(write):
                    packed = PackedGroups(spec, part, ttl, report=report)
                    for bucket, owners in by_bucket(self.keys, spec, part.owners):
                        for first in range(0, len(owners), packed.feeds_per_call):
                            made.append(owners[first : first + packed.feeds_per_call])
                            yield packed.call(self.keys, bucket, made[-1])

        replies = self.answers.run(calls())
        written = Written()
        for owners, reply in zip(made, replies.values, strict=True):
            # The last part is about `swap`.
            written.take(spec, owners, reply if isinstance(reply, BaseException) else reply[:4], self.answers)
        return written.outcome(report=report, uncertain=replies.uncertain)

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write, ttl: float) -> bool:
        puts = [put for put in write.puts if put.group is not None]
        packed = PackedGroups(spec, write._replace(puts=puts), ttl, expected=version)
        [(bucket, owners)] = by_bucket(self.keys, spec, [owner])
        [reply] = self.answers.all([packed.call(self.keys, bucket, owners)], f"feed {spec.key(owner)!r}")
        _, _, failures, _, refused = reply
        if failures:
            raise self.answers.refused(failures[1], spec.key(owner))
        return not refused

    def version(self, spec: FeedSpec, owner: str) -> int:
        bucket, hash = self._at(spec, owner, GROUPS)
        [found] = self.answers.all([command(b"HGET", hash, b"v", bucket=bucket)], f"feed {spec.key(owner)!r}")
        if found is None:
            return 0
        if len(found) != 16:
            raise self.answers.malformed(hash.decode("utf-8", "replace"), f"{len(found)} bytes are not a version")
        return unpack_stamp(found[:8])

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        wanted = [] if keys is None else [*dict.fromkeys(keys)]
        if not (seen or read) or (keys is not None and not wanted):
            return []
        pack_stamp(stamp)
        flags = [b"1" if seen else b"0", b"1" if read else b"0"]
        head = [b"%d" % spec.keep, *flags, b"%d" % stamp, *marker(), b"1" if keys is None else b"0"]
        found = self._ask_one(spec, owner, MARK, head, [key.encode() for key in wanted], KEYS_PER_CALL)
        return [self._text(spec, owner, key) for changed in found for key in changed]

    def clear(self, spec: FeedSpec, owners: Sequence[str], keep: int, stamp: int, ttl: float) -> None:
        """Cut feeds; one of more than ten thousand members in steps, the oldest groups first."""
        now, lasting = lifetime(ttl)
        pack_stamp(stamp)
        numbers = [b"%d" % number for number in (spec.keep, keep, stamp, now, lasting, room(spec))]

        def step(owner: str, after: bytes, before: bytes) -> Call:
            bucket, hash = self._at(spec, owner, GROUPS)
            keys = [self.keys.floors(bucket, spec.namespace.encode()), hash, *self._rest(spec, owner)]
            limit = b"%d" % CUT_AT_ONCE
            return call(CLEAR, bucket, keys, [owner.encode(), *numbers, *marker(), limit, after, before])

        left: list[tuple[str, bytes, bytes]] = [(owner, b"", b"") for owner in owners]
        while left:
            what = f"feed {spec.key(left[0][0])!r}" if len(left) == 1 else f"feeds of {spec.name!r}"
            replies = self.answers.all((step(*one) for one in left), what)
            left = [(one[0], after, before) for one, (after, before) in zip(left, replies, strict=True) if after]

    # --- reading ---

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        def make(bucket: int, some: Sequence[Query]) -> Call:
            letters = (GROUPS, ORDER, PAYLOADS) if spec.inline else (GROUPS, ORDER)
            keys = [self._at(spec, query.owner, letter)[1] for letter in letters for query in some]
            arguments = [b"%d" % spec.keep, b"%d" % spec.view, b"1" if spec.inline else b"0"]
            arguments.append(self._records(some[0].hydrate))
            for query in some:
                stop = b"" if query.stop is None else b"%d" % query.stop
                arguments += [b"%d" % query.start, stop, *_bounds(query), b"1" if query.oldest_first else b"0"]
            return call(READ, bucket, keys, arguments)

        found = []
        for query, reply in zip(queries, self._ask(spec, queries, make), strict=True):
            groups = self._groups(spec, query.owner, query.hydrate, reply)
            found.append(groups if query.oldest_first else groups[::-1])
        return found

    def get(self, spec: FeedSpec, owner: str, keys: Sequence[str], hydrate: str | None) -> list[Group | None]:
        head = [b"%d" % spec.keep, b"%d" % spec.view, self._records(hydrate)]
        wanted = [key.encode() for key in dict.fromkeys(keys)]
        found: dict[str, Group] = {}
        for reply in self._ask_one(spec, owner, LOAD, head, wanted, KEYS_PER_CALL):
            found |= {group.key: group for group in self._groups(spec, owner, hydrate, reply)}
        return [found.get(key) for key in keys]

    def find(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        """The key of the group that has each member."""
        packed = [*map(pack_id, ids)]
        found = self._ask_one(spec, owner, FIND, [b"%d" % spec.keep], packed, IDS_PER_CALL)
        return [self._text(spec, owner, key[1:]) if key else None for some in found for key in some]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        def make(bucket: int, some: Sequence[Query]) -> Call:
            keys = [self._at(spec, query.owner, letter)[1] for letter in (GROUPS, ORDER) for query in some]
            marks = b"1" if spec.kind == "notification" else b"0"
            bounds = [end for query in some for end in _bounds(query)]
            return call(COUNT, bucket, keys, [b"%d" % spec.keep, marks, *bounds])

        return [Stats(*map(int, counts)) for counts in self._ask(spec, queries, make)]

    # --- inside ---

    def _at(self, spec: FeedSpec, owner: str, letter: bytes) -> tuple[int, bytes]:
        """The bucket of a feed, and the name of one of its keys."""
        key = spec.key(owner).encode()
        bucket = self.keys.bucket_of_feed(key)
        return bucket, self.keys.start(bucket) + letter + key

    def _rest(self, spec: FeedSpec, owner: str) -> list[bytes]:
        """The keys of a feed beside its hash."""
        letters = (ORDER, PAYLOADS) if spec.inline else (ORDER,)
        return [self._at(spec, owner, letter)[1] for letter in letters]

    def _records(self, hydrate: str | None) -> bytes:
        """What the keys of the activities begin with, where they are in the same place as the feeds."""
        return b"" if hydrate is None or self.keys.buckets else self.keys.records(hydrate.encode())

    def _ask(self, spec: FeedSpec, queries: Sequence[Query], make: Callable[[int, Sequence[Query]], Call]) -> list[Any]:
        """One answer for each query, asked with one call for each bucket, namespace of records and hundred feeds."""
        indexes: dict[tuple[int, str | None], list[int]] = {}
        for index, query in enumerate(queries):
            indexes.setdefault((self._at(spec, query.owner, GROUPS)[0], query.hydrate), []).append(index)
        asked = [
            (bucket, some[first : first + FEEDS_PER_CALL])
            for (bucket, _), some in indexes.items()
            for first in range(0, len(some), FEEDS_PER_CALL)
        ]
        what = f"feed {spec.key(queries[0].owner)!r}" if len(queries) == 1 else f"feeds of {spec.name!r}"
        replies = self.answers.all((make(bucket, [queries[index] for index in some]) for bucket, some in asked), what)
        answers: list[Any] = [None] * len(queries)
        for (_, some), reply in zip(asked, replies, strict=True):
            for index, answer in zip(some, reply, strict=True):
                answers[index] = answer
        return answers

    def _ask_one(self, spec: FeedSpec, owner: str, script: Any, head: list[bytes], more: list[bytes], most: int) -> Any:
        """The answers of one feed to a call with the head and so many of the others each."""
        bucket, hash = self._at(spec, owner, GROUPS)
        keys = [hash, *self._rest(spec, owner)]
        some = [more[first : first + most] for first in range(0, len(more), most)] or ([[]] if script is MARK else [])
        calls = [call(script, bucket, keys, [*head, *arguments]) for arguments in some]
        return self.answers.all(calls, f"feed {spec.key(owner)!r}")

    def _groups(self, spec: FeedSpec, owner: str, hydrate: str | None, reply: Any) -> list[Group]:
        shown, stored = reply
        groups, at = [], 0
        for number in range(0, len(shown), 4):
            key, head, members, rows = shown[number : number + 4]
            end = at + len(rows) // ROW
            payloads = self._payloads(spec, hydrate, stored[at:end], end - at)
            at = end
            groups.append(group_of(self._text(spec, owner, key), head, rows, members, payloads))
        return groups

    def _payloads(
        self, spec: FeedSpec, hydrate: str | None, stored: list[bytes | None], number: int
    ) -> Sequence[bytes | None] | None:
        """Beside the members, newest first."""
        stored.reverse()
        if spec.inline:
            return [None if value is None else value[8:] for value in stored]
        if hydrate is None:
            return [None] * number
        if self.keys.buckets:
            return None
        return [value[17:] if value and value[:1] == b"A" else None for value in stored]

    def _text(self, spec: FeedSpec, owner: str, key: bytes) -> str:
        """The key of a group.

        :raises StorageError: it is none of ours.
        """
        try:
            return key.decode()
        except UnicodeDecodeError as error:
            where = self._at(spec, owner, GROUPS)[1].decode("utf-8", "replace")
            raise self.answers.malformed(where, f"{key[:40]!r} is not the key of a group") from error


def _bounds(query: Query) -> tuple[bytes, bytes]:
    """Between what the elements of the order are that the query asks for, the second exclusive."""
    lower = b"g" if query.lower <= 0 else b"h" if query.lower > MAX_ID else b"g" + pack_id(query.lower)
    upper = b"g" if query.upper < 0 else b"h" if query.upper >= MAX_ID else b"g" + pack_id(query.upper + 1)
    return lower, upper

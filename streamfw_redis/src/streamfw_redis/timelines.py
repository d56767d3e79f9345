"""Flat timelines: what is sent to the server, and what its answers mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

from attrs import define
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import Change, Entry, FeedSpec, Outcome, Page, Query, Removal, Stats, Write

from streamfw_redis.answers import Answers
from streamfw_redis.keys import PAYLOADS, TIMELINE, Keys, ends_of
from streamfw_redis.packing import bulk, bulk_between, ids_of, pack_id, pack_stamp, stamps_of, unpack_id
from streamfw_redis.scripts import Call, call, script

__all__ = ["Timelines", "Written", "bounds", "by_bucket", "lifetime"]

WRITE = script("timeline_write", "remembering", "timelines", "timeline_writing")
READ = script("timeline_read", "timelines", first="timeline_newest")
LOCATE = script("timeline_locate", "timelines")
COPY = script("timeline_copy", "remembering", "timelines", "timeline_writing")
COUNT = script("timeline_count", "timelines")
CLEAR = script("timeline_clear", "remembering", "timelines")

FEEDS_PER_CALL = 500
"""A chunk is sent in parts, so that the server works on one while the next is packed."""
ENTRIES_PER_CALL = 1000
CUT_AT_ONCE = 10_000
ACTIVITY = ord("A")


@define
class Timelines:
    """The flat feeds of one storage."""

    answers: Answers
    keys: Keys

    def write(self, spec: FeedSpec, writes: Sequence[Write], ttl: float, *, report: bool) -> Outcome:
        return self.start_write(spec, writes, ttl, report=report)()

    def start_write(
        self, spec: FeedSpec, writes: Sequence[Write], ttl: float, *, report: bool
    ) -> Callable[[], Outcome]:
        made: list[Sequence[str]] = []

        def calls() -> Iterator[Call]:
            for write in writes:
                for part in _parts(write):
                    packed = _Packed(spec, part, ttl, report=report)
                    for bucket, owners in by_bucket(self.keys, spec, part.owners):
                        for first in range(0, len(owners), FEEDS_PER_CALL):
                            some = owners[first : first + FEEDS_PER_CALL]
                            made.append(some)
                            yield packed.call(self.keys, bucket, some)

        receive = self.answers.start(calls())

        def outcome() -> Outcome:
            replies = receive()
            written = Written()
            for owners, reply in zip(made, replies.values, strict=True):
                written.take(spec, owners, reply, self.answers)
            return written.outcome(report=report, uncertain=replies.uncertain)

        return outcome

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        together = not self.keys.buckets
        hydrate = next((query.hydrate for query in queries if query.hydrate is not None), None) if together else None
        start = b"" if hydrate is None else self.keys.records(hydrate.encode())
        found = self._ask(spec, queries, partial(self._read_call, spec, start))
        return [self._page(spec, query, reply) for query, reply in zip(queries, found, strict=True)]

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, stamp: int, ttl: float) -> int | None:
        """Put the newest entries that a query finds in one feed into another, a thousand at a time."""
        pack_stamp(stamp)
        namespace = target.namespace.encode()
        start = self.keys.start(0)
        keys = [
            start + TIMELINE + self._key(source, query.owner),
            start + TIMELINE + self._key(target, owner),
            self.keys.floors(0, namespace),
            *self.keys.notes(0, namespace, ()),
        ]
        now, lasting = lifetime(ttl)
        numbers = [b"%d" % number for number in (source.keep, target.keep, stamp, now, lasting)]
        ends = [keys[3] + b":", owner.encode()]
        upper = b"" if query.upper >= MAX_ID else pack_id(query.upper)
        left = source.keep if query.stop is None else query.stop
        added, sure = 0, True
        while left > 0:
            number = min(left, ENTRIES_PER_CALL, max(target.keep, 1))
            made = call(COPY, 0, keys, [*numbers, *ends, b"%d" % number, upper])
            replies = self.answers.run([made])
            if isinstance(replies.values[0], BaseException):
                raise self.answers.failed(
                    replies.values[0], f"copying {source.key(query.owner)!r} to {target.key(owner)!r}"
                )
            new, upper = replies.values[0]
            added, sure = added + new, sure and not replies.uncertain
            left = left - number if upper else 0
        return added if sure else None

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        key = self._key(spec, query.owner)
        bucket = self.keys.bucket_of_feed(key)
        head = (b"%d" % spec.keep, *bounds(query))
        parts = [ids[first : first + ENTRIES_PER_CALL] for first in range(0, len(ids), ENTRIES_PER_CALL)]
        at = self.keys.start(bucket) + TIMELINE + key
        calls = [call(LOCATE, bucket, [at], [*head, *map(pack_id, some)]) for some in parts]
        found: list[int | None] = []
        for reply in self.answers.all(calls, spec.key(query.owner)):
            count, places = reply
            found += [
                None if place < 0 else place if query.oldest_first else count - 1 - place for place in map(int, places)
            ]
        return found

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        def make(bucket: int, feeds: Sequence[bytes], some: Sequence[Query]) -> Call:
            start = self.keys.start(bucket) + TIMELINE
            keys = [start + feed for feed in feeds]
            return call(COUNT, bucket, keys, [b"%d" % spec.keep, *(end for query in some for end in bounds(query))])

        return [Stats(int(count)) for count in self._ask(spec, queries, make)]

    def clear(self, spec: FeedSpec, owners: Sequence[str], keep: int, stamp: int, ttl: float) -> None:
        """Cut feeds; one of more than ten thousand entries in steps, the oldest first."""
        left: list[tuple[str, bytes, bytes]] = [(owner, b"", b"") for owner in owners]
        while left:
            calls = [self._clear_call(spec, owner, keep, stamp, ttl, start, last) for owner, start, last in left]
            replies = self.answers.all(calls, f"feeds of {spec.name!r}")
            left = [
                (owner, *ends) for (owner, _, _), ends in zip(left, map(tuple, replies), strict=True) if ends[0] != b""
            ]

    # --- inside ---

    def _key(self, spec: FeedSpec, owner: str) -> bytes:
        return spec.key(owner).encode()

    def _ask(
        self, spec: FeedSpec, queries: Sequence[Query], make: Callable[[int, Sequence[bytes], Sequence[Query]], Call]
    ) -> Sequence[Any]:
        """One answer for each query, asked with one call for each bucket.

        :param make: the call of a bucket; it gets the keys of the feeds beside the queries.
        """
        feeds = [self._key(spec, query.owner) for query in queries]
        if len(feeds) == 1:
            found: Sequence[Any] = self.answers.one(make(self.keys.bucket_of_feed(feeds[0]), feeds, queries), feeds[0])
            return found
        groups: dict[int, list[int]] = {}
        for index, feed in enumerate(feeds):
            groups.setdefault(self.keys.bucket_of_feed(feed), []).append(index)
        calls = [
            make(bucket, [feeds[index] for index in some], [queries[index] for index in some])
            for bucket, some in groups.items()
        ]
        answers: list[Any] = [None] * len(queries)
        for indexes, reply in zip(groups.values(), self.answers.all(calls, f"feeds of {spec.name!r}"), strict=True):
            for index, answer in zip(indexes, reply, strict=True):
                answers[index] = answer
        return answers

    def _read_call(
        self, spec: FeedSpec, records: bytes, bucket: int, feeds: Sequence[bytes], queries: Sequence[Query]
    ) -> Call:
        start = self.keys.start(bucket)
        keys = [start + TIMELINE + feed for feed in feeds]
        if spec.inline:
            keys += [start + PAYLOADS + feed for feed in feeds]
        parts = [bulk((b"%d" % len(keys), *keys)), _reading(spec.keep, spec.inline, records)]
        parts += [_window(*query[1:6]) for query in queries]
        return Call(READ, 1 + len(keys) + 3 + 5 * len(queries), b"".join(parts), bucket)

    def _page(self, spec: FeedSpec, query: Query, reply: Any) -> Page:
        elements, stored = reply
        if not query.oldest_first:
            elements.reverse()
            stored.reverse()
        try:
            ids = ids_of(elements)
        except ValueError as error:
            raise self.answers.malformed(spec.key(query.owner), str(error)) from error
        if spec.inline:
            return Page(ids, [None if value is None else value[8:] for value in stored], stamps_of(elements, ids))
        if query.hydrate is None:
            return Page(ids, [None] * len(ids), stamps_of(elements, ids))
        if self.keys.buckets:
            return Page(ids, None)
        # What was removed, or is not ours, is no activity.
        return Page(ids, [value[17:] if value and value[0] == ACTIVITY else None for value in stored])

    def _clear_call(
        self, spec: FeedSpec, owner: str, keep: int, stamp: int, ttl: float, start: bytes, last: bytes
    ) -> Call:
        key = self._key(spec, owner)
        bucket = self.keys.bucket_of_feed(key)
        at = self.keys.start(bucket)
        now, lasting = lifetime(ttl)
        keys = [self.keys.floors(bucket, spec.namespace.encode()), at + TIMELINE + key, at + PAYLOADS + key]
        numbers = [spec.keep, keep, int.from_bytes(pack_stamp(stamp), "big"), now, lasting, CUT_AT_ONCE]
        return call(CLEAR, bucket, keys, [owner.encode(), *(b"%d" % number for number in numbers), start, last])


class _Packed:
    """One write, packed but for its owners."""

    def __init__(self, spec: FeedSpec, write: Write, ttl: float, *, report: bool) -> None:
        puts = _each_once(write.puts)
        operations: list[Entry | Removal] = [*puts, *write.removes, *write.updates]
        self._ids = [*dict.fromkeys(pack_id(one.id) for one in operations)]
        numbers = {id: b"%d" % (number + 1) for number, id in enumerate(self._ids)}
        self._spec = spec
        self._namespace = spec.namespace.encode()
        self._ends = ends_of(spec)
        now, lasting = lifetime(ttl)
        self._first = [b"%d" % spec.keep, b"1" if spec.inline else b"0", b"1" if report else b"0"]
        self._first += [b"%d" % now, b"%d" % lasting]
        self._counts = [b"%d" % len(some) for some in (puts, write.removes, write.updates)]
        self._operations: list[bytes] = []
        for entries, payload in ((puts, spec.inline), (write.removes, False), (write.updates, spec.inline)):
            for one in entries:
                id = pack_id(one.id)
                pack_stamp(one.stamp)
                self._operations += [numbers[id], id, b"%d" % one.stamp]
                if payload and isinstance(one, Entry):
                    self._operations.append(one.payload or b"")
        self._heads: dict[int, tuple[bytes, bytes]] = {}

    def call(self, keys: Keys, bucket: int, owners: Sequence[str]) -> Call:
        start, end = self._ends
        begins = [keys.start(bucket) + TIMELINE + start]
        if self._spec.inline:
            begins.append(keys.start(bucket) + PAYLOADS + start)
        if bucket not in self._heads:
            first = [keys.floors(bucket, self._namespace), *keys.notes(bucket, self._namespace, self._ids)]
            ends = [b"%d" % len(begins[0]), b"%d" % len(end)]
            self._heads[bucket] = bulk(first), bulk([*self._first, *ends, *self._counts, *self._operations])
        head, tail = self._heads[bucket]
        number = 2 + len(self._ids) + len(begins) * len(owners)
        feeds = b"".join([bulk_between(begin, owners, end) for begin in begins])
        size = 1 + number + len(self._first) + 2 + len(self._counts) + len(self._operations)
        return Call(WRITE, size, b"%b%b%b%b" % (bulk((b"%d" % number,)), head, feeds, tail), bucket)


class Written:
    """What the answers to a write add up to."""

    def __init__(self) -> None:
        self.added = self.removed = 0
        self.failures: dict[str, Exception] = {}
        self.changes: dict[str, Change] = {}

    def take(self, spec: FeedSpec, owners: Sequence[str], reply: Any, answers: Answers) -> None:
        if isinstance(reply, BaseException):
            for owner in owners:
                self.failures[owner] = answers.failed(reply, f"feed {spec.key(owner)!r}")
            return
        added, removed, failures, changes = reply
        self.added += added
        self.removed += removed
        for at in range(0, len(failures), 2):
            owner = owners[failures[at] - 1]
            self.failures[owner] = answers.refused(failures[at + 1], spec.key(owner))
        for at in range(0, len(changes), 3):
            owner = owners[changes[at] - 1]
            change = Change(_ids(changes[at + 1]), _ids(changes[at + 2]))
            known = self.changes.get(owner, Change())
            self.changes[owner] = Change([*known.added, *change.added], [*known.removed, *change.removed])

    def outcome(self, *, report: bool, uncertain: bool) -> Outcome:
        return Outcome(
            None if uncertain else self.added,
            None if uncertain else self.removed,
            self.failures,
            self.changes if report else {},
        )


@lru_cache
def _reading(keep: int, inline: bool, records: bytes) -> bytes:
    """What all pages of a feed class are asked for with, packed."""
    return bulk((b"%d" % keep, b"1" if inline else b"0", records))


@lru_cache
def _window(start: int, stop: int | None, lower: int, upper: int, oldest_first: bool) -> bytes:
    """Which entries a query wants, packed: most readers want the first page."""
    asked = Query("", start, stop, lower, upper)
    ends = [b"%d" % start, b"" if stop is None else b"%d" % stop, *bounds(asked)]
    return bulk((*ends, b"1" if oldest_first else b"0"))


def bounds(query: Query) -> tuple[bytes, bytes]:
    """The lower and the upper id of a query; empty where it has none."""
    lower = pack_id(query.lower) if query.lower > 0 else b""
    return lower, pack_id(query.upper) if query.upper < MAX_ID else b""


def by_bucket(keys: Keys, spec: FeedSpec, owners: Sequence[str]) -> Iterable[tuple[int, Sequence[str]]]:
    """Owners by the bucket of their feeds, in whatever order packs fast."""
    if not keys.buckets:
        return [(0, sorted(owners, key=len))] if owners else []
    start, end = ends_of(spec)
    found: dict[int, list[str]] = {}
    for owner in owners:
        found.setdefault(keys.bucket_of_feed(start + owner.encode() + end), []).append(owner)
    return found.items()


def lifetime(ttl: float) -> tuple[int, int]:
    """Now in microseconds, and how many milliseconds removals are remembered."""
    return time.time_ns() // 1000, max(1, int(ttl * 1000))


def _parts(write: Write) -> Iterator[Write]:
    """A write of very many operations in parts, as a script has so many arguments at most."""
    puts, removes, updates = write.puts, write.removes, write.updates
    if len(puts) + len(removes) + len(updates) <= ENTRIES_PER_CALL:
        if puts or removes or updates:
            yield write
        return
    for field_name, operations in (("puts", puts), ("removes", removes), ("updates", updates)):
        for first in range(0, len(operations), ENTRIES_PER_CALL):
            some: Any = {field_name: operations[first : first + ENTRIES_PER_CALL]}
            yield Write(write.owners, **some)


def _each_once(puts: Sequence[Entry]) -> Sequence[Entry]:
    """By ascending id, of each the newest."""
    if len(puts) < 2:
        return puts
    newest: dict[int, Entry] = {}
    for put in puts:
        known = newest.get(put.id)
        if known is None or known.stamp < put.stamp:
            newest[put.id] = put
    return [newest[id] for id in sorted(newest)]


def _ids(packed: bytes) -> list[int]:
    return [unpack_id(packed[at : at + 16]) for at in range(0, len(packed), 16)]

"""Activities by id, and what is remembered of removals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import define
from streamfw_core.storage import Entry, FeedSpec, Record, Removal

from streamfw_redis.answers import Answers
from streamfw_redis.keys import Keys
from streamfw_redis.packing import bulk, pack_id, pack_stamp, unpack_stamp
from streamfw_redis.scripts import Call, call, command, script
from streamfw_redis.timelines import lifetime

__all__ = ["Records"]

STORE = script("record_store")
REMEMBER = script("remember", "remembering")
RECORDS_PER_CALL = 1000

Item = TypeVar("Item")


@define
class Records:
    """The activities of one storage, and its notes."""

    answers: Answers
    keys: Keys

    def store(self, namespace: str, records: Sequence[Record], ttl: float, *, update: bool) -> int | None:
        space = namespace.encode()
        _, lasting = lifetime(ttl)

        def make(bucket: int, some: Sequence[Record]) -> Call:
            arguments = [b"1" if update else b"0", b"%d" % lasting]
            for record in some:
                pack_stamp(record.stamp)
                payload = b"T" if record.payload is None else b"A" + record.payload
                arguments += [b"%d" % record.stamp, payload]
            return call(STORE, bucket, [self.keys.record(space, pack_id(record.id)) for record in some], arguments)

        calls = self._calls(records, lambda record: record.id, make)
        replies = self.answers.run(made for made, _ in calls)
        for value in replies.values:
            if isinstance(value, BaseException):
                raise self.answers.failed(value, f"storing activities of {namespace!r}")
        return None if replies.uncertain else sum(map(int, replies.values))

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        space = namespace.encode()

        def make(bucket: int, some: Sequence[int]) -> Call:
            return command(b"MGET", *(self.keys.record(space, pack_id(id)) for id in some), bucket=bucket)

        calls = self._calls(ids, int, make)
        found: dict[int, Record | None] = {}
        replies = self.answers.all([made for made, _ in calls], f"loading activities of {namespace!r}")
        for (_, some), values in zip(calls, replies, strict=True):
            for id, value in zip(some, values, strict=True):
                found[id] = None if value is None else self._record(namespace, id, value)
        return [found[id] for id in ids]

    def remember(self, spec: FeedSpec, removes: Sequence[Removal], updates: Sequence[Entry], ttl: float) -> None:
        """In every bucket, as a feed of any may get the entry."""
        space = spec.namespace.encode()
        _, lasting = lifetime(ttl)
        arguments = [b"%d" % lasting, b"%d" % len(removes)]
        for removal in removes:
            pack_stamp(removal.stamp)
            arguments.append(b"%d" % removal.stamp)
        for update in updates:
            pack_stamp(update.stamp)
            arguments += [b"%d" % update.stamp, update.payload or b""]
        ids = [*(pack_id(removal.id) for removal in removes), *(pack_id(update.id) for update in updates)]
        if not ids:
            return
        tail, size = bulk(arguments), 2 + len(ids) + len(arguments)
        number = bulk((b"%d" % (1 + len(ids)),))
        calls = (
            Call(REMEMBER, size, number + bulk(self.keys.notes(bucket, space, ids)) + tail, bucket)
            for bucket in self.keys.all_buckets
        )
        self.answers.all(calls, f"remembering removals for feeds of {spec.name!r}")

    def _record(self, namespace: str, id: int, value: bytes) -> Record:
        kind, stamp = value[:1], value[1:9]
        if len(value) < 17 or kind not in {b"A", b"T"}:
            key = self.keys.record(namespace.encode(), pack_id(id)).decode("utf-8", "replace")
            raise self.answers.malformed(key, f"{len(value)} bytes are not an activity")
        return Record(id, unpack_stamp(stamp), value[17:] if kind == b"A" else None)

    def _calls(
        self, items: Sequence[Item], id_of: Callable[[Item], int], make: Callable[[int, Sequence[Item]], Call]
    ) -> list[tuple[Call, Sequence[Item]]]:
        """A call for each bucket and thousand items."""
        buckets: dict[int, list[Any]] = {}
        for item in items:
            buckets.setdefault(self.keys.bucket_of_record(pack_id(id_of(item))), []).append(item)
        return [
            (make(bucket, some[first : first + RECORDS_PER_CALL]), some[first : first + RECORDS_PER_CALL])
            for bucket, some in buckets.items()
            for first in range(0, len(some), RECORDS_PER_CALL)
        ]

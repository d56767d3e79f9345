"""The outbox: what is to be enqueued, kept in a storage until the task queue has it.

Without one, a publisher whose broker is down gets an error, and one that dies between storing an activity and
enqueueing its fan-out leaves the followers without it.
With one (`"task_queue": {"outbox": "hot", ...}`), every message is written to the storage `hot` first and taken out
when the queue has accepted it; `streamfw queue sweep` enqueues what was left.
Enqueueing twice is harmless, as executing twice is.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec
from attrs import frozen

from streamfw_core.clock import next_stamp
from streamfw_core.errors import DecodeError, QueueUnavailable, WriteFailed
from streamfw_core.keys import KeyFormat
from streamfw_core.queues.protocol import FanoutPriority
from streamfw_core.storage.protocol import Entry, FeedSpec, Query, Removal, Write

if TYPE_CHECKING:
    from streamfw_core.queues.protocol import TaskQueue
    from streamfw_core.storage.protocol import Storage

__all__ = ["Intent", "Outbox"]

logger = logging.getLogger(__name__)

SHARDS: Final = 16
"""Over how many timelines intents are spread, so that publishers do not all write to one key."""
KEEP: Final = 10_000_000
PAGE: Final = 500


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    priority: FanoutPriority
    message: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


@frozen
class Intent:
    """A message that is to be enqueued.

    :param id: milliseconds at which it was written, and 64 random bits.
    """

    id: int
    message: bytes
    priority: FanoutPriority

    @property
    def age(self) -> float:
        """Seconds since it was written, by this machine's clock."""
        return time.time() - (self.id >> 64) / 1000


class Outbox:
    """Intents on one storage, oldest first."""

    def __init__(self, storage: Storage) -> None:
        keep = min(KEEP, storage.capabilities.max_timeline or KEEP)
        self._storage = storage
        self.spec = FeedSpec("outbox", KeyFormat("streamfw:outbox:%(user_id)s"), keep, inline=True)

    @property
    def storage_name(self) -> str:
        return self._storage.name

    def prepare(self) -> None:
        """Make the schema, where the storage has one."""
        self._storage.prepare([self.spec])

    def send(self, queue: TaskQueue, message: bytes, priority: FanoutPriority) -> None:
        """Enqueue a message, now or at the next sweep.

        :raises StorageError: it could be neither written nor, then, enqueued.
        """
        intent = self.put(message, priority)
        try:
            queue.enqueue(message, priority)
        except QueueUnavailable as error:
            logger.warning(
                "kept in the outbox on storage %r until `streamfw queue sweep`: %s", self.storage_name, error
            )
            return
        self.done(intent)

    def put(self, message: bytes, priority: FanoutPriority) -> Intent:
        """Write down that a message is to be enqueued."""
        intent = Intent(_new_id(), message, priority)
        entry = Entry(intent.id, next_stamp(), _encode(_Wire(priority, message)))
        self._write(Write([_shard(intent.id)], puts=[entry]))
        return intent

    def done(self, intent: Intent) -> None:
        """Forget an intent: the queue has it."""
        self._write(Write([_shard(intent.id)], removes=[Removal(intent.id, next_stamp())]))

    def pending(self, *, older_than: float = 0.0) -> Iterator[Intent]:
        """What has not been enqueued, as far as is known here; oldest first within each timeline.

        :param older_than: seconds; what is younger may be about to be enqueued by its publisher.
        :raises DecodeError: bytes that are no intent.
        """
        latest = int((time.time() - older_than) * 1000) + 1
        for shard in range(SHARDS):
            lower, upper = 0, (latest << 64) - 1
            while True:
                query = Query(str(shard), 0, PAGE, lower=lower, upper=upper, oldest_first=True)
                entries = self._storage.read(self.spec, [query])[0].entries
                for entry in entries:
                    yield self._intent(entry)
                if len(entries) < PAGE:
                    break
                lower = entries[-1].id + 1

    def sweep(self, queue: TaskQueue, *, older_than: float = 0.0) -> int:
        """Enqueue what is pending, and forget it. Returns how many.

        :raises QueueUnavailable: the queue still cannot be reached; what is left stays.
        """
        swept = 0
        for intent in self.pending(older_than=older_than):
            queue.enqueue(intent.message, intent.priority)
            self.done(intent)
            swept += 1
        return swept

    def _intent(self, entry: Entry) -> Intent:
        try:
            wire = _decode(entry.payload or b"")
        except msgspec.MsgspecError as error:
            key = self.spec.key(_shard(entry.id))
            raise DecodeError(
                f"entry {entry.id} of {key!r} on storage {self.storage_name!r} is no intent: {error}",
                feed=key,
                activity_id=entry.id,
            ) from error
        return Intent(entry.id, wire.message, wire.priority)

    def _write(self, write: Write) -> None:
        outcome = self._storage.write(self.spec, [write])
        for owner, error in outcome.failures.items():
            raise WriteFailed(
                f"the outbox {self.spec.key(owner)!r} on storage {self.storage_name!r} was not written: {error}",
                failures=outcome.failures,
                activity_ids=[*(put.id for put in write.puts), *(removal.id for removal in write.removes)],
                storage=self.storage_name,
            ) from error


def _new_id() -> int:
    return (time.time_ns() // 1_000_000) << 64 | secrets.randbits(64)


def _shard(id: int) -> str:
    return str(id % SHARDS)

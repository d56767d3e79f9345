"""The outbox: what is to be enqueued, kept in a storage until the task queue has it.

Without one, a publisher whose broker is down gets an error, and one that dies between storing an activity and
enqueueing its fan-out leaves the followers without it.
With one (`"task_queue": {"outbox": "hot", ...}`), every message is written to the storage `hot` first and taken out
when the queue has accepted it; `streamfw queue sweep` enqueues what was left.
Enqueueing twice is harmless, as executing twice is; so several may sweep at once, and be killed at any time.

Storages remember for their `tombstone_ttl` what was taken out, of which an outbox has no need.
So an outbox does best on a storage of its own: `{"backend": ..., "options": {"tombstone_ttl": 600, ...}}`.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec
from attrs import frozen

from streamfw_core.clock import next_stamp
from streamfw_core.errors import Problem, QueueUnavailable, SettingsError, StorageError, WriteFailed
from streamfw_core.keys import KeyFormat
from streamfw_core.queues.protocol import FanoutPriority
from streamfw_core.queues.sending import enqueue
from streamfw_core.storage.protocol import Entry, FeedSpec, Query, Removal, Write

if TYPE_CHECKING:
    from streamfw_core.queues.protocol import TaskQueue
    from streamfw_core.storage.protocol import Storage

__all__ = ["Damaged", "Intent", "Outbox"]

logger = logging.getLogger(__name__)

SHARDS: Final = 16
"""Over how many timelines intents are spread, so that publishers do not all write to one key."""
KEEP: Final = 10_000_000
LEAST_KEEP: Final = 1000
PAGE: Final = 500
REFUSALS: Final = 3
"""After so many messages in a row that the queue did not accept, a sweep is over: it is not about the messages."""


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    priority: FanoutPriority
    message: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


@frozen
class Intent:
    """A message that is to be enqueued.

    :param id: milliseconds at which it was written, and 64 random bits.
    :param message: as the queue gets it.
    :param priority: the queue that it goes to.
    :param stamp: microseconds, of its writing.
    """

    id: int
    message: bytes
    priority: FanoutPriority
    stamp: int = 0

    @property
    def age(self) -> float:
        """Seconds since it was written, by this machine's clock."""
        return time.time() - (self.id >> 64) / 1000


@frozen
class Damaged:
    """An entry of the outbox that is no intent, and why.

    :param id: of the entry, as `stamp` is.
    :param feed: the key of its timeline.
    :param reason: what is wrong with its bytes.
    """

    id: int
    stamp: int
    feed: str
    reason: str


class Outbox:
    """Intents on one storage, in `SHARDS` timelines, each oldest first.

    A timeline that is full would lose its oldest entries, so none is filled beyond the half:
    publishers that look at the same time, and do not see each other's intents, have the other half.

    :raises SettingsError: the storage bears only timelines that are too short for that.
    """

    def __init__(self, storage: Storage) -> None:
        keep = min(KEEP, storage.capabilities.max_timeline or KEEP)
        if keep < LEAST_KEEP:
            message = f"storage {storage.name!r} keeps at most {keep} entries of a timeline, too few for an outbox"
            raise SettingsError([Problem("task_queue.outbox", message, f"name one that keeps {LEAST_KEEP} or more")])
        self._storage = storage
        self._limit = keep // 2
        self._room = [0] * SHARDS
        self.spec = FeedSpec("outbox", KeyFormat("streamfw:outbox:%(user_id)s"), keep, inline=True)
        """Its timelines, as a storage sees them."""

    @property
    def storage(self) -> Storage:
        """Where its timelines are."""
        return self._storage

    @property
    def storage_name(self) -> str:
        """The name of that storage in the settings."""
        return self._storage.name

    def prepare(self) -> None:
        """Make the schema, where the storage has one."""
        self._storage.prepare([self.spec])

    # --- publishing ---

    def send(self, queue: TaskQueue, message: bytes, priority: FanoutPriority) -> None:
        """Enqueue a message, now or at the next sweep.

        :raises QueueUnavailable: it could be neither written nor, then, enqueued.
        """
        try:
            intent = self.put(message, priority)
        except StorageError as error:
            logger.warning("enqueueing without the outbox on storage %r: %s", self.storage_name, error)
            enqueue(queue, message, priority)
            return
        try:
            enqueue(queue, message, priority)
        except QueueUnavailable as error:
            logger.warning(
                "kept in the outbox on storage %r until `streamfw queue sweep`: %s", self.storage_name, error
            )
            return
        try:
            self.done(intent)
        except StorageError as error:
            # The publisher's part is done, and a sweep that enqueues it again does no harm.
            logger.warning("enqueued, and still in the outbox on storage %r: %s", self.storage_name, error)

    def put(self, message: bytes, priority: FanoutPriority) -> Intent:
        """Write down that a message is to be enqueued.

        :raises StorageError: the storage cannot be reached, or the outbox is full.
        """
        intent = Intent(_new_id(), message, priority, next_stamp())
        self._take_room(intent.id % SHARDS)
        entry = Entry(intent.id, intent.stamp, _encode(_Wire(priority, message)))
        self._write(Write([_shard(intent.id)], puts=[entry]))
        return intent

    def done(self, intent: Intent) -> None:
        """Forget an intent: the queue has it."""
        self._forget(intent.id, intent.stamp)

    # --- sweeping ---

    def pending(self, *, older_than: float = 0.0) -> Iterator[Intent]:
        """What has not been enqueued, as far as is known here; oldest first within each timeline.

        What is no intent is logged and passed over; see `damaged`.

        :param older_than: seconds; what is younger may be about to be enqueued by its publisher.
        :raises StorageError: after all that could be read.
        """
        for entry in self._entries(older_than):
            intent = self._intent(entry)
            if isinstance(intent, Intent):
                yield intent
            else:
                logger.error(
                    "entry %d of %r on storage %r is no intent, and stays there: %s",
                    intent.id,
                    intent.feed,
                    self.storage_name,
                    intent.reason,
                )

    def sweep(self, queue: TaskQueue, *, older_than: float = 0.0) -> int:
        """Enqueue what is pending, and forget it. Returns how many.

        What cannot be enqueued stays, and does not keep the rest from being enqueued.

        :raises QueueUnavailable: the queue still cannot be reached, or does not accept some messages; of several
            errors the first. `count` says how many are left.
        """
        swept, in_a_row = 0, 0
        first: Exception | None = None
        for intent in self.pending(older_than=older_than):
            try:
                queue.enqueue(intent.message, intent.priority)
            except Exception as error:  # noqa: BLE001 - a queue that executes at once raises whatever that does
                logger.warning("intent %d stays in the outbox: %s", intent.id, error)
                first = first or error
                in_a_row = in_a_row + 1 if isinstance(error, QueueUnavailable) else 0
                if in_a_row == REFUSALS:
                    break
            else:
                in_a_row = 0
                self.done(intent)
                swept += 1
        if first is not None:
            raise first
        return swept

    def count(self, *, older_than: float = 0.0) -> int:
        """How many entries are in it, those that are no intents among them."""
        upper = _upper(older_than)
        queries = [Query(str(shard), upper=upper) for shard in range(SHARDS)]
        return sum(stats.entries for stats in self._storage.stats(self.spec, queries))

    def damaged(self, *, older_than: float = 0.0) -> list[Damaged]:
        """What is no intent, and so is not swept."""
        found = map(self._intent, self._entries(older_than))
        return [entry for entry in found if isinstance(entry, Damaged)]

    def drop(self, entry: Damaged) -> None:
        """Forget an entry that is no intent."""
        self._forget(entry.id, entry.stamp)

    # --- inside ---

    def _entries(self, older_than: float) -> Iterator[Entry]:
        """Those of one timeline after the other; one that cannot be read does not hide the others."""
        # Those who sweep at the same time begin at different ones, and do not all enqueue the same.
        start = random.randrange(SHARDS)
        first: StorageError | None = None
        for shard in (*range(start, SHARDS), *range(start)):
            try:
                yield from self._of_shard(shard, older_than)
            except StorageError as error:
                logger.error("the outbox %r was not read to its end: %s", self.spec.key(str(shard)), error)
                first = first or error
        if first is not None:
            raise first

    def _of_shard(self, shard: int, older_than: float) -> Iterator[Entry]:
        lower, upper = 0, _upper(older_than)
        while True:
            query = Query(str(shard), 0, PAGE, lower=lower, upper=upper, oldest_first=True)
            entries = self._storage.read(self.spec, [query])[0].entries
            yield from entries
            if len(entries) < PAGE:
                return
            lower = entries[-1].id + 1

    def _intent(self, entry: Entry) -> Intent | Damaged:
        try:
            wire = _decode(entry.payload or b"")
        except msgspec.MsgspecError as error:
            return Damaged(entry.id, entry.stamp, self.spec.key(_shard(entry.id)), str(error))
        return Intent(entry.id, wire.message, wire.priority, entry.stamp)

    def _take_room(self, shard: int) -> None:
        """Take one place of those that this process may fill before it looks again.

        :raises StorageError: there is none.
        """
        if self._room[shard] > 0:
            self._room[shard] -= 1
            return
        entries = self._storage.stats(self.spec, [Query(str(shard))])[0].entries
        free = self._limit - entries
        if free <= 0:
            raise StorageError(
                f"the outbox {self.spec.key(str(shard))!r} on storage {self.storage_name!r} is full with {entries}"
                f" messages: one more might push the oldest out; is `streamfw queue sweep` running?",
                storage=self.storage_name,
            )
        # Few of them, as many processes may see the same room.
        self._room[shard] = min(free // 1000, 1000)

    def _forget(self, id: int, stamp: int) -> None:
        # Not older than its own, so that who has a clock that is behind the publisher's can forget it too.
        self._write(Write([_shard(id)], removes=[Removal(id, max(stamp, next_stamp()))]))

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


def _upper(older_than: float) -> int:
    """The largest id of what is older."""
    return ((int((time.time() - older_than) * 1000) + 1) << 64) - 1

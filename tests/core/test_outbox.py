"""The outbox: nothing that was written down is lost, whoever sweeps, dies, or damages it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from attrs import evolve
from streamfw_core.clock import next_stamp
from streamfw_core.errors import QueueUnavailable, SettingsError, StorageError
from streamfw_core.outbox import SHARDS, Intent, Outbox
from streamfw_core.queues.protocol import FanoutPriority, TaskQueue
from streamfw_core.storage.protocol import Entry, FeedSpec, Outcome, Page, Query, Scope, Write
from streamfw_core.testing.adopted import adopt
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Streams, clock


class Broker(TaskQueue):
    """A queue that keeps what it is given; it can be down, and refuse some messages."""

    name = "broker"
    scope = Scope.SHARED

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.down = False
        self.refused: set[bytes] = set()
        self.asked = 0

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self.asked += 1
        if self.down or message in self.refused:
            raise QueueUnavailable("it is down", queue=self.name)
        self.waiting.append(message)

    def bind(self, handler: object, on_dead: object) -> None: ...

    def drain(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


class Storage(MemoryStorage):
    """The storage in memory, which can be down for reading and writing."""

    capabilities = evolve(MemoryStorage.capabilities, scope=Scope.SHARED)

    def __init__(self) -> None:
        super().__init__("hot")
        self.unreadable: set[str] = set()
        self.unwritable = False
        self.prepared: list[str] = []

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        self.prepared += [spec.name for spec in specs]

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        if self.unreadable.intersection(query.owner for query in queries):
            raise StorageError("it cannot be read", storage=self.name)
        return super().read(spec, queries)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        if self.unwritable:
            raise StorageError("it cannot be written", storage=self.name)
        return super().write(spec, writes, report=report)


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def broker() -> Broker:
    return Broker()


def fill(outbox: Outbox, number: int) -> list[bytes]:
    messages = [b"%d" % one for one in range(number)]
    for message in messages:
        outbox.put(message, FanoutPriority.LOW)
    return messages


def damage(storage: Storage, outbox: Outbox, shard: int = 3) -> int:
    id = (time.time_ns() // 1_000_000 - 5000) << 64 | shard
    storage.write(outbox.spec, [Write([str(shard)], puts=[Entry(id, next_stamp(), b"\xff\x00")])])
    return id


def test_two_who_sweep_at_once_lose_nothing_and_leave_nothing(storage: Storage, broker: Broker) -> None:
    messages = fill(Outbox(storage), 400)
    sweeping = [threading.Thread(target=lambda: Outbox(storage).sweep(broker)) for _ in range(2)]
    for thread in sweeping:
        thread.start()
    for thread in sweeping:
        thread.join()
    assert {*broker.waiting} == {*messages}
    assert Outbox(storage).count() == 0


def test_a_sweep_that_is_killed_leaves_the_rest_to_the_next(storage: Storage, broker: Broker) -> None:
    class Killed(BaseException): ...

    outbox = Outbox(storage)
    messages = fill(outbox, 50)
    forget, outbox.done = outbox.done, lambda intent: forget(intent) if broker.asked < 20 else killed()  # type: ignore[method-assign]

    def killed() -> None:
        raise Killed

    with pytest.raises(Killed):
        outbox.sweep(broker)
    assert Outbox(storage).sweep(broker) == 31
    assert {*broker.waiting} == {*messages}
    assert len(broker.waiting) == 51


def test_what_is_no_intent_is_told_and_keeps_nothing_else(
    storage: Storage, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(storage)
    id = damage(storage, outbox)
    messages = fill(outbox, 50)
    with caplog.at_level(logging.ERROR):
        assert outbox.sweep(broker) == 50
    assert f"entry {id} of 'streamfw:outbox:3' on storage 'hot' is no intent" in caplog.text
    assert {*broker.waiting} == {*messages}
    assert outbox.count() == 1
    [damaged] = outbox.damaged()
    assert (damaged.id, damaged.feed) == (id, "streamfw:outbox:3")
    outbox.drop(damaged)
    assert outbox.count() == 0


def test_a_timeline_that_cannot_be_read_keeps_no_other_one(storage: Storage, broker: Broker) -> None:
    outbox = Outbox(storage)
    fill(outbox, 200)
    in_there = outbox._storage.stats(outbox.spec, [Query("7")])[0].entries
    storage.unreadable = {"7"}
    with pytest.raises(StorageError, match="it cannot be read"):
        outbox.sweep(broker)
    assert outbox.count() == in_there
    storage.unreadable = set()
    assert outbox.sweep(broker) == in_there


def test_a_message_that_the_queue_does_not_accept_keeps_no_other_one(storage: Storage, broker: Broker) -> None:
    outbox = Outbox(storage)
    fill(outbox, 100)
    broker.refused = {b"0", b"50"}
    with pytest.raises(QueueUnavailable):
        outbox.sweep(broker)
    assert len(broker.waiting) == 98
    assert outbox.count() == 2


def test_a_queue_that_is_down_is_not_asked_for_every_message(storage: Storage, broker: Broker) -> None:
    outbox = Outbox(storage)
    fill(outbox, 100)
    broker.down = True
    with pytest.raises(QueueUnavailable):
        outbox.sweep(broker)
    assert broker.asked == 3
    assert outbox.count() == 100


def test_a_clock_that_is_behind_the_publishers_can_forget(
    storage: Storage, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(storage)
    intent = outbox.put(b"1", FanoutPriority.HIGH)
    hour_ago = SimpleNamespace(time_ns=lambda: time.time_ns() - 3600 * 10**9)
    monkeypatch.setattr(clock, "_time", hour_ago)
    monkeypatch.setattr("streamfw_core.outbox.next_stamp", clock.Clock().next_stamp)
    outbox.done(intent)
    assert outbox.count() == 0


def test_a_full_outbox_refuses_and_keeps_its_oldest(
    storage: Storage, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    storage.capabilities = evolve(Storage.capabilities, max_timeline=1000)
    outbox = Outbox(storage)
    kept: list[Intent] = []

    def put_more() -> None:
        for number in range(SHARDS * 500 + 1):
            kept.append(outbox.put(b"%d" % number, FanoutPriority.HIGH))  # noqa: PERF401 - what was put is to be known

    def send_more() -> None:
        for _ in range(SHARDS * 500 + 1):
            outbox.send(broker, b"late", FanoutPriority.HIGH)

    broker.down = True
    with pytest.raises(StorageError, match="is full with 500 messages"):
        put_more()
    assert len(kept) > 500
    assert sorted(intent.id for intent in outbox.pending()) == sorted(intent.id for intent in kept)
    # Its publisher learns of it, as nothing is left that could enqueue the message.
    with pytest.raises(QueueUnavailable):
        send_more()
    broker.down = False
    outbox.sweep(broker)
    outbox.send(broker, b"afterwards", FanoutPriority.HIGH)
    assert outbox.count() == 0


def test_a_storage_with_too_short_timelines_is_refused(storage: Storage) -> None:
    storage.capabilities = evolve(Storage.capabilities, max_timeline=999)
    with pytest.raises(SettingsError, match=r"task_queue\.outbox: storage 'hot' keeps at most 999 entries"):
        Outbox(storage)


def test_room_is_looked_for_seldom_where_there_is_much(storage: Storage) -> None:
    outbox, looked = Outbox(storage), 0

    def stats(*arguments: object) -> list[object]:
        nonlocal looked
        looked += 1
        return counted(*arguments)  # type: ignore[arg-type, return-value]

    counted, storage.stats = storage.stats, stats  # type: ignore[method-assign, assignment]
    fill(outbox, 2000)
    assert looked <= SHARDS


def test_an_outbox_that_cannot_be_written_keeps_no_message_from_the_queue(
    storage: Storage, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(storage)
    storage.unwritable = True
    outbox.send(broker, b"1", FanoutPriority.HIGH)
    assert broker.waiting == [b"1"]
    assert "without the outbox on storage 'hot'" in caplog.text
    broker.down = True
    with pytest.raises(QueueUnavailable):
        outbox.send(broker, b"2", FanoutPriority.HIGH)


def test_a_message_that_was_enqueued_is_no_error_where_it_cannot_be_forgotten(storage: Storage, broker: Broker) -> None:
    outbox = Outbox(storage)

    def enqueue(message: bytes, priority: FanoutPriority) -> None:
        broker.waiting.append(message)
        storage.unwritable = True

    broker.enqueue = enqueue  # type: ignore[method-assign]
    outbox.send(broker, b"1", FanoutPriority.HIGH)
    storage.unwritable = False
    assert [intent.message for intent in outbox.pending()] == [b"1"]


def test_intents_tell_their_age(storage: Storage) -> None:
    outbox = Outbox(storage)
    outbox.put(b"1", FanoutPriority.HIGH)
    assert [intent.age < 60 for intent in outbox.pending()] == [True]
    assert outbox.count(older_than=60) == 0
    assert Intent(0, b"", FanoutPriority.LOW).age > 1e9


def test_its_schema_is_made_with_that_of_the_feeds() -> None:
    storage, broker = Storage(), Broker()
    streams = Streams({"storages": {"hot": adopt(storage)}, "task_queue": {**adopt(broker), "outbox": "hot"}})
    streams.prepare()
    assert storage.prepared == ["outbox"]

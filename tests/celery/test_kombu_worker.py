"""Workers of the kombu queue: killed, stopped, cut off, and busy for long."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import field, frozen
from streamfw_celery import wire
from streamfw_celery.connections import queue_of
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import MessageError
from streamfw_core.queues import FanoutPriority, current_task
from streamfw_core.queues.retry import MessageFailed

from tests.celery.kombu_program import READY, ROOT, command
from tests.celery.kombu_running import options_for
from tests.celery.remote import Remote
from tests.services.brokers import Broker
from tests.services.waiting import wait_for
from tests.services.workers import Worker

HIGH, NORMAL, LOW = FanoutPriority

StartWorker = Callable[..., Worker]


@frozen(eq=False)
class Running:
    """Workers in other processes whose handler notes what it executes here, then does what `act` says."""

    options: dict[str, Any]
    queue: KombuQueue
    remote: Remote
    start_worker: StartWorker
    executed: list[bytes]
    acts: list[Callable[[bytes], None]] = field(factory=list)

    def work(self, priorities: str = "high,normal,low") -> Worker:
        return self.start_worker(
            command(self.options, priorities), ready=READY, environment=self.remote.environment, cwd=ROOT
        )


@pytest.fixture
def run(start_worker: StartWorker) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(broker: Broker, **others: Any) -> Running:
        options = options_for(broker, **{"visibility_timeout": 2, **others})
        queue = KombuQueue("kombu", options)
        queue.bind(lambda _: None)
        executed: list[bytes] = []
        acts: list[Callable[[bytes], None]] = []

        def handler(message: bytes) -> None:
            executed.append(message)
            for act in acts:
                act(message)

        running = Running(options, queue, Remote(handler), start_worker, executed, acts)
        made.append(running)
        return running

    yield start
    for running in made:
        running.remote.close()
        running.queue.close()


@pytest.fixture
def running(run: Callable[..., Running], shared_broker: Broker) -> Running:
    return run(shared_broker)


def waiting_for(gate: threading.Event) -> Callable[[bytes], None]:
    def act(_: bytes) -> None:
        gate.wait(20)

    return act


def busy_with_the_first_of_ten(running: Running) -> tuple[Worker, threading.Event]:
    """A worker, and what lets it go on."""
    gate = threading.Event()
    running.acts.append(waiting_for(gate))
    worker = running.work()
    for number in range(10):
        running.queue.enqueue(b"%d" % number, NORMAL)
    wait_for(lambda: running.executed, "it begins")
    return worker, gate


def test_what_a_killed_worker_had_is_executed_by_the_next(running: Running) -> None:
    worker, gate = busy_with_the_first_of_ten(running)

    worker.kill()
    gate.set()
    running.work()

    wait_for(lambda: len({*running.executed}) == 10, "all are executed")


def test_a_worker_that_is_stopped_finishes_one_message_and_gives_back_the_others(running: Running) -> None:
    worker, gate = busy_with_the_first_of_ten(running)

    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    time.sleep(0.5)
    gate.set()
    stopping.join(30)
    assert running.executed == [b"0"]
    assert "stopped" in worker.output()
    running.work()

    wait_for(lambda: len(running.executed) == 10, "all are executed")
    time.sleep(0.3)
    assert {*Counter(running.executed).values()} == {1}


def test_the_most_urgent_is_executed_first(running: Running) -> None:
    gate = threading.Event()
    running.acts.append(waiting_for(gate))
    running.queue.enqueue(b"first", LOW)
    running.work()
    wait_for(lambda: running.executed, "it begins")
    for priority in (LOW, NORMAL, HIGH):
        for _ in range(3):
            running.queue.enqueue(priority.encode(), priority)
    time.sleep(0.5)
    gate.set()

    wait_for(lambda: len(running.executed) == 10, "all are executed")
    assert running.executed[1:5] == [b"high"] * 3 + [b"normal"]


def test_what_waits_for_its_next_attempt_delays_nobody(run: Callable[..., Running], shared_broker: Broker) -> None:
    running = run(shared_broker, prefetch=2, visibility_timeout=60, retries={"attempts": 2, "pause": 5})

    def fail(message: bytes) -> None:
        if message.startswith(b"bad"):
            raise MessageFailed("no", rest=b"bad again", retriable=True)

    running.acts.append(fail)
    running.work()
    for number in range(12):
        running.queue.enqueue(b"bad %d" % number, NORMAL)
    running.queue.enqueue(b"good", NORMAL)

    wait_for(lambda: b"good" in running.executed, "it is executed", within=4.5)
    assert b"bad again" not in running.executed
    wait_for(lambda: running.executed.count(b"bad again") == 12, "the others are tried again")
    wait_for(lambda: len(running.queue.dead_letters()) == 12, "they are given up")


def test_a_worker_that_is_stopped_passes_on_what_waits_and_how_often_it_was_tried(
    run: Callable[..., Running], shared_broker: Broker
) -> None:
    running = run(shared_broker, visibility_timeout=60, retries={"attempts": 2, "pause": 15})

    def fail(message: bytes) -> None:
        raise MessageFailed("no", rest=b"rest", retriable=True)

    running.acts.append(fail)
    worker = running.work()
    running.queue.enqueue(b"whole", NORMAL)
    wait_for(lambda: running.executed == [b"whole"], "it fails")
    time.sleep(0.2)
    worker.stop()

    running.work()

    wait_for(running.queue.dead_letters, "it is given up", within=5)
    assert running.executed == [b"whole", b"rest"]
    [letter] = running.queue.dead_letters()
    assert (letter.message, letter.attempts) == (b"rest", 2)


def test_a_worker_busy_for_longer_than_every_timeout_keeps_its_message_and_its_connection(
    run: Callable[..., Running], shared_broker: Broker
) -> None:
    running = run(shared_broker, heartbeat=2, visibility_timeout=2)
    running.acts.append(lambda message: time.sleep(8) if message == b"long" else None)
    busy = running.work()
    running.work("high")
    running.queue.enqueue(b"long", NORMAL)
    running.queue.enqueue(b"waits", NORMAL)

    wait_for(lambda: b"waits" in running.executed, "it is executed", within=15)
    time.sleep(0.5)
    assert running.executed == [b"long", b"waits"]
    assert "lost the broker" not in busy.output()


def test_what_is_no_message_is_a_dead_letter_at_once(running: Running) -> None:
    queue, names = running.queue, running.options["queues"]
    hostile: list[tuple[bytes, dict[str, Any]]] = [
        (b"\xff\x00", {"content_type": "application/data", "content_encoding": "binary"}),
        (b"a text", {"content_type": "application/json", "content_encoding": "utf-8"}),
        (b"[[1],{},{}]", {"headers": wire.headers_of("x"), "content_type": "application/json"}),
        (b"[" * 100_000, {"headers": wire.headers_of("x"), "content_type": "application/json"}),
        (b"no zlib", {"headers": {**wire.headers_of("x"), "compression": "application/x-gzip"}}),
        (b"[[],{},{}]", {"headers": {**wire.headers_of("x"), "task": "os.system"}}),
    ]
    running.work()
    for body, properties in hostile:
        binary = {"content_type": "application/data", "content_encoding": "binary"}
        queue.connections.publish(body, queue_of(names["low"]), **{**binary, **properties})
    queue.enqueue(b"good", LOW)

    wait_for(lambda: running.executed == [b"good"], "the next one is executed")
    letters = queue.dead_letters()
    assert {letter.message for letter in letters} == {body for body, _ in hostile}
    assert all(letter.reason.startswith("MessageError: ") and letter.attempts == 1 for letter in letters)
    assert {letter.priority for letter in letters} == {LOW}


def test_work_goes_on_when_the_broker_comes_back(run: Callable[..., Running], broker: Broker) -> None:
    running = run(broker, publish_timeout=20)
    worker = running.work()
    running.queue.enqueue(b"before", NORMAL)
    wait_for(lambda: running.executed, "it is executed")
    for how in (broker.kill, broker.stop):
        how()
        time.sleep(0.5)
        broker.restart()
        running.queue.enqueue(how.__name__.encode(), NORMAL)

    wait_for(lambda: {*running.executed} == {b"before", b"kill", b"stop"}, "all are executed", within=40)
    assert worker.running
    assert "lost the broker" in worker.output()


def test_a_handler_knows_what_it_executes(shared_broker: Broker) -> None:
    queue = KombuQueue("kombu", options_for(shared_broker))
    tasks: list[Any] = []
    stop = threading.Event()

    def handler(message: bytes) -> None:
        tasks.append(current_task())
        if len(tasks) == 1:
            raise OSError("the storage is away")
        stop.set()
        raise MessageError("of another version")

    queue.bind(handler)
    queue.enqueue(b"one", HIGH)
    queue.work([HIGH], stop)

    first, second = tasks
    assert (first.priority, first.attempt, second.attempt) == (HIGH, 1, 2)
    assert first.id == second.id != ""
    assert [letter.attempts for letter in queue.dead_letters()] == [2]
    queue.close()

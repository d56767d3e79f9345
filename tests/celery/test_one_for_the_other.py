"""Workers of one queue execute what was published through the other, so that a program can change its mind."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import MessageError
from streamfw_core.queues import FanoutPriority, current_task

from tests.celery.celery_running import Running, program, worker
from tests.celery.celery_worker import Program
from tests.services.brokers import Broker

LARGE = "x" * 100_000  # is compressed


def kombu_queue(own: Program) -> KombuQueue:
    """On the queues of a program with Celery."""
    return KombuQueue("kombu", {"url": own.broker, **own.options})


def test_workers_of_celery_execute_what_the_kombu_queue_was_given(shared_broker: Broker, tmp_path: Path) -> None:
    own = program(shared_broker.url, tmp_path)
    queue = kombu_queue(own)
    for priority in FanoutPriority:
        message = {"name": priority.value, "do": ["fail", "note"], "large": LARGE}
        queue.enqueue(json.dumps(message).encode(), priority)
    queue.enqueue(b'{"name": "hopeless", "do": ["never"]}', FanoutPriority.LOW)

    with worker(own), Running(own) as running:
        for priority in FanoutPriority:
            (first,), (second,) = running.wait(f"{priority.value}:fail"), running.wait(priority.value)
            assert (first.attempt, first.priority) == (1, priority.value)
            assert (second.attempt, second.priority, second.task_id) == (2, priority.value, first.task_id)
        letter = running.reason("hopeless")
        assert queue.dead_letters() == [letter]
        assert letter.message == b'{"name": "hopeless", "do": ["never"]}'
    queue.close()


def test_the_kombu_queues_worker_executes_what_celerys_was_given(shared_broker: Broker, tmp_path: Path) -> None:
    own = program(shared_broker.url, tmp_path)
    executed: list[tuple[bytes, str]] = []
    stop = threading.Event()

    def handler(message: bytes) -> None:
        task = current_task()
        assert task is not None
        assert task.priority is not None
        executed.append((message, task.priority.value))
        if message == b"hopeless":
            stop.set()
            raise MessageError("the reason")

    queue = kombu_queue(own)
    queue.bind(handler)
    with Running(own) as running:
        running.queue.enqueue(b"one", FanoutPriority.HIGH)
        running.queue.enqueue(LARGE.encode(), FanoutPriority.NORMAL)
        running.queue.enqueue(b"hopeless", FanoutPriority.LOW)
        queue.work([*FanoutPriority], stop)

        assert executed == [(b"one", "high"), (LARGE.encode(), "normal"), (b"hopeless", "low")]
        assert running.queue.dead_letters() == queue.dead_letters()
        assert [letter.reason for letter in queue.dead_letters()] == ["MessageError: the reason"]
    queue.close()

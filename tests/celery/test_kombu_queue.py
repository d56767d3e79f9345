"""The kombu queue alone: its options, and a broker that hangs or restarts while somebody publishes."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import uuid4

import pytest
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import QueueUnavailable, SettingsError
from streamfw_core.queues import FanoutPriority, WorkerQueue

from tests.celery.fetching import texts
from tests.celery.kombu_running import options_for
from tests.services.brokers import Broker

HIGH = FanoutPriority.HIGH


def test_it_is_a_queue_with_workers() -> None:
    assert isinstance(KombuQueue("kombu", {"url": "memory://"}), WorkerQueue)


def test_a_broker_that_hangs_is_given_up_in_time(broker: Broker) -> None:
    queue = KombuQueue("kombu", options_for(broker, publish_timeout=1))
    queue.enqueue(b"one", HIGH)
    broker.pause()
    begin = time.monotonic()
    try:
        with pytest.raises(QueueUnavailable):
            queue.enqueue(b"two", HIGH)
        assert time.monotonic() - begin < 6
    finally:
        broker.resume()
    queue.enqueue(b"three", HIGH)
    queue.close()


def test_publishing_survives_a_broker_that_restarts(broker: Broker) -> None:
    queue = KombuQueue("kombu", options_for(broker, publish_timeout=30))
    queue.enqueue(b"before", HIGH)
    broker.kill()
    publisher = threading.Thread(target=queue.enqueue, args=(b"meanwhile", HIGH))
    publisher.start()
    broker.restart()
    publisher.join(30)
    queue.enqueue(b"after", HIGH)

    assert texts(broker.url, queue.options.queues.high) == [b"before", b"meanwhile", b"after"]
    queue.close()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"url": ""},
        {"url": "redis://localhost", "prefech": 3},
        {"url": "redis://localhost", "prefetch": 0},
        {"url": "redis://localhost", "queues": {"urgent": "q"}},
        {"url": "redis://localhost", "retries": {"attempts": 0}},
        {"url": "redis://localhost", "publish_timeout": 0},
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"task_queue\.options"):
        KombuQueue("kombu", options)


def test_nothing_connects_before_it_must() -> None:
    queue = KombuQueue("kombu", {"url": f"redis://{uuid4().hex}.invalid:1/0"})
    queue.bind(lambda _: None)
    queue.drain()
    queue.close()

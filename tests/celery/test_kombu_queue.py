"""Publishing through the kombu queue: confirmed, in every process, and with words for a broker that is not there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import kombu
import pytest
from streamfw_celery import wire
from streamfw_celery.connections import broker_connection, queue_of
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import QueueClosed, QueueUnavailable, SettingsError
from streamfw_core.queues import DeadLetterQueue, FanoutPriority, WorkerQueue
from streamfw_core.storage.protocol import Scope

from tests.celery.kombu_running import options_for
from tests.services.brokers import Broker

HIGH, NORMAL, LOW = FanoutPriority

MakeQueue = Callable[..., KombuQueue]


@pytest.fixture
def make_queue(shared_broker: Broker) -> Iterator[MakeQueue]:
    """Makes queues on a shared broker; those that share `options` share their messages."""
    made: list[KombuQueue] = []

    def make(options: dict[str, Any] | None = None, **others: Any) -> KombuQueue:
        queue = KombuQueue("kombu", {**(options or options_for(shared_broker)), **others})
        queue.bind(lambda _: None)
        made.append(queue)
        return queue

    yield make
    for queue in made:
        queue.close()


def fetched(queue: KombuQueue, priority: FanoutPriority) -> list[Any]:
    """What lies in the queue of a priority, taken."""
    messages = []
    with queue.connections.connection() as connection, connection.channel() as channel:
        bound = queue_of(queue.options.queues.of(priority))(channel)
        bound.declare()
        while (message := bound.get()) is not None:
            messages.append(message)
            message.ack()
    return messages


def test_it_is_a_queue_with_workers_and_dead_letters_whose_messages_leave_the_process(make_queue: MakeQueue) -> None:
    queue = make_queue()

    assert isinstance(queue, WorkerQueue)
    assert isinstance(queue, DeadLetterQueue)
    assert queue.scope is Scope.SHARED


def test_a_message_is_a_task_of_celery_in_the_queue_of_its_priority(make_queue: MakeQueue) -> None:
    queue = make_queue()
    texts = [b'{"text": "na\xc3\xafve"}', b"\xff\xfe no text", b""]
    for text in texts:
        queue.enqueue(text, LOW)
    queue.drain()

    messages = fetched(queue, LOW)

    assert fetched(queue, HIGH) == []
    assert [wire.received(message).message for message in messages] == texts
    assert {message.headers["task"] for message in messages} == {"streamfw.execute"}
    assert len({message.headers["id"] for message in messages}) == 3
    assert {message.properties["delivery_mode"] for message in messages} == {2}


def test_large_messages_are_compressed(make_queue: MakeQueue) -> None:
    queue = make_queue(compress_above=1000)
    for size in (100, 100_000):
        queue.enqueue(b"x" * size, NORMAL)

    small, large = fetched(queue, NORMAL)

    assert "compression" not in small.headers
    assert large.headers["compression"] == "application/x-gzip"
    assert wire.received(large).message == b"x" * 100_000


@pytest.mark.parametrize(
    "arguments", [{"x-queue-type": "quorum"}, {"x-max-length": 1000}], ids=["quorum", "with a limit"]
)
def test_a_queue_that_somebody_declared_otherwise_is_used_as_it_is(
    rabbitmq_server: Any, arguments: dict[str, Any]
) -> None:
    options = options_for(Broker("rabbitmq", rabbitmq_server))
    queue = KombuQueue("kombu", options)
    with broker_connection(rabbitmq_server.url) as connection:
        name = options["queues"]["high"]
        kombu.Queue(name, kombu.Exchange(name), name, queue_arguments=arguments)(connection.channel()).declare()

    queue.enqueue(b"one", HIGH)

    with broker_connection(rabbitmq_server.url) as connection:
        [message] = [connection.channel().basic_get(name)]
        assert message is not None
    queue.close()


def test_a_queue_that_was_deleted_is_declared_again(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.enqueue(b"one", HIGH)
    with queue.connections.connection() as connection, connection.channel() as channel:
        bound = queue_of(queue.options.queues.high)(channel)
        bound.declare()
        bound.delete()

    queue.enqueue(b"two", HIGH)

    assert [wire.received(message).message for message in fetched(queue, HIGH)] == [b"two"]


def test_a_child_publishes_through_connections_of_its_own(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.enqueue(b"parent", HIGH)
    children = []
    for number in range(3):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                for _ in range(20):
                    queue.enqueue(b"child %d" % number, HIGH)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    for _ in range(20):
        queue.enqueue(b"parent", HIGH)

    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    queue.enqueue(b"parent", HIGH)
    texts = [wire.received(message).message for message in fetched(queue, HIGH)]
    assert sorted(texts) == sorted([b"parent"] * 22 + [b"child %d" % number for number in range(3)] * 20)


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

    assert [wire.received(message).message for message in fetched(queue, HIGH)] == [b"before", b"meanwhile", b"after"]
    queue.close()


def test_a_closed_queue_takes_nothing(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.close()

    with pytest.raises(QueueClosed, match="'kombu' is closed"):
        queue.enqueue(b"one", HIGH)


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

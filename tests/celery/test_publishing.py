"""What publishing promises, whichever queue it is: confirmed, compressed, in every process, and refused when closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import celery
import kombu
import pytest
from streamfw_celery import wire
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_celery.connections import broker_connection
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import QueueClosed, QueueUnavailable
from streamfw_core.queues import DeadLetterQueue, FanoutPriority, TaskQueue
from streamfw_core.storage.protocol import Scope

from tests.celery.celery_running import names
from tests.celery.fetching import fetched, texts
from tests.services.brokers import Broker
from tests.services.rabbitmq import RabbitMQ

HIGH, NORMAL, LOW = FanoutPriority

Queue = KombuQueue | CeleryQueue
Make = Callable[..., Queue]


def kombu_queue(url: str, **options: Any) -> KombuQueue:
    return KombuQueue("kombu", {"url": url, **options})


def celery_queue(url: str, **options: Any) -> CeleryQueue:
    app = celery.Celery("program", broker=url, include=["streamfw_celery.tasks"], set_as_current=False)
    return CeleryQueue("celery", {"app": app, **options})


@pytest.fixture(params=[kombu_queue, celery_queue])
def make_queue(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes queues of either kind on a broker, with names that nobody else uses."""
    made: list[Queue] = []

    def make(url: str, **options: Any) -> Queue:
        queue: Queue = request.param(url, queues=names(), **options)
        queue.bind(lambda _: None)
        made.append(queue)
        return queue

    yield make
    for queue in made:
        queue.close()


def test_it_is_a_task_queue_that_keeps_dead_letters_and_whose_messages_leave_the_process(make_queue: Make) -> None:
    queue = make_queue("memory://")

    assert isinstance(queue, TaskQueue)
    assert isinstance(queue, DeadLetterQueue)
    assert queue.scope is Scope.SHARED
    queue.drain()


def test_messages_are_persistent_tasks_in_the_queue_of_their_priority(make_queue: Make, shared_broker: Broker) -> None:
    queue = make_queue(shared_broker.url)
    sent = [b'{"text": "na\xc3\xafve"}', b"\xff\xfe no text", b""]
    for priority in FanoutPriority:
        for text in (priority.value.encode(), *sent):
            queue.enqueue(text, priority)

    for priority in FanoutPriority:
        messages = fetched(shared_broker.url, queue.options.queues.of(priority))
        assert [wire.received(message).message for message in messages] == [priority.value.encode(), *sent]
        assert {message.headers["task"] for message in messages} == {wire.TASK}
        assert all(message.headers["ignore_result"] for message in messages)
        assert len({message.headers["id"] for message in messages}) == 4
        assert {message.properties["delivery_mode"] for message in messages} == {2}


def test_large_messages_are_compressed(make_queue: Make, shared_broker: Broker) -> None:
    queue = make_queue(shared_broker.url, compress_above=1000)
    for size in (900, 100_000):
        queue.enqueue(b"x" * size, NORMAL)

    small, large = fetched(shared_broker.url, queue.options.queues.normal)

    assert "compression" not in small.headers
    assert large.headers["compression"] == "application/x-gzip"
    assert wire.received(large).message == b"x" * 100_000


@pytest.mark.parametrize(
    "arguments", [{"x-queue-type": "quorum"}, {"x-max-length": 1000}], ids=["quorum", "with a limit"]
)
def test_a_queue_that_somebody_declared_otherwise_is_used_as_it_is(
    make_queue: Make, rabbitmq_server: RabbitMQ, arguments: dict[str, Any]
) -> None:
    queue = make_queue(rabbitmq_server.url)
    declare(rabbitmq_server.url, queue.options.queues.high, arguments)

    queue.enqueue(b"one", HIGH)

    assert texts(rabbitmq_server.url, queue.options.queues.high) == [b"one"]


def test_a_full_queue_that_refuses_is_an_error(make_queue: Make, rabbitmq_server: RabbitMQ) -> None:
    queue = make_queue(rabbitmq_server.url, publish_timeout=0.5)
    declare(rabbitmq_server.url, queue.options.queues.high, {"x-max-length": 1, "x-overflow": "reject-publish"})
    queue.enqueue(b"one", HIGH)

    with pytest.raises(QueueUnavailable):
        queue.enqueue(b"two", HIGH)


def declare(url: str, name: str, arguments: dict[str, Any]) -> None:
    with broker_connection(url) as connection:
        kombu.Queue(name, kombu.Exchange(name), name, queue_arguments=arguments)(connection.channel()).declare()


def test_a_queue_that_was_deleted_is_declared_again(make_queue: Make, rabbitmq_server: RabbitMQ) -> None:
    queue = make_queue(rabbitmq_server.url)
    queue.enqueue(b"one", HIGH)
    with broker_connection(rabbitmq_server.url) as connection, connection.channel() as channel:
        channel.queue_delete(queue.options.queues.high)

    queue.enqueue(b"two", HIGH)

    assert texts(rabbitmq_server.url, queue.options.queues.high) == [b"two"]


def test_a_child_publishes_through_connections_of_its_own(make_queue: Make, shared_broker: Broker) -> None:
    queue = make_queue(shared_broker.url)
    queue.enqueue(b"before", HIGH)
    children = []
    for number in range(3):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                for count in range(20):
                    queue.enqueue(b"child %d-%d" % (number, count), HIGH)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    for count in range(20):
        queue.enqueue(b"parent %d" % count, HIGH)

    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    queue.enqueue(b"after", HIGH)
    found = texts(shared_broker.url, queue.options.queues.high)
    assert len({*found}) == len(found) == 82


def test_a_closed_queue_takes_nothing(make_queue: Make) -> None:
    queue = make_queue("memory://")
    queue.close()
    queue.close()

    with pytest.raises(QueueClosed, match=f"{queue.name!r} is closed"):
        queue.enqueue(b"one", HIGH)

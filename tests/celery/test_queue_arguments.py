"""Queues of RabbitMQ that are declared with arguments of the program's, such as quorum queues."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import amqp.exceptions
import celery
import pytest
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_celery.connections import broker_connection
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import SettingsError
from streamfw_core.queues import FanoutPriority
from streamfw_core.queues.retry import MessageFailed

from streamfw_core import Activity, Love, Streams
from tests.celery.celery_running import CELERY, QUIET, READY, names, node_name
from tests.celery.celery_world import FAIL_ONCE, VARIABLE, CeleryHomeFeed, CeleryManager, settings
from tests.services.brokers import Broker
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker

pytestmark = pytest.mark.usefixtures("forget_apps_of_others")

QUORUM = {"x-queue-type": "quorum"}


def type_of(server: RabbitMQ, name: str) -> str:
    """What RabbitMQ says when somebody declares the queue as a type that there is not."""
    with (
        broker_connection(server.url) as connection,
        pytest.raises(amqp.exceptions.PreconditionFailed) as caught,
    ):
        connection.channel().queue_declare(name, durable=True, auto_delete=False, arguments={"x-queue-type": "stream"})
    return "quorum" if "'quorum'" in str(caught.value) else "classic"


def types_of(server: RabbitMQ, queues: dict[str, str]) -> dict[str, str]:
    return {kind: type_of(server, name) for kind, name in queues.items()}


AS_ASKED = {"high": "quorum", "normal": "quorum", "low": "quorum", "dead": "classic"}


def test_a_kombu_queue_works_on_quorum_queues_and_keeps_dead_letters_in_a_classic_one(
    rabbitmq_server: RabbitMQ,
) -> None:
    queues = names()
    retries = {"attempts": 2, "pause": 0.02}
    options = {"url": rabbitmq_server.url, "queues": queues, "queue_arguments": QUORUM, "retries": retries}
    queue = KombuQueue("kombu", options)
    executed: list[bytes] = []
    stop = threading.Event()

    def handler(message: bytes) -> None:
        executed.append(message)
        if message == b"bad":
            raise MessageFailed("no", rest=message, retriable=True)
        if executed.count(b"bad") == 2:
            stop.set()

    queue.bind(handler, lambda _: queue.enqueue(b"last", FanoutPriority.HIGH))
    for priority in FanoutPriority:
        queue.enqueue(b"bad" if priority is FanoutPriority.LOW else b"good", priority)
    queue.work([*FanoutPriority], stop)

    assert sorted(executed) == [b"bad", b"bad", b"good", b"good", b"last"]
    assert [letter.message for letter in queue.dead_letters()] == [b"bad"]
    assert types_of(rabbitmq_server, queues) == AS_ASKED
    queue.close()


def test_an_app_made_from_settings_works_on_quorum_queues(
    rabbitmq_server: RabbitMQ, shared_services: Shared, start_worker: Callable[..., Worker]
) -> None:
    storage: Server = shared_services.get("storage of Celery", lambda: Server(_found(_newest_redis())))
    queues = names()
    options = {
        "broker_url": rabbitmq_server.url,
        "queues": queues,
        "queue_arguments": QUORUM,
        "retries": {"pause": 0.05},
    }
    described = settings(storage.url, options)
    environment = {"STREAMFW_SETTINGS": "tests.celery.celery_world:STREAMFW", VARIABLE: json.dumps(described)}
    command = [*CELERY, "-A", "streamfw_celery.app", "worker", "-n", node_name(), "-c", "1", "-l", "INFO", *QUIET]
    start_worker(command, ready=READY, environment=environment, cwd=Path.cwd())
    with Streams(described) as streams:
        queue: Any = streams.queue
        queue.enqueue(b"garbage", FanoutPriority.LOW)
        CeleryManager(streams=streams).add_user_activity(FAIL_ONCE, Activity(FAIL_ONCE, Love, 1))

        for follower in (100, 200, 300):
            wait_for(lambda: CeleryHomeFeed(follower, streams=streams).count(), "it is there")  # noqa: B023
        wait_for(queue.dead_letters, "garbage is given up")
    assert types_of(rabbitmq_server, queues) == AS_ASKED


def test_they_are_for_an_app_that_is_made() -> None:
    app = celery.Celery("program", broker="memory://", set_as_current=False)

    with pytest.raises(SettingsError, match=r"queue_arguments: .*the Celery app 'program'.*task_queues of the app"):
        _ = CeleryQueue("celery", {"app": app, "queue_arguments": QUORUM}).app


def test_redis_needs_none(redis_server: Any) -> None:
    """Which broker it is may be a matter of the environment."""
    queue = KombuQueue(
        "kombu", {"url": Broker("redis", redis_server).url, "queues": names(), "queue_arguments": QUORUM}
    )
    stop = threading.Event()
    queue.bind(lambda _: stop.set())
    queue.enqueue(b"one", FanoutPriority.HIGH)
    queue.work([FanoutPriority.HIGH], stop)
    queue.close()

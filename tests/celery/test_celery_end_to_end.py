"""What a manager publishes is in the feeds of followers when workers of Celery have done their part."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamfw_core.errors import NotFannedOut
from streamfw_core.messages import Fanout, encode
from streamfw_core.queues import FanoutPriority

from streamfw_core import Activity, Love, Streams
from tests.celery.celery_running import CELERY, QUIET, READY, SOON, names, node_name
from tests.celery.celery_world import FOLLOWERS, VARIABLE, CeleryManager, settings
from tests.services.brokers import Broker
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.ports import free_port
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker

pytestmark = pytest.mark.usefixtures("forget_apps_of_others")


@pytest.fixture(scope="module")
def storage(shared_services: Shared) -> str:
    server: Server = shared_services.get("storage of Celery", lambda: Server(_found(_newest_redis())))
    return server.url


@pytest.fixture(scope="module")
def streams(shared_broker: Broker, storage: str) -> Iterator[Streams]:
    """Those of the publisher, while a worker runs with the same settings: the app is the one that they describe."""
    options: dict[str, Any] = {"broker_url": shared_broker.url, "queues": names(), "retries": {"pause": 0.05}}
    if shared_broker.name == "redis":
        options["broker_transport_options"] = SOON
    described = settings(storage, options)
    served = ",".join(options["queues"][priority.value] for priority in FanoutPriority)
    own = Worker(
        [
            *CELERY,
            "-A",
            "streamfw_celery.app",
            "worker",
            "-n",
            node_name(),
            "-Q",
            served,
            "-c",
            "2",
            "-l",
            "INFO",
            *QUIET,
        ],
        ready=READY,
        environment={"STREAMFW_SETTINGS": "tests.celery.celery_world:STREAMFW", VARIABLE: json.dumps(described)},
        cwd=Path.cwd(),
    )
    with own, Streams(described) as made:
        yield made


def test_followers_see_what_was_published_and_no_more_what_was_removed(streams: Streams) -> None:
    manager = CeleryManager(streams=streams)
    activity = Activity(f"actor-{uuid.uuid4().hex}", Love, 1)
    followers = [follower for ids in FOLLOWERS.values() for follower in ids]

    manager.add_user_activity(activity.actor_id, activity)
    for follower in followers:
        wait_for(lambda: activity in shown(manager, follower), f"{follower} sees it")  # noqa: B023
    manager.remove_user_activity(activity.actor_id, activity)

    for follower in followers:
        assert activity not in shown(manager, follower)


def shown(manager: CeleryManager, follower: int) -> list[Activity]:
    found: list[Activity] = manager.get_feeds(follower)["home"][:10]
    return found


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"garbage", "not a task message"),
        (b'{"kind": "fanout", "manager": "celery_world", "source": 1, "stamp": 1, "v": 9}', "version 9"),
        (
            encode(Fanout(manager="nobody", source=1, stamp=1, operation="add", items=[])),
            "no manager is named 'nobody'",
        ),
    ],
)
def test_a_message_that_can_never_succeed_is_a_dead_letter(streams: Streams, message: bytes, reason: str) -> None:
    queue: Any = streams.queue
    queue.drop_dead()
    queue.enqueue(message, FanoutPriority.HIGH)

    (letter,) = wait_for(queue.dead_letters, "it is given up")
    assert reason in letter.reason
    assert (letter.message, letter.attempts, letter.priority) == (message, 1, FanoutPriority.HIGH)
    test_followers_see_what_was_published_and_no_more_what_was_removed(streams)


def test_a_manager_says_what_was_not_fanned_out(storage: str) -> None:
    url = f"amqp://someone:secret@127.0.0.1:{free_port()}//"
    with Streams(settings(storage, {"broker_url": url, "publish_timeout": 0.3})) as streams:
        manager = CeleryManager(streams=streams)
        activity = Activity(f"actor-{uuid.uuid4().hex}", Love, 2)

        with pytest.raises(NotFannedOut) as caught:
            manager.add_user_activity(activity.actor_id, activity)

        assert caught.value.activity_ids == (activity.serialization_id,)
        assert caught.value.queue == "celery"
        assert "secret" not in str(caught.value)
        assert manager.get_user_feed(activity.actor_id)[:5] == [activity]


def test_the_app_of_other_settings_says_what_is_missing() -> None:
    worker = Worker(
        [sys.executable, "-c", "import streamfw_celery.app"],
        ready="never",
        environment={"STREAMFW_SETTINGS": "tests.celery.celery_world:STREAMFW"},
        cwd=Path.cwd(),
    )
    with pytest.raises(RuntimeError, match="the task queue is 'inline', which has no app of Celery"), worker:
        pass

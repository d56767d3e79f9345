"""What both queues say of a broker that cannot be used: its address without secrets, and what to install."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import kombu
import pytest
import redis
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import QueueUnavailable, SettingsError
from streamfw_core.queues import FanoutPriority

from tests.services.ports import free_port

HIGH = FanoutPriority.HIGH
QUICK = {"publish_timeout": 0.5}


def kombu_queue(url: str, **others: Any) -> KombuQueue:
    return KombuQueue("kombu", {"url": url, **QUICK, **others})


def celery_queue(url: str, **others: Any) -> CeleryQueue:
    import celery

    app = celery.Celery("program", broker=url, set_as_current=False)
    if url.startswith("redis"):
        app.conf.broker_transport = "streamfw_celery.redis_transport:Transport"
    return CeleryQueue("celery", {"app": app, **QUICK, **others})


Make = Callable[..., KombuQueue | CeleryQueue]
both = pytest.mark.parametrize("make", [kombu_queue, celery_queue])


@both
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:verysecret@127.0.0.1:{port}/3", "redis://***@127.0.0.1:{port}/3 "),
        ("redis://127.0.0.1:{port}/3", "redis://127.0.0.1:{port}/3 "),
        ("amqp://me:verysecret@127.0.0.1:{port}//", "amqp://***@127.0.0.1:{port}// "),
        (
            "amqp://me:verysecret@127.0.0.1:{port}//;amqp://me:verysecret@127.0.0.2:{port}//",
            "amqp://***@127.0.0.1:{port}//;amqp://***@127.0.0.2:{port}// ",
        ),
    ],
)
def test_a_broker_that_is_down_is_an_error_in_time_which_names_it_as_the_program_does_without_passwords(
    make: Make, url: str, shown: str
) -> None:
    port = free_port()
    queue = make(url.format(port=port))
    started = time.monotonic()

    with pytest.raises(QueueUnavailable, match=r"within 0\.5 s.*refused") as caught:
        queue.enqueue(b"{}", HIGH)

    assert time.monotonic() - started < 3
    assert f"task queue {queue.name!r}: the broker at {shown.format(port=port)}" in str(caught.value)
    assert "verysecret" not in str(caught.value)
    assert caught.value.queue == queue.name
    assert caught.value.__cause__ is not None
    with pytest.raises(QueueUnavailable):
        queue.dead_letters()
    queue.close()


def test_an_app_that_has_less_than_a_url_is_named_as_its_connection_is() -> None:
    queue = celery_queue("nowhere.invalid")

    with pytest.raises(QueueUnavailable, match=r"the broker at amqp://guest:\*\*@nowhere\.invalid:5672//"):
        queue.enqueue(b"{}", HIGH)
    queue.close()


@pytest.fixture
def old_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package redis as it was before 6.1, which kombu refuses since 5.7; what of it kombu asks for."""
    monkeypatch.setattr(redis, "VERSION", (6, 0, 0))
    monkeypatch.setattr(redis, "__version__", "6.0.0")


def mismatch() -> str:
    return rf"kombu {kombu.__version__} refuses redis 6\.0\.0.*python -m pip install \"kombu\[redis\]\""


@both
@pytest.mark.usefixtures("old_redis")
def test_versions_that_do_not_go_together_are_said_at_once_with_what_to_run(make: Make) -> None:
    queue = make("redis://127.0.0.1:1/0", publish_timeout=60)
    letters: Callable[[], object] = queue.dead_letters

    for use in (lambda: queue.enqueue(b"{}", HIGH), letters):
        with pytest.raises(SettingsError, match=mismatch()):
            use()
    queue.close()


@pytest.mark.usefixtures("old_redis")
def test_a_worker_ends_where_versions_do_not_go_together() -> None:
    queue = kombu_queue("redis://127.0.0.1:1/0")
    queue.bind(lambda _: None)

    with pytest.raises(SettingsError, match=mismatch()):
        queue.work([HIGH], threading.Event())

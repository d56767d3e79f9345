"""What a task queue says of its broker and of who listens, for `streamfw doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any, Self

import pytest
from celery import Celery
from streamfw_celery import examining, redis_transport
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.doctor import Finding, Level
from streamfw_core.queues import FanoutPriority
from streamfw_core.storage.protocol import Scope

from tests.celery.celery_running import names
from tests.celery.kombu_running import options_for
from tests.services.brokers import Broker
from tests.services.redis import Server
from tests.services.waiting import wait_for


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "PATIENCE", 0.3)


class Listening:
    """A worker in a thread, for some priorities."""

    def __init__(self, options: dict[str, Any], *priorities: FanoutPriority) -> None:
        self.queue = KombuQueue("kombu", options)
        self.queue.bind(lambda _: None)
        self._stop = Event()
        self._thread = Thread(target=self.queue.work, args=(priorities, self._stop))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.queue.close()


def workers(queue: KombuQueue | CeleryQueue) -> list[tuple[Level, str]]:
    """What is said of each queue, the most urgent first."""
    return [(one.level, one.message) for one in queue.examine(time.time) if one.what == "workers"]


def of(what: str, findings: list[Finding]) -> Finding:
    [found] = [finding for finding in findings if finding.what == what]
    return found


def test_who_listens_is_known_for_each_queue(shared_broker: Broker) -> None:
    options = options_for(shared_broker)
    high, normal, low = (options["queues"][priority] for priority in FanoutPriority)
    with Listening(options, FanoutPriority.HIGH), Listening(options, FanoutPriority.HIGH, FanoutPriority.NORMAL) as one:
        expected = [
            (Level.OK, f"2 workers listen to {high!r}"),
            (Level.OK, f"1 worker listens to {normal!r}"),
            (Level.FAILURE, f"no worker listens to {low!r}"),
        ]
        wait_for(lambda: workers(one.queue) == expected, "all are known")
        hints = [finding.hint for finding in one.queue.examine(time.time) if finding.hint]
        assert hints == ["streamfw worker --queues low"]


def test_who_has_gone_listens_no_more(shared_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_transport, "ABSENT_AFTER", 1)
    options = options_for(shared_broker)
    with Listening(options, FanoutPriority.HIGH) as one:
        wait_for(lambda: workers(one.queue)[0][0] is Level.OK, "it is known")
    queue = KombuQueue("kombu", options)
    try:
        wait_for(lambda: workers(queue)[0][0] is Level.FAILURE, "it is gone")
    finally:
        queue.close()


def test_a_redis_that_evicts_messages_is_a_failure(start_redis: Callable[..., Server]) -> None:
    broker = start_redis(maxmemory="50mb", maxmemory_policy="allkeys-lru")
    queue = KombuQueue("kombu", {"url": broker.url})
    evicting = of("maxmemory-policy", [*queue.examine(time.time)])
    assert evicting.level is Level.FAILURE
    assert "so a full broker deletes messages" in evicting.message
    queue.close()


def test_a_redis_with_another_clock_is_a_failure(start_redis: Callable[..., Server]) -> None:
    queue = KombuQueue("kombu", {"url": start_redis().url})
    assert of("clock", [*queue.examine(lambda: time.time() + 9)]).level is Level.FAILURE
    assert of("clock", [*queue.examine(time.time)]).level is Level.OK
    queue.close()


def test_a_worker_that_may_not_say_that_it_is_there_works_all_the_same(start_redis: Callable[..., Server]) -> None:
    server = start_redis()
    server.ask("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", "-expire")
    options = {"url": server.url.replace("redis://", "redis://limited:pw@"), "queues": names()}
    done = Event()
    listening = Listening(options, FanoutPriority.HIGH)
    listening.queue.bind(lambda _: done.set())
    with listening:
        listening.queue.enqueue(b"{}", FanoutPriority.HIGH)
        assert done.wait(30)


def test_workers_of_an_app_that_lets_nobody_ask_them_are_not_known(start_redis: Callable[..., Server]) -> None:
    app = Celery("shy", broker=start_redis().url, set_as_current=False)
    app.conf.update(
        worker_enable_remote_control=False,
        broker_transport="streamfw_celery.redis_transport:Transport",
        imports=["streamfw_celery.tasks"],
    )
    queue = CeleryQueue("celery", {"app": app, "queues": names()})
    assert {level for level, _ in workers(queue)} == {Level.WARNING}
    queue.close()


def test_an_eager_app_needs_no_broker() -> None:
    app = Celery("eager", set_as_current=False)
    app.conf.task_always_eager = True
    queue = CeleryQueue("celery", {"app": app})
    [finding] = queue.examine(time.time)
    assert (finding.level, queue.scope) == (Level.OK, Scope.PROCESS)
    assert "executed in the caller" in finding.message

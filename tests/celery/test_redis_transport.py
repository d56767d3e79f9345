"""The transport for Redis loses no message, whoever is killed and whenever, and does what kombu's does."""

from __future__ import annotations

import contextlib
import functools
import logging
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import kombu
import pytest
import redis
from attrs import evolve
from kombu.asynchronous import Hub, set_event_loop
from kombu.exceptions import OperationalError
from streamfw_celery.redis_transport import is_stock_redis, transport_for

from tests.celery.kombu_program import ROOT
from tests.celery.redis_consumer import Plan
from tests.services.redis import Server
from tests.services.waiting import wait_for

StartRedis = Callable[..., Server]


@pytest.fixture
def plan(redis_server: Server) -> Plan:
    """On the shared server, with keys that nobody else has."""
    return Plan(redis_server.url, uuid4().hex)


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Opens connections, with options beside those of a plan, and closes them."""
    with contextlib.ExitStack() as stack:

        def opened(plan: Plan, **options: Any) -> Any:
            connection = plan.connection()
            connection.transport_options.update(options)
            return stack.enter_context(connection)

        yield opened


def queue_named(name: str) -> kombu.Queue:
    return kombu.Queue(name, kombu.Exchange(name), name)


def publish(connection: Any, name: str, *texts: str, **properties: Any) -> None:
    with connection.Producer() as producer:
        queue_named(name)(producer.channel).declare()
        for text in texts:
            producer.publish(text, exchange="", routing_key=name, serializer="json", **properties)


def drain(connection: Any, seconds: float = 0.3) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=0.05)


def drain_until(connection: Any, condition: Callable[[], object], what: str) -> None:
    def asked() -> object:
        drain(connection, 0.01)
        return condition()

    wait_for(asked, what, within=15)


class Consumed:
    """What a consumer was given, on a channel of its own."""

    def __init__(self, connection: Any, *names: str, no_ack: bool = False, prefetch: int = 0) -> None:
        self.messages: list[Any] = []
        self.channel = connection.channel()
        self.channel.basic_qos(0, prefetch, False)
        queues = [queue_named(name) for name in names]
        self.consumer = kombu.Consumer(self.channel, queues, on_message=self.messages.append, no_ack=no_ack)
        self.consumer.consume()

    @property
    def texts(self) -> list[str]:
        return [message.decode() for message in self.messages]


def held(plan: Plan) -> int:
    with redis.Redis.from_url(plan.url) as client:
        noted = client.hlen(f"{plan.queue}.unacked")
        assert noted == client.zcard(f"{plan.queue}.unacked_index")
        return int(noted)


# --- losing nothing ---


@pytest.mark.parametrize(("ours", "left"), [(False, 0), (True, 1)], ids=["kombu's loses it", "ours does not"])
def test_a_message_in_the_hands_of_a_consumer_that_is_killed_before_it_can_note_it(
    plan: Plan, connect: Callable[..., Any], ours: bool, left: int
) -> None:
    publish(connect(plan), plan.queue, "one")

    killed = subprocess.run(
        evolve(plan, ours=ours, dies_with_a_reply=True, messages=1).command, cwd=ROOT, check=False, timeout=60
    )

    assert killed.returncode < 0
    time.sleep(1.1)
    consumed = Consumed(connection := connect(plan), plan.queue)
    drain(connection, 2.5)
    assert consumed.texts == ["one"] * left


def test_consumers_that_are_killed_at_any_moment_lose_nothing(plan: Plan, connect: Callable[..., Any]) -> None:
    publish(connect(plan), plan.queue, *map(str, range(400)))

    subprocess.run(evolve(plan, kills=150, messages=400).command, cwd=ROOT, check=True, timeout=200)

    with redis.Redis.from_url(plan.url) as client:
        assert client.scard(f"{plan.queue}.done") == 400


def test_a_server_that_is_killed_loses_nothing_that_it_had_accepted(
    start_redis: StartRedis, connect: Callable[..., Any]
) -> None:
    server = start_redis(appendonly=True)
    plan = Plan(server.url, "q")
    accepted: list[str] = []
    done: set[str] = set()
    stop, published = threading.Event(), threading.Event()

    def publishing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with contextlib.suppress(OperationalError, redis.RedisError, OSError), plan.connection() as connection:
                publish(connection, "q", str(number))
                accepted.append(str(number))

    def consuming() -> None:
        while not (published.is_set() and {*accepted} <= done):
            with contextlib.suppress(OperationalError, redis.RedisError, OSError), plan.connection() as connection:
                consumed = Consumed(connection, "q", prefetch=4)
                while not (published.is_set() and {*accepted} <= done):
                    drain(connection, 0.1)
                    while consumed.messages:
                        message = consumed.messages.pop(0)
                        done.add(message.decode())
                        message.ack()

    threads = [threading.Thread(target=publishing), threading.Thread(target=consuming, daemon=True)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        time.sleep(random.uniform(0.3, 0.8))
        server.kill()
        server.restart()
    stop.set()

    threads[0].join(30)
    published.set()
    threads[1].join(30)
    assert len(accepted) > 5
    assert {*accepted} <= done


def test_what_a_living_process_holds_stays_with_it_and_comes_back_when_it_is_gone(
    plan: Plan, connect: Callable[..., Any]
) -> None:
    publish(connect(plan), plan.queue, "one")
    holder = connect(plan)
    holding = Consumed(holder, plan.queue)
    other = connect(plan)
    waiting = Consumed(other, plan.queue)
    drain_until(holder, lambda: holding.messages, "it is taken")

    for _ in range(10):  # longer than the visibility timeout
        drain(holder, 0.15)
        drain(other, 0.15)
    assert (holding.texts, waiting.texts) == (["one"], [])

    drain_until(other, lambda: waiting.messages, "it comes back")
    [message] = waiting.messages
    assert message.headers["redelivered"]
    message.ack()
    holding.messages[0].ack()
    assert held(plan) == 0


# --- what kombu's transport does ---


def test_acknowledging_rejecting_and_giving_back(plan: Plan, connect: Callable[..., Any]) -> None:
    publish(connection := connect(plan), plan.queue, "ack", "reject", "requeue")
    consumed = Consumed(connection, plan.queue)
    drain(connection)
    assert consumed.texts == ["ack", "reject", "requeue"]
    assert held(plan) == 3

    first, second, third = consumed.messages
    first.ack()
    second.reject()
    third.requeue()
    drain(connection)

    assert consumed.texts == ["ack", "reject", "requeue", "requeue"]
    consumed.messages[-1].ack()
    assert held(plan) == 0


def test_no_more_is_fetched_than_may_be(plan: Plan, connect: Callable[..., Any]) -> None:
    publish(connection := connect(plan), plan.queue, *map(str, range(6)))
    consumed = Consumed(connection, plan.queue, prefetch=2)
    drain(connection)
    assert consumed.texts == ["0", "1"]

    consumed.messages[0].ack()
    drain(connection)
    assert consumed.texts == ["0", "1", "2"]
    assert held(plan) == 2


def test_several_queues_and_priorities(plan: Plan, connect: Callable[..., Any]) -> None:
    connection = connect(plan, priority_steps=[0, 3, 6, 9])
    names = [f"{plan.queue}.{number}" for number in range(2)]
    for name in names:
        publish(connection, name, "later", priority=9)
        publish(connection, name, "first", priority=0)
    consumed = Consumed(connection, *names)
    drain(connection)

    assert consumed.texts == ["first", "first", "later", "later"]
    for name in names:  # whichever of them it waits for
        publish(connection, name, "another", priority=6)
    drain_until(connection, lambda: len(consumed.messages) == 6, "both arrive")


def test_closing_gives_back_what_was_not_acknowledged(plan: Plan, connect: Callable[..., Any]) -> None:
    publish(connection := connect(plan), plan.queue, "one", "two", "three")
    consumed = Consumed(connection, plan.queue, prefetch=2)
    drain(connection)
    consumed.channel.close()
    assert held(plan) == 0

    again = Consumed(connection, plan.queue)
    drain(connection)
    assert sorted(again.texts) == ["one", "three", "two"]


def test_messages_for_good_are_not_noted(plan: Plan, connect: Callable[..., Any]) -> None:
    publish(connection := connect(plan), plan.queue, "one", "two")
    consumed = Consumed(connection, plan.queue, no_ack=True)
    drain(connection)

    assert consumed.texts == ["one", "two"]
    assert held(plan) == 0


def test_getting_one_at_a_time(plan: Plan, connect: Callable[..., Any]) -> None:
    publish(connection := connect(plan), plan.queue, "one", "two")
    with connection.channel() as channel:
        queue = queue_named(plan.queue)(channel)
        first, second = queue.get(), queue.get(no_ack=True)
        assert queue.get() is None
        assert (first.decode(), second.decode()) == ("one", "two")
        assert held(plan) == 1
        first.ack()
        assert held(plan) == 0


def test_a_prefix_of_all_keys(plan: Plan, connect: Callable[..., Any]) -> None:
    prefix = f"{plan.queue}:"
    connection = connect(plan, global_keyprefix=prefix)
    publish(connection, "q", "ack", "requeue")
    with redis.Redis.from_url(plan.url) as client:
        assert client.llen(f"{prefix}q") == 2
        consumed = Consumed(connection, "q")
        drain(connection)
        assert client.hlen(f"{prefix}{plan.queue}.unacked") == 2
        consumed.messages[0].ack()
        consumed.messages[1].requeue()
        drain(connection)
    assert consumed.texts == ["ack", "requeue", "requeue"]


def test_the_event_loop_of_workers_of_celery(plan: Plan, connect: Callable[..., Any]) -> None:
    connection = connect(plan, visibility_timeout=1.0)
    hub = Hub()
    set_event_loop(hub)
    try:
        consumed = Consumed(connection, plan.queue, prefetch=2)
        connection.register_with_event_loop(hub)
        publish(connect(plan), plan.queue, "one", "two", "three")
        loop = hub.create_loop()

        def turn(until: float) -> None:
            while time.monotonic() < until:
                next(loop)

        turn(time.monotonic() + 2.5)  # longer than the visibility timeout: they are kept
        assert consumed.texts == ["one", "two"]
        for message in consumed.messages[:2]:
            message.ack()
        turn(time.monotonic() + 1.2)
        assert consumed.texts == ["one", "two", "three"]
        consumed.messages[2].ack()
        assert held(plan) == 0
    finally:
        hub.close()
        set_event_loop(None)


def test_a_message_arrives_at_once_where_nothing_else_happens(plan: Plan, connect: Callable[..., Any]) -> None:
    connection, publisher = connect(plan), connect(plan)
    consumed = Consumed(connection, plan.queue)
    drain(connection, 0.2)
    taken: list[float] = []
    for number in range(20):
        publish(publisher, plan.queue, str(number))
        begin = time.perf_counter()
        while len(consumed.messages) == number:
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=1)
        taken.append(time.perf_counter() - begin)
        drain(connection, 0.02)

    assert sorted(taken)[10] < 0.05


# --- what is not as it should be ---


@pytest.mark.parametrize("item", [b"hostile", b"\xff", b"[]", b'{"properties": 3}', b'{"body": 7, "properties": {}}'])
def test_what_is_no_message_is_set_aside(
    plan: Plan, connect: Callable[..., Any], item: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect(plan)
    with redis.Redis.from_url(plan.url) as client, caplog.at_level(logging.ERROR):
        client.lpush(plan.queue, item)
        publish(connection, plan.queue, "one")
        consumed = Consumed(connection, plan.queue)
        drain(connection)

        assert consumed.texts == ["one"]
        assert client.lrange(f"{plan.queue}.unacked.unreadable", 0, -1) == [item]
    assert f"{plan.queue}.unacked.unreadable" in caplog.text
    consumed.messages[0].ack()
    assert held(plan) == 0


def test_what_was_noted_and_is_no_message_is_set_aside(plan: Plan, connect: Callable[..., Any]) -> None:
    connection = connect(plan)
    Consumed(connection, plan.queue)
    with redis.Redis.from_url(plan.url) as client:
        client.hset(f"{plan.queue}.unacked", "tag", "[hostile")
        client.zadd(f"{plan.queue}.unacked_index", {"tag": 1})
        drain_until(connection, lambda: not held(plan), "it is set aside")
        assert client.lrange(f"{plan.queue}.unacked.unreadable", 0, -1) == [b"[hostile"]


def test_scripts_that_the_server_forgot_are_sent_again(plan: Plan, connect: Callable[..., Any]) -> None:
    connection = connect(plan)
    consumed = Consumed(connection, plan.queue)
    with redis.Redis.from_url(plan.url) as client:
        for number in range(3):
            client.script_flush()
            publish(connection, plan.queue, str(number))
            drain(connection)
            consumed.messages[-1].ack()
    assert consumed.texts == ["0", "1", "2"]


def test_a_full_server_can_still_be_emptied(start_redis: StartRedis, connect: Callable[..., Any]) -> None:
    server = start_redis(maxmemory="30mb", maxmemory_policy="noeviction")
    plan = Plan(server.url, "q")
    publish(connection := connect(plan), "q", *map(str, range(50)))
    consumed = Consumed(connection, "q", prefetch=1)
    with server.client() as client:
        with contextlib.suppress(redis.exceptions.OutOfMemoryError):
            for number in range(1000):
                client.set(f"filling:{number}", b"x" * 100_000)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("more", b"x" * 100_000)

        def more_than(number: int) -> bool:
            return len(consumed.messages) > number

        for number in range(50):
            drain_until(connection, functools.partial(more_than, number), "it arrives")
            consumed.messages[number].ack()
        drain(connection, 1.0)  # waits, which is refused
        client.flushdb()
        publish(connection, "q", "more")
        drain_until(connection, lambda: len(consumed.messages) == 51, "it arrives")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://h/0", "Transport"),
        ("rediss://h/0", "Transport"),
        ("sentinel://h", "SentinelTransport"),
        ("amqp://", None),
    ],
)
def test_the_transport_for_a_url(url: str, name: str | None) -> None:
    found = transport_for(url)
    assert (found and found.partition(":")[2]) == name


def test_kombus_transport_is_told_from_this_one() -> None:
    assert is_stock_redis(kombu.Connection("redis://localhost"))
    assert not is_stock_redis(kombu.Connection("redis://localhost", transport=transport_for("redis://localhost")))
    assert not is_stock_redis(kombu.Connection("amqp://localhost"))

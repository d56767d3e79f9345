"""Workers of Celery lose no message, whatever happens to the process that executes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Producer
from streamfw_core.queues import FanoutPriority
from streamfw_core.storage.protocol import Scope

from tests.celery.celery_running import Running, program, worker
from tests.services.brokers import Broker
from tests.services.workers import Worker

HARD_LIMIT = 3
OURS = {"task": "streamfw.execute", "id": "an id", "retries": 0}


@pytest.fixture(scope="module")
def both(shared_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Worker]]:
    """A program and its worker, with a pool of two processes, whose app retries, limits and rejects as it likes."""
    conf = {
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "task_default_rate_limit": "1/h",
        "task_acks_on_failure_or_timeout": True,
        "task_routes": {"*": {"exchange": "elsewhere", "routing_key": "elsewhere"}},
        "task_default_delivery_mode": "transient",
        "task_store_errors_even_if_ignored": True,
    }
    own = program(shared_broker.url, tmp_path_factory.mktemp("celery"), conf=conf)
    with worker(own, "--time-limit", str(HARD_LIMIT), "--soft-time-limit", "1.5") as started, Running(own) as running:
        yield running, started


@pytest.fixture
def running(both: tuple[Running, Worker]) -> Running:
    return both[0]


def test_messages_are_executed_in_processes_of_the_pool(both: tuple[Running, Worker]) -> None:
    running, started = both
    for priority in FanoutPriority:
        running.do(priority.value, priority=priority)

    for priority in FanoutPriority:
        (note,) = running.wait(priority.value)
        assert (note.attempt, note.priority) == (1, priority.value)
        assert note.pid != started.pid
    assert running.queue.scope is Scope.SHARED


def test_what_failed_is_tried_again_by_the_same_name(running: Running) -> None:
    running.do("second", "fail", "note", priority=FanoutPriority.LOW)

    (first,), (second,) = running.wait("second:fail"), running.wait("second")
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.task_id == second.task_id
    assert second.priority == "low"


def test_what_always_fails_is_given_up_with_its_reason(running: Running) -> None:
    running.do("always", "fail", priority=FanoutPriority.HIGH)

    letter = running.reason('"always"')
    assert (letter.reason, letter.attempts, letter.priority) == ("OSError: the store is full", 3, FanoutPriority.HIGH)
    assert len(running.notes("always:fail")) == 3


def test_what_can_never_succeed_is_given_up_at_once(running: Running) -> None:
    running.do("hopeless", "never")

    letter = running.reason('"hopeless"')
    assert (letter.reason, letter.attempts) == ("MessageError: no such manager", 1)


@pytest.mark.parametrize("action", ["kill", "exit"])
def test_a_message_whose_process_is_lost_is_tried_again(running: Running, action: str) -> None:
    running.do(f"lost-{action}", action, "note")

    (note,) = running.wait(f"lost-{action}")
    assert note.attempt == 2


def test_a_message_that_kills_its_process_each_time_is_given_up(running: Running) -> None:
    running.do("killer", "kill")

    letter = running.reason('"killer"')
    # The pool may take ten seconds to tell that a process is lost, and the limit is shorter.
    assert "signal 9" in letter.reason or "TimeLimitExceeded" in letter.reason
    assert letter.attempts == 3
    assert len(running.notes("killer:kill")) == 3


def test_a_message_beyond_the_hard_time_limit_is_tried_again(running: Running) -> None:
    running.do("slow", "hang", "note")

    (note,) = running.wait("slow")
    assert note.attempt == 2


def test_an_error_of_the_apps_own_task_class_is_an_attempt(running: Running) -> None:
    running.do("around", "break", "note")

    (note,) = running.wait("around")
    assert note.attempt == 2


def test_a_process_that_is_killed_while_it_waits_loses_nothing(both: tuple[Running, Worker]) -> None:
    running, started = both
    started.kill_one_child()
    for number in range(4):
        running.do(f"after-{number}")

    for number in range(4):
        running.wait(f"after-{number}")


POISON = {
    "bytes that are no JSON": ({"body": b"{", "content_type": "application/json", "headers": OURS}, "DecodeError"),
    "a pickle": (
        {"body": b"\x80\x04K\x01.", "content_type": "application/x-python-serialize", "headers": OURS},
        "ContentDisallowed",
    ),
    "what is not compressed": ({"body": b"x", "headers": {**OURS, "compression": "zlib"}}, "decompress"),
    "a body of another shape": ({"body": [1], "headers": OURS}, "args, kwargs"),
    "arguments that are no text": ({"body": [[5], {}, {}], "headers": OURS}, "MessageError"),
    "too many arguments": ({"body": [["x", "y"], {"z": 1}, None], "headers": OURS}, "MessageError"),
    "half a character": ({"body": [["\ud800"], {}, {}], "headers": OURS}, "MessageError"),
    "a text that is no message": (
        {"body": [["no JSON"], {}, {}], "headers": {**OURS, "retries": 7}},
        "JSONDecodeError",
    ),
    "no id": ({"body": [["x"], {}, {}], "headers": {"task": "streamfw.execute"}}, "the id of a task"),
    "time limits of another shape": ({"body": [["x"], {}, {}], "headers": {**OURS, "timelimit": 5}}, "two"),
    "a time that is none": ({"body": [["x"], {}, {}], "headers": {**OURS, "eta": "soon"}}, "ETA"),
    "a task that nobody knows": ({"body": [[], {}, {}], "headers": {"task": "no.such", "id": "1"}}, "no.such"),
    "no task": ({"body": {"some": "thing"}}, "not a task"),
    "a text": ({"body": "some text", "content_type": "text/plain"}, "ContentDisallowed"),
}


@pytest.mark.parametrize(("published", "reason"), POISON.values(), ids=POISON)
def test_poison_ends_in_the_dead_letters_and_the_next_message_is_executed(
    running: Running, published: dict[str, object], reason: str
) -> None:
    running.queue.drop_dead()
    name = f"healthy-{time.monotonic_ns()}"
    queue = running.program.options["queues"]["high"]
    with running.queue.app.connection_for_write() as connection:
        Producer(connection).publish(**published, exchange="", routing_key=queue)
    running.do(name, priority=FanoutPriority.HIGH)

    running.wait(name)
    assert running.reason(reason).priority is FanoutPriority.HIGH
    assert len(running.queue.dead_letters()) == 1


def test_what_was_given_up_can_be_tried_again(running: Running) -> None:
    running.queue.drop_dead()
    running.do("later", "fail", "fail", "fail")
    letter = running.reason('"later"')

    assert running.queue.retry_dead([letter.id]) == 1

    assert running.reason('"later"').id != letter.id
    assert len(running.notes("later:fail")) == 6
    assert running.queue.drop_dead() == 1


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_other_pools_execute_and_try_again(shared_broker: Broker, tmp_path: Path, pool: str) -> None:
    own = program(shared_broker.url, tmp_path)
    with worker(own, "-P", pool), Running(own) as running:
        running.do("first", "fail", "exit", "note")
        running.do("second", "never")

        (note,) = running.wait("first")
        assert note.attempt == 3
        assert running.reason('"second"').attempts == 1

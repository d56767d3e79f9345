"""Dead letters on a broker: what only several readers, or strange messages, show; the contract has the rest."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from streamfw_celery.connections import queue_of
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.queues import DeadLetter, FanoutPriority

from tests.celery.kombu_program import ROOT
from tests.celery.kombu_running import options_for
from tests.services.brokers import Broker

HIGH, NORMAL, LOW = FanoutPriority


@pytest.fixture
def options(shared_broker: Broker) -> dict[str, Any]:
    return options_for(shared_broker)


def queue_with(options: dict[str, Any], letters: int) -> KombuQueue:
    queue = KombuQueue("kombu", options)
    queue.bind(lambda _: None)
    for number in range(letters):
        queue.letters.put(b"%d" % number, reason="why", priority=LOW, attempts=3, task_id="t", correlation_id="c")
    return queue


def messages(letters: list[DeadLetter]) -> list[int]:
    return [int(letter.message) for letter in letters]


def test_many_letters_are_read_and_removed_in_order(options: dict[str, Any]) -> None:
    queue = queue_with(options, 450)  # more than are read at once
    letters = queue.dead_letters()
    assert messages(letters) == list(range(450))
    assert messages(queue.dead_letters(3)) == [0, 1, 2]
    assert queue.dead_letters(0) == []

    assert queue.drop_dead([letter.id for letter in letters[::2]]) == 225
    assert messages(queue.dead_letters()) == list(range(1, 450, 2))
    assert queue.drop_dead() == 225
    assert queue.dead_letters() == []
    queue.close()


def test_readers_at_the_same_time_see_all_letters_and_remove_each_once(options: dict[str, Any]) -> None:
    queues = [queue_with(options, 10) for _ in range(4)]
    ids = [letter.id for letter in queues[0].dead_letters()]
    seen: list[int] = []
    removed: list[int] = []

    def read(queue: KombuQueue) -> None:
        seen.append(len(queue.dead_letters()))
        removed.append(queue.drop_dead(ids[:20]))
        removed.append(queue.drop_dead())

    threads = [threading.Thread(target=read, args=(queue,)) for queue in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(removed) == len(ids) == 40
    assert len(seen) == 4
    assert queues[0].dead_letters() == []
    for queue in queues:
        queue.close()


KILLED = """
import json, os, signal, sys
from streamfw_celery.kombu_queue import KombuQueue
queue = KombuQueue("kombu", json.loads(sys.argv[1]))
def die(letter):
    queue.enqueue(letter.message, letter.priority)
    if letter.message == b"2":
        os.kill(os.getpid(), signal.SIGKILL)
queue.letters.retry(None, die)
"""


def test_a_reader_that_is_killed_loses_nothing(options: dict[str, Any]) -> None:
    import json

    queue = queue_with(options, 5)
    killed = subprocess.run([sys.executable, "-c", KILLED, json.dumps(options)], cwd=ROOT, check=False, timeout=60)
    assert killed.returncode < 0

    left = messages(queue.dead_letters())

    assert {2, 3, 4} <= {*left}  # 2 was enqueued, and not yet forgotten
    queue.close()


def test_a_letter_says_what_was_put(options: dict[str, Any]) -> None:
    queue = queue_with(options, 0)
    message = b"\x00\xff" + b"x" * 100_000
    before = datetime.now(UTC)
    id = queue.letters.put(message, reason="why" * 5000, priority=HIGH, attempts=7)

    [letter] = queue.dead_letters()

    assert (letter.id, letter.message, letter.priority, letter.attempts) == (id, message, HIGH, 7)
    assert letter.reason.startswith("whywhy")
    assert len(letter.reason) == 2000
    assert before <= letter.died_at <= datetime.now(UTC)
    queue.close()


def test_what_others_put_there_can_be_read_and_dropped(options: dict[str, Any], shared_broker: Broker) -> None:
    queue = queue_with(options, 1)
    dead = queue_of(queue.options.queues.dead)
    queue.connections.publish(b"a text", dead, content_type="text/plain", content_encoding="utf-8")
    headers = {"priority": "urgent", "attempts": "x", "died_at": "once"}
    queue.connections.publish(
        b"strange", dead, content_type="application/x", content_encoding="binary", headers=headers
    )

    ours, text, strange = queue.dead_letters()

    assert (text.message, text.priority, text.attempts, text.reason) == (b"a text", NORMAL, 1, "not said")
    assert (strange.message, strange.priority, strange.attempts) == (b"strange", NORMAL, 1)
    assert len({ours.id, text.id, strange.id}) == 3
    assert queue.drop_dead([text.id, strange.id]) == 2
    assert queue.dead_letters() == [ours]
    queue.close()


def test_a_list_of_redis_that_holds_something_else_can_be_read_and_dropped(redis_server: Any) -> None:
    queue = KombuQueue("kombu", options := options_for(Broker("redis", redis_server)))
    with redis_server.client() as client:
        client.lpush(options["queues"]["dead"], b"\xff", b"[3]", b"{}")

    assert [letter.message for letter in queue.dead_letters()] == [b"\xff", b"[3]", b"{}"]
    assert queue.drop_dead() == 3
    queue.close()

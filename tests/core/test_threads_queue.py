"""The background pool: back-pressure, priorities, failures, forks and the end of the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import pytest
from streamfw_core.errors import FanoutFailed, QueueClosed, SettingsError
from streamfw_core.messages import Deliver, Fanout, encode
from streamfw_core.queues import FanoutPriority
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.queues.threads import ThreadsQueue

HIGH, NORMAL, LOW = FanoutPriority.HIGH, FanoutPriority.NORMAL, FanoutPriority.LOW


def queue(handler: Any, **options: Any) -> ThreadsQueue:
    made = ThreadsQueue("threads", {"pause": 0, **options})
    made.bind(handler)
    return made


def test_every_message_is_executed_once() -> None:
    done: list[bytes] = []
    pool = queue(done.append)
    for number in range(500):
        pool.enqueue(b"%d" % number, LOW)
    pool.drain(10)
    assert sorted(map(int, done)) == list(range(500))
    pool.close()


def test_a_publisher_waits_while_too_many_messages_do() -> None:
    gate, started = threading.Event(), threading.Semaphore(0)

    def handler(message: bytes) -> None:
        started.release()
        gate.wait(10)

    pool = queue(handler, workers=2, max_pending=3)
    pool.enqueue(b"running", LOW)
    assert started.acquire(timeout=5)
    for _ in range(3):
        pool.enqueue(b"waiting", LOW)
    publisher = threading.Thread(target=pool.enqueue, args=(b"too many", LOW))
    publisher.start()
    publisher.join(0.2)
    assert publisher.is_alive()
    gate.set()
    publisher.join(5)
    assert not publisher.is_alive()
    pool.close()


def test_a_worker_that_enqueues_more_than_there_is_room_for_does_the_work_itself() -> None:
    done: list[bytes] = []

    def handler(message: bytes) -> None:
        if message.startswith(b"root"):
            for number in range(50):
                pool.enqueue(b"part %d" % number, LOW)
        done.append(message)

    pool = queue(handler, workers=2, max_pending=1)
    for number in range(4):
        pool.enqueue(b"root %d" % number, LOW)
    pool.drain(10)
    assert len(done) == 4 + 4 * 50
    pool.close()


def test_high_is_served_while_low_occupies_every_other_thread() -> None:
    gate, served = threading.Event(), threading.Event()

    def handler(message: bytes) -> None:
        if message == b"low":
            gate.wait(10)
        else:
            served.set()

    pool = queue(handler, workers=3)
    for _ in range(20):
        pool.enqueue(b"low", LOW)
    pool.enqueue(b"high", HIGH)
    assert served.wait(5)
    gate.set()
    pool.close()


def test_high_is_served_in_the_middle_of_large_low_fan_outs() -> None:
    order: list[bytes] = []
    lock = threading.Lock()

    def handler(message: bytes) -> None:
        if message.startswith(b"low root"):
            for _ in range(100):
                pool.enqueue(b"low", LOW)
        elif message == b"high root":
            pool.enqueue(b"high", HIGH)
        else:
            time.sleep(0.001)
        with lock:
            order.append(message)

    pool = queue(handler, workers=3, max_pending=10)
    for number in range(9):
        pool.enqueue(b"low root %d" % number, HIGH)
    pool.enqueue(b"high root", HIGH)
    pool.drain(30)
    assert order.count(b"low") == 900
    assert order.index(b"high") < len(order) // 4
    pool.close()


def test_a_publisher_of_high_does_not_wait_for_room_among_low() -> None:
    gate = threading.Event()
    pool = queue(lambda message: gate.wait(10), workers=2, max_pending=2)
    for _ in range(3):
        pool.enqueue(b"low", LOW)
    publisher = threading.Thread(target=pool.enqueue, args=(b"high", HIGH))
    publisher.start()
    publisher.join(5)
    assert not publisher.is_alive()
    gate.set()
    pool.close()


def test_waiting_messages_are_taken_by_priority() -> None:
    gate, started = threading.Event(), threading.Semaphore(0)
    done: list[bytes] = []

    def handler(message: bytes) -> None:
        if message == b"gate":
            started.release()
            gate.wait(10)
        done.append(message)

    pool = queue(handler, workers=2)
    for priority in (LOW, HIGH):
        pool.enqueue(b"gate", priority)
        assert started.acquire(timeout=5)
    for message, priority in ((b"low", LOW), (b"normal", NORMAL), (b"low", LOW), (b"normal", NORMAL)):
        pool.enqueue(message, priority)
    gate.set()
    pool.drain(10)
    assert [one for one in done if one != b"gate"] == [b"normal", b"normal", b"low", b"low"]
    pool.close()


def test_only_the_rest_is_tried_again_and_what_fails_for_good_is_reported() -> None:
    tried: list[bytes] = []

    def handler(message: bytes) -> None:
        tried.append(message)
        if message == b"whole":
            raise MessageFailed("half of it", rest=b"rest", retriable=True)
        if message == b"poison":
            raise MessageFailed("never", rest=message, retriable=False) from ValueError("why")
        if message == b"bug":
            raise ZeroDivisionError("a bug")

    pool = queue(handler, attempts=3)
    for message in (b"whole", b"poison", b"bug"):
        pool.enqueue(message, NORMAL)
    with pytest.raises(FanoutFailed, match="gave up 2 messages") as raised:
        pool.drain(10)
    assert sorted(tried) == [b"bug", b"poison", b"rest", b"whole"]
    assert {str(error) for error in raised.value.errors} == {"why", "a bug"}
    pool.drain(1)
    pool.enqueue(b"fine", NORMAL)
    pool.close()


def test_what_was_given_up_is_named_with_its_error_its_user_and_the_attempts(caplog: pytest.LogCaptureFixture) -> None:
    def handler(message: bytes) -> None:
        raise MessageFailed("db column missing", rest=message, retriable=True) from KeyError("db column missing")

    told = "of manager 'pins' for user 13, after 2 attempts: KeyError: 'db column missing'"
    work: dict[str, Any] = {"manager": "pins", "source": 13, "stamp": 1, "operation": "add", "items": []}
    pool = queue(handler, attempts=2)
    pool.enqueue(encode(Fanout(**work)), HIGH)
    with pytest.raises(FanoutFailed) as raised:
        pool.drain(10)
    assert str(raised.value) == f"task queue 'threads' gave up 1 message: fanout {told}"
    assert caplog.messages[-1] == f"task queue 'threads' gave up a message: fanout {told}"
    pool.enqueue(encode(Deliver(**work, feed="pin", owners=[1])), HIGH)
    pool.enqueue(b"something", HIGH)
    with pytest.raises(FanoutFailed, match="gave up 2 messages, first: "):
        pool.drain(10)
    assert f"task queue 'threads' gave up a message: deliver to feed 'pin' {told}" in caplog.messages
    assert any("gave up a message: what is no message, after 2 attempts: KeyError" in one for one in caplog.messages)
    pool.close()


def test_what_was_given_up_is_kept_until_it_is_drained() -> None:
    def handler(message: bytes) -> None:
        raise MessageFailed("no", rest=b"rest", retriable=True)

    pool = queue(handler, attempts=2)
    pool.enqueue(b"it", HIGH)
    deadline = time.monotonic() + 5
    while not pool.dead_letters() and time.monotonic() < deadline:
        time.sleep(0.01)
    (letter,) = pool.dead_letters()
    assert (letter.message, letter.priority) == (b"rest", HIGH)
    with pytest.raises(FanoutFailed):
        pool.close()


def test_draining_gives_up_after_its_timeout() -> None:
    gate = threading.Event()
    pool = queue(lambda message: gate.wait(10))
    pool.enqueue(b"slow", LOW)
    with pytest.raises(TimeoutError, match=r"1 messages are not done after 0\.05 s"):
        pool.drain(0.05)
    gate.set()
    pool.close()


def test_a_closed_queue_takes_nothing() -> None:
    pool = queue(lambda message: None)
    pool.enqueue(b"one", HIGH)
    pool.close()
    with pytest.raises(QueueClosed, match="task queue 'threads' is closed"):
        pool.enqueue(b"two", HIGH)


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": "4"}, {"wokers": 4}, {"max_pending": 0}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"task_queue\.options"):
        ThreadsQueue("threads", options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_process_has_a_pool_of_its_own() -> None:
    done: list[bytes] = []
    pool = queue(done.append)
    pool.enqueue(b"parent", LOW)
    pool.drain(10)
    child = os.fork()
    if child == 0:
        try:
            pool.enqueue(b"child", LOW)
            pool.drain(10)
            os._exit(0 if done == [b"parent", b"child"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert done == [b"parent"]
    pool.close()


def test_the_pool_drains_when_the_interpreter_exits() -> None:
    program = textwrap.dedent("""
        import sys
        import time
        from streamfw_core.queues import FanoutPriority
        from streamfw_core.queues.threads import ThreadsQueue

        def handler(message):
            time.sleep(0.05)
            sys.stdout.write(message.decode() + "\\n")

        pool = ThreadsQueue("threads", {})
        pool.bind(handler)
        for number in range(20):
            pool.enqueue(b"%d" % number, FanoutPriority.LOW)
    """)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert (ran.stderr, sorted(map(int, ran.stdout.split()))) == ("", list(range(20)))

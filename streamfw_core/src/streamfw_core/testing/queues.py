"""The contract of task queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from streamfw_core.errors import FanoutFailed, QueueClosed
from streamfw_core.queues.protocol import FanoutPriority, TaskQueue
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.storage.protocol import Scope
from streamfw_core.testing.contract import Contract
from streamfw_core.testing.promises import check, promise, same

__all__ = ["TaskQueueContract"]

PATIENCE = 20.0
"""Seconds after which something is taken never to happen."""


class TaskQueueContract(Contract):
    """What every task queue has to do.

    Hooks of a subclass:

    - `make_queue()`: a new queue, whose failed messages are tried again at once (or nearly so).
    - `make_small_queue(limit)`: one that lets at most `limit` messages wait; None where there is no such limit.
    - `in_background`: whether messages are executed elsewhere than in `enqueue`.
    - `settle(queue)`: wait until what was enqueued is done; by default `queue.drain()`.
    """

    in_background = True

    def make_queue(self) -> TaskQueue:
        raise NotImplementedError(f"{type(self).__name__} does not say what it tests: define make_queue(self)")

    def make_small_queue(self, limit: int) -> TaskQueue | None:
        return None

    def settle(self, queue: TaskQueue) -> None:
        queue.drain(PATIENCE)

    # --- around each test ---

    def begin(self) -> None:
        self._opened: list[TaskQueue] = []
        self._executed: list[bytes] = []
        self._lock = threading.Lock()

    def end(self) -> None:
        for queue in self._opened:
            _swallowing_failures(queue.close)

    def _queue(self, handler: Callable[[bytes], None] | None = None, queue: TaskQueue | None = None) -> TaskQueue:
        """A queue, bound to a handler that notes what it executes, then calls the one that is given."""
        queue = queue or self.make_queue()
        self._opened.append(queue)

        def handle(message: bytes) -> None:
            with self._lock:
                self._executed.append(message)
            if handler is not None:
                handler(message)

        queue.bind(handle)
        return queue

    # --- tests ---

    @promise("C20")
    def test_every_message_is_executed(self) -> None:
        queue = self._queue()
        messages = [b"message %d" % number for number in range(300)]
        for number, message in enumerate(messages):
            queue.enqueue(message, [*FanoutPriority][number % 3])
        self.settle(queue)
        lost = {*messages} - {*self._executed}
        check(not lost, "C20", f"{len(lost)} of 300 messages were never executed, such as {sorted(lost)[:2]}")
        strange = {*self._executed} - {*messages}
        check(not strange, "C20", f"messages were executed that nobody enqueued, such as {sorted(strange)[:2]}")

    @promise("C20")
    def test_messages_arrive_byte_by_byte(self) -> None:
        queue = self._queue()
        messages = [b'{"v": 1}', '{"text": "naïve 😀"}'.encode(), b'"' + b"x" * 300_000 + b'"']
        for message in messages:
            queue.enqueue(message, FanoutPriority.NORMAL)
        self.settle(queue)
        same({*self._executed}, {*messages}, "C20", "the bytes of messages")
        check(
            all(type(message) is bytes for message in self._executed), "C20", "a handler gets something else than bytes"
        )

    @promise("C20")
    def test_messages_that_executing_enqueues_are_executed(self) -> None:
        def split(message: bytes) -> None:
            if message == b"root":
                for number in range(500):
                    queue.enqueue(b"part %d" % number, FanoutPriority.LOW)

        queue = self._queue(split)
        queue.enqueue(b"root", FanoutPriority.HIGH)
        self.settle(queue)
        same(len({*self._executed}), 501, "C20", "how many messages a message and its 500 parts are")

    @promise("C20")
    def test_draining_waits_for_what_runs(self) -> None:
        done: list[bytes] = []

        def slow(message: bytes) -> None:
            time.sleep(0.05)
            done.append(message)

        queue = self._queue(slow)
        for number in range(4):
            queue.enqueue(b"%d" % number, FanoutPriority.NORMAL)
        self.settle(queue)
        same(sorted(done), [b"0", b"1", b"2", b"3"], "C20", "what is finished when drain() returns")
        self.settle(queue)

    @promise("C20")
    def test_several_threads_may_publish(self) -> None:
        queue = self._queue()

        def publish(name: int) -> None:
            for number in range(50):
                queue.enqueue(b"%d-%d" % (name, number), FanoutPriority.NORMAL)

        threads = [threading.Thread(target=publish, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.settle(queue)
        same(len({*self._executed}), 300, "C20", "how many messages of six publishers were executed")

    @promise("C8")
    def test_only_what_failed_is_tried_again(self) -> None:
        def handler(message: bytes) -> None:
            if message == b"all" or (message == b"rest" and self._executed.count(b"rest") == 1):
                raise MessageFailed("one feed failed", rest=b"rest", retriable=True)

        queue = self._queue(handler)
        queue.enqueue(b"all", FanoutPriority.NORMAL)
        self.settle(queue)
        same(
            self._executed,
            [b"all", b"rest", b"rest"],
            "C8",
            "what is executed of a message that fails in part, then again",
        )

    @promise("C23")
    def test_what_can_never_succeed_is_given_up_and_reported(self) -> None:
        reason = ValueError("the reason")

        def handler(message: bytes) -> None:
            if message == b"bad":
                raise MessageFailed(str(reason), rest=message, retriable=False) from reason

        self._reported(handler, attempts=1)

    @promise("C23")
    def test_retries_end(self) -> None:
        def handler(message: bytes) -> None:
            if message == b"bad":
                raise MessageFailed("the reason", rest=message, retriable=True) from ValueError("the reason")

        self._reported(handler, attempts=None)

    def _reported(self, handler: Callable[[bytes], None], attempts: int | None) -> None:
        queue, errors = self._queue(handler), []
        for message in (b"good", b"bad", b"better"):
            try:
                queue.enqueue(message, FanoutPriority.NORMAL)
            except Exception as error:  # noqa: BLE001 - a queue that executes at once reports here
                errors.append(error)
        try:
            self.settle(queue)
        except TimeoutError as error:
            check(False, "C23", f"a message that can never succeed is tried for more than {PATIENCE:.0f} s: {error}")
        except Exception as error:  # noqa: BLE001 - others report here
            errors.append(error)
        if queue.scope is Scope.PROCESS:
            told = [text for error in errors for text in (str(error), *map(str, getattr(error, "errors", ())))]
            check(
                any("the reason" in text for text in told),
                "C23",
                f"a message was given up, and nobody was told why: {told}",
            )
        check({b"good", b"better"} <= {*self._executed}, "C23", "a message that failed for good stopped the others")
        times = self._executed.count(b"bad")
        check(times < 100, "C23", f"a message that can never succeed was executed {times} times")
        if attempts is not None:
            same(times, attempts, "C23", "how often a message was executed for which trying again is no use")

    @promise("C20")
    def test_closing_executes_what_is_left(self) -> None:
        def slow(_: bytes) -> None:
            time.sleep(0.005)

        queue = self._queue(slow)
        for number in range(40):
            queue.enqueue(b"%d" % number, FanoutPriority.LOW)
        queue.close()
        if queue.scope is Scope.PROCESS:
            same(len({*self._executed}), 40, "C20", "how many of 40 messages were executed when close() returned")

    @promise("C20")
    def test_a_closed_queue_accepts_nothing(self) -> None:
        queue = self._queue()
        queue.enqueue(b"before", FanoutPriority.NORMAL)
        queue.close()
        queue.close()
        try:
            queue.enqueue(b"after", FanoutPriority.NORMAL)
        except QueueClosed:
            return
        check(False, "C20", "a closed queue accepts a message without a word, and should raise QueueClosed")

    @promise("C22")
    def test_low_work_does_not_delay_high_work(self) -> None:
        if not self.in_background:
            pytest.skip("messages are executed in enqueue(): nothing waits")
        go_on, high_done = threading.Event(), threading.Event()

        def handler(message: bytes) -> None:
            if message.startswith(b"low"):
                go_on.wait(PATIENCE)
            else:
                high_done.set()

        queue = self._queue(handler)
        for number in range(50):
            queue.enqueue(b"low %d" % number, FanoutPriority.LOW)
        time.sleep(0.05)
        queue.enqueue(b"high", FanoutPriority.HIGH)
        in_time = high_done.wait(3)
        go_on.set()
        self.settle(queue)
        check(in_time, "C22", "a HIGH message waits for LOW messages to finish")

    @promise("C21")
    def test_a_full_queue_makes_publishers_wait(self) -> None:
        queue = self.make_small_queue(5)
        if queue is None:
            pytest.skip("the queue has no limit (make_small_queue)")
        go_on, enqueued = threading.Event(), []
        self._queue(lambda _: check(go_on.wait(PATIENCE), "C21", "the test did not go on"), queue)

        def publish() -> None:
            for number in range(100):
                queue.enqueue(b"%d" % number, FanoutPriority.NORMAL)
                enqueued.append(number)

        publisher = threading.Thread(target=publish, daemon=True)
        publisher.start()
        publisher.join(0.3)
        waiting = len(enqueued)
        go_on.set()
        publisher.join(PATIENCE)
        self.settle(queue)
        check(
            waiting < 60,
            "C21",
            f"{waiting} messages were accepted while none was executed, and 5 may wait: memory is not bounded",
        )
        same(len({*self._executed}), 100, "C20", "how many messages were executed after publishers had to wait")


def _swallowing_failures(close: Callable[[], None]) -> None:
    """Close a queue in which a test made messages fail."""
    with suppress(FanoutFailed):
        close()

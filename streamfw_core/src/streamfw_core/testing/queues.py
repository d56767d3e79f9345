"""The contract of task queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from streamfw_core.errors import FanoutFailed, QueueClosed
from streamfw_core.queues.protocol import DeadLetter, DeadLetterQueue, FanoutPriority, OnDead, TaskQueue, untold
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.storage.protocol import Scope
from streamfw_core.testing.contract import Contract
from streamfw_core.testing.promises import check, promise, same

__all__ = ["TaskQueueContract"]

PATIENCE = 20.0
"""Seconds after which something is taken never to happen."""

SOON = 5.0
"""Seconds within which somebody is told of what has happened."""


class TaskQueueContract(Contract):
    """What every task queue has to do.

    Hooks of a subclass:

    - `make_queue()`: a new queue, whose failed messages are tried again at once (or nearly so).
    - `make_small_queue(limit)`: one that lets at most `limit` messages wait; None where there is no such limit.
    - `in_background`: whether messages are executed elsewhere than in `enqueue`.
    - `settle(queue)`: wait until what was enqueued is done; by default `queue.drain()`.

    A queue whose messages leave the process (`Scope.SHARED`) is given as one that starts workers when it is bound,
    which let the bound handler, in the process of the test, execute what they are given,
    and tell `on_dead` there of what they give up.
    One that keeps dead letters (`DeadLetterQueue`) has to keep the promises about these too.
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

    def _queue(
        self,
        handler: Callable[[bytes], None] | None = None,
        queue: TaskQueue | None = None,
        on_dead: OnDead = untold,
    ) -> TaskQueue:
        """A queue, bound to a handler that notes what it executes, then calls the one that is given."""
        queue = queue or self.make_queue()
        self._opened.append(queue)

        def handle(message: bytes) -> None:
            with self._lock:
                self._executed.append(message)
            if handler is not None:
                handler(message)

        queue.bind(handle, on_dead)
        return queue

    def _letters(self, queue: DeadLetterQueue, count: int) -> list[DeadLetter]:
        """The dead letters, when there are so many; not by `settle`, for which a queue may report and forget them."""
        end = time.monotonic() + PATIENCE
        while len(letters := queue.dead_letters()) < count and time.monotonic() < end:
            time.sleep(0.01)
        same(len(letters), count, "C23", "how many messages are among the dead letters")
        return letters

    def _with_letters(self, *names: bytes) -> tuple[DeadLetterQueue, list[DeadLetter], set[bytes]]:
        """A queue in which these died one after the other, and the set of those that cannot succeed."""
        hopeless = {*names}

        def handler(message: bytes) -> None:
            if message in hopeless:
                raise MessageFailed("no", rest=message, retriable=False) from ValueError(f"the reason of {message!r}")

        queue = self._queue(handler)
        if not isinstance(queue, DeadLetterQueue):
            pytest.skip("the queue keeps no dead letters")
        letters: list[DeadLetter] = []
        for number, name in enumerate(names):
            queue.enqueue(name, [*FanoutPriority][number % 3])
            letters = self._letters(queue, number + 1)
        return queue, letters, hopeless

    def _wait_until_executed(self, message: bytes, times: int) -> None:
        end = time.monotonic() + PATIENCE
        while self._executed.count(message) < times and time.monotonic() < end:
            time.sleep(0.01)
        same(self._executed.count(message), times, "C23", f"how often {message!r} was executed")

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

    @promise("C23")
    def test_who_binds_it_is_told_once_of_each_message_that_is_given_up(self) -> None:
        def handler(message: bytes) -> None:
            if message in {b"bad", b"never"}:
                reason = ValueError(f"the reason of {message!r}")
                raise MessageFailed(str(reason), rest=message, retriable=message == b"bad") from reason

        told: list[str] = []
        queue = self._queue(handler, on_dead=told.append)
        for message in (b"good", b"bad", b"never", b"better"):
            with suppress(Exception):  # a queue that executes at once reports here, others when they settle
                queue.enqueue(message, FanoutPriority.NORMAL)
        with suppress(Exception):
            self.settle(queue)
        end = time.monotonic() + SOON
        while len(told) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.05)  # for those that would be too many
        same(len(told), 2, "C23", f"how often on_dead was told when two messages were given up: {told}")
        for message in (b"bad", b"never"):
            check(
                any(f"the reason of {message!r}" in reason for reason in told),
                "C23",
                f"on_dead was not told why {message!r} was given up: {told}",
            )

    @promise("C23")
    def test_a_dead_letter_says_what_why_when_and_where(self) -> None:
        queue, letters, _ = self._with_letters(b"one", b"two", b"three")
        same([letter.message for letter in letters], [b"one", b"two", b"three"], "C23", "dead letters, oldest first")
        same([letter.priority for letter in letters], [*FanoutPriority], "C23", "the queues of dead letters")
        same(len({letter.id for letter in letters}), 3, "C23", "how many ids three dead letters have")
        for letter in letters:
            check(
                f"the reason of {letter.message!r}" in letter.reason, "C23", f"the reason of a letter: {letter.reason}"
            )
            age = (datetime.now(UTC) - letter.died_at).total_seconds()
            check(-60 < age < 3600, "C23", f"a letter died a moment ago, and says {letter.died_at}")
            same(letter.attempts, 1, "C23", "how often a message was tried that cannot succeed")
        same([letter.message for letter in queue.dead_letters(2)], [b"one", b"two"], "C23", "the first two letters")

    @promise("C23")
    def test_reading_dead_letters_leaves_them_where_they_are(self) -> None:
        queue, letters, _ = self._with_letters(b"one", b"two")
        for _ in range(3):
            same(queue.dead_letters(1), letters[:1], "C23", "the first letter, read again")
            same(queue.dead_letters(), letters, "C23", "the letters, read again")

    @promise("C23")
    def test_a_dead_letter_holds_what_remains(self) -> None:
        def handler(_: bytes) -> None:
            raise MessageFailed("no", rest=b"rest", retriable=True) from ValueError("the reason")

        queue = self._queue(handler)
        if not isinstance(queue, DeadLetterQueue):
            pytest.skip("the queue keeps no dead letters")
        queue.enqueue(b"whole", FanoutPriority.LOW)
        [letter] = self._letters(queue, 1)
        same((letter.message, letter.priority), (b"rest", FanoutPriority.LOW), "C23", "the message of a dead letter")
        check(letter.attempts > 1, "C23", "a letter that was tried again says that it was tried once")

    @promise("C23")
    def test_a_retried_letter_is_executed_where_it_was_and_forgotten(self) -> None:
        queue, letters, hopeless = self._with_letters(b"one", b"two", b"three")
        hopeless.clear()
        same(queue.retry_dead([letters[1].id, "nobody's"]), 1, "C23", "how many letters retry_dead() says it enqueued")
        self._wait_until_executed(b"two", 2)
        same(queue.dead_letters(), [letters[0], letters[2]], "C23", "the letters that were not tried again")
        same(queue.retry_dead([]), 0, "C23", "how many of no letters were enqueued")
        same(queue.retry_dead(), 2, "C23", "how many of all letters were enqueued")
        self._wait_until_executed(b"one", 2)
        self._wait_until_executed(b"three", 2)
        same((queue.dead_letters(), queue.retry_dead()), ([], 0), "C23", "what is left when all were tried again")

    @promise("C23")
    def test_a_letter_that_fails_again_is_a_letter_again(self) -> None:
        queue, letters, _ = self._with_letters(b"one")
        same(queue.retry_dead(), 1, "C23", "how many letters were enqueued")
        self._wait_until_executed(b"one", 2)
        [letter] = self._letters(queue, 1)
        same((letter.message, letter.priority), (b"one", letters[0].priority), "C23", "a letter that failed again")

    @promise("C23")
    def test_a_dropped_letter_is_forgotten(self) -> None:
        queue, letters, _ = self._with_letters(b"one", b"two", b"three")
        same(queue.drop_dead([letters[0].id, "nobody's", letters[0].id]), 1, "C23", "how many letters were dropped")
        same(queue.dead_letters(), letters[1:], "C23", "the letters that were not dropped")
        same(queue.drop_dead([]), 0, "C23", "how many of no letters were dropped")
        same(queue.drop_dead(), 2, "C23", "how many of all letters were dropped")
        same((queue.dead_letters(), queue.drop_dead()), ([], 0), "C23", "what is left when all were dropped")
        same(sorted(self._executed), [b"one", b"three", b"two"], "C23", "what was executed, as dropping does not")

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

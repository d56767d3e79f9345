"""The worker of the kombu queue: one process, one message at a time, the most urgent first."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from attrs import define, evolve
from streamfw_core.errors import MessageError, QueueUnavailable
from streamfw_core.queues import FanoutPriority, Handler

from streamfw_celery import wire
from streamfw_celery.attempts import Again, Dead, Done, Verdict, attempt
from streamfw_celery.connections import Line, is_of_broker
from streamfw_celery.options import Retries

if TYPE_CHECKING:
    from streamfw_celery.kombu_queue import KombuQueue

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

MAX_HELD: Final = 100
"""How many messages of a priority wait in a worker for their next attempt, before it fetches no more of them."""

TICK: Final = 0.5
"""Seconds for which a worker waits for messages before it looks whether it is to stop."""

ANSWER: Final = 0.1
"""Seconds that an answer of Redis may take before a worker goes on without it."""

ATTEND: Final = 5.0
"""Seconds after which a worker says again that it is there."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0


@define(eq=False)
class Task:
    """A message that was fetched and is not acknowledged.

    :param rest: what remains to be done; None: it was no message of ours.
    :param number: of the next attempt.
    :param again: whether there was one here.
    """

    intake: Intake
    message: Any
    id: str
    rest: bytes
    number: int
    again: bool = False


class Worker:
    """Executes messages until it is told to stop."""

    def __init__(
        self, queue: KombuQueue, handler: Handler, priorities: Sequence[FanoutPriority], stop: threading.Event
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._priorities = [priority for priority in FanoutPriority if priority in set(priorities)]
        self._stop = stop
        self._retries = self._bounded(queue.options.retries)

    def run(self) -> None:
        """Work, and connect again whenever the broker fails."""
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            session: Session | None = None
            try:
                session = Session(self._queue, self._handler, self._priorities, self._retries, self._stop)
                logger.info("task queue %r: working on %s", self._queue.name, ", ".join(self._priorities))
                pause = FIRST_PAUSE
                session.run()
            except Exception as error:
                if not (is_of_broker(error) or isinstance(error, QueueUnavailable)):
                    raise
                logger.warning(
                    "task queue %r: lost the broker at %s, connecting again in %.1f s: %r",
                    self._queue.name,
                    self._queue.connections.url,
                    pause,
                    error,
                )
                if session is not None:
                    session.drop()
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                if session is not None:
                    session.close()

    def _bounded(self, retries: Retries) -> Retries:
        """On Redis, pauses are over long before a message comes back by itself."""
        if not self._queue.options.url.startswith(("redis", "sentinel")):
            return retries
        return evolve(retries, max_pause=min(retries.max_pause, self._queue.options.visibility_timeout / 3))


class Session:
    """What a worker does with one connection."""

    def __init__(
        self,
        queue: KombuQueue,
        handler: Handler,
        priorities: Sequence[FanoutPriority],
        retries: Retries,
        stop: threading.Event,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._retries = retries
        self._stop = stop
        self._line = Line(queue.connections.connection(heartbeat=queue.options.heartbeat))
        self.connection = self._line.connection
        self._count = itertools.count()
        self._ready: list[tuple[int, int, Task]] = []
        self._held: list[tuple[float, int, Task]] = []
        self._keeper = Keeper(self)
        try:
            self.intakes = [
                Intake(self._line, order, priority, queue.queue_of(priority), queue.options.prefetch, self._add)
                for order, priority in enumerate(priorities)
            ]
        except BaseException:
            self._line.close()
            raise

    def run(self) -> None:
        """Execute messages until told to stop, or until the broker fails."""
        with self._keeper:
            while not self._stop.is_set():
                self._let_due_go_on()
                self._fetch(0.0 if self._ready else self._patience())
                self._keeper.beat()
                if self._ready and not self._stop.is_set():
                    self._execute(heapq.heappop(self._ready)[2])
            self._pass_on()

    def close(self) -> None:
        """Give back what was only fetched."""
        self._line.close()

    def drop(self) -> None:
        """Leave a broker that failed, which gives back by itself what was fetched."""
        self._line.drop()

    def _add(self, task: Task) -> None:
        heapq.heappush(self._ready, (task.intake.order, next(self._count), task))

    def _let_due_go_on(self) -> None:
        while self._held and self._held[0][0] <= time.monotonic():
            task = heapq.heappop(self._held)[2]
            task.intake.let_go(task)
            self._add(task)

    def _patience(self) -> float:
        """Seconds to wait for messages."""
        return min(TICK, max(0.001, self._held[0][0] - time.monotonic())) if self._held else TICK

    def _fetch(self, seconds: float) -> None:
        """Take what has arrived; wait for it so long when there is nothing else to do."""
        with suppress(TimeoutError):
            for _ in range(100):
                self.connection.drain_events(timeout=seconds)
                seconds = 0.0
        if self._ready and self._line.connection.transport.driver_type == "redis":
            self._fetch_more_urgent()

    def _fetch_more_urgent(self) -> None:
        """On Redis a message is asked for: see that those which are more urgent than what is ready were."""
        urgent = self.intakes[: self._ready[0][0]]
        end = time.monotonic() + ANSWER
        calls = 2 * len(self.intakes) if urgent else 0  # each looks at one connection
        while calls > 0 or (any(intake.may_have_more for intake in urgent) and time.monotonic() < end):
            with suppress(TimeoutError):
                self.connection.drain_events(timeout=0.0 if calls > 0 else 0.005)
            calls -= 1

    def _execute(self, task: Task) -> None:
        verdict = self._attempt(task)
        match verdict:
            case Done():
                task.message.ack()
            case Again(rest, number, delay):
                task.rest, task.number, task.again = rest, number, True
                heapq.heappush(self._held, (time.monotonic() + delay, next(self._count), task))
                task.intake.hold(task)
            case Dead(rest, reason, attempts):
                self._queue.bury(rest, task.intake.priority, reason, attempts=attempts, id=task.id)
                task.message.ack()

    def _attempt(self, task: Task) -> Verdict:
        if not task.again:
            try:
                received = wire.received(task.message)
            except MessageError as error:
                logger.error("a message of the queue %r is given up: %s", task.intake.name, error)
                return Dead(wire.bytes_of(task.message.body), f"{type(error).__name__}: {error}", 1)
            task.id, task.rest, task.number = received.id, received.message, received.attempt
        with self._keeper.working():
            return attempt(
                self._handler,
                task.rest,
                id=task.id,
                priority=task.intake.priority,
                number=task.number,
                retries=self._retries,
            )

    def _pass_on(self) -> None:
        """Let others go on with what was begun here: the rest, and how often it was tried."""
        begun = [task for _, _, task in [*self._ready, *self._held] if task.again]
        for task in begun:
            self._queue.publish(task.rest, task.intake.priority, id=task.id, attempt=task.number)
            task.message.ack()


class Intake:
    """Where the messages of one priority arrive: a channel of their own, so that none wait for those of another."""

    def __init__(
        self, line: Line, order: int, priority: FanoutPriority, queue: Any, prefetch: int, add: Callable[[Task], None]
    ) -> None:
        self.order = order
        self.priority = priority
        self.name = queue.name
        self._add = add
        self._prefetch = prefetch
        self._held: set[Task] = set()
        self._tag = ""
        self._is_amqp = line.connection.transport.driver_type == "amqp"
        line.declare(queue)
        self.channel = line.connection.channel()
        self._queue = queue(self.channel)
        self._consume()

    @property
    def may_have_more(self) -> bool:
        """On Redis: whether a message may be there that was not asked for, or not answered yet."""
        return bool(getattr(self.channel, "may_have_more", False))

    def attend(self, worker: str) -> None:
        """On Redis: say that a worker listens here; RabbitMQ knows."""
        attend = getattr(self.channel, "attend", None)
        if attend is not None:
            attend(self.name, worker)

    def hold(self, task: Task) -> None:
        """Make room for others beside one that waits for its next attempt."""
        self._held.add(task)
        if len(self._held) > MAX_HELD:
            return
        if not self._is_amqp:
            self._set_prefetch(self._prefetch + len(self._held))
        elif sum(self._tag_of(held) == self._tag for held in self._held) >= self._prefetch:
            self._consume()

    def let_go(self, task: Task) -> None:
        self._held.discard(task)
        if not self._is_amqp:
            self._set_prefetch(self._prefetch + min(len(self._held), MAX_HELD))

    def _consume(self) -> None:
        """Begin to consume; the broker counts what one consumer holds, so a new one has all its room."""
        before, self._tag = self._tag, f"streamfw-{uuid4().hex}"
        self._set_prefetch(self._prefetch)
        self._queue.consume(self._tag, callback=self._arrived, no_ack=False)
        if before:
            self._queue.cancel(before)

    def _set_prefetch(self, count: int) -> None:
        self.channel.basic_qos(0, count, False)

    def _arrived(self, raw: Any) -> None:
        self._add(Task(self, self.channel.message_to_python(raw), "", b"", 1))

    @staticmethod
    def _tag_of(task: Task) -> object:
        return task.message.delivery_info.get("consumer_tag")


class Keeper:
    """Says to the broker that this worker lives, also while it executes a message for a long time.

    A connection bears one thread at a time: the worker has the lock of it, except while it executes.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._beaten_at = 0.0
        self._attended_at = float("-inf")
        self._worker = uuid4().hex
        self._thread = threading.Thread(target=self._run, name="streamfw-keeper", daemon=True)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._lock.release()
        self._thread.join()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around what does not use the connection."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def beat(self) -> None:
        """By the worker, often: also notices that the broker is gone."""
        now = time.monotonic()
        if now - self._beaten_at < 1.0:
            return
        self._beaten_at = now
        connection = self._session.connection
        if connection.supports_heartbeats and connection.heartbeat:
            connection.heartbeat_check()
        self._keep(restoring=True)

    def _run(self) -> None:
        while not self._done.wait(1.0):
            if not self._lock.acquire(timeout=0.1):
                continue  # the worker does it itself
            try:
                if not self._done.is_set():
                    self._say()
            except Exception as error:  # noqa: BLE001 - the worker will see it, and connect again
                logger.debug("the broker was not told that the worker lives: %r", error)
            finally:
                self._lock.release()

    def _say(self) -> None:
        connection = self._session.connection
        if connection.supports_heartbeats and connection.heartbeat:
            connection.connection.send_heartbeat()
        self._keep(restoring=False)

    def _keep(self, *, restoring: bool) -> None:
        """On Redis: keep what is held here, and give back what nobody keeps."""
        for intake in self._session.intakes:
            keep = getattr(intake.channel.qos, "keep", None) if hasattr(intake.channel, "qos") else None
            if keep is not None:
                keep()
        if time.monotonic() - self._attended_at > ATTEND:
            self._attended_at = time.monotonic()
            for intake in self._session.intakes:
                intake.attend(self._worker)
        first = self._session.intakes[0].channel
        if restoring and hasattr(getattr(first, "qos", None), "keep"):
            first.qos.restore_visible()

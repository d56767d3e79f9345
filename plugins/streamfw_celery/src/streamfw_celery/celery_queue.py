"""The task queue on Celery: messages are tasks, and workers of Celery execute them.

| | |
|---|---|
| brokers | RabbitMQ and Redis, tested; others that Celery speaks to, as they keep messages |
| connection | that of the app, or `"broker_url": "amqp://user:password@host//"` |
| delivery | at least once; publishing is confirmed, and a task is acknowledged when it is done |
| worker | `celery -A proj worker -Q streamfw.high,streamfw.normal,streamfw.low` |
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from attrs import field, frozen
from attrs.validators import ge, gt, instance_of
from celery.exceptions import QueueNotFound
from streamfw_core.doctor.findings import REACHABLE, Finding, Now, ok
from streamfw_core.errors import MessageError, Problem, QueueClosed, SettingsError
from streamfw_core.messages import decode
from streamfw_core.queues import DeadLetter, FanoutPriority, Handler, OnDead
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.queues.protocol import untold
from streamfw_core.storage.protocol import Scope

from streamfw_celery.attempts import Again, Dead, Verdict
from streamfw_celery.celery_app import check_app, find_app, serializer_of, url_of
from streamfw_celery.connections import Connections, Line, prepared
from streamfw_celery.dead_letters import DeadLetters
from streamfw_celery.examining import Examination, by_inspection
from streamfw_celery.options import QueueNames, Retries
from streamfw_celery.wire import TASK, text_of

__all__ = ["CeleryQueue", "Options", "queue_of"]

logger = logging.getLogger(__name__)

NUMBER: Final = instance_of((int, float))
PERSISTENT: Final = 2


@frozen
class Options:
    """What `task_queue.options` of the backend `celery` may say.

    :param app: of Celery, as `"module:attribute"` or itself; else the program's current one, else one of `broker_url`.
    :param broker_url: where an app is made for, when the program has none.
    :param broker_transport_options: of that app.
    :param queues: the queues on the broker.
    :param queue_arguments: with which those of work, not that of dead letters, are declared on RabbitMQ, of that app.
    :param retries: of what failed.
    :param compress_above: bytes from which on a message is compressed.
    :param publish_timeout: seconds after which a broker that does not answer is given up.
    :param visibility_timeout: seconds after which Redis hands out again what a worker has not finished, of that app.
    """

    app: object = None
    broker_url: str | None = None
    broker_transport_options: Mapping[str, object] = field(factory=dict)
    queues: QueueNames = field(factory=QueueNames)
    queue_arguments: Mapping[str, object] = field(factory=dict)
    retries: Retries = field(factory=Retries)
    compress_above: int = field(default=32 * 1024, validator=[instance_of(int), ge(0)])
    publish_timeout: float = field(default=5.0, validator=[NUMBER, gt(0)])
    visibility_timeout: float = field(default=60.0, validator=[NUMBER, gt(0)])


class CeleryQueue:
    """Fan-out in the workers of Celery."""

    def __init__(self, name: str = "celery", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        self.name = name
        self.options = structure_options(Options, options or {}, "task_queue.options")
        self._inline = InlineQueue(name)
        self._handler: Handler | None = None
        self._on_dead: OnDead = untold
        self._closed = False

    # --- what the queue is made of; nothing of it connects ---

    @cached_property
    def app(self) -> Any:
        """The app of Celery.

        :raises SettingsError: there is none.
        """
        app = find_app(self.options)
        check_app(app)
        return app

    @cached_property
    def _connections(self) -> Connections:
        """Not the pool of the app: that asks RabbitMQ for no confirmations, and goes on in a child after `os.fork()`."""
        patience = self.options.publish_timeout
        # A broker that hangs does not answer when it is left, either.
        limits = {"read_timeout": patience}

        def connect() -> Any:
            return prepared(self.app.connection_for_write(heartbeat=0, transport_options=limits), patience)

        return Connections(connect, name=self.name, patience=patience, url=url_of(self.app))

    @cached_property
    def _dead(self) -> DeadLetters:
        return DeadLetters(self._connections, self.options.queues.dead, compress_above=self.options.compress_above)

    @cached_property
    def _serializer(self) -> str:
        return serializer_of(self.app)

    if TYPE_CHECKING:
        scope: Scope  # the protocol's is a plain attribute
    else:

        @cached_property
        def scope(self) -> Scope:
            """PROCESS when the app is eager, so that messages are executed in the caller."""
            return Scope.PROCESS if self._is_eager else Scope.SHARED

    @property
    def _is_eager(self) -> bool:
        return bool(self.app.conf.task_always_eager)

    # --- the protocol ---

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        self._handler, self._on_dead = handler, on_dead
        self._inline.bind(handler, on_dead)
        _bound.append(weakref.ref(self))

    def belongs_to(self, app: Any) -> bool:
        """Whether this app of Celery is its own; not while its own cannot be found."""
        try:
            return self.app is app
        except SettingsError:
            return False

    @property
    def handler(self) -> Handler:
        """What executes messages in this process."""
        assert self._handler is not None, "bind() comes first"
        return self._handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Send a message to the queue of its priority.

        :raises QueueUnavailable: the broker did not accept it within `publish_timeout`.
        :raises QueueClosed: after `close`.
        """
        if self._closed:
            raise QueueClosed(f"task queue {self.name!r} is closed: make new Streams to publish again")
        if self._is_eager:
            self._inline.enqueue(message, priority)
        else:
            self._send(message, priority, id=str(uuid4()))

    def drain(self, timeout: float | None = None) -> None:
        """Nothing waits here: messages leave the process."""

    def close(self) -> None:
        """Give up the connections and accept nothing more; may be repeated."""
        self._closed = True
        if "_connections" in vars(self):
            self._connections.close()

    # --- what was given up ---

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        """What was given up, oldest first; see `streamfw_core.queues.DeadLetterQueue`.

        :raises QueueUnavailable: the broker does not answer.
        """
        return [] if self._is_eager else self._dead.list(limit)

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        """Enqueue these letters again, each where it was, and forget them then; returns how many.

        :raises QueueUnavailable: the broker does not answer.
        """

        def enqueue(letter: DeadLetter) -> None:
            self._send(letter.message, letter.priority, id=str(uuid4()))

        return 0 if self._is_eager else self._dead.retry(ids, enqueue)

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        """Forget these letters; returns how many.

        :raises QueueUnavailable: the broker does not answer.
        """
        return 0 if self._is_eager else self._dead.drop(ids)

    # --- how it is ---

    def examine(self, now: Now) -> Iterator[Finding]:
        """See `streamfw_core.doctor.Examined`."""
        if self._is_eager:
            yield ok(f"task queue {self.name!r}", REACHABLE, "the app is eager: messages are executed in the caller")
            return
        app = self.options.app if isinstance(self.options.app, str) else "streamfw_celery.app"

        def command(priority: FanoutPriority) -> str:
            return f"celery -A {app} worker -Q {self.options.queues.of(priority)}"

        count = by_inspection(self.app, self._connections)
        yield from Examination(self._connections, self.options.queues, command, count).findings(now)

    # --- what becomes of an attempt, for the worker ---

    def conclude(self, verdict: Verdict, *, id: str, priority: FanoutPriority) -> None:
        """Keep what remains of a message, before its task is acknowledged.

        :raises QueueUnavailable: the broker cannot be reached: the task must not be acknowledged.
        """
        match verdict:
            case Again(rest, number, delay):
                self._send(rest, priority, id=id, number=number, delay=min(delay, self._longest_delay))
            case Dead(rest, reason, attempts):
                self.bury(rest, priority, reason, attempts=attempts, id=id)

    def bury(self, body: bytes, priority: FanoutPriority, reason: str, *, attempts: int = 1, id: str = "") -> None:
        """Put what is given up to the dead letters.

        :raises QueueUnavailable: the broker cannot be reached.
        """
        self._dead.put(
            body,
            reason=reason,
            priority=priority,
            attempts=attempts,
            task_id=id,
            correlation_id=_correlation_id(body),
        )
        self._on_dead(reason)

    # --- sending ---

    @cached_property
    def _longest_delay(self) -> float:
        """Seconds that a worker may hold a task back: on Redis, others take it for lost after the visibility timeout."""
        connection = self.app.connection_for_write()
        if connection.transport.driver_type != "redis":
            return float("inf")
        return float(connection.transport_options.get("visibility_timeout", 3600)) / 2

    def _send(
        self, message: bytes, priority: FanoutPriority, *, id: str, number: int = 1, delay: float | None = None
    ) -> None:
        name = self.options.queues.of(priority)
        text = text_of(message)

        def send(line: Line, within: float) -> None:
            line.declare(self._queue_named(name))
            self.app.send_task(
                TASK,
                (text,),
                task_id=id,
                producer=self.app.amqp.Producer(line.channel, auto_declare=False),
                retries=number - 1,
                countdown=delay,
                serializer=self._serializer,
                compression="zlib" if len(message) > self.options.compress_above else None,
                # Right into the queue, whatever exchange, route and mode the app has for its own tasks.
                queue=name,
                exchange="",
                routing_key=name,
                declare=(),
                delivery_mode=PERSISTENT,
                # An error, instead of a message that goes nowhere, when somebody has deleted the queue since.
                mandatory=True,
                retry=False,
                timeout=within,
                confirm_timeout=within,
                ignore_result=True,
                expires=None,
                add_to_parent=False,
                argsrepr=f"<{len(message)} bytes>",
                kwargsrepr="{}",
            )

        self._connections.insist(send)

    def _queue_named(self, name: str) -> Any:
        """The queue as the app declares it.

        :raises SettingsError: the app has none of this name.
        """
        try:
            return self.app.amqp.queues[name]
        except (KeyError, QueueNotFound) as error:
            raise SettingsError(
                [
                    Problem(
                        "task_queue.options.queues",
                        f"the Celery app {self.app.main!r} has no queue {name!r} and makes none",
                        "add it to its task_queues, or leave task_create_missing_queues on",
                    )
                ]
            ) from error


def _correlation_id(body: bytes) -> str:
    try:
        return decode(body).correlation_id
    except MessageError:
        return ""


# --- from an app to its queue -----------------------------------------------------------------------------------

_bound: list[weakref.ref[CeleryQueue]] = []
_makeshift: dict[int, CeleryQueue] = {}


def queue_of(app: Any) -> CeleryQueue:
    """The queue whose tasks a worker of this app executes: the newest that was made for it, else the default one."""
    for queue in _living():
        if queue.belongs_to(app):
            return queue
    from streamfw_core.streams import default_streams

    try:
        default = default_streams().queue
    except Exception as error:  # noqa: BLE001 - each message that is executed will say so, and be tried again
        logger.error("the settings describe no task queue for the Celery app %r: %s", app.main, error)
        return _makeshift_of(app)
    if isinstance(default, CeleryQueue):
        return default
    logger.warning("the settings name the task queue %r, and a worker of Celery executes messages", default.name)
    return _makeshift_of(app)


def _living() -> Iterator[CeleryQueue]:
    for reference in reversed(_bound.copy()):
        queue = reference()
        if queue is None:
            _bound.remove(reference)
        elif not queue._closed:  # noqa: SLF001 - this module's own
            yield queue


def _makeshift_of(app: Any) -> CeleryQueue:
    """One with the defaults, so that nothing is lost while the settings are wrong."""

    def execute(message: bytes) -> None:
        from streamfw_core.streams import default_streams

        default_streams().execute(message)

    def tell(reason: str) -> None:
        from streamfw_core.streams import default_streams

        with suppress(Exception):  # that the settings are wrong was said
            default_streams().given_up(reason)

    if id(app) not in _makeshift:
        queue = CeleryQueue("celery", {"app": app})
        # Not bound: a queue of the settings comes first once there is one.
        queue._handler, queue._on_dead = execute, tell  # noqa: SLF001
        _makeshift[id(app)] = queue
    return _makeshift[id(app)]

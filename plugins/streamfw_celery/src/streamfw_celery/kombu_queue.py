"""A task queue on whatever kombu speaks, with a worker of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Event
from typing import Any, Final
from uuid import uuid4

from attrs import Factory, field, frozen
from attrs.validators import ge, gt, instance_of, min_len
from streamfw_core.doctor.findings import Finding, Now
from streamfw_core.errors import QueueClosed
from streamfw_core.queues import DeadLetter, FanoutPriority, Handler, OnDead
from streamfw_core.queues.protocol import untold
from streamfw_core.storage.protocol import Scope

from streamfw_celery import wire
from streamfw_celery.brokers import check_installed
from streamfw_celery.connections import Connections, broker_connection, prepared, queue_of
from streamfw_celery.dead_letters import DeadLetters
from streamfw_celery.examining import Examination, by_presence
from streamfw_celery.options import NUMBER, QueueNames, Retries

__all__ = ["KombuQueue", "Options"]

COMPRESS_ABOVE: Final = 32 * 1024


@frozen
class Options:
    """What `task_queue.options` may have.

    :param url: of the broker, such as `amqp://user:password@host:5672//` or `redis://host:6379/0`.
    :param transport_options: for kombu's transport, as its documentation says; ours for Redis takes the same.
    :param queues: the names of the queues.
    :param queue_arguments: with which those of work, not that of dead letters, are declared; RabbitMQ only.
    :param retries: how often, and after what pauses.
    :param prefetch: how many messages of each priority a worker fetches ahead.
    :param compress_above: bytes; larger messages are compressed.
    :param publish_timeout: seconds after which publishing is given up.
    :param visibility_timeout: seconds after which a message comes back whose worker was killed; Redis only.
    :param heartbeat: seconds within which a lost connection of a worker is noticed; RabbitMQ only.
    """

    url: str = field(validator=min_len(1))
    transport_options: Mapping[str, Any] = field(factory=dict)
    queues: QueueNames = Factory(QueueNames)
    queue_arguments: Mapping[str, object] = field(factory=dict)
    retries: Retries = Factory(Retries)
    prefetch: int = field(default=4, validator=[instance_of(int), ge(1)])
    compress_above: int = field(default=COMPRESS_ABOVE, validator=[instance_of(int), ge(0)])
    publish_timeout: float = field(default=5.0, validator=[NUMBER, gt(0)])
    visibility_timeout: float = field(default=60.0, validator=[NUMBER, gt(0)])
    heartbeat: float = field(default=30.0, validator=[NUMBER, ge(0)])


class KombuQueue:
    """Fan-out by workers in other processes: `streamfw worker`, or whoever calls `work`."""

    scope = Scope.SHARED

    def __init__(self, name: str = "kombu", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        self.name = name
        self.options = structure_options(Options, options or {}, "task_queue.options")
        check_installed(self.options.url, "task_queue.options.url")
        self.connections = Connections(
            self._connect, name=name, patience=self.options.publish_timeout, url=self.options.url
        )
        self.letters = DeadLetters(
            self.connections, self.options.queues.dead, compress_above=self.options.compress_above
        )
        self._handler: Handler | None = None
        self._on_dead: OnDead = untold
        self._closed = False

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        self._handler, self._on_dead = handler, on_dead

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Accept a message; once this returns, the broker has it.

        :raises QueueUnavailable: the broker did not take it within `publish_timeout` seconds.
        :raises QueueClosed: after `close`.
        """
        if self._closed:
            raise QueueClosed(f"task queue {self.name!r} is closed: make new Streams to publish again")
        self.publish(message, priority, id=uuid4().hex)

    def queue_of(self, priority: FanoutPriority) -> Any:
        """The queue of a priority, as kombu declares it."""
        return queue_of(self.options.queues.of(priority), self.options.queue_arguments)

    def publish(self, message: bytes, priority: FanoutPriority, *, id: str, attempt: int = 1) -> None:
        """Put a message into the queue of a priority, as attempt number `attempt`.

        :raises QueueUnavailable: as `enqueue`.
        """
        body = wire.body_of(message)
        self.connections.publish(
            body,
            self.queue_of(priority),
            compression="zlib" if len(body) > self.options.compress_above else None,
            content_type="application/json",
            content_encoding="utf-8",
            correlation_id=id,
            headers=wire.headers_of(id, attempt),
        )

    def bury(self, message: bytes, priority: FanoutPriority, reason: str, *, attempts: int, id: str) -> None:
        """Put what is given up to the dead letters.

        :raises QueueUnavailable: the broker cannot be reached.
        """
        self.letters.put(message, reason=reason, priority=priority, attempts=attempts, task_id=id)
        self._on_dead(reason)

    def drain(self, timeout: float | None = None) -> None:
        """Return at once: other processes execute what is enqueued here."""

    def close(self) -> None:
        """Accept nothing more."""
        self._closed = True
        self.connections.close()

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        """What was given up, oldest first.

        :raises QueueUnavailable: the broker does not answer.
        """
        return self.letters.list(limit)

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        """Enqueue letters again, each where it was.

        :param ids: None: all that are there now.
        :returns: how many.
        :raises QueueUnavailable: the broker does not answer.
        """
        return self.letters.retry(ids, lambda letter: self.enqueue(letter.message, letter.priority))

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        """Forget letters.

        :param ids: None: all that are there now.
        :returns: how many.
        :raises QueueUnavailable: the broker does not answer.
        """
        return self.letters.drop(ids)

    def examine(self, now: Now) -> Iterator[Finding]:
        """See `streamfw_core.doctor.Examined`."""

        def command(priority: FanoutPriority) -> str:
            return f"streamfw worker --queues {priority}"

        yield from Examination(self.connections, self.options.queues, command, by_presence).findings(now)

    def work(self, priorities: Sequence[FanoutPriority], stop: Event) -> None:
        """Execute messages of these priorities in this process, the most urgent first, until `stop` is set.

        Never raises for what the broker does: it connects again, with growing pauses.
        """
        from streamfw_celery.kombu_worker import Worker

        assert self._handler is not None, "bind() comes before work()"
        Worker(self, self._handler, priorities, stop).run()

    def _connect(self) -> Any:
        options = {
            "visibility_timeout": self.options.visibility_timeout,
            "unacked_restore_interval": min(10.0, self.options.visibility_timeout / 4),
            "priority_steps": [0],  # a message has its queue for a priority
        }
        is_redis = self.options.url.startswith(("redis", "sentinel"))
        given = {**(options if is_redis else {}), **self.options.transport_options}
        return prepared(broker_connection(self.options.url, given), self.options.publish_timeout)

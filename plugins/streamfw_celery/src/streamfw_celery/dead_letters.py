"""What was given up: messages in a queue of their own, on the broker of the others.

A letter is a message whose body is what remains to be done; its `message_id` is its id, and its headers say the rest.
It is read in two ways, neither of which can lose one:

- on Redis the queue is a list, which is read where it is; a letter is removed by its very bytes;
- elsewhere letters are fetched and not acknowledged, so that the broker puts them back where they were when the reader
  closes its channel, or dies. As nobody else sees them meanwhile, readers come one after the other on RabbitMQ:
  each declares a queue that only its own connection may use.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Final
from uuid import uuid4

import kombu
from kombu.utils.json import loads
from streamfw_core.queues import DeadLetter, FanoutPriority

from streamfw_celery.connections import Connections, Line, is_of_broker, queue_of
from streamfw_celery.wire import bytes_of

__all__ = ["DeadLetters"]

LONGEST_REASON: Final = 2000
CHUNK: Final = 200
HEARTBEAT: Final = 60
"""Seconds: a reader that lost its connection is noticed by the broker within two of them."""

LOCKED: Final = 405
"""The code of AMQP for a queue that belongs to another connection."""


class _Next(Enum):
    KEEP = auto()
    REMOVE = auto()
    STOP = auto()


Visit = Callable[[DeadLetter], _Next]


class DeadLetters:
    """The dead letters of one task queue.

    :param queue: their name on the broker.
    :param compress_above: bytes; larger ones are compressed.
    """

    def __init__(self, connections: Connections, queue: str, *, compress_above: int | None = None) -> None:
        self._connections = connections
        self._name = queue
        self._compress_above = compress_above

    def put(
        self,
        message: bytes,
        *,
        reason: str,
        priority: FanoutPriority,
        attempts: int,
        task_id: str = "",
        correlation_id: str = "",
    ) -> str:
        """Keep what is given up; once this returns, the broker has it.

        :returns: the id of the letter.
        :raises QueueUnavailable: it was not kept.
        """
        id = uuid4().hex
        large = self._compress_above is not None and len(message) > self._compress_above
        self._connections.publish(
            message,
            queue_of(self._name),
            compression="zlib" if large else None,
            content_type="application/octet-stream",
            content_encoding="binary",
            message_id=id,
            headers={
                "reason": reason[:LONGEST_REASON],
                "priority": priority.value,
                "attempts": attempts,
                "died_at": datetime.now(UTC).isoformat(),
                "task_id": task_id,
                "correlation_id": correlation_id,
            },
        )
        return id

    def list(self, limit: int | None = None) -> list[DeadLetter]:
        """The letters, oldest first.

        :param limit: at most so many.
        :raises QueueUnavailable: the broker does not answer.
        """
        letters: list[DeadLetter] = []

        def collect(letter: DeadLetter) -> _Next:
            letters.append(letter)
            return _Next.STOP if len(letters) == limit else _Next.KEEP

        if limit is None or limit > 0:
            self._walk(collect)
        return letters

    def retry(self, ids: Sequence[str] | None, enqueue: Callable[[DeadLetter], None]) -> int:
        """Enqueue letters, and forget each when it is enqueued.

        :param ids: None: all that are there now.
        :returns: how many.
        :raises QueueUnavailable: the broker does not answer; what was enqueued until then is.
        """
        return self._remove(ids, enqueue)

    def drop(self, ids: Sequence[str] | None) -> int:
        """Forget letters.

        :param ids: None: all that are there now.
        :returns: how many.
        :raises QueueUnavailable: the broker does not answer.
        """
        return self._remove(ids, lambda _: None)

    def _remove(self, ids: Sequence[str] | None, first: Callable[[DeadLetter], None]) -> int:
        wanted = None if ids is None else {*ids}

        def visit(letter: DeadLetter) -> _Next:
            if wanted is not None and not wanted:
                return _Next.STOP
            if wanted is not None and letter.id not in wanted:
                return _Next.KEEP
            first(letter)
            if wanted is not None:
                wanted.discard(letter.id)
            return _Next.REMOVE

        return self._walk(visit) if wanted is None or wanted else 0

    def _walk(self, visit: Visit) -> int:
        """Show the letters, oldest first, and remove those of which that is said; returns how many."""
        line: Line | None = None
        try:
            line = Line(self._connections.connection(heartbeat=HEARTBEAT))
            if line.connection.transport.driver_type == "redis":
                return _walk_list(line.channel, self._name, visit)
            with self._alone(line.connection):
                removed = _walk_queue(line, self._name, visit)
                line.channel.close()  # what was not removed is back before the next reader begins
                return removed
        except Exception as error:
            if is_of_broker(error):
                raise self._connections.unavailable(error) from error
            raise
        finally:
            if line is not None:
                line.close()

    @contextmanager
    def _alone(self, connection: Any) -> Iterator[None]:
        """Wait until no other reader reads."""
        if connection.transport.driver_type != "amqp":
            yield
            return
        end = time.monotonic() + self._connections.patience
        name = f"{self._name}.reader"
        while True:
            channel = connection.channel()
            try:
                channel.queue_declare(name, exclusive=True, auto_delete=False)
                break
            except connection.channel_errors as error:
                if getattr(error, "reply_code", None) != LOCKED or time.monotonic() > end:
                    raise
                time.sleep(0.05)
        try:
            yield
        finally:
            with suppress(Exception):
                channel.queue_delete(name)


def _walk_list(channel: Any, name: str, visit: Visit) -> int:
    """On Redis: the oldest is the last of the list."""
    import redis

    client = redis.Redis(connection_pool=channel.pool)
    key = f"{channel.global_keyprefix}{name}"
    left: int = client.llen(key)
    kept = removed = 0
    while left > 0:
        items: list[bytes] = client.lrange(key, -(kept + min(left, CHUNK)), -(kept + 1))  # type: ignore[assignment]
        if not items:
            break
        left -= len(items)
        for item in reversed(items):
            match visit(_letter_of_item(channel, item)):
                case _Next.REMOVE:
                    removed += int(client.lrem(key, -1, item))  # type: ignore[arg-type]
                case _Next.KEEP:
                    kept += 1
                case _Next.STOP:
                    return removed
    return removed


def _letter_of_item(channel: Any, item: bytes) -> DeadLetter:
    try:
        message = channel.Message(loads(item.decode()), channel=channel)
    except (ValueError, TypeError, KeyError, AttributeError):
        message = kombu.Message(item)
    return _letter(message, item)


def _walk_queue(line: Line, name: str, visit: Visit) -> int:
    """Elsewhere: what is fetched and not acknowledged is put back when the channel is closed."""
    line.declare(queue_of(name))
    channel, removed = line.channel, 0
    for _ in range(channel.queue_declare(name, passive=True).message_count):
        raw = channel.basic_get(name)
        if raw is None:
            break
        message = channel.message_to_python(raw)
        then = visit(_letter(message, bytes_of(message.body)))
        if then is _Next.REMOVE:
            message.ack()
            removed += 1
        if then is _Next.STOP:
            break
    return removed


def _letter(message: Any, item: bytes) -> DeadLetter:
    """The letter in a message, be it one that somebody else put there."""
    headers = message.headers
    body = b"" if message.errors else bytes_of(message.body)
    attempts = headers.get("attempts")
    return DeadLetter(
        id=str(message.properties.get("message_id") or hashlib.sha256(item).hexdigest()[:32]),
        message=body,
        priority=_priority(headers.get("priority")),
        reason=str(headers.get("reason") or "not said"),
        died_at=_time(headers.get("died_at")),
        attempts=attempts if type(attempts) is int else 1,
    )


def _priority(value: object) -> FanoutPriority:
    with suppress(ValueError):
        return FanoutPriority(str(value))
    return FanoutPriority.NORMAL


def _time(value: object) -> datetime:
    with suppress(ValueError, TypeError):
        time = datetime.fromisoformat(str(value))
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC)

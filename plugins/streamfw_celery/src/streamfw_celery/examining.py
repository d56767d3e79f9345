"""How a broker is, and which of its queues have workers: for `streamfw doctor`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen
from streamfw_core.doctor.findings import REACHABLE, Finding, Now, compare_clocks, failure, ok, warning
from streamfw_core.queues import FanoutPriority
from streamfw_core.settings.masking import mask_text

from streamfw_celery.brokers import errors_of_redis
from streamfw_celery.connections import Connections, Line, is_of_broker
from streamfw_celery.options import QueueNames

__all__ = ["Count", "Examination", "by_inspection", "by_presence"]

WORKERS: Final = "workers"
NOT_FOUND: Final = 404
"""The code of AMQP for a queue that does not exist."""

PATIENCE: Final = 2.0
"""Seconds for which workers are looked for, and for which those of Celery are asked."""
PAUSE: Final = 0.2

Count: TypeAlias = Callable[[Line, str], int | None]
"""How many workers listen to a queue, where the broker itself does not know; None: nobody can tell."""


@frozen
class Examination:
    """Of one task queue.

    :param command: what runs a worker for some priorities.
    :param count: for brokers other than RabbitMQ.
    """

    connections: Connections
    queues: QueueNames
    command: Callable[[FanoutPriority], str]
    count: Count

    def findings(self, now: Now) -> Iterator[Finding]:
        where = f"task queue {self.connections.name!r}, broker at {self.connections.url}"
        line: Line | None = None
        try:
            line = Line(self.connections.connection())
            driver = line.connection.transport.driver_type
            yield from _of_redis(line, where, now) if driver == "redis" else [ok(where, REACHABLE, "it answers")]
            until = time.monotonic() + PATIENCE
            for priority in FanoutPriority:
                yield self._workers(line, where, priority, driver, until)
        except Exception as error:
            if not is_of_broker(error):
                raise
            message = f"it does not answer ({type(error).__name__}: {mask_text(str(error))})"
            hint = "see that it runs, and that URL, user and password in the settings are right: `streamfw settings`"
            yield failure(where, REACHABLE, message, hint)
        finally:
            if line is not None:
                line.close()

    def _workers(self, line: Line, where: str, priority: FanoutPriority, driver: str, until: float) -> Finding:
        name = self.queues.of(priority)
        count = _consumers if driver == "amqp" else self.count
        number = count(line, name)
        while number == 0 and time.monotonic() < until:  # it may have been started a moment ago
            time.sleep(PAUSE)
            number = count(line, name)
        if number is None:
            message = f"workers cannot be asked whether they listen to {name!r}"
            return warning(where, WORKERS, message, "the canary shows it, see below")
        if number == 0:
            return failure(where, WORKERS, f"no worker listens to {name!r}", self.command(priority))
        listen = "1 worker listens" if number == 1 else f"{number} workers listen"
        return ok(where, WORKERS, f"{listen} to {name!r}")


def by_presence(line: Line, queue: str) -> int | None:
    """Workers of this package say on Redis that they are there; None: the transport is another."""
    count = getattr(line.channel, "count_workers", None)
    return None if count is None else int(count(queue))


def by_inspection(app: Any, connections: Connections) -> Count:
    """Workers of Celery are asked once for all queues; None where the app lets nobody ask them."""
    found: list[Mapping[str, int]] = []

    def count(_: Line, queue: str) -> int | None:
        if not app.conf.worker_enable_remote_control:
            return None
        if not found:
            with connections.connection() as connection:
                answers = app.control.inspect(timeout=PATIENCE, connection=connection).active_queues() or {}
            found.append(Counter(active["name"] for queues in answers.values() for active in queues))
        return found[0].get(queue, 0)

    return count


def _consumers(line: Line, queue: str) -> int:
    """What RabbitMQ knows."""
    channel = line.connection.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).consumer_count)
    except line.connection.channel_errors as error:
        if getattr(error, "reply_code", None) != NOT_FOUND:
            raise
        return 0  # whoever listens has declared it
    finally:
        channel.close()


def _of_redis(line: Line, where: str, now: Now) -> Iterator[Finding]:
    client = line.channel.client
    client.ping()
    yield ok(where, REACHABLE, "it answers")
    yield compare_clocks(where, lambda: _seconds(*client.time()), now)
    try:
        memory = client.info("memory")
    except errors_of_redis():  # this user may not ask
        return
    policy, what = memory.get("maxmemory_policy", "noeviction"), "maxmemory-policy"
    if memory.get("maxmemory") and policy.startswith("allkeys"):
        message = f"maxmemory-policy is {policy!r}, so a full broker deletes messages. Set it to 'noeviction'"
        yield failure(
            where, what, message, "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf"
        )
    else:
        yield ok(where, what, "it does not evict messages")


def _seconds(seconds: int, microseconds: int) -> float:
    return seconds + microseconds / 1_000_000

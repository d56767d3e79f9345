"""Connections to a broker: each process has its own, opened when it first needs one."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import kombu
from kombu.exceptions import VersionMismatch
from streamfw_core.errors import QueueUnavailable
from streamfw_core.settings.masking import mask_text

from streamfw_celery.brokers import errors_of_redis, not_together, transport_for

__all__ = ["Connections", "Line", "broker_connection", "is_of_broker", "prepared", "queue_of"]

logger = logging.getLogger(__name__)

MAX_IDLE: Final = 8
"""How many connections are kept for the next publisher."""

PERSISTENT: Final = 2

GOODBYE: Final = 2.0
"""Seconds within which a broker should say that it closed a connection."""

ALREADY_OTHERWISE: Final = 406
"""The code of AMQP for a queue that exists, with other arguments than those that were declared."""


def queue_of(name: str, arguments: Mapping[str, object] | None = None) -> Any:
    """A queue as Celery declares one that nobody described: durable, with a direct exchange and a key of its name.

    :param arguments: for RabbitMQ, such as `{"x-queue-type": "quorum"}`.
    """
    exchange = kombu.Exchange(name, type="direct")
    return kombu.Queue(name, exchange, routing_key=name, queue_arguments=dict(arguments or {}))


def broker_connection(url: str, transport_options: Mapping[str, Any] | None = None) -> Any:
    """A connection by the URL of a broker, not yet opened: with the transport here where the broker is Redis."""
    scheme = url.partition("://")[0]
    # Not librabbitmq, which kombu would prefer and which knows no publisher confirms.
    transport = "pyamqp" if scheme == "amqp" else transport_for(url)
    return kombu.Connection(url, transport=transport, transport_options=dict(transport_options or {}))


def prepared(connection: Any, patience: float) -> Any:
    """A connection to the same broker, not yet opened, which answers within `patience` seconds and confirms."""
    options: dict[str, Any] = dict(connection.transport_options)
    driver = connection.get_transport_cls().driver_type
    if driver == "amqp":
        options["confirm_publish"] = True
        options.setdefault("write_timeout", patience)
    elif driver == "redis":
        options.setdefault("socket_timeout", max(patience, 2.0))  # a consumer waits for 1 s
        options.setdefault("socket_connect_timeout", patience)
        options.setdefault("socket_keepalive", True)
    return connection.clone(
        transport_options=options, connect_timeout=min(patience, connection.connect_timeout or patience)
    )


def _without_secrets(url: str) -> str:
    """A URL, or several as kombu takes them, in turn."""
    return ";".join(mask_text(one) for one in url.split(";"))


class Connections:
    """The connections of one task queue.

    :param connect: makes a connection of kombu, not yet opened; see `prepared`.
    :param name: of the task queue, for messages.
    :param patience: seconds after which a broker that does not answer is given up.
    :param url: of the broker, for messages; None: as the connection says it.
    """

    def __init__(self, connect: Callable[[], Any], *, name: str, patience: float, url: str | None = None) -> None:
        self.name = name
        self.patience = patience
        self._connect = connect
        self._url = url and _without_secrets(url)
        self._lock = threading.Lock()
        self._idle: list[Line] = []
        self._pid = os.getpid()

    def connection(self, **changes: Any) -> Any:
        """A new connection for the caller alone, not yet opened.

        :param changes: as kombu's `clone` takes them, such as `heartbeat`.
        """
        connection = self._connect()
        return connection.clone(**changes) if changes else connection

    @property
    def url(self) -> str:
        """Of the broker, without its password."""
        return self._url or str(self._connect().as_uri())

    def publish(self, body: bytes, queue: Any, *, compression: str | None = None, **properties: Any) -> None:
        """Put a message into a queue; once this returns, the broker has it.

        :param queue: of kombu; it is declared if it is not there.
        :param properties: `content_type`, `content_encoding`, `headers` and others of kombu's `Producer.publish`.
        :raises QueueUnavailable: the broker did not take it within `patience` seconds.
        """
        self.insist(lambda line, rest: line.publish(body, queue, rest, compression=compression, **properties))

    def insist(self, action: Callable[[Line, float], None]) -> None:
        """Do something with an open connection, again with another one while the broker fails.

        :param action: gets the connection, and how many seconds it may take.
        :raises QueueUnavailable: it did not succeed within `patience` seconds.
        """
        end = time.monotonic() + self.patience
        pause = 0.0
        while True:
            line: Line | None = None
            try:
                line = self._take()
                action(line, max(end - time.monotonic(), 0.05))
            except Exception as error:
                self._discard(line)
                if not is_of_broker(error):
                    raise
                if time.monotonic() + pause >= end:
                    raise self.unavailable(error) from error
                logger.info("task queue %r: the broker failed, trying again: %r", self.name, error)
                time.sleep(pause)
                pause = min(pause * 2 + 0.05, 1.0)
            else:
                self._give_back(line)
                return

    def unavailable(self, error: BaseException) -> QueueUnavailable:
        """What is raised for an error of the broker."""
        return QueueUnavailable(
            f"task queue {self.name!r}: the broker at {self.url} did not accept a message within"
            f" {self.patience:g} s ({type(error).__name__}: {mask_text(str(error))}); see that it runs, that it has memory and"
            " disk space left, and that this URL, user and password are right; then publish again",
            queue=self.name,
        )

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._own():
            lines, self._idle = self._idle, []
        for line in lines:
            line.close()

    def _take(self) -> Line:
        with self._own():
            if self._idle:
                return self._idle.pop()
        return Line(self._connect())

    def _give_back(self, line: Line) -> None:
        with self._own():
            if len(self._idle) < MAX_IDLE:
                self._idle.append(line)
                return
        line.close()

    def _discard(self, line: Line | None) -> None:
        """Forget one that failed, and the idle ones, which it is likely that the same happened to."""
        if line is not None:
            line.drop()
            with self._own():
                lines, self._idle = self._idle, []
            for idle in lines:
                idle.drop()

    @contextmanager
    def _own(self) -> Iterator[None]:
        """Look at the idle ones, which are never those that another process opened."""
        if self._pid != os.getpid():
            self._pid, self._lock, self._idle = os.getpid(), threading.Lock(), []
        with self._lock:
            yield


class Line:
    """An open connection with one channel, and the queues that it knows to be there.

    :raises SettingsError: the packages that are to speak to the broker do not go together.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._amqp: Any = None
        _open.add(self)
        self._known: set[str] = set()
        try:
            connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0, timeout=connection.connect_timeout
            )
            self._open_channel()
        except VersionMismatch as error:
            self.drop()
            raise not_together(error) from error
        except BaseException:
            self.drop()
            raise

    def _open_channel(self) -> None:
        self.channel = self.connection.channel()
        self._amqp = self.connection.connection  # asking for it in a child would connect again
        self._producer = kombu.Producer(self.channel)

    def declare(self, queue: Any) -> None:
        """See that a queue is there; one with other arguments is right as it is."""
        if queue.name in self._known:
            return
        try:
            queue(self.channel).declare()
        except self.connection.channel_errors as error:
            if getattr(error, "reply_code", None) != ALREADY_OTHERWISE:
                raise
            self._open_channel()
        self._known.add(queue.name)

    def publish(self, body: bytes, queue: Any, within: float, **properties: Any) -> None:
        self.declare(queue)
        if self.connection.transport.driver_type == "amqp":
            # Mandatory: what fits no queue, as somebody deleted it, comes back as an error instead of being dropped.
            properties.update(mandatory=True, timeout=within, confirm_timeout=within)
        self._producer.publish(
            body, exchange="", routing_key=queue.name, delivery_mode=PERSISTENT, retry=False, **properties
        )

    def close(self) -> None:
        """Close it as the broker wants it, if that answers in a moment."""
        with suppress(Exception):
            if self._amqp.connected:
                self._amqp.transport.sock.settimeout(GOODBYE)
        try:
            self.connection.release()
        except Exception as error:  # noqa: BLE001 - it is gone, which is what was wanted
            logger.debug("a connection ended while it was closed: %r", error)
            self.drop()
        _open.discard(self)

    def drop(self) -> None:
        """Forget one that failed, without a word to the broker, which may not answer."""
        _open.discard(self)
        with suppress(Exception):
            if self._amqp is not None and hasattr(self._amqp, "collect"):
                self._amqp.collect()
        with suppress(Exception):
            self.connection.release()

    def leave(self) -> None:
        """Close it for this process alone: closing it as usual would end it for the parent too."""
        with suppress(Exception):
            socket = self._amqp.transport.sock
            os.close(socket.detach())


_open: weakref.WeakSet[Line] = weakref.WeakSet()


def _leave_all() -> None:
    for line in list(_open):
        line.leave()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)


def is_of_broker(error: Exception) -> bool:
    """Whether an error came from the broker or the way to it, rather than from a mistake in the program."""
    import amqp.exceptions
    from kombu.exceptions import KombuError, OperationalError

    return isinstance(
        error,
        (
            OSError,
            EOFError,
            KombuError,
            OperationalError,
            amqp.exceptions.AMQPError,
            amqp.exceptions.MessageNacked,
            *errors_of_redis(),
        ),
    )

"""Kombu's transport for Redis, without the moment in which it can lose a message.

Kombu takes a message off its list with BRPOP, and notes it among the unacknowledged ones when the reply has arrived:
whoever is killed between the two has lost it. Here one script takes and notes, within the server.

As a script cannot wait, a consumer that finds nothing waits with `BLMOVE key key RIGHT RIGHT`, which moves the oldest
message onto itself, so that it changes nothing and only says that there is one; then the script is sent again.
Where there are several keys (several queues, or one with priorities), it waits for each in turn, for a short time.

| | kombu's | this one |
|---|---|---|
| killed with a reply on its way | the message is lost | it comes back |
| where what comes back is put | every queue of its exchange and routing key, if they are still bound | the queue that it was in |
| held longer than the visibility timeout | given to somebody else as well | stays where it is, as long as its process lives |
| what is not a message | ends the consumer, and is lost | is set aside in a list of its own, and logged |

Its options are kombu's. It is chosen by name, with the URL as it is, for a connection and for an app of Celery:

```python
app.conf.broker_url = "redis://localhost:6379/0"
app.conf.broker_transport = "streamfw_celery.redis_transport:Transport"
```
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty
from time import monotonic
from typing import Any, Final, Literal
from uuid import uuid4

import redis
from kombu.transport import redis as stock
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads
from redis.exceptions import NoScriptError, ResponseError

from streamfw_celery import redis_scripts as scripts
from streamfw_celery.brokers import is_stock_redis, transport_for
from streamfw_celery.redis_unacked import QoS

__all__ = ["SentinelTransport", "Transport", "is_stock_redis", "transport_for"]

logger = logging.getLogger(__name__)

WAIT_FOR_ONE: Final = 0.1
"""Seconds for which a consumer of several keys waits for one of them: so long may a message of another one lie."""


ABSENT_AFTER: Final = 15
"""Seconds after which a worker is taken to be gone that has not said that it is there."""


class _Channel:
    """What is different in a channel, whether its server is found by its address or by sentinels."""

    # Of kombu's channel.
    QoS = QoS
    unacked_restore_throttle = 1
    from_transport_options = stock.Channel.from_transport_options

    _in_poll: Any
    _closing: bool
    active_queues: list[str]
    ack_emulation: bool
    connection_errors: tuple[type[BaseException], ...]

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        self._asked: Literal["take", "wait"] = "take"
        self.tag = ""
        self._taken_from: list[tuple[str, str]] = []
        self._turn = 0
        self._cannot_wait = False
        self._takes_for_good: set[str] = set()
        self._plain: Any = None
        self._shared: Any = None
        super().__init__(*arguments, **options)

    # --- taking what is waited for ---

    def _brpop_start(self: Any, timeout: float | None = None) -> None:
        """Ask for a message; kombu's poller calls this whenever nothing was asked."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        if queues:
            self._taken_from = [
                (queue, self._q_for_pri(queue, priority)) for priority in self.priority_steps for queue in queues
            ]
            self.tag = uuid4().hex
            self._ask_for_one("EVALSHA", scripts.sha(scripts.TAKE))

    def _ask_for_one(self: Any, command: str, script: str) -> None:
        keys = [self.unacked_key, self.unacked_index_key, *(key for _, key in self._taken_from)]
        names = [self._note(queue) for queue, _ in self._taken_from]
        self._asked = "take"
        self._send(command, script, len(keys), *map(self._prefixed, keys), self.tag, *names)

    def _ask_to_wait(self: Any) -> None:
        several = len(self._taken_from) > 1
        seconds = WAIT_FOR_ONE if several else self.brpop_timeout or 1
        first = [key for _, key in self._taken_from[: len(self.active_queues)]] or [self._taken_from[0][1]]
        self._turn = (self._turn + 1) % len(first)
        self._asked = "wait"
        if self._cannot_wait:
            self._send("BRPOP", self._prefixed(f"{self.unacked_key}.nothing"), min(seconds, WAIT_FOR_ONE))
        else:
            key = self._prefixed(first[self._turn])
            self._send("BLMOVE", key, key, "RIGHT", "RIGHT", seconds)

    def _send(self: Any, *command: Any) -> None:
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        self.client.connection.send_command(*command)

    def _brpop_read(self: Any, **options: Any) -> bool:
        """Read what was answered, which kombu's poller says is there.

        :raises Empty: it is no message.
        """
        try:
            answer = self._answer(**options)
        except NoScriptError:
            self._ask_for_one("EVAL", scripts.TAKE)
            raise Empty from None
        except BaseException:
            self._in_poll = None
            raise
        if self._asked == "take" and answer is None and not self._closing:
            self._ask_to_wait()
            raise Empty
        self._in_poll = None
        self._flush_brpop_reauth()
        if self._asked == "wait" or answer is None:
            raise Empty
        number, item = answer
        queue = self._taken_from[int(number) - 1][0]
        if self._closing:
            self._give_up(queue)
            raise Empty
        self._queue_cycle.rotate(queue)
        self.connection._deliver(self._opened(item, self.tag, queue), queue)  # noqa: SLF001 - as kombu's own does
        return True

    def _answer(self: Any, **options: Any) -> Any:
        connection = self.client.connection
        try:
            return self.client.parse_response(connection, self._asked, **options)
        except self.connection_errors:
            connection.disconnect()
            raise
        except ResponseError as error:
            if self._asked == "take":  # also when the script is not known
                raise
            # Before 6.2, or when its memory is full, which taking messages makes better.
            logger.debug("BLMOVE is refused (%s): waiting without it", error)
            self._cannot_wait = True
            return None

    @property
    def is_taking(self: Any) -> bool:
        """Whether a message was asked for, under `tag`, and the answer was not read yet."""
        return bool(self._in_poll) and self._asked == "take"

    @property
    def may_have_more(self: Any) -> bool:
        """Whether there may be a message that could be taken: not where the server was asked to say when there is."""
        return bool(self.qos.can_consume() and not (self._in_poll and self._asked == "wait"))

    def _give_up(self: Any, queue: str) -> None:
        """Put back what arrives when nobody wants it any more."""
        if self._note(queue):
            self.qos.restore_by_tag(self.tag)

    # --- taking at once ---

    def basic_consume(self: Any, queue: str, no_ack: bool, *arguments: Any, **options: Any) -> Any:
        (self._takes_for_good.add if no_ack else self._takes_for_good.discard)(queue)
        return super().basic_consume(queue, no_ack, *arguments, **options)  # type: ignore[misc]

    def basic_get(self: Any, queue: str, no_ack: bool = False, **_: Any) -> Any:
        try:
            payload = self._get(queue, no_ack=no_ack)
        except Empty:
            return None
        message = self.Message(payload, channel=self)
        if not no_ack:
            self.qos.append(message, message.delivery_tag)
        return message

    def _get(self: Any, queue: str, no_ack: bool = False) -> Any:
        tag, keys = uuid4().hex, [self._q_for_pri(queue, priority) for priority in self.priority_steps]
        name = "" if no_ack or not self.ack_emulation else dumps(queue)
        answer = self.run(scripts.TAKE, [self.unacked_key, self.unacked_index_key, *keys], [tag, *(name for _ in keys)])
        with self.conn_or_acquire() as client:
            self._maybe_update_queues_expire(client, queue)
        if answer is None:
            raise Empty
        return self._opened(answer[1], tag, queue)

    # --- messages ---

    @property
    def noted(self: Any) -> set[str]:
        """The tags of what was taken and noted, and has not come to a `QoS` yet."""
        noted: set[str] = self.connection.noted
        return noted

    @property
    def keep_interval(self: Any) -> float:
        """Seconds after which what is held must be kept again."""
        return min(10.0, float(self.visibility_timeout) / 4)

    def _note(self: Any, queue: str) -> str:
        """How a queue is noted beside its message; empty: not at all."""
        noting = self.ack_emulation and queue not in self._takes_for_good
        return dumps(queue) if noting else ""

    def _opened(self: Any, item: bytes, tag: str, queue: str) -> Any:
        """The message in an item of a list.

        :raises Empty: there is none, and it was set aside.
        """
        try:
            payload = loads(bytes_to_str(item))
            properties = payload["properties"]
            self.decode_body(payload.get("body") or "", properties.get("body_encoding"))
            properties["delivery_info"].get("exchange")
            (payload.get("headers") or {}).get("compression")
        except (ValueError, TypeError, KeyError, AttributeError):
            self.set_aside(tag, item)
            raise Empty from None
        # Its own: the same message may be in several queues, or be held twice after it was given back.
        properties["delivery_tag"] = tag
        if self._note(queue):
            self.noted.add(tag)
        return payload

    def set_aside(self: Any, tag: str, item: bytes) -> None:
        """Keep what is no message where it disturbs nobody."""
        aside = f"{self.unacked_key}.unreadable"
        self.run(scripts.SET_ASIDE, [self.unacked_key, self.unacked_index_key, aside], [tag, item])
        logger.error(
            "a queue on Redis held something else than a message of kombu; it is in the list %r now: %r",
            self._prefixed(aside),
            item[:200],
        )

    def keys_of(self: Any, payload: Any, exchange: str, routing_key: str) -> list[str]:
        """The lists into which a message is put."""
        for holder, name in ((payload, "headers"), (payload["properties"], "delivery_info")):
            if isinstance(holder.get(name), dict):
                holder[name]["redelivered"] = True
        priority = self._get_message_priority(payload, reverse=False)
        # Without bindings (which anybody can remove) its routing key is the name of its queue, as Celery names them.
        queues = self._lookup(exchange, routing_key) or [routing_key]
        return [self._q_for_pri(queue, priority) for queue in queues]

    # --- the server ---

    def attend(self: Any, queue: str, worker: str) -> None:
        """Say that a worker listens to a queue, for whoever wants to know."""
        with suppress(ResponseError):  # of a user who may not, or a full memory: nothing depends on it
            self.run(scripts.ATTEND, [f"{queue}.workers"], [worker, ABSENT_AFTER])

    def count_workers(self: Any, queue: str) -> int:
        """How many workers have said so lately."""
        return int(self.run(scripts.ATTENDING, [f"{queue}.workers"], [ABSENT_AFTER]))

    def run(self: Any, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run a script; keys are given without the prefix of all keys."""
        client = self._plain_client()
        prefixed = [self._prefixed(key) for key in keys]
        try:
            return client.evalsha(scripts.sha(script), len(keys), *prefixed, *arguments)
        except NoScriptError:
            return client.eval(script, len(keys), *prefixed, *arguments)

    def _plain_client(self: Any) -> Any:
        """One that adds no prefix; kombu's does, to some of the keys of some commands."""
        if self._plain is None or self._plain.connection_pool is not self.pool:
            self._plain = redis.Redis(connection_pool=self.pool)
        return self._plain

    def _create_client(self: Any, asynchronous: bool = False) -> Any:
        """Kombu makes a client for every command, which takes as long as the command."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[misc]
        if self._shared is None or self._shared.connection_pool is not self.pool:
            self._shared = super()._create_client()  # type: ignore[misc]
        return self._shared

    def _prefixed(self: Any, key: str) -> str:
        return f"{self.global_keyprefix}{key}"

    def close(self: Any) -> None:
        self._closing = True
        if self.is_taking:
            with suppress(Empty, *self.connection_errors):
                self._brpop_read()
        self._in_poll = None  # kombu would wait for the answer of a wait too, and there is nothing in it
        super().close()  # type: ignore[misc]


class _Since57:
    """What channels of kombu have since 5.7, or 5.6, for those that have it not: it comes last among the bases."""

    brpop_timeout = 1

    def _flush_brpop_reauth(self) -> None:
        """Log in again with new credentials; there are none."""

    def _maybe_update_queues_expire(self, client: Any, queue: str) -> None:
        """Let queues expire; they do not."""


class Channel(_Channel, stock.Channel, _Since57):  # type: ignore[misc]
    """A channel to one server."""


class SentinelChannel(_Channel, stock.SentinelChannel, _Since57):  # type: ignore[misc]
    """A channel to the server that sentinels name."""

    from_transport_options = stock.SentinelChannel.from_transport_options


class Poller(stock.MultiChannelPoller):  # type: ignore[misc]
    """Watches the connections of channels, and keeps what the channels hold."""

    keep_timer: Any = None

    def maybe_restore_messages(self) -> None:
        self.keep()
        super().maybe_restore_messages()

    def keep(self) -> None:
        for channel in list(self._channels):
            if isinstance(channel.qos, QoS):
                try:
                    channel.qos.keep()
                except channel.connection_errors as error:
                    logger.debug("messages are not kept this time: %s", error)


class _Transport:
    """What is different in a transport."""

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cycle = Poller()
        self.noted: set[str] = set()

    def register_with_event_loop(self: Any, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)  # type: ignore[misc]
        if self.cycle.keep_timer is not None:
            self.cycle.keep_timer.cancel()
        timeout = connection.client.transport_options.get("visibility_timeout", Channel.visibility_timeout)
        keep: Callable[[], None] = self.cycle.keep
        self.cycle.keep_timer = loop.call_repeatedly(min(10.0, timeout / 4), keep)


class Transport(_Transport, stock.Transport):  # type: ignore[misc]
    """For `redis://` and `rediss://`; kombu asks it for its `Channel`."""

    Channel = Channel


class SentinelTransport(_Transport, stock.SentinelTransport):  # type: ignore[misc]
    """For `sentinel://`; kombu asks it for its `Channel`."""

    Channel = SentinelChannel

"""What a channel of the Redis transport was given and has not acknowledged, and what others have not."""

from __future__ import annotations

import logging
from time import monotonic
from typing import Any, Final

from kombu.transport import redis as stock
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

from streamfw_celery import redis_scripts as scripts

__all__ = ["QoS"]

logger = logging.getLogger(__name__)

MAX_RESTORED: Final = 1000
"""How many messages are given back at once, unless `unacked_restore_limit` says so."""


class QoS(stock.QoS):  # type: ignore[misc]
    """What a channel holds unacknowledged: tag by tag in a hash, and by the time when it was taken in a sorted set."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept_at = monotonic()
        self._restored_at = float("-inf")

    def append(self, message: Any, delivery_tag: str) -> None:
        if delivery_tag in self.channel.noted:
            self.channel.noted.discard(delivery_tag)
            virtual.QoS.append(self, message, delivery_tag)
        else:  # of a fanout exchange
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        self._forget(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self.restore_by_tag(delivery_tag, leftmost=True)
        self._forget(delivery_tag)

    def _forget(self, tag: str) -> None:
        # No transaction, as kombu's: Redis 7.0 refuses any while its memory is full.
        self.channel.run(scripts.FORGET, [self.unacked_key, self.unacked_index_key], [tag])
        virtual.QoS.ack(self, tag)

    def keep(self) -> None:
        """Say that what is held here is still being worked on; does nothing more often than is needed."""
        now = monotonic()
        if now - self._kept_at < self.channel.keep_interval:
            return
        self._kept_at = now
        tags = [tag for tag in list(self._delivered) if tag not in self._dirty]
        if self.channel.is_taking:  # the answer may be there, and not be read for a long time
            tags.append(self.channel.tag)
        if tags:
            self.channel.run(scripts.KEEP, [self.unacked_index_key], tags)

    def restore_visible(self, start: int = 0, num: int | None = None, interval: int = 1) -> None:
        """Give back what somebody holds who has not said for `visibility_timeout` seconds that he does.

        :param num: how many at most.
        """
        now = monotonic()
        if now - self._restored_at < min(1.0, self.channel.keep_interval):
            return
        self._restored_at = now
        limit = [self.visibility_timeout, num or MAX_RESTORED]
        for tag in self.channel.run(scripts.OVERDUE, [self.unacked_index_key], limit):
            self.restore_by_tag(bytes_to_str(tag))

    def restore_unacked(self, client: Any = None) -> None:
        """Give back what is held; where the server does not answer, that happens after the visibility timeout."""
        try:
            for tag in list(self._delivered):
                self.restore_by_tag(tag)
        except self.channel.connection_errors as error:
            logger.info("%d messages come back when their visibility timeout ends: %s", len(self._delivered), error)
        self._delivered.clear()

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put one back into its queue, if nobody else did.

        :param leftmost: behind all others, instead of before them.
        """
        noted = self.channel.run(scripts.NOTED, [self.unacked_key], [tag])
        try:
            payload, exchange, routing_key = loads(bytes_to_str(noted)) if noted else (None, None, None)
            keys = self.channel.keys_of(payload, exchange, routing_key) if noted else []
        except (ValueError, TypeError, KeyError, AttributeError):
            self.channel.set_aside(tag, noted)
            return
        self.channel.run(
            scripts.GIVE_BACK,
            [self.unacked_key, self.unacked_index_key, *keys],
            [tag, "LPUSH" if leftmost else "RPUSH", dumps(payload)],
        )

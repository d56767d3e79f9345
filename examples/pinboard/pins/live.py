"""Numbers that change while one looks: server-sent events of the counts of notifications.

Whatever changes a notification feed says so with `changed`, and the streams of its owner wake and read the counts anew.
Nothing is asked for again and again: without a change a stream sleeps,
but for a comment every now and then, by which the server notices that the browser is gone.

In one process, streams are woken where the change was made. With Redis every process listens to what all of them say.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)

CHANNEL = "pinboard:notifications"
COMMENT_EVERY = 15.0  # seconds
RECONNECT_AFTER = 1.0  # seconds


class Streams:
    """The event streams of this process: for each person one event a browser, which is set when there is news."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, set[threading.Event]] = defaultdict(set)

    def open(self, user_id: object) -> threading.Event:
        woken = threading.Event()
        with self._lock:
            self._of[str(user_id)].add(woken)
        return woken

    def close(self, user_id: object, woken: threading.Event) -> None:
        with self._lock:
            self._of[str(user_id)].discard(woken)
            if not self._of[str(user_id)]:
                del self._of[str(user_id)]

    def wake(self, user_id: object) -> None:
        with self._lock:
            for woken in self._of.get(str(user_id), ()):
                woken.set()

    def wake_all(self) -> None:
        with self._lock:
            for several in self._of.values():
                for woken in several:
                    woken.set()


streams = Streams()


def changed(user_id: object) -> None:
    """Say that the counts of somebody may be others now."""
    if settings.REDIS:
        _redis().publish(CHANNEL, str(user_id))
    else:
        streams.wake(user_id)


def counts(user_id: int | str) -> Iterator[bytes]:
    """The body of an event stream: `counts` at the start and after each change, until the browser goes."""
    from pins.feeds import NotificationsFeed

    connection.close()  # the stream may last for hours, and asks the database nothing
    if settings.REDIS:
        _listen_once()
    feed, woken = NotificationsFeed(user_id), streams.open(user_id)
    try:
        while True:
            woken.clear()
            now = feed.get_notification_data()
            data = json.dumps({"unseen": now["unseen_count"], "unread": now["unread_count"]})
            yield f"event: counts\ndata: {data}\n\n".encode()
            while not woken.wait(COMMENT_EVERY):
                yield b": still here\n\n"
    finally:
        streams.close(user_id, woken)


_lock = threading.Lock()
_client: Any = None
_listener: threading.Thread | None = None


def _redis() -> Any:
    global _client  # noqa: PLW0603
    with _lock:
        if _client is None:
            from redis import Redis

            _client = Redis.from_url(settings.REDIS)
        return _client


def _listen_once() -> None:
    """Have a thread that wakes the streams of this process, whichever process says that there is news."""
    global _listener  # noqa: PLW0603
    client = _redis()
    with _lock:
        if _listener is None or not _listener.is_alive():
            _listener = threading.Thread(target=_listen, args=(client,), name="pinboard-live", daemon=True)
            _listener.start()


def _listen(client: Any) -> None:
    from redis.exceptions import RedisError

    while True:
        try:
            with client.pubsub(ignore_subscribe_messages=True) as channel:
                channel.subscribe(CHANNEL)
                streams.wake_all()  # whatever was said before this
                for message in channel.listen():
                    if message:
                        streams.wake(message["data"].decode())
        except RedisError as error:
            logger.warning("no live counts for a moment: %s", error)
            threading.Event().wait(RECONNECT_AFTER)

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
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import Any

from django.conf import settings
from django.db import connection

from streamfw_core import NotificationFeed

logger = logging.getLogger(__name__)

CHANNEL = "pinboard:notifications"
COMMENT_EVERY = 15.0  # seconds
RECONNECT_AFTER = 1.0  # seconds
TIMEOUT = 2.0  # seconds that Redis may take to answer: whoever waits has written already


class EventStreams:
    """Those of this process: for each person one event a browser, which is set when there is news."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, set[threading.Event]] = defaultdict(set)

    @contextmanager
    def open(self, user_id: object) -> Iterator[threading.Event]:
        woken = threading.Event()
        with self._lock:
            self._of[str(user_id)].add(woken)
        try:
            yield woken
        finally:
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
            for woken in chain(*self._of.values()):
                woken.set()


streams = EventStreams()


def changed(user_id: object) -> None:
    """Say that the counts of somebody may be others now; where Redis does not answer, the log says so and nobody else."""
    if not settings.REDIS:
        streams.wake(user_id)
        return
    from redis.exceptions import RedisError

    try:
        _redis().publish(CHANNEL, str(user_id))
    except RedisError as error:
        logger.warning("nobody is told that the counts of user %s have changed: %s", user_id, error)


def counts(feed: NotificationFeed) -> Iterator[bytes]:
    """The body of an event stream: `counts` at the start and after each change, until the browser goes."""
    connection.close()  # the stream may last for hours, and asks the database nothing
    if settings.REDIS:
        _listen_once()
    with streams.open(feed.user_id) as woken:
        while True:
            woken.clear()  # before it is counted: what comes meanwhile is counted again
            now = feed.get_notification_data()
            data = json.dumps({"unseen": now["unseen_count"], "unread": now["unread_count"]})
            yield f"event: counts\ndata: {data}\n\n".encode()
            while not woken.wait(COMMENT_EVERY):
                yield b": still here\n\n"


@cache
def _redis() -> Any:
    from redis import Redis

    return Redis.from_url(settings.REDIS, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)


_listening = threading.Lock()
"""Locked for good as soon as a thread listens."""


def _listen_once() -> None:
    """Have a thread that wakes the streams of this process, whichever process says that there is news."""
    if _listening.acquire(blocking=False):
        threading.Thread(target=_listen, name="pinboard-live", daemon=True).start()


def _listen() -> None:
    while True:
        try:
            with _redis().pubsub() as channel:
                channel.subscribe(CHANNEL)
                while True:
                    _pass_on(channel.get_message(timeout=COMMENT_EVERY))
        except Exception as error:  # noqa: BLE001 - no other thread would listen instead
            logger.warning("no live counts until Redis answers again: %s", error)
            time.sleep(RECONNECT_AFTER)


def _pass_on(said: dict[str, Any] | None) -> None:
    if said is None:
        return  # nothing for a while
    if said["type"] == "message":
        streams.wake(said["data"].decode())
    else:
        streams.wake_all()  # it listens only now: something may have been said before

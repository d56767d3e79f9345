"""A program with accounts that have millions of followers: run, it publishes for one; its workers split that.

    python -m tests.celery.celery_millions by_pages 10000000

prints `{"grown": 123456, "seconds": 0.01}`, by how many bytes its memory grew at most while it published, and how long that took.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil
from attrs import asdict, frozen
from celery import Celery
from streamfw_celery.redis_transport import transport_for
from streamfw_core.followers import FollowerPage
from streamfw_core.queues import current_task

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed

VARIABLE: Final = "STREAMFW_TEST_MILLIONS"
PAGE: Final = 20_000


@frozen
class Program:
    """What the program, its workers and the tests agree on.

    :param broker: the URL of the broker.
    :param storage: the URL of the Redis that has the feeds.
    :param queues: the names of the queues.
    :param notes: the file in which workers note what they do.
    """

    broker: str
    storage: str
    queues: dict[str, str]
    notes: str

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    def streams(self) -> Streams:
        app = Celery("millions", broker=self.broker, include=["streamfw_celery.tasks"], set_as_current=False)
        app.conf.update(broker_transport=transport_for(self.broker), broker_connection_retry_on_startup=True)
        here = "tests.celery.celery_millions"
        return Streams(
            {
                "storages": {"default": {"backend": "redis", "options": {"url": self.storage}}},
                "task_queue": {"backend": "celery", "options": {"app": app, "queues": self.queues}},
                "managers": {"by_ids": f"{here}:ByIds", "by_pages": f"{here}:ByPages"},
            }
        )

    def note(self, after: int) -> None:
        """Note where among the followers a worker is."""
        task = current_task()
        with Path(self.notes).open("a", encoding="utf-8") as notes:
            notes.write(json.dumps({"after": after, "task": task and task.id, "rss": _rss()}) + "\n")


class ManyFeed(Feed):
    name = "many"
    key_format = "many:%(user_id)s"


class ManyUserFeed(UserBaseFeed):
    name = "many_user"
    key_format = "many_user:%(user_id)s"


class ByIds(Manager):
    """The id of a user says how many followers there are."""

    name = "by_ids"
    feed_classes: ClassVar[Any] = {"many": ManyFeed}
    user_feed_class = ManyUserFeed

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterator[int]]:
        return {FanoutPriority.LOW: _followers(user_id)}


class ByPages(ByIds):
    """The same, and the task that splits a page is urgent, as if there were urgent followers in it."""

    name = "by_pages"

    def get_user_follower_page(self, user_id: Any, after: Any) -> FollowerPage:
        first = after or 0
        _program().note(first)
        end = min(first + PAGE, user_id)
        ids = {FanoutPriority.HIGH: (), FanoutPriority.LOW: range(first, end)}
        return FollowerPage(ids, end if end < user_id else None)


def _followers(number: int) -> Iterator[int]:
    for id in range(number):
        if id % PAGE == 0:
            _program().note(id)
        yield id


def _program() -> Program:
    return Program(**json.loads(os.environ[VARIABLE]))


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


@contextmanager
def _peak() -> Iterator[list[int]]:
    """The most bytes that the process has meanwhile, as the only item of a list."""
    peak, done = [_rss()], threading.Event()

    def look() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], _rss())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
        peak[0] = max(peak[0], _rss())
    finally:
        done.set()
        thread.join()


def main(name: str, followers: int) -> None:
    streams = _program().streams()
    manager = streams.manager(name)
    manager.add_user_activity(0, Activity(0, Love, 0))  # what is imported and opened at the first use
    before = _rss()
    with _peak() as peak:
        started = time.perf_counter()
        manager.add_user_activity(followers, Activity(followers, Love, 1))
        seconds = time.perf_counter() - started
    streams.close()
    print(json.dumps({"grown": peak[0] - before, "seconds": round(seconds, 4)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
elif VARIABLE in os.environ:
    _streams = _program().streams()
    queue: Any = _streams.queue
    app = queue.app

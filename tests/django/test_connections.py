"""Connections to databases live as long in threads and workers as they do in requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.transaction import atomic
from photos.feeds import OwnFeed, WallFeed
from streamfw_django import ModelActivity, make_streams
from streamfw_django.application import ProjectStreams

from streamfw_core import FanoutPriority, Love, Manager


class AskingManager(Manager):
    """Asks a database who follows, and remembers by which connection, in which thread."""

    feed_classes: ClassVar = {"wall": WallFeed}
    user_feed_class = OwnFeed
    used: ClassVar[list[tuple[Any, threading.Thread]]] = []

    def get_user_follower_ids(self, user_id: Any) -> Any:
        connection = connections["file"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT 7")
            self.used.append((connection, threading.current_thread()))
            return {FanoutPriority.HIGH: [id for (id,) in cursor.fetchall()]}


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Iterator[None]:
    """A database in a file, whose connections can be closed, unlike those of one in memory."""
    AskingManager.used.clear()
    connections.databases["file"] = {**connections.databases["default"], "NAME": str(tmp_path / "file.sqlite3")}
    yield
    connections["file"].close()
    del connections.databases["file"], connections["file"]


def test_threads_close_what_is_too_old() -> None:
    with ProjectStreams({"task_queue": "threads"}) as streams:
        for photo in range(3):
            AskingManager(streams=streams).add_user_activity(1, ModelActivity(1, Love, photo))
        streams.drain()
        assert WallFeed(7, streams=streams).count() == 3
        assert all(thread is not threading.current_thread() for _, thread in AskingManager.used)
        assert [connection.connection for connection, _ in AskingManager.used] == [None] * 3


def test_threads_keep_what_may_live_on() -> None:
    connections.databases["file"]["CONN_MAX_AGE"] = None
    with ProjectStreams({"task_queue": "threads"}) as streams:
        AskingManager(streams=streams).add_user_activity(1, ModelActivity(1, Love, 42))
        streams.drain()
        [(connection, _)] = AskingManager.used
        assert connection.connection is not None
        connection.inc_thread_sharing()
        connection.close()


def test_the_caller_keeps_its_own() -> None:
    with ProjectStreams({"task_queue": "inline"}) as streams:
        AskingManager(streams=streams).add_user_activity(1, ModelActivity(1, Love, 42))
        [(connection, thread)] = AskingManager.used
        assert thread is threading.current_thread()
        assert connection.connection is not None


def test_what_is_followed_at_once_is_in_the_transaction_of_the_caller() -> None:
    with connections["file"].cursor() as cursor:
        cursor.execute("CREATE TABLE seen (id integer)")
    with ProjectStreams() as streams:
        with atomic(using="file"), connections["file"].cursor() as cursor:
            cursor.execute("INSERT INTO seen VALUES (1)")
            AskingManager(streams=streams).follow_user(1, 2, async_=False)
            streams.queue.enqueue(message_of(streams), FanoutPriority.HIGH)
            cursor.execute("INSERT INTO seen VALUES (2)")
        with connections["file"].cursor() as cursor:
            assert cursor.execute("SELECT id FROM seen ORDER BY id").fetchall() == [(1,), (2,)]


def message_of(streams: ProjectStreams) -> bytes:
    """That of a follow, as a queue gets it."""
    found: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "enqueue", lambda message, _: found.append(message))
        AskingManager(streams=streams).follow_user(1, 2)
    return found[0]


class CursorManager(AskingManager):
    """Reads its followers row by row, while chunks of them are delivered."""

    fanout_chunk_size = 10

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return {FanoutPriority.HIGH: self.rows()}

    def rows(self) -> Iterator[int]:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n"
        with connections["file"].cursor() as cursor:
            cursor.execute(numbers)
            for (number,) in iter(cursor.fetchone, None):
                yield number


def test_a_thread_that_helps_in_the_middle_of_a_fan_out_keeps_the_cursor_of_that() -> None:
    queue = {"backend": "threads", "options": {"max_pending": 3}}
    with ProjectStreams({"task_queue": queue}) as streams:
        CursorManager(streams=streams).add_user_activity(1, ModelActivity(1, Love, 42))
        streams.drain()
        assert [WallFeed(follower, streams=streams).count() for follower in (1, 250, 500)] == [1, 1, 1]


def test_the_application_of_a_project_and_its_workers_do_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_streams(), ProjectStreams)
    hosts: list[Any] = []
    monkeypatch.setattr("streamfw_core.cli.main.main", lambda _, host: hosts.append(host))
    call_command("streamfw", "settings")
    assert hosts[0].streams is ProjectStreams

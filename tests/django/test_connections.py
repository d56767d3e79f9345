"""Connections to databases live as long in threads and workers as they do in requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import call_command
from django.db import connections
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


def test_the_application_of_a_project_and_its_workers_do_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_streams(), ProjectStreams)
    hosts: list[Any] = []
    monkeypatch.setattr("streamfw_core.cli.main.main", lambda _, host: hosts.append(host))
    call_command("streamfw", "settings")
    assert hosts[0].streams is ProjectStreams

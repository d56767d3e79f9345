"""The extension of Flask: an application of streamfw for each app, found within its context, and closed at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from celery import Celery
from flask import Flask, current_app, g
from streamfw_celery.celery_queue import queue_of
from streamfw_core.errors import ArgumentError, SettingsError
from streamfw_core.queues import FanoutPriority
from streamfw_flask import NotInitialized, Streamfw, current_streams

from streamfw_core import Activity, Feed, Love, Manager, Streams, default_streams


class PinFeed(Feed):
    name = "flask_pin"


class PinManager(Manager):
    name = "flask_pins"
    feed_classes: ClassVar = {"pin": PinFeed}

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterable[str]]:
        return {FanoutPriority.HIGH: [current_app.config["FOLLOWER"]]}


manager = PinManager()


def app_of(name: str, settings: object = None, **config: object) -> Flask:
    app = Flask(name)
    app.config.update(config, FOLLOWER=name)
    if settings is not None:
        app.config["STREAMFW"] = settings
    Streamfw(app)
    return app


def streams_of(app: Flask) -> Streams:
    streams: Streams = app.extensions["streamfw"]
    return streams


def test_apps_of_one_process_share_nothing() -> None:
    one, other = app_of("one"), app_of("other")
    for app in (one, other):
        with app.app_context():
            manager.add_user_activity("ada", Activity("ada", Love, len(app.name)))
    with one.app_context():
        assert [pin.object_id for pin in PinFeed("one")[:]] == [3]
        assert PinFeed("other")[:] == []
    with other.app_context():
        assert [pin.object_id for pin in PinFeed("other")[:]] == [5]
        assert PinFeed("one")[:] == []
    assert PinFeed("one", streams=streams_of(other))[:] == []


def test_the_innermost_context_says_which_app_it_is() -> None:
    one, other = app_of("one"), app_of("other")
    with one.app_context():
        with other.test_request_context(), other.app_context():
            assert default_streams() is streams_of(other)
        assert default_streams() is streams_of(one)
        assert current_streams.settings is streams_of(one).settings
    assert default_streams() not in {streams_of(one), streams_of(other)}


@pytest.mark.parametrize("queue", ["inline", "threads"])
def test_what_a_fan_out_calls_has_the_context_of_the_app(queue: str) -> None:
    app = app_of("one", {"task_queue": queue})
    PinManager(streams=streams_of(app)).add_user_activity("ada", Activity("ada", Love, 1))
    streams_of(app).drain()
    assert PinFeed("one", streams=streams_of(app)).count() == 1


def test_what_is_fanned_out_within_a_request_is_part_of_it() -> None:
    app, contexts = app_of("one"), []

    class Seeing(PinManager):
        name = "flask_seeing"

        def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterable[str]]:
            contexts.append(current_app.extensions["streamfw"])
            return {FanoutPriority.HIGH: [g.follower]}

    with app.app_context():
        g.follower = "linus"
        Seeing().add_user_activity("ada", Activity("ada", Love, 1))
        assert PinFeed("linus").count() == 1
    assert contexts == [streams_of(app)]


def test_several_threads_serve_requests_of_several_apps() -> None:
    apps = [app_of(f"app-{number}") for number in range(4)]

    def pin(thing: int) -> str:
        manager.add_user_activity("ada", Activity("ada", Love, thing))
        return ""

    for app in apps:
        app.add_url_rule("/pin/<int:thing>", view_func=pin, methods=["POST"])
    threads = [
        threading.Thread(target=lambda app=app, at=at: app.test_client().post(f"/pin/{at}"))
        for app in apps
        for at in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for app in apps:
        with app.app_context():
            assert sorted(pin.object_id for pin in PinFeed(app.name)[:]) == [*range(8)]


def test_old_names_are_read() -> None:
    app = app_of("one", STREAM_REDIS_CONFIG={"default": {"host": "example.org", "port": 6379}})
    assert streams_of(app).settings.storages["default"].options["host"] == "example.org"
    assert streams_of(app).settings.origin("storages.default.backend") == "STREAM_REDIS_CONFIG"


def test_settings_come_from_prefixed_variables_as_flask_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_STREAMFW__task_queue", "threads")
    app = Flask("one")
    app.config.from_prefixed_env()
    Streamfw().init_app(app)
    assert streams_of(app).settings.task_queue.backend == "threads"


def test_wrong_settings_are_reported_where_the_app_is_made() -> None:
    with pytest.raises(SettingsError) as caught:
        app_of("one", {"storage": {}, "feeds": {"pin": {"max_length": "800"}}})
    assert {problem.path for problem in caught.value.problems} == {"storage", "feeds.pin.max_length"}


def test_an_app_gets_the_extension_once() -> None:
    app = app_of("one")
    with pytest.raises(ArgumentError, match="'one' has streamfw already"):
        Streamfw().init_app(app)
    with pytest.raises(ArgumentError, match="takes an app of Flask"):
        Streamfw("one")  # type: ignore[arg-type]


def test_an_app_without_the_extension_says_what_to_call() -> None:
    with (
        Flask("bare").app_context(),
        pytest.raises(NotInitialized, match=r"'bare' has no streamfw: call Streamfw\(app\)"),
    ):
        current_streams.settings  # noqa: B018
    with pytest.raises(RuntimeError, match="outside of application context"):
        current_streams.settings  # noqa: B018


def test_messages_go_to_the_celery_of_their_app() -> None:
    apps = []
    for name in ("one", "other"):
        app = Flask(name)
        app.extensions["celery"] = Celery(name, broker="memory://", set_as_current=False)
        app.extensions["celery"].conf.task_always_eager = True
        app.config.update(STREAMFW={"task_queue": "celery"}, FOLLOWER=name)
        Streamfw(app)
        apps.append(app)
    for app in apps:
        assert queue_of(app.extensions["celery"]) is streams_of(app).queue
        PinManager(streams=streams_of(app)).add_user_activity("ada", Activity("ada", Love, 1))
        assert PinFeed(app.name, streams=streams_of(app)).count() == 1


@pytest.mark.parametrize("options", [{"app": "proj.celery:app"}, {"broker_url": "memory://"}])
def test_a_celery_that_the_settings_name_comes_first(options: dict[str, str]) -> None:
    app = Flask("one")
    app.extensions["celery"] = Celery("one", broker="memory://", set_as_current=False)
    app.config["STREAMFW"] = {"task_queue": {"backend": "celery", "options": options}}
    Streamfw(app)
    assert dict(streams_of(app).settings.task_queue.options) == options


def test_the_command_line_has_the_settings_of_the_app() -> None:
    runner = app_of("one", {"task_queue": "threads", "feeds": {"flask_pin": {"max_length": 7}}}).test_cli_runner()
    shown = runner.invoke(args=["streamfw", "settings"])
    assert shown.exit_code == 0
    assert "flask app 'one' config" in shown.output
    assert "feeds.flask_pin.max_length" in shown.output
    refused = runner.invoke(args=["streamfw", "worker"])
    assert (refused.exit_code, "works in the process that publishes" in refused.output) == (2, True)
    assert "Usage: flask streamfw queue dead" in runner.invoke(args=["streamfw", "queue", "dead", "--help"]).output


CLOSING = """
import sys
from flask import Flask
from streamfw_core import Feed, Activity, Love
from streamfw_flask import Streamfw
from streamfw_memory.storage import MemoryStorage

class Told(MemoryStorage):
    def __init__(self, name, options):
        super().__init__(name)

    def close(self):
        print("closed", self.name)
        super().close()

sys.modules["told"] = sys.modules["__main__"]
app = Flask("one")
app.config["STREAMFW"] = {"storages": {"default": "told:Told"}}
Streamfw(app)
with app.app_context():
    Feed(1).add(Activity(1, Love, 1))
"""


def test_connections_are_given_up_when_the_process_ends() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSING], capture_output=True, text=True, cwd=Path.cwd(), check=True)
    assert done.stdout == "closed default\n"

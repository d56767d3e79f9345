"""`manage.py streamfw`: the command line of streamfw, with the settings and the managers of the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from streamfw_core.cli.main import streamfw

from streamfw_core import default_streams
from tests.django.conftest import PROJECT
from tests.services.redis import Server
from tests.services.workers import Worker


def manage(*arguments: str, cwd: Path = PROJECT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "wall_common", **variables}
    environment.pop("STREAMFW_SETTINGS", None)
    command = [sys.executable, str(PROJECT / "manage.py"), *arguments]
    return subprocess.run(command, check=False, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_every_command_of_streamfw_is_there() -> None:
    done = manage("streamfw", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: manage.py streamfw ")
    for name in streamfw.list_commands(None):  # type: ignore[arg-type]
        assert f"\n  {name} " in done.stdout


def test_it_knows_the_settings_and_the_managers_of_the_project(tmp_path: Path) -> None:
    done = manage("streamfw", "settings", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["settings"]["managers"] == {"photo": "photos.feeds:PhotoManager"}
    assert told["settings"]["feeds"]["wall"]["max_length"] == 50
    assert told["origins"]["feeds.wall.max_length"] == "django.conf.settings"
    assert told["origins"]["managers.photo"] == "feeds.py of an installed app"


def test_the_options_of_django_are_as_ever(tmp_path: Path) -> None:
    done = manage("streamfw", "settings", "--settings=wall_common", "--json", DJANGO_SETTINGS_MODULE="nothing")
    assert json.loads(done.stdout)["settings"]["feeds"]["wall"]["max_length"] == 50
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["queue", "dead", "list"], 2, "'inline' keeps no dead letters that outlive the process"),
        (["setings"], 2, "did you mean 'settings'"),
        (["queue", "dead", "lst"], 2, "See: manage.py streamfw queue dead --help"),
        (["worker"], 2, "works in the process that publishes"),
    ],
)
def test_errors_and_exit_codes_are_those_of_streamfw(arguments: list[str], code: int, words: str) -> None:
    done = manage("streamfw", *arguments)
    assert done.returncode == code
    assert words in done.stderr


def test_it_can_be_called(capsys: pytest.CaptureFixture[str]) -> None:
    before = default_streams()
    call_command("streamfw", "settings", "--json")
    assert json.loads(capsys.readouterr().out)["settings"]["managers"] == {"photo": "photos.feeds:PhotoManager"}
    with pytest.raises(CommandError, match="ended with 2") as caught:
        call_command("streamfw", "schema", "nothing")
    assert caught.value.returncode == 2
    call_command("streamfw", "schema", "plan")
    assert default_streams() is before


def test_wrong_settings_are_shown_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(STREAMFW={"storage": {}}), pytest.raises(CommandError):
        call_command("streamfw", "settings", "--json")
    assert json.loads(capsys.readouterr().out)["problems"][0]["path"] == "storage"


WORKER_SETTINGS = """
import os
from wall_common import *

STREAMFW = {
    "storages": {"default": os.environ["REDIS_URL"]},
    "task_queue": {"backend": "kombu", "options": {"url": os.environ["BROKER_URL"]}},
}
"""

PUBLISH = """
import os, time
import django
django.setup()
from django.contrib.auth.models import User
from photos.feeds import WallFeed, photo_manager
from photos.models import Follow
from streamfw_core import Love
from streamfw_django import ModelActivity

ada, grace = User.objects.create(username="ada"), User.objects.create(username="grace")
Follow.objects.create(follower=grace, followed=ada)
photo_manager.add_user_activity(ada.pk, ModelActivity(ada, Love, grace))
while not WallFeed(grace.pk).count():
    time.sleep(0.05)
print(WallFeed(grace.pk)[0].actor.username)
"""


def test_several_workers_know_the_project(
    redis_server: Server, start_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    """Each of several is started again as it was: by `manage.py streamfw`, from wherever."""
    redis_server.flush()
    (tmp_path / "worker_settings.py").write_text(WORKER_SETTINGS)
    environment: dict[str, Any] = {
        "DJANGO_SETTINGS_MODULE": "worker_settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(PROJECT)]),
        "REDIS_URL": redis_server.url,
        "BROKER_URL": redis_server.url.replace("/0", "/1"),
        "WALL_DATABASE": str(tmp_path / "wall.sqlite3"),
    }
    assert manage("migrate", "--run-syncdb", "-v0", **environment).returncode == 0
    command = [sys.executable, PROJECT / "manage.py", "streamfw", "worker", "--processes", "2"]
    start_worker(command, ready="ready: ", environment=environment, cwd=tmp_path, within=120)
    done = subprocess.run(
        [sys.executable, "-c", PUBLISH],
        check=False,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "ada\n", done.stderr

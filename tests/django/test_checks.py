"""`manage.py check` says everything that is wrong with the settings: where, what, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.template.utils import get_app_template_dirs
from django.test import override_settings
from photos import twins
from streamfw_django.checks import check_deployment, check_program

from tests.services.ports import free_port


@frozen
class Wrong:
    """Settings, and what is to be said of them.

    :param settings: `STREAMFW`, or settings of old names.
    """

    settings: Mapping[str, Any]
    id: str
    where: str
    message: str
    hint: str | None


def _options(**options: object) -> dict[str, Any]:
    return {"storages": {"default": {"backend": "redis", "options": options}}}


TABLE = {
    "unknown key": Wrong(
        {"storage": {}},
        "streamfw.E001",
        "STREAMFW.storage",
        "unknown key",
        "did you mean 'storages'?",
    ),
    "wrong type": Wrong(
        {"feeds": {"wall": {"max_length": "800"}}},
        "streamfw.E001",
        "STREAMFW.feeds.wall.max_length",
        "must be a whole number, is a str",
        "such as 800",
    ),
    "wrong number": Wrong(
        {"tombstone_ttl": -1},
        "streamfw.E001",
        "STREAMFW.tombstone_ttl",
        "must be positive, is -1",
        "such as 864000, which is ten days",
    ),
    "no URL": Wrong(
        {"storages": {"default": "redis://local host"}},
        "streamfw.E001",
        "STREAMFW.storages.default",
        "is not a URL: there is white space or a control character in it; write %20 for a space",
        "such as 'mydb://localhost:1234/0'",
    ),
    "name of no storage": Wrong(
        {"feeds": {"wall": {"timeline": "hot"}}},
        "streamfw.E001",
        "STREAMFW.feeds.wall.timeline",
        "no storage is named 'hot'",
        "defined are: default",
    ),
    "path of no class": Wrong(
        {"managers": {"photos": "photos.feeds.PhotoManager"}},
        "streamfw.E001",
        "STREAMFW.managers.photos",
        "must be of the form 'module:Class', is 'photos.feeds.PhotoManager'",
        "did you mean 'photos.feeds:PhotoManager'?",
    ),
    "old name of the wrong type": Wrong(
        {"STREAM_REDIS_CONFIG": "localhost"},
        "streamfw.E001",
        "STREAM_REDIS_CONFIG",
        "must be a mapping of server names, is a str",
        "such as STREAM_REDIS_CONFIG = {'default': {'host': '127.0.0.1'}}",
    ),
    "misspelt backend": Wrong(
        {"storages": {"default": "memroy"}},
        "streamfw.E002",
        "STREAMFW.storages.default",
        "No installed plugin offers a storage backend named 'memroy'.",
        "did you mean 'memory'?",
    ),
    "backend that is not installed": Wrong(
        {"storages": {"default": "mysql://localhost"}},
        "streamfw.E002",
        "STREAMFW.storages.default",
        "No installed plugin offers a storage backend for URLs that start with 'mysql://'.",
        "`manage.py streamfw plugins` shows what is installed",
    ),
    "misspelt task queue": Wrong(
        {"task_queue": "celry"},
        "streamfw.E002",
        "STREAMFW.task_queue",
        "No installed plugin offers a task queue backend named 'celry'.",
        "did you mean 'celery'?",
    ),
    "unknown option": Wrong(
        _options(hots="db1"),
        "streamfw.E003",
        "STREAMFW.storages.default.options.hots",
        "unknown key",
        "did you mean 'host'?",
    ),
    "option of the wrong type": Wrong(
        _options(port="6379"),
        "streamfw.E003",
        "STREAMFW.storages.default.options.port",
        "must be an int, is a str",
        "write the number without quotes",
    ),
    "app of Celery that is not there": Wrong(
        {"task_queue": {"backend": "celery", "options": {"app": "photos.celery:app"}}},
        "streamfw.E003",
        "STREAMFW.task_queue.options.app",
        "'photos.celery:app' cannot be imported: ModuleNotFoundError(\"No module named 'photos.celery'\")",
        'a Celery app, such as "proj.celery:app"',
    ),
    "manager that is not there": Wrong(
        {"managers": {"photos": "photos.feed:PhotoManager"}},
        "streamfw.E004",
        "STREAMFW.managers.photos",
        "manager 'photos' is listed in the settings as 'photos.feed:PhotoManager', which cannot be imported:"
        " ModuleNotFoundError(\"No module named 'photos.feed'\")",
        'managers.<name> is a path such as "myapp.feeds:MyManager"',
    ),
    "manager that cannot work": Wrong(
        {"managers": {"chunk": "photos.twins:ChunkManager"}},
        "streamfw.E004",
        "STREAMFW.managers.chunk",
        "ChunkManager.fanout_chunk_size must be a whole number of 1 or more, got 0 (int)",
        None,
    ),
    "feed that is no manager": Wrong(
        {"managers": {"wall": "photos.feeds:WallFeed"}},
        "streamfw.E004",
        "STREAMFW.managers.wall",
        "manager 'wall' is listed in the settings as 'photos.feeds:WallFeed', which is not a Manager but"
        " <class 'photos.feeds.WallFeed'> (type)",
        "name a subclass of streamfw_core.Manager, not an object of it",
    ),
    "no time zone": Wrong(
        {"feeds": {"digest": {"time_zone": "Mars/Olympus"}}},
        "streamfw.E001",
        "STREAMFW.feeds.digest.time_zone",
        "there is no time zone 'Mars/Olympus'",
        "use a name such as Europe/Amsterdam",
    ),
    "misspelt aggregator": Wrong(
        {"feeds": {"digest": {"aggregator": "recnt_verb"}}},
        "streamfw.E002",
        "STREAMFW.feeds.digest.aggregator",
        "No installed plugin offers an aggregator backend named 'recnt_verb'.",
        "did you mean 'recent_verb'?",
    ),
    "forgotten activity class": Wrong(
        {"managers": {"plain": "photos.twins:PlainManager"}},
        "streamfw.E005",
        "STREAMFW.feeds.plain",
        "photos.twins.PlainFeed and photos.feeds.OwnFeed share the activity namespace 'activities' on storage 'default',"
        " but keep other activities in it (Activity and ModelActivity)",
        "set activity_class = ModelActivity on PlainFeed, or set activity_namespace = '...' on one of them",
    ),
    "two feeds with one key": Wrong(
        {"managers": {"twins": "photos.twins:TwinManager"}},
        "streamfw.E005",
        "STREAMFW.feeds.right",
        "photos.twins.RightFeed and photos.twins.LeftFeed could share a key on storage 'default':"
        " key_format 'twin:%(user_id)s' and 'twin:%(user_id)s' meet for some owners",
        "set key_format on one of them, such as 'feed:right:%(user_id)s'",
    ),
    "two feeds with one name": Wrong(
        {"managers": {"namesake": "photos.twins:NamesakeManager"}},
        "streamfw.E005",
        "STREAMFW.feeds.wall",
        "photos.feeds.WallFeed and photos.twins.NamesakeFeed are both named 'wall'",
        "set name = '...' on one of them",
    ),
    "aggregator of a flat feed": Wrong(
        {"feeds": {"wall": {"aggregator": "notification"}}},
        "streamfw.E006",
        "STREAMFW.feeds.wall.aggregator",
        "WallFeed is a flat feed and has no groups",
        "subclass AggregatedFeed",
    ),
    "memory that workers do not see": Wrong(
        {"task_queue": {"backend": "kombu", "options": {"url": "memory://"}}},
        "streamfw.E006",
        "STREAMFW.feeds.wall",
        "storage 'default' exists only in this process, and task queue 'kombu' runs in others",
        "use a storage that all processes share, or the task queue 'inline' or 'threads'",
    ),
    "setting without effect": Wrong(
        {"STREAM_REDIS_CONFG": {}},
        "streamfw.W001",
        "STREAMFW",
        "STREAM_REDIS_CONFG is not a setting that is known; did you mean STREAM_REDIS_CONFIG?",
        None,
    ),
    "settings of no feed": Wrong(
        {"feeds": {"wal": {"max_length": 5}}},
        "streamfw.W002",
        "STREAMFW.feeds.wal",
        "no feed class of the installed apps has this name",
        "did you mean 'wall'?",
    ),
}


@pytest.mark.parametrize("wrong", TABLE.values(), ids=TABLE)
def test_each_message(wrong: Wrong) -> None:
    old = any(name.startswith("STREAM_") for name in wrong.settings)
    with override_settings(**(wrong.settings if old else {"STREAMFW": wrong.settings})):
        if old:
            del settings.STREAMFW
        found = [(one.id, one.obj, one.msg.partition("\n")[0], one.hint) for one in check_program()]
    assert (wrong.id, wrong.where, wrong.message, wrong.hint) in found
    assert len(set(found)) == len(found)


def test_the_table_has_every_message_of_the_check_but_that_of_the_environment() -> None:
    assert {f"streamfw.E00{number}" for number in range(1, 7)} | {"streamfw.W001", "streamfw.W002"} == {
        wrong.id for wrong in TABLE.values()
    }


def test_the_page_shows_messages_of_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "django.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```text\n(STREAMFW\..*?)^```", page, re.MULTILINE | re.DOTALL)
    messages = re.findall(r"^(\S+): \((\S+)\) (.*?)(?: \.\.\.)?\n\tHINT: (.*)\n", shown, re.MULTILINE)
    assert len(messages) == len(shown.splitlines()) / 2 == 2
    for where, id, message, hint in messages:
        words = message.replace("photos.feeds.", "photos.twins.")  # where the tests have them
        assert any(
            (wrong.where, wrong.id, wrong.hint) == (where, id, hint) and wrong.message.startswith(words)
            for wrong in TABLE.values()
        ), message


def test_a_project_that_is_right() -> None:
    assert check_program() == []
    call_command("check", "--tag", "streamfw")


def test_the_command_says_all_of_them_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {"storage": {}, "tombstone_ttl": -1, "feeds": {"wall": {"max_length": "800"}}}
    with override_settings(STREAMFW=wrong), pytest.raises(SystemCheckError) as caught:
        call_command("check")
    said = str(caught.value)
    assert "STREAMFW.storage: (streamfw.E001) unknown key\n\tHINT: did you mean 'storages'?" in said
    assert "STREAMFW.tombstone_ttl: (streamfw.E001) must be positive, is -1" in said
    assert "STREAMFW.feeds.wall.max_length: (streamfw.E001) must be a whole number, is a str" in said
    assert "3 issues" in said


def test_every_error_of_parts_is_said_at_once() -> None:
    wrong = {
        **_options(hots="db1"),
        "task_queue": "celry",
        "managers": {"gone": "photos.feed:GoneManager"},
        "feeds": {"wal": {}},
    }
    with override_settings(STREAMFW=wrong):
        found = {(one.id, one.obj) for one in check_program()}
    assert found == {
        ("streamfw.E003", "STREAMFW.storages.default.options.hots"),
        ("streamfw.E002", "STREAMFW.task_queue"),
        ("streamfw.E004", "STREAMFW.managers.gone"),
        ("streamfw.W002", "STREAMFW.feeds.wal"),
    }


def test_passwords_are_not_said() -> None:
    wrong = _options(password="secret-1", port="x", driver_options={"password": "secret-2"})
    with override_settings(
        STREAMFW={**wrong, "storages": {**wrong["storages"], "other": "redis://:secret-3@local host"}}
    ):
        said = "".join(map(str, check_program()))
    assert said
    assert "secret" not in said


def test_the_environment_wins_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMFW_SETTINGS", "wall_common:STREAMFW")
    [warning] = check_program()
    assert (warning.id, warning.obj) == ("streamfw.W003", "STREAMFW_SETTINGS")


def test_a_manager_that_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photos.feeds.undecided", twins.undecided_manager, raising=False)
    [warning] = check_program()
    assert (warning.id, warning.obj) == ("streamfw.W006", "STREAMFW.managers.undecided")
    assert warning.hint == "define get_user_follower_ids(self, user_id) on Undecided"


def test_a_template_that_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "streamfw" / "activity.html"
    own.parent.mkdir()
    own.touch()
    (own.parent / "activity_love.html").touch()
    folders = [*get_app_template_dirs("templates")]
    for put, expected in ((folders.append, [("streamfw.W005", f"template {own}")]), (partial(folders.insert, 0), [])):
        put(tmp_path)
        monkeypatch.setattr("django.template.loaders.app_directories.get_app_template_dirs", lambda _: folders)
        assert [(one.id, one.obj) for one in check_program()] == expected


def test_a_reference_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMFW_SETTINGS", "wall_common:STREAMWF")
    [error] = check_program()
    assert (error.id, error.obj) == ("streamfw.E001", "environment variable STREAMFW_SETTINGS")


def test_a_deployment_needs_storages_that_answer() -> None:
    gone = f"redis://:secret@127.0.0.1:{free_port()}/0"
    storages = {"default": {"backend": "redis", "options": {"url": gone, "retry_for": 0}}}
    with override_settings(STREAMFW={"storages": storages}):
        assert check_program() == []
        [error] = check_deployment()
    assert (error.id, error.obj) == ("streamfw.E007", "STREAMFW.storages.default")
    assert error.msg.startswith("does not answer: ")
    assert error.hint
    assert "secret" not in f"{error.msg}{error.hint}"


def test_a_deployment_needs_storages_that_outlive_the_process() -> None:
    [warning] = check_deployment()
    assert (warning.id, warning.obj) == ("streamfw.W004", "STREAMFW.storages.default")


def test_a_deployment_with_wrong_settings_is_left_to_the_check() -> None:
    with override_settings(STREAMFW={"storage": {}}):
        assert check_deployment() == []

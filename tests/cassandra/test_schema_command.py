"""`streamfw schema`: what the program's feeds need, shown, made and checked."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any, ClassVar

import pytest
from streamfw_core.cli.main import main

from streamfw_core import FanoutPriority, Feed, Manager, UserBaseFeed
from tests.cassandra.feeds import options_on
from tests.services.cassandra import Cassandra


class WallFeed(Feed):
    pass


class LonelyFeed(Feed):
    activities = None


class OwnWallFeed(UserBaseFeed):
    pass


class WallManager(Manager):
    feed_classes: ClassVar = {"wall": WallFeed}
    user_feed_class = OwnWallFeed

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, list[int]]:
        return {}


@pytest.fixture
def program(shared_cassandra: Cassandra, keyspace: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module as the settings name it."""
    module: Any = ModuleType("wall_program")
    module.WallManager, module.LonelyFeed = WallManager, LonelyFeed
    module.STREAMFW = {
        "storages": {"default": {"backend": "cassandra", "options": options_on(shared_cassandra, keyspace)}},
        "managers": {"wall": "wall_program:WallManager"},
    }
    monkeypatch.setitem(sys.modules, "wall_program", module)
    monkeypatch.setenv("STREAMFW_SETTINGS", "wall_program:STREAMFW")
    return module


def test_what_is_missing_is_shown_made_and_then_not_missing(
    program: ModuleType, keyspace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "check"]) == 1
    assert f"CREATE TABLE IF NOT EXISTS {keyspace}.wall_" in capsys.readouterr().out
    assert main(["schema", "plan", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["storages"]["default"]
    assert len(planned) == 4  # activities, notes, and a table for each of the manager's feed classes
    assert main(["schema", "apply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["storages"]["default"] == planned
    for command, words in (("apply", "Nothing was missing."), ("check", "Nothing is missing.")):
        assert main(["schema", command]) == 0
        assert capsys.readouterr().out.strip() == words
    # A feed of no manager is named.
    assert main(["schema", "check", "--feed", "wall_program:LonelyFeed"]) == 1
    assert capsys.readouterr().out.count("CREATE TABLE") == 1
    assert main(["schema", "apply", "--feed", "wall_program:LonelyFeed"]) == 0
    assert main(["schema", "check", "--feed", "wall_program:LonelyFeed"]) == 0


@pytest.mark.parametrize(
    ("path", "words"),
    [("wall_program:Nobody", "cannot be imported"), ("nowhere:Feed", "cannot be"), ("json:loads", "is no feed class")],
)
def test_what_is_no_feed_class_is_refused(
    program: ModuleType, path: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "plan", "--feed", path]) == 2
    assert words in capsys.readouterr().err


def test_settings_without_managers_are_told_what_to_do(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = {**program.STREAMFW, "managers": {}}
    assert main(["schema", "check"]) == 2
    assert "--feed" in capsys.readouterr().err


def test_storages_without_a_schema_miss_nothing(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = {**program.STREAMFW, "storages": {"default": "memory://"}}
    assert main(["schema", "check"]) == 0
    assert capsys.readouterr().out.strip() == "Nothing is missing."

"""`streamfw doctor`: what it prints, and its exit code."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from streamfw_core.cli.main import main
from streamfw_core.plugins import loader
from streamfw_core.plugins.discovery import discover

from tests.core.test_doctor import settings

MEMORY = EntryPoint("memory", "streamfw_memory.plugin", "streamfw")


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module with settings, as the environment names it."""
    module: Any = ModuleType("doctored_program")
    module.STREAMFW = settings()
    monkeypatch.setitem(sys.modules, "doctored_program", module)
    monkeypatch.setenv("STREAMFW_SETTINGS", "doctored_program:STREAMFW")
    monkeypatch.setattr(loader, "discover", lambda _: discover([MEMORY]))
    return module


def test_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ok       plugins, loaded: 2 plugins with ")
    assert "canary of manager 'home', canary: it arrived at 'default' by high, normal, low within" in out
    assert out.endswith("0 warnings, 0 failures\n")


def test_a_failure_has_the_next_command_below_it(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = settings(queue="LosingQueue")
    assert main(["doctor", "--timeout", "0.05"]) == 1
    out = capsys.readouterr().out
    failure = (
        "failure  canary of manager 'home', canary: it did not arrive at 'default' by high, normal, low within 0.05 s"
    )
    assert f"{failure}\n         -> see that workers run with these settings" in out
    assert out.endswith("0 warnings, 1 failure\n")


def test_a_document(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = settings(down=True)
    assert main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    [failure] = [finding for finding in document["findings"] if finding["level"] == "failure"]
    assert failure["where"] == "storage 'default'"
    assert failure["message"] == "the plug is out"


def test_nothing_is_published_with_no_canary(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = settings(queue="LosingQueue")
    assert main(["doctor", "--no-canary"]) == 0
    assert "canary:" not in capsys.readouterr().out


def test_settings_that_are_wrong_are_findings_too_all_of_them(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = {"storages": {"a": "nowhere"}, "feed": {}, "tombstone_ttl": "long"}
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "ok       plugins, loaded" in out
    assert "failure  settings: feed: unknown key" in out
    assert "failure  settings: tombstone_ttl: " in out


def test_settings_that_cannot_be_imported_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STREAMFW_SETTINGS")
    assert main(["doctor", "--settings", "no_such_module:STREAMFW"]) == 1
    assert "no_such_module" in capsys.readouterr().out


def test_what_others_say_cannot_write_to_the_terminal(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.STREAMFW = settings("TalkingStorage", url="\x1b[31mhere", api_token="swordfish")
    assert main(["doctor"]) == 1
    assert "\x1b" not in capsys.readouterr().out

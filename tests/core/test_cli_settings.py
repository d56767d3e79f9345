"""`streamfw settings`: the resolved settings, where they come from, and no secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamfw_core.cli.main import main

SETTINGS = """
STREAMFW = {
    "storages": {"hot": "mydb://ada:hunter2@localhost/0", "cold": {"backend": "mydb", "options": {"password": "hunter2"}}},
    "feeds": {"pin": {"timeline": "hot", "max_length": 800}},
    "default_storage": "hot",
}
WRONG = {"storages": {"hot": 3}, "feed": {}, "tombstone_ttl": -1}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")  # no cell is folded
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("settings_of_a_test.py").write_text(SETTINGS)


def test_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["settings"]["task_queue"] == {"backend": "inline", "options": {}, "outbox": None}
    assert set(document["origins"].values()) == {"default"}


def test_where_values_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--settings", "settings_of_a_test:STREAMFW"]) == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["feeds.pin.max_length", "800", "settings_of_a_test:STREAMFW"] in rows
    assert ["task_queue.backend", "inline", "default"] in rows
    assert ["tombstone_ttl", "864000", "default"] in rows


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_secrets_are_masked(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMFW_SETTINGS", "settings_of_a_test:STREAMFW")
    assert main(["settings", *arguments]) == 0
    captured = capsys.readouterr()
    assert "hunter2" not in captured.out + captured.err
    assert "mydb://***@localhost/0" in captured.out


def test_everything_that_is_wrong_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--settings", "settings_of_a_test:WRONG"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: 3 problems in the settings:\n")
    for path in ("feed", "storages.hot", "tombstone_ttl"):
        assert f"    - {path}: " in captured.err


def test_everything_that_is_wrong_is_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--json", "--settings", "settings_of_a_test:WRONG"]) == 2
    captured = capsys.readouterr()
    assert {problem["path"] for problem in json.loads(captured.out)["problems"]} == {
        "feed",
        "storages.hot",
        "tombstone_ttl",
    }
    assert captured.err == ""


def test_a_module_in_the_current_folder_is_found_and_a_missing_one_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--settings", "no_such_settings:STREAMFW"]) == 2
    assert "the module 'no_such_settings' cannot be imported" in capsys.readouterr().err

"""What docs/command-line.md shows is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from streamfw_core.cli import main as cli

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ streamfw (.*)$", PAGE, re.MULTILINE)
MANY = "298960 105232 1\n105232 298960 1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("edges.txt").write_text(MANY)
    Path("events.txt").write_text("105232 298960 1341100972 MT\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command: str) -> None:
    assert cli.main(shlex.split(command)) == 0


def test_the_feed_is_the_demos(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```text\n(What .*?)```", PAGE, re.DOTALL)
    assert shown is not None
    assert cli.main(["demo"]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    for line in shown[1].splitlines():
        assert line in printed


def test_the_error_is_the_replays(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```text\n(error: .*\n)```", PAGE)
    assert shown is not None
    Path("events.txt").write_text("105232 298960 1341100972 MT\n1 2 3 LIKE\n")
    assert cli.main(["replay", "--graph", "edges.txt", "--events", "events.txt"]) == 2
    assert capsys.readouterr().err == shown[1]


def test_the_verification_is_the_replays(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```text\n(2 of 2 equal .*\n)```", PAGE)
    assert shown is not None
    Path("edges.txt").write_text("1 2 1\n3 2 1\n")
    Path("events.txt").write_text("2 5 1341100972 RT\n2 6 1341100973 RT\n")
    files = ["--graph", "edges.txt", "--events", "events.txt"]
    assert cli.main(["replay", *files, "--feed", "aggregated", "--verify", "200"]) == 0
    assert capsys.readouterr().out.endswith(f"\n{shown[1]}")


def test_every_option_is_documented() -> None:
    context = click.Context(cli.streamfw)
    for name in cli.streamfw.list_commands(context):
        command = cli.streamfw.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            assert any(f"`{option}" in PAGE or f" {option}" in PAGE for option in parameter.opts), parameter

"""What docs/command-line.md shows is what happens."""

from __future__ import annotations

import io
import logging
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from streamfw_core.cli import main as cli
from streamfw_core.cli.worker_logging import TaskFormatter
from streamfw_core.queues import FanoutPriority, delivering
from streamfw_core.queues.tasks import executing

from tests.core.folder_queue import FolderQueue, write_program
from tests.services.fixtures import start_worker
from tests.services.workers import Worker

__all__ = ["start_worker"]

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ streamfw (.*)$", PAGE, re.MULTILINE)
FEEDS = "from streamfw_core import NotificationFeed\n\n\nclass PhotoNotifications(NotificationFeed):\n    pass\n"
MANY = "298960 105232 1\n105232 298960 1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("edges.txt").write_text(MANY)
    Path("events.txt").write_text("105232 298960 1341100972 MT\n")


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderQueue]:
    """The task queue of a program, with the dead letters that the page speaks of."""
    monkeypatch.setenv("STREAMFW_SETTINGS", "documented_program:STREAMFW")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.syspath_prepend(str(tmp_path))
    queue = write_program(tmp_path, "documented_program", outbox="default")
    for id in ("5f3c", "77aa", "91d0"):
        queue.bury(id, b"{}", FanoutPriority.LOW, "gone")
    yield queue
    sys.modules.pop("documented_program", None)


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if not command.startswith(("queue", "schema", "worker"))]
)
def test_every_command_runs(command: str) -> None:
    assert cli.main(shlex.split(command)) == 0


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("schema")])
@pytest.mark.usefixtures("queue")
def test_every_command_of_schemas_runs(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = tmp_path / "myapp"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "feeds.py").write_text(FEEDS)
    try:
        assert cli.main(shlex.split(command)) == 0
    finally:
        for name in ("myapp.feeds", "myapp"):
            sys.modules.pop(name, None)
    printed = capsys.readouterr().out
    words = '"storages": {}' if "--json" in command else f"Nothing {'was' if 'apply' in command else 'is'} missing."
    assert words in printed


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("queue")])
@pytest.mark.usefixtures("queue")
def test_every_command_of_queues_runs(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert cli.main(shlex.split(command)) == 0


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("worker")])
@pytest.mark.usefixtures("queue")
def test_every_worker_runs_until_it_is_told_to_stop(command: str, start_worker: Callable[..., Worker]) -> None:
    worker = start_worker(
        [sys.executable, "-m", "streamfw_core", *shlex.split(command)], ready="ready: queue folder", cwd=Path.cwd()
    )
    worker.stop()


def test_the_line_of_a_log_is_a_workers() -> None:
    shown = re.search(r"```text\n(2026-.*\n)```", PAGE)
    assert shown is not None
    fields = re.search(r"\[(.*)\]", shown[1])
    assert fields is not None
    told = dict(field.split("=") for field in fields[1].split())
    record = logging.LogRecord("app.feeds", logging.INFO, __file__, 1, "hello", None, None)
    with (
        delivering(told["task_id"], FanoutPriority.HIGH),
        executing(correlation_id=told["correlation_id"], kind=told["kind"], manager=told["manager"], feed=told["feed"]),
    ):
        line = TaskFormatter().format(record)
    assert line.endswith(shown[1].partition(" 4711 ")[2].rstrip())


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
    for command in commands_of(cli.streamfw):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert any(f"`{option}" in PAGE or f" {option}" in PAGE for option in parameter.opts), parameter


def commands_of(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from commands_of(command)

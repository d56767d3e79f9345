"""Where commands write: not where the settings say, and nothing of it is left on a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from streamfw_core.cli.application import make_streams
from streamfw_core.cli.main import main
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.storage.protocol import Record, Scope
from streamfw_memory.storage import MemoryStorage

HERE = __name__


class Server(MemoryStorage):
    """A storage that all processes share, as far as it says."""

    capabilities = attrs.evolve(MemoryStorage.capabilities, scope=Scope.SHARED)
    made: ClassVar[list[Server]] = []

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)
        self.stored = 0
        self.made.append(self)
        self.store("somebody's", [Record(1, 1, b"")])

    def store(self, namespace: str, records: Any, *, update: bool = False) -> int:
        self.stored += len(records)
        return super().store(namespace, records, update=update)

    def namespaces(self) -> set[str]:
        return {*self._timelines, *self._records}


class RemoteQueue(InlineQueue):
    scope = Scope.SHARED


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("edges").write_text("1 2 1\n3 2 1\n")
    Path("events").write_text("2 1 1341100972 MT\n")
    Server.made.clear()


@pytest.mark.parametrize(
    "command", [["demo"], ["replay", "--graph", "edges", "--events", "events", "--verify", "2"]], ids=lambda it: it[0]
)
def test_nothing_is_left_on_a_server(command: list[str]) -> None:
    assert main([*command, "--storage", f"{HERE}:Server"]) == 0
    (server,) = Server.made
    assert server.stored > 1
    assert server.namespaces() == {"somebody's"}


def test_nothing_is_left_when_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamfw_core.cli.replay import running

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "read", fail)
    command = ["replay", "--graph", "edges", "--events", "events", "--storage", f"{HERE}:Server"]
    assert main(command) == 130
    assert Server.made[0].namespaces() == {"somebody's"}


def test_a_queue_of_other_processes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--queue", f"{HERE}:RemoteQueue"]) == 2
    assert capsys.readouterr().err == (
        f"error: 1 problem in the settings:\n    - --queue: task queue '{HERE}:RemoteQueue' works in other processes,"
        " which do not know this command's people (use 'inline' or 'threads')\n"
    )


def test_the_settings_lend_their_names_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("settings_for_cli.py").write_text(
        f"S = {{'storages': {{'hot': {{'backend': '{HERE}:Server'}}}}, 'task_queue': '{HERE}:RemoteQueue'}}\n"
    )
    monkeypatch.setenv("STREAMFW_SETTINGS", "settings_for_cli:S")
    monkeypatch.syspath_prepend(".")
    assert main(["demo"]) == 0
    assert Server.made == []
    assert main(["demo", "--storage", "hot"]) == 0
    assert len(Server.made) == 1


def test_the_options_of_the_settings_queue_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("settings_of_queue.py").write_text("S = {'task_queue': {'backend': 'threads', 'options': {'workers': 7}}}\n")
    monkeypatch.setenv("STREAMFW_SETTINGS", "settings_of_queue:S")
    monkeypatch.syspath_prepend(".")
    with make_streams("memory", "threads") as streams:
        assert streams.settings.task_queue.options["workers"] == 7
    with make_streams("memory", "inline") as streams:
        assert streams.settings.task_queue.options == {}

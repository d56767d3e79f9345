"""`streamfw plugins`: what is installed, by whom, what is off, what is broken and why."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from streamfw_core.cli.main import main
from streamfw_core.plugins import Register, hookimpl, loader
from streamfw_core.plugins.discovery import discover

MEMORY = EntryPoint("memory", "streamfw_memory.plugin", "streamfw")
BROKEN = EntryPoint("mydb", "no_such_module.plugin", "streamfw")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STREAMFW_DISABLE_PLUGINS", "STREAMFW_ONLY_PLUGINS", "STREAMFW_STRICT_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


def install(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    monkeypatch.setattr(loader, "discover", lambda _given: discover(entries))


def offer(monkeypatch: pytest.MonkeyPatch, name: str, backend: str, target: str) -> EntryPoint:
    """A plugin that offers one storage."""

    @hookimpl
    def streamfw_register_storages(register: Register) -> None:
        register(backend, target, summary="[red]of a test[/red]", schemes=("test+x",))

    module = ModuleType(f"{name}_hooks")
    vars(module)["streamfw_register_storages"] = streamfw_register_storages
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return EntryPoint(name, f"{name}_hooks", "streamfw")


def listed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["plugins", "--json", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_what_is_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    install(monkeypatch, MEMORY)
    assert main(["plugins", "--check"]) == 0
    out = capsys.readouterr().out
    for text in ("memory", "streamfw-core", "loaded", "threads", "streamfw_memory.storage:create"):
        assert text in out
    document = listed(capsys, "--check")
    assert [plugin["name"] for plugin in document["plugins"]] == ["core", "memory"]
    assert document["plugins"][1]["backends"][0]["name"] == "memory"
    assert document["conflicts"] == []


def test_a_broken_plugin_is_shown_and_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, MEMORY, BROKEN)
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    assert "Plugin 'mydb' of an unknown distribution is broken: ModuleNotFoundError" in out
    document = listed(capsys, "--check", code=1)
    assert [plugin["status"] for plugin in document["plugins"]] == ["loaded", "loaded", "broken"]


def test_a_disabled_plugin_is_shown_and_passes_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, MEMORY)
    monkeypatch.setenv("STREAMFW_DISABLE_PLUGINS", "memory")
    assert main(["plugins", "--check"]) == 0
    assert "is disabled: STREAMFW_DISABLE_PLUGINS names it" in capsys.readouterr().out


def test_two_plugins_with_one_backend_fail_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = offer(monkeypatch, "one", "mydb", "streamfw_memory.storage:create")
    other = offer(monkeypatch, "other", "mydb", "streamfw_memory.storage:create")
    install(monkeypatch, one, other)
    document = listed(capsys, "--check", code=1)
    assert [(conflict["name"], conflict["is_scheme"]) for conflict in document["conflicts"]] == [
        ("mydb", False),
        ("test+x", True),
    ]
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    assert "Conflict: the storage backend 'mydb' is offered by plugin 'one'" in out
    assert "[red]of a test[/red]" in out


def test_a_backend_that_cannot_be_imported_fails_the_check_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, offer(monkeypatch, "one", "mydb", "no_such_driver:Storage"))
    assert listed(capsys)["plugins"][1]["backends"][0]["broken"] is None
    document = listed(capsys, "--check", code=1)
    assert "No module named 'no_such_driver'" in document["plugins"][1]["backends"][0]["broken"]
    assert main(["plugins", "--check"]) == 1
    assert (
        "The storage backend 'mydb' of plugin 'one' of an unknown distribution cannot be loaded"
        in capsys.readouterr().out
    )

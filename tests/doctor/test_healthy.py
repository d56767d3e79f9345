"""A set-up that works is all green, and nothing of the canary stays."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from streamfw_core.cli.main import main
from streamfw_core.doctor import Level
from streamfw_core.plugins import loader
from streamfw_core.plugins.discovery import discover

from tests.doctor.setups import OURS, Setup, setup, worker
from tests.services.brokers import Broker
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.redis import Server

pytestmark = pytest.mark.usefixtures("forget_apps_of_others")


@pytest.fixture(scope="module")
def storage(shared_services: Shared) -> Server:
    return shared_services.get("storage of the doctor", lambda: Server(_found(_newest_redis()), appendonly=True))


@pytest.fixture(scope="module", params=["celery", "kombu"])
def running(request: pytest.FixtureRequest, storage: Server, shared_broker: Broker) -> Iterator[Setup]:
    """With a worker of each kind, on each kind of broker."""
    made = setup(storage, shared_broker, request.param)
    with worker(made):
        yield made


def test_everything_is_green(running: Setup) -> None:
    findings = running.findings()
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert [finding.hint for finding in findings if finding.hint] == []
    said = [finding.what for finding in findings]
    assert said.count("workers") == 3
    assert {"loaded", "settings", "feeds", "reachable", "version", "clock", "dead letters", "canary"} <= {*said}
    assert "it arrived at 'hot' by high, normal, low" in findings[-1].message


def test_nothing_of_the_canary_is_left_but_that_it_was_removed(running: Setup, storage: Server) -> None:
    prefix = running.settings["storages"]["hot"]["options"]["prefix"]

    def keys() -> dict[bytes, int]:
        with storage.client() as client:
            found: Any = [*client.scan_iter(f"{prefix}*")]
            return {key: client.ttl(key) for key in found}

    running.findings()
    first = keys()
    assert first
    assert all(seconds > 0 for seconds in first.values()), "a key stays for ever"
    running.findings()
    # Of each canary there are two notes, which expire; nothing else grows.
    assert len(keys()) <= len(first) + 2


def test_the_command_exits_with_0(
    running: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program: Any = ModuleType("examined_program")
    program.STREAMFW = running.settings
    monkeypatch.setitem(sys.modules, "examined_program", program)
    monkeypatch.setenv("STREAMFW_SETTINGS", "examined_program:STREAMFW")
    monkeypatch.setattr(loader, "discover", lambda _: discover(OURS))

    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "0 warnings, 0 failures" in printed
    assert main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is True
    assert {finding["level"] for finding in document["findings"]} == {"ok"}
    assert printed.count("ok  ") == len(document["findings"])
    assert {*document["findings"][0]} == {"level", "where", "what", "message", "hint"}

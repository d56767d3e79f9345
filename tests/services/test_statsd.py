"""What is said where statsd cannot be had, and that the server counts what it is sent."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import jars, npm
from tests.services.npm import StatsdMissing, find_statsd
from tests.services.statsd import HOST, Statsd


def test_without_node_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StatsdMissing, match="install nodejs and npm"):
        find_statsd()


def test_an_npm_that_does_not_get_it_is_quoted_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs, cache = tmp_path / "bin", tmp_path / "cache"
    programs.mkdir()
    for name in ("node", "npm"):
        (programs / name).write_text("#!/bin/sh\necho no such package >&2; exit 1\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv(jars.CACHE, str(cache))

    with pytest.raises(StatsdMissing, match=rf"does not get statsd {npm.VERSION}. It says:\nno such package"):
        find_statsd()
    assert [path for path in cache.iterdir() if path.is_dir()] == []


def test_the_server_adds_up_what_it_is_sent(start_statsd: Callable[[], Statsd]) -> None:
    server = start_statsd()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for line in (b"pins:2|c", b"pins:3|c", b"took:1.5|ms", b"took:2|ms|@0.5", b"nonsense"):
            sender.sendto(line, (HOST, server.port))

    assert server.wait_for_counters({"pins": 5}) == {"pins": 5}
    assert server.timers() == {"took": 3}
    assert sorted(server.values("took")) == [1.5, 2]
    assert server.bad_lines == 1

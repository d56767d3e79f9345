"""A real statsd counts exactly what was done, with both libraries, and is not missed where it is gone."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamfw_statsd.gathering import MOST_TIMINGS
from streamfw_statsd.metrics import StatsdMetrics

from streamfw_core import Feed, Streams
from streamfw_statsd import gathering
from tests.services.ports import free_port
from tests.services.statsd import Statsd
from tests.services.waiting import wait_for
from tests.statsd import telling

BACKENDS = ["statsd", "python-statsd"]


@pytest.fixture
def statsd(start_statsd: Callable[[], Statsd]) -> Statsd:
    return start_statsd()


def run(python: Path, backend: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The program, in an environment that has the library of the backend."""
    command = [str(python), "-W", "error", telling.__file__, backend, json.dumps({"host": "127.0.0.1", **options})]
    environment = {name: value for name, value in os.environ.items() if name != "STREAMFW_SETTINGS"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)


def prefixed(counts: dict[str, int], prefix: str = "streamfw") -> dict[str, int]:
    return {f"{prefix}.{name}": count for name, count in counts.items()}


# --- counting ---


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_server_counts_exactly_what_was_done(backend: str, environments: dict[str, Path], statsd: Statsd) -> None:
    done = run(environments[backend], backend, port=statsd.port)

    assert (done.returncode, done.stderr) == (0, "")
    assert statsd.wait_for_counters(prefixed(telling.COUNTERS)) == prefixed(telling.COUNTERS)
    assert statsd.timers() == prefixed(telling.TIMERS)
    assert statsd.bad_lines == 0
    timings = statsd.values("streamfw.home.read_latency")
    assert all(0 < milliseconds < 60_000 for milliseconds in timings)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_prefix_is_the_programs(backend: str, environments: dict[str, Path], statsd: Statsd) -> None:
    run(environments[backend], backend, port=statsd.port, prefix="my.app")

    assert statsd.wait_for_counters(prefixed(telling.COUNTERS, "my.app")) == prefixed(telling.COUNTERS, "my.app")


@pytest.mark.parametrize("backend", BACKENDS)
def test_tags_end_each_line(backend: str, environments: dict[str, Path]) -> None:
    with listening() as (port, arrived):
        run(environments[backend], backend, port=port, tags={"env": "test", "odd": "a|b,c"})
        lines = wait_for(arrived, "packets")

    assert all(line.endswith("|#env:test,odd:a_b_c") for line in lines)
    assert "streamfw.activities.removed:1|c|#env:test,odd:a_b_c" in lines


class listening:  # noqa: N801 - reads as what it does
    """A socket in the place of a server that understands tags, which the one of npm does not."""

    def __enter__(self) -> tuple[int, Callable[[], list[str]]]:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        return self._socket.getsockname()[1], self._lines

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _lines(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self._socket.recv(65536).decode().split("\n")
            except BlockingIOError:
                return lines


def test_odd_names_of_feeds_are_made_plain(statsd: Statsd) -> None:
    class OddFeed(Feed):
        name = "pins:of.Ünal | 1"

    with streams_to(statsd) as streams:
        OddFeed(1, streams=streams).remove(1)

    expected = {"streamfw.pins_of__nal___1.deletes": 1}
    assert statsd.wait_for_counters(expected) == expected
    assert statsd.bad_lines == 0


def test_of_many_timings_some_are_sent_and_all_are_counted(statsd: Statsd) -> None:
    reads = 20 * MOST_TIMINGS
    with streams_to(statsd) as streams:
        feed = PlainFeed(1, streams=streams)
        for _ in range(reads):
            feed[:25]

    wait_for(lambda: round(sum(statsd.timers().values())) >= reads, "all timings")
    assert sum(statsd.timers().values()) == pytest.approx(reads, abs=0.01)
    assert len(statsd.values("streamfw.plain.read_latency")) < reads


def test_threads_lose_no_count(statsd: Statsd) -> None:
    with streams_to(statsd) as streams:
        metrics = streams.metrics

        def tell() -> None:
            for _ in range(5_000):
                metrics.on_feed_write(PlainFeed, 1)

        threads = [threading.Thread(target=tell) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    expected = {"streamfw.plain.writes": 40_000}
    assert statsd.wait_for_counters(expected) == expected


def test_a_child_sends_what_it_counts_and_nothing_of_its_parent(statsd: Statsd) -> None:
    streams = streams_to(statsd)
    streams.metrics.on_feed_write(PlainFeed, 1000)
    child = os.fork()
    if not child:
        status = 1
        try:
            streams.metrics.on_feed_write(PlainFeed, 1)
            streams.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    streams.close()

    assert statsd.wait_for_counters({"streamfw.plain.writes": 1001}) == {"streamfw.plain.writes": 1001}


def test_what_is_told_after_the_end_is_sent_too(statsd: Statsd) -> None:
    streams = streams_to(statsd)
    for _ in range(2):
        streams.metrics.on_feed_write(PlainFeed, 1)
        streams.close()

    assert statsd.wait_for_counters({"streamfw.plain.writes": 2}) == {"streamfw.plain.writes": 2}


def test_without_an_end_it_is_sent_soon(statsd: Statsd) -> None:
    streams = streams_to(statsd)
    PlainFeed(1, streams=streams).remove(1)

    assert statsd.wait_for_counters({"streamfw.plain.deletes": 1})
    streams.close()


class PlainFeed(Feed):
    name = "plain"


def streams_to(statsd: Statsd) -> Streams:
    return Streams({"metrics": {"backend": "statsd", "options": {"host": "127.0.0.1", "port": statsd.port}}})


# --- no server ---


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_server_that_is_gone_is_not_missed(backend: str, environments: dict[str, Path]) -> None:
    done = run(environments[backend], backend, port=free_port())

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_host_that_is_not_found_is_said_once_and_nothing_else_happens(
    backend: str, environments: dict[str, Path]
) -> None:
    done = run(environments[backend], backend, host="no-such-host.invalid")

    assert done.returncode == 0
    assert done.stderr.count("no-such-host.invalid:8125 cannot be found") == done.stderr.count("\n") == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_server_that_comes_back_is_told_again(
    backend: str, environments: dict[str, Path], statsd: Statsd
) -> None:
    statsd.kill()
    run(environments[backend], backend, port=statsd.port)
    statsd.start()
    run(environments[backend], backend, port=statsd.port)

    assert statsd.wait_for_counters(prefixed(telling.COUNTERS)) == prefixed(telling.COUNTERS)


@pytest.fixture
def slow_look_ups(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every look-up of a host waits until this is set."""
    answered, real = threading.Event(), socket.getaddrinfo

    def look_up(*arguments: Any, **more: Any) -> Any:
        answered.wait(30)
        return real(*arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield answered
    answered.set()


def test_no_caller_waits_while_the_host_is_looked_up(statsd: Statsd, slow_look_ups: threading.Event) -> None:
    streams = streams_to(statsd)
    for _ in range(100):
        PlainFeed(1, streams=streams).remove(1)
    streams.close()  # gives up waiting
    assert not slow_look_ups.is_set()
    slow_look_ups.set()

    assert statsd.wait_for_counters({"streamfw.plain.deletes": 100})


def test_a_host_that_is_found_at_last_is_told(
    statsd: Statsd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gathering, "LOOK_UP_AFTER", 0.0)
    monkeypatch.setattr(gathering, "INTERVAL", 0.02)
    with monkeypatch.context() as unknown, caplog.at_level(logging.WARNING):
        unknown.setattr(socket, "getaddrinfo", not_found)
        streams = streams_to(statsd)
        for _ in range(3):
            streams.metrics.on_feed_write(PlainFeed, 1)
            wait_for(lambda: waiting(streams) == 0, "a look-up that fails")
    streams.metrics.on_feed_write(PlainFeed, 5)

    assert statsd.wait_for_counters({"streamfw.plain.writes": 5}) == {"streamfw.plain.writes": 5}
    assert len(caplog.records) == 1
    streams.close()


def not_found(*_: Any, **__: Any) -> Any:
    raise socket.gaierror("no such name")


def waiting(streams: Streams) -> int:
    assert isinstance(streams.metrics, StatsdMetrics)
    return sum(map(len, streams.metrics._gathering._counts.values()))

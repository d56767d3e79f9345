"""Whole workers and brokers are killed, and what was published is executed nevertheless."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamfw_core.errors import QueueUnavailable

from tests.celery.celery_running import Running, program, worker
from tests.celery.celery_worker import GO
from tests.services.brokers import Broker
from tests.services.fixtures import _broker


@pytest.fixture(scope="module")
def own_broker(broker_name: str) -> Iterator[Broker]:
    """One to be harmed, which runs again when a test ends."""
    with _broker(broker_name) as started:
        yield started


def test_a_killed_worker_loses_neither_what_it_executes_nor_what_it_has_fetched(
    own_broker: Broker, tmp_path: Path
) -> None:
    own = program(own_broker.url, tmp_path)
    with worker(own) as started, Running(own) as running:
        for number in range(8):
            running.do(f"held-{number}", "wait")
        running.do("delayed", "fail", "note")
        running.wait("held-0:wait")

        started.kill()
        (tmp_path / GO).touch()
        started.start()

        for number in range(8):
            running.wait(f"held-{number}")
        running.wait("delayed")
        assert not running.queue.dead_letters()


def test_a_stopped_worker_finishes_what_it_executes_and_gives_back_the_rest(own_broker: Broker, tmp_path: Path) -> None:
    own = program(own_broker.url, tmp_path)
    with Running(own) as running, worker(own) as started:
        for number in range(8):
            running.do(f"held-{number}", "note", takes=0.5)
        running.wait("held-0")
        started.stop()
        before = [name for number in range(8) if running.notes(name := f"held-{number}")]
        assert len(before) < 8

        started.start()

        for number in range(8):
            running.wait(f"held-{number}")
        assert sum(len(running.notes(f"held-{number}")) for number in range(8)) == 8


def test_a_killed_broker_loses_nothing_and_is_found_again(own_broker: Broker, tmp_path: Path) -> None:
    own = program(own_broker.url, tmp_path)
    with worker(own) as started, Running(own) as running:
        for number in range(8):
            running.do(f"held-{number}", "wait")
        running.wait("held-0:wait")

        own_broker.kill()
        (tmp_path / GO).touch()
        with pytest.raises(QueueUnavailable):
            running.do("meanwhile")
        own_broker.restart()
        running.do("after")

        for number in range(8):
            running.wait(f"held-{number}")
        running.wait("after")
        assert started.running


def test_what_failed_while_the_broker_is_away_is_delivered_again(own_broker: Broker, tmp_path: Path) -> None:
    own = program(own_broker.url, tmp_path, publish_timeout=0.5)
    with worker(own), Running(own) as running:
        running.do("tried", "wait-and-fail", "wait-and-fail", "note")
        running.wait("tried:wait-and-fail")

        own_broker.kill()
        (tmp_path / GO).touch()
        time.sleep(1)
        own_broker.restart()

        running.wait("tried")


def test_a_broker_that_hangs_is_an_error_in_bounded_time(own_broker: Broker, tmp_path: Path) -> None:
    own = program(own_broker.url, tmp_path, publish_timeout=1)
    with Running(own) as running:
        running.do("before")
        own_broker.pause()
        started = time.monotonic()
        with pytest.raises(QueueUnavailable):
            running.do("meanwhile")

        assert time.monotonic() - started < 6
        own_broker.resume()
        running.do("after")

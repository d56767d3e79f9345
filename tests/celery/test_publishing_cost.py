"""An account with millions of followers costs its publisher and its workers no memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from tests.celery.celery_millions import PAGE, Program
from tests.celery.celery_running import CELERY, QUIET, READY, names
from tests.services.binaries import find_binaries
from tests.services.brokers import Broker
from tests.services.fixtures import unavailable
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker

MILLION = 1_000_000
CHUNK = 1_000
ALLOWED = 30_000_000
"""Bytes; a list of ten million ids would be more than ten times as much."""
CLEARLY_HANGS = 10.0
WAYS = ["by_ids", "by_pages"]


@pytest.fixture(scope="module")
def storage() -> Iterator[Server]:
    """Where the feeds are."""
    found = find_binaries()
    if not found:
        unavailable("there is no Redis here, for the feeds")
    with Server(found[-1]) as server:
        yield server


@pytest.fixture
def program(shared_broker: Broker, storage: Server, tmp_path: Path) -> Iterator[Program]:
    made = Program(shared_broker.url, storage.url, names(), str(tmp_path / "notes"))
    yield made
    with Connection(shared_broker.url) as connection:
        for name in made.queues.values():
            connection.default_channel.queue_delete(name)


def publish(program: Program, way: str, followers: int) -> Any:
    """What a process of its own says that it cost."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.celery.celery_millions", way, str(followers)],
        env={**os.environ, **program.environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return json.loads(done.stdout)


def waiting(program: Program, kind: str) -> int:
    """How many messages are in a queue."""
    with Connection(program.broker) as connection:
        try:
            count: int = connection.default_channel.queue_declare(program.queues[kind], passive=True).message_count
        except connection.channel_errors:
            return 0
        return count


@pytest.mark.parametrize("way", WAYS)
def test_publishing_for_ten_million_followers_takes_no_memory(program: Program, way: str) -> None:
    cost = publish(program, way, 10 * MILLION)

    assert cost["grown"] < ALLOWED
    assert cost["seconds"] < CLEARLY_HANGS
    assert waiting(program, "high") == 2  # the one before it, by which everything was opened, and this one
    assert not Path(program.notes).exists(), "the publisher has looked at followers"


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_splitting_for_a_million_followers_takes_no_memory(
    program: Program, way: str, start_worker: Callable[..., Worker]
) -> None:
    queue = program.queues["high"]
    worker = ["worker", "-Q", queue, "-n", f"{queue}@%h", "-c", "1", "-l", "INFO", *QUIET]
    start_worker(
        [*CELERY, "-A", "tests.celery.celery_millions", *worker],
        ready=READY,
        environment=program.environment(),
        cwd=Path.cwd(),
    )
    publish(program, way, MILLION)

    wait_for(lambda: waiting(program, "low") >= MILLION // CHUNK, "everything is split", within=120)
    notes = [json.loads(line) for line in Path(program.notes).read_text(encoding="utf-8").splitlines()]
    places = [note for note in notes if note["task"] != notes[0]["task"]] if way == "by_pages" else notes
    assert [note["after"] for note in places] == [*range(0, MILLION, PAGE)]
    memory = [note["rss"] for note in places]
    print(f"{way}: {min(memory):,} to {max(memory):,} bytes")
    assert max(memory) - memory[0] < ALLOWED
    tasks = {note["task"] for note in places}
    # By pages, each is split by a task of its own, which the one before has left.
    assert len(tasks) == (MILLION // PAGE if way == "by_pages" else 1)
    assert waiting(program, "low") == MILLION // CHUNK
    assert waiting(program, "high") == 0

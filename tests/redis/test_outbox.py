"""The outbox on a real server: what one process wrote down, another enqueues."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamfw_core.messages import decode
from streamfw_core.outbox import Outbox
from streamfw_core.queues import FanoutPriority
from streamfw_redis.storage import RedisStorage, create

from streamfw_core import Streams
from tests.core.folder_queue import FolderFeed, FolderQueue, write_program
from tests.services.redis import Server

ROOT = Path(__file__).parents[2]
PUBLISH = """
import os, signal, sys
from streamfw_core import Activity, Love, Streams
from streamfw_core.settings import resolve

streams = Streams(resolve("program:STREAMFW"))
if sys.argv[1] == "killed":
    streams.queue.enqueue = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
for number in range(int(sys.argv[2])):
    streams.manager("folder").add_user_activity("ada", Activity(actor="ada", verb=Love, object=number))
"""


@pytest.fixture
def storage_settings(redis_server: Server, tmp_path: Path) -> dict[str, object]:
    prefix = f"{tmp_path.name}:"
    return {"backend": "redis", "options": {"url": redis_server.url, "prefix": prefix, "tombstone_ttl": 600}}


@pytest.fixture
def storage(storage_settings: dict[str, object]) -> Iterator[RedisStorage]:
    options = storage_settings["options"]
    assert isinstance(options, dict)
    made = create("default", options)
    yield made
    made.close()


@pytest.fixture
def queue(tmp_path: Path, storage_settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> FolderQueue:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    monkeypatch.setenv("STREAMFW_SETTINGS", "program:STREAMFW")
    return write_program(tmp_path, storage=storage_settings, outbox="default")


def publish(how: str, number: int) -> int:
    return subprocess.run([sys.executable, "-c", PUBLISH, how, str(number)], check=False).returncode


def sweeping(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "streamfw_core", "queue", "sweep", "--older-than", "0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_another_process_enqueues_what_was_left(
    queue: FolderQueue, storage: RedisStorage, storage_settings: dict[str, object]
) -> None:
    (queue.folder / "down").touch()
    assert publish("as it should be", 3) == 0
    with sweeping() as down:
        out, err = down.communicate()
    assert down.returncode == 1, out + err
    assert "3 messages are left in the outbox on storage 'default'" in err
    (queue.folder / "down").unlink()
    assert publish("killed", 1) < 0
    assert not queue.waiting()
    with sweeping() as swept:
        out, err = swept.communicate()
    assert swept.returncode == 0, out + err
    assert "enqueued 4 messages from the outbox on storage 'default'" in out
    assert len(queue.waiting()) == 4
    assert Outbox(storage).count() == 0
    settings = {
        "storages": {"default": storage_settings},
        "managers": {"folder": "tests.core.folder_queue:FolderManager"},
    }
    with Streams(settings) as streams:
        for path in queue.waiting():
            streams.execute(path.read_bytes())
        assert len(FolderFeed(1, streams=streams)[:9]) == 4


def test_two_processes_that_sweep_at_once_lose_nothing(queue: FolderQueue, storage: RedisStorage) -> None:
    outbox = Outbox(storage)
    messages = {b"%d" % number for number in range(600)}
    for message in messages:
        outbox.put(message, FanoutPriority.LOW)
    with sweeping() as one, sweeping() as other:
        one.communicate()
        other.communicate()
    assert (one.returncode, other.returncode) == (0, 0)
    assert {path.read_bytes() for path in queue.waiting()} == messages
    assert outbox.count() == 0


def test_a_sweep_that_is_killed_leaves_the_rest(queue: FolderQueue, storage: RedisStorage) -> None:
    outbox = Outbox(storage)
    messages = {b"%d" % number for number in range(2000)}
    for message in messages:
        outbox.put(message, FanoutPriority.LOW)
    with sweeping("--every", "1") as killed:
        while len(queue.waiting()) < 50:
            assert killed.poll() is None
        killed.kill()
    assert 0 < outbox.count() < 2000
    with sweeping() as swept:
        swept.communicate()
    assert swept.returncode == 0
    assert {path.read_bytes() for path in queue.waiting()} == messages
    assert outbox.count() == 0


def test_what_waits_is_the_message_with_its_priority(queue: FolderQueue, storage: RedisStorage) -> None:
    (queue.folder / "down").touch()
    publish("as it should be", 1)
    [intent] = Outbox(storage).pending()
    assert decode(intent.message).manager == "folder"
    assert intent.priority is FanoutPriority.HIGH

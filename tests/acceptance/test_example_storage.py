"""The example of a storage plugin, as its users would use it: several processes on one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import FeedSpec, Query, Removal, Storage

from streamfw_core import Activity, Feed, Love, Streams

EXAMPLE = Path(__file__).parents[2] / "examples" / "streamfw_example_storage"
PROCESSES = 8
EACH = 50
SPEC = FeedSpec("all", KeyFormat("all:%(user_id)s"), 10_000, inline=True)

# Adds activities with ids of its own, one by one, to one feed that all share and to one of its own.
WRITER = """
import sys
from streamfw_core.errors import SettingsError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Record, Write
from streamfw_example_storage.storage import create

path, number, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
spec = FeedSpec("all", KeyFormat("all:%(user_id)s"), 10_000, inline=True)
storage = create("writer", {"path": path})
added = 0
for id in range(number, 8 * count, 8):
    outcome = storage.write(spec, [Write(["shared", f"own-{number}"], puts=[Entry(id, 1, b"x")])])
    assert not outcome.failures, outcome.failures
    added += outcome.added
    storage.store("activities", [Record(id, 1, b"x")])
print(added)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feeds.db"


@pytest.fixture
def storage(path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """The storage in this process; the plugin need not be installed."""
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    made: Storage = import_module("streamfw_example_storage.storage").create("here", {"path": str(path)})
    return made


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(EXAMPLE / "src")}


def start_writer(path: Path, number: int, count: int = EACH) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(number), str(count)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ids(storage: Storage, owner: str) -> list[int]:
    return [entry.id for entry in storage.read(SPEC, [Query(owner)])[0].entries]


def test_eight_processes_lose_nothing(path: Path, storage: Storage) -> None:
    writers = [start_writer(path, number) for number in range(PROCESSES)]
    results = [(*writer.communicate(timeout=120), writer.returncode) for writer in writers]

    assert results == [(f"{2 * EACH}\n", "", 0)] * PROCESSES
    everything = [*range(PROCESSES * EACH)]
    assert ids(storage, "shared") == everything[::-1]
    assert storage.stats(SPEC, [Query("shared")])[0].entries == len(everything)
    for number in range(PROCESSES):
        assert ids(storage, f"own-{number}") == everything[number::PROCESSES][::-1]
    assert all(storage.load("activities", everything))
    storage.close()


def test_what_a_killed_process_wrote_is_whole(path: Path, storage: Storage) -> None:
    for _ in range(3):
        writer = start_writer(path, 0, 100_000)
        before = len(ids(storage, "shared"))
        while len(ids(storage, "shared")) < before + 5 and writer.poll() is None:
            time.sleep(0.005)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert writer.returncode == -signal.SIGKILL

        shown = ids(storage, "shared")
        assert shown == ids(storage, "own-0") == [*range(8 * (len(shown) - 1), -1, -8)]
        assert storage.stats(SPEC, [Query("shared")])[0].entries == len(shown)
        storage.clear(SPEC, ["shared", "own-0"], keep=0, stamp=0)
        storage.flush(SPEC.namespace)
    storage.close()


def test_what_one_process_removes_never_appears_while_another_adds_it(path: Path, storage: Storage) -> None:
    """C9, across processes: the writers' puts are as old as the removals, so each is there before, or never."""
    writers = [start_writer(path, number) for number in range(2)]
    seen: dict[int, bool] = {}
    for id in range(8 * EACH):
        storage.remember(SPEC, removes=[Removal(id, 1)])
        seen[id] = id in ids(storage, "shared")
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert (writer.returncode, errors) == (0, "")

    assert ids(storage, "shared") == sorted((id for id, there in seen.items() if there), reverse=True)
    storage.close()


def test_a_program_finds_its_feeds_again_after_a_restart(path: Path, storage: Storage) -> None:
    settings = {
        "storages": {"default": {"backend": "streamfw_example_storage.storage:create", "options": {"path": str(path)}}}
    }
    activity = Activity(7, Love, 42, extra_context={"board": "Surf"})
    with Streams(settings) as streams:
        assert Feed(13, streams=streams).add(activity) == 1
    with Streams(settings) as streams:
        assert Feed(13, streams=streams)[:] == [activity]
        assert Feed(13, streams=streams).add(activity) == 0


@pytest.mark.slow
def test_the_example_passes_its_own_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE)],
        check=False,
        cwd=EXAMPLE,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite-example:///var/lib/feeds%20of%20mine.db", "/var/lib/feeds of mine.db"),
        ("sqlite-example://data/feeds.db", "data/feeds.db"),
    ],
)
def test_a_url_says_where_the_file_is(storage: Storage, url: str, path: str) -> None:
    create = import_module("streamfw_example_storage.storage").create
    assert create("default", {"url": url}).options.path == path
    assert create("default", {"url": url + "?timeout=5"}).options.timeout == 5.0
    with pytest.raises(SettingsError, match="timeout must be a number, is 'soon'"):
        create("default", {"url": url + "?timeout=soon"})


OPENER = """
import sys
from streamfw_example_storage.storage import create

storage = create("opener", {"path": sys.argv[1]})
sys.stdin.readline()
storage.scan("any", b"", b"x", limit=1, backwards=False)
"""


def test_many_processes_may_open_a_new_file_at_once(path: Path) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(path)],
            env=environment(),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(10)
    ]

    assert [(opener.communicate("go\n")[1], opener.returncode) for opener in openers] == [("", 0)] * len(openers)

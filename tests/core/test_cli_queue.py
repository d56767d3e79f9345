"""`streamfw queue`: dead letters are listed, shown, retried and dropped, and the outbox is swept."""

from __future__ import annotations

import base64
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from attrs import evolve
from streamfw_core.cli.main import main
from streamfw_core.messages import Deliver, encode
from streamfw_core.outbox import Outbox
from streamfw_core.queues import FanoutPriority
from streamfw_core.storage.protocol import Entry, Scope, Write
from streamfw_core.testing.adopted import adopt
from streamfw_memory.storage import MemoryStorage

from tests.core.folder_queue import FolderQueue

HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"[[[[" * 40_000,
    b'"\\ud800"',
    b"1e999",
    b"9" * 5000,
    b"\x1b[31mred",
    b'{"kind":"fanout"}',
]
DELIVER = encode(
    Deliver(
        manager="pins",
        source=7,
        stamp=1,
        correlation_id="request 7",
        operation="remove",
        items=[],
        feed="home",
        owners=[1, 2],
    )
)


class Settings(ModuleType):
    STREAMFW: dict[str, object]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are not folded, however narrow the terminal of whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def queue(tmp_path: Path) -> FolderQueue:
    return FolderQueue("folder", {"folder": tmp_path / "queue"})


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch, queue: FolderQueue) -> Settings:
    made = Settings("program")
    backend = {"backend": "tests.core.folder_queue:FolderQueue", "options": {"folder": str(queue.folder)}}
    made.STREAMFW = {"task_queue": backend}
    monkeypatch.setitem(sys.modules, "program", made)
    monkeypatch.setenv("STREAMFW_SETTINGS", "program:STREAMFW")
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert main(["queue", *arguments]) == code
    return capsys.readouterr()


# --- dead letters ---


def test_there_may_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "dead", "list")[0] == "There are no dead letters.\n"
    assert json.loads(run(capsys, "dead", "list", "--json")[0]) == {"dead_letters": [], "more": False}
    assert run(capsys, "dead", "retry", "--all")[0] == "0 dead letters were enqueued again.\n"


def test_they_are_listed_with_what_they_are_about(capsys: pytest.CaptureFixture[str], queue: FolderQueue) -> None:
    queue.bury("one", DELIVER, FanoutPriority.LOW, "StorageError: [bold]gone[/bold]", attempts=12)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in run(capsys, "dead", "list")[0].splitlines()]
    assert ["one", "3 minutes ago", "low", "12", "deliver pins home", "StorageError: [bold]gone[/bold]"] in rows
    [told] = json.loads(run(capsys, "dead", "list", "--json")[0])["dead_letters"]
    assert told.pop("died_at").endswith("+00:00")
    assert told == {
        "id": "one",
        "priority": "low",
        "attempts": 12,
        "kind": "deliver",
        "manager": "pins",
        "feed": "home",
        "correlation_id": "request 7",
        "bytes": len(DELIVER),
        "reason": "StorageError: [bold]gone[/bold]",
    }


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["show", "one"], ["show", "one", "--json"]])
def test_secrets_in_reasons_are_masked(
    arguments: list[str], capsys: pytest.CaptureFixture[str], queue: FolderQueue
) -> None:
    queue.bury("one", DELIVER, FanoutPriority.LOW, "no answer of redis://ada:hunter2@host/0 password=hunter2")
    out, _ = run(capsys, "dead", *arguments)
    assert "redis://***@host/0" in out
    assert "hunter2" not in out


def test_hostile_bytes_break_nothing(capsys: pytest.CaptureFixture[str], queue: FolderQueue) -> None:
    for number, data in enumerate(HOSTILE):
        queue.bury(f"{number}", data, FanoutPriority.HIGH, "\x1b[31m\ud800\n" * 3)
    out, _ = run(capsys, "dead", "list")
    assert out.count("no message") == len(HOSTILE)
    assert "\x1b" not in out
    told = json.loads(run(capsys, "dead", "list", "--json")[0])["dead_letters"]
    assert [one["kind"] for one in told] == [None] * len(HOSTILE)
    for number, data in enumerate(HOSTILE):
        out, _ = run(capsys, "dead", "show", f"{number}")
        assert "\x1b" not in out
        whole = json.loads(run(capsys, "dead", "show", f"{number}", "--json")[0])
        if whole["message"] is None:
            assert base64.b64decode(whole["base64"]) == data
    assert "This is no message:\nb'\\xff\\xfe\\x00'\n" in run(capsys, "dead", "show", "1")[0]


def test_one_is_shown_with_its_message(capsys: pytest.CaptureFixture[str], queue: FolderQueue) -> None:
    queue.bury("one", DELIVER, FanoutPriority.LOW, "it is\nbroken")
    out, _ = run(capsys, "dead", "show", "one")
    head, _, message = out.partition("\n\n")
    assert "correlation_id  request 7" in head
    assert "reason          it is\\nbroken" in head
    assert json.loads(message) == json.loads(DELIVER)
    assert json.loads(run(capsys, "dead", "show", "one", "--json")[0])["message"] == json.loads(DELIVER)


def test_a_long_list_is_cut_and_says_so(capsys: pytest.CaptureFixture[str], queue: FolderQueue) -> None:
    for number in range(3):
        queue.bury(f"{number}", DELIVER, FanoutPriority.LOW, "gone")
    assert "There are more than these 2: --limit shows them." in run(capsys, "dead", "list", "--limit", "2")[0]
    told = json.loads(run(capsys, "dead", "list", "--limit", "2", "--json")[0])
    assert [one["id"] for one in told["dead_letters"]] == ["0", "1"]
    assert told["more"] is True
    assert "more than" not in run(capsys, "dead", "list", "--limit", "3")[0]


def test_they_are_enqueued_again(capsys: pytest.CaptureFixture[str], queue: FolderQueue) -> None:
    for number in range(4):
        queue.bury(f"{number}", b"%d" % number, FanoutPriority.LOW, "gone")
    assert run(capsys, "dead", "retry", "1", "1")[0] == "1 dead letter was enqueued again.\n"
    assert [path.read_bytes() for path in queue.waiting()] == [b"1"]
    assert run(capsys, "dead", "retry", "--all")[0] == "3 dead letters were enqueued again.\n"
    assert len(queue.waiting()) == 4
    assert queue.dead_letters() == []


def test_ids_that_are_not_there_are_said_after_the_others_were_done(
    capsys: pytest.CaptureFixture[str], queue: FolderQueue
) -> None:
    for number in range(2):
        queue.bury(f"{number}", DELIVER, FanoutPriority.LOW, "gone")
    out, err = run(capsys, "dead", "retry", "0", "x", code=1)
    assert out == "1 dead letter was enqueued again.\n"
    assert err.startswith("error: no dead letter has the id 'x': `streamfw queue dead list` shows")
    out, err = run(capsys, "dead", "drop", "--yes", "x", "1", code=1)
    assert out == "1 dead letter was dropped.\n"
    assert "'x'" in err
    assert "'x'" in run(capsys, "dead", "show", "x", code=1)[1]


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize("arguments", [[], ["--all", "1"]])
def test_ids_or_all_are_to_be_given(command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _, err = run(capsys, "dead", command, *arguments, code=2)
    assert err.startswith("error: give ids, as `streamfw queue dead list` shows them, or --all")


def test_before_they_are_dropped_people_are_asked(
    capsys: pytest.CaptureFixture[str], queue: FolderQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        queue.bury(f"{number}", DELIVER, FanoutPriority.LOW, "gone")
    asked: list[str] = []

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        queue.bury("meanwhile", DELIVER, FanoutPriority.LOW, "gone")
        return len(asked) > 1

    monkeypatch.setattr("click.confirm", confirm)
    assert run(capsys, "dead", "drop", "--all", code=1)[0] == "Nothing was dropped.\n"
    assert asked == ["Forget 3 dead letters for good?"]
    assert run(capsys, "dead", "drop", "0", "1")[0] == "2 dead letters were dropped.\n"
    assert [letter.id for letter in queue.dead_letters()] == ["2", "meanwhile", "meanwhile"]
    assert run(capsys, "dead", "drop", "--all", "--yes")[0] == "3 dead letters were dropped.\n"
    assert len(asked) == 2


def test_a_queue_that_is_down_keeps_them(capsys: pytest.CaptureFixture[str], queue: FolderQueue) -> None:
    queue.bury("one", DELIVER, FanoutPriority.LOW, "gone")
    (queue.folder / "down").touch()
    assert run(capsys, "dead", "retry", "--all", code=2)[1] == "error: the folder is down\n"
    assert len(queue.dead_letters()) == 1


@pytest.mark.parametrize("backend", ["inline", "threads"])
def test_queues_that_keep_none_say_so(backend: str, capsys: pytest.CaptureFixture[str], program: Settings) -> None:
    program.STREAMFW = {"task_queue": backend}
    _, err = run(capsys, "dead", "list", code=2)
    assert f"task_queue.backend: {backend!r} keeps no dead letters that outlive the process" in err


# --- the outbox ---


@pytest.fixture
def outbox(program: Settings) -> Iterator[Outbox]:
    storage = MemoryStorage("hot")
    storage.capabilities = evolve(MemoryStorage.capabilities, scope=Scope.SHARED)
    program.STREAMFW["storages"] = {"hot": adopt(storage)}
    program.STREAMFW["task_queue"] = {**program.STREAMFW["task_queue"], "outbox": "hot"}  # type: ignore[dict-item]
    yield Outbox(storage)
    del storage


def test_the_outbox_is_swept_once(capsys: pytest.CaptureFixture[str], queue: FolderQueue, outbox: Outbox) -> None:
    outbox.put(b"1", FanoutPriority.LOW)
    assert run(capsys, "sweep")[0] == (
        "enqueued 0 messages from the outbox on storage 'hot'\nleft 1 message that is younger than 60 s\n"
    )
    assert run(capsys, "sweep", "--older-than", "0")[0] == "enqueued 1 message from the outbox on storage 'hot'\n"
    assert [path.read_bytes() for path in queue.waiting()] == [b"1"]
    assert outbox.count() == 0


def test_a_queue_that_is_still_down_is_said_with_what_is_left(
    capsys: pytest.CaptureFixture[str], queue: FolderQueue, outbox: Outbox
) -> None:
    for _ in range(5):
        outbox.put(b"1", FanoutPriority.LOW)
    (queue.folder / "down").touch()
    _, err = run(capsys, "sweep", "--older-than", "0", code=1)
    assert err == "error: the folder is down\n  5 messages are left in the outbox on storage 'hot'.\n"


def test_what_is_damaged_is_said_and_dropped_where_asked_for(
    capsys: pytest.CaptureFixture[str], queue: FolderQueue, outbox: Outbox
) -> None:
    outbox.put(b"1", FanoutPriority.LOW)
    outbox._storage.write(outbox.spec, [Write(["5"], puts=[Entry(21, 1, b"\xff")])])
    out, err = run(capsys, "sweep", "--older-than", "0", code=1)
    assert out == "enqueued 1 message from the outbox on storage 'hot'\n"
    assert err.startswith(
        "error: 1 entry that is no message of the outbox on storage 'hot', the first is 21 of 'streamfw:outbox:5': "
    )
    out, _ = run(capsys, "sweep", "--older-than", "0", "--drop-damaged")
    assert out.endswith("dropped 1 entry that is no message of the outbox on storage 'hot'\n")
    assert outbox.count() == 0


def test_it_is_swept_again_and_again_until_told_to_stop(
    capsys: pytest.CaptureFixture[str], queue: FolderQueue, outbox: Outbox
) -> None:
    (queue.folder / "down").touch()

    def meanwhile() -> None:
        outbox.put(b"1", FanoutPriority.LOW)
        time.sleep(0.3)
        (queue.folder / "down").unlink()
        while not queue.waiting():
            time.sleep(0.01)
        signal.raise_signal(signal.SIGTERM)

    thread = threading.Thread(target=meanwhile)
    thread.start()
    out, err = run(capsys, "sweep", "--older-than", "0", "--every", "0.05")
    thread.join()
    assert out == (
        "sweeping the outbox on storage 'hot' every 0.05 s\nenqueued 1 message from the outbox on storage 'hot'\n"
    )
    assert "error: the folder is down\n  1 message is left in the outbox on storage 'hot'.\n" in err


def test_without_an_outbox_there_is_nothing_to_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert "task_queue.outbox: is not set, so there is nothing to sweep" in run(capsys, "sweep", code=2)[1]

"""`streamfw worker`: one process or several that execute messages, stop when told, and start again when they die."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import psutil
import pytest
from streamfw_core.cli.main import main
from streamfw_core.cli.worker_children import Children, Patience
from streamfw_core.cli.worker_logging import TaskFormatter
from streamfw_core.cli.worker_stopping import until_told
from streamfw_core.messages import Fanout, encode
from streamfw_core.queues import FanoutPriority, delivering
from streamfw_core.queues.tasks import executing

from tests.core.folder_queue import SHARED, FolderQueue, write_program
from tests.services.fixtures import start_worker
from tests.services.waiting import wait_for
from tests.services.workers import Worker

__all__ = ["start_worker"]

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "streamfw_core", "worker")
Start = Callable[..., Worker]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("STREAMFW_SETTINGS", "program:STREAMFW")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("program", "other_program"):
        sys.modules.pop(name, None)


@pytest.fixture
def queue(folder: Path) -> FolderQueue:
    return write_program(folder)


@pytest.fixture
def start(start_worker: Start, folder: Path, queue: FolderQueue) -> Start:
    def start(*options: str, ready: str = "ready: queue folder") -> Worker:
        return start_worker([*COMMAND, *options], ready=ready, cwd=folder)

    return start


def publish(queue: FolderQueue, source: str = "ada", priority: FanoutPriority = FanoutPriority.HIGH) -> None:
    message = Fanout(manager="folder", source=source, stamp=1, operation="remove", items=[], correlation_id="request 7")
    queue.enqueue(encode(message), priority)


def is_done(queue: FolderQueue) -> bool:
    return not queue.waiting() and not [path for path in queue.folder.iterdir() if path.suffix in {".high", ".low"}]


# --- one process ---


def test_it_says_that_it_is_ready_executes_and_stops_when_told(start: Start, queue: FolderQueue) -> None:
    worker = start("--log-level", "debug")
    assert f"ready: queue folder, high normal low, process {worker.pid}\n" in worker.output()
    publish(queue)
    wait_for(lambda: is_done(queue), "the message and what came of it are executed")
    assert "kind=fanout manager=folder" in worker.output()
    worker.stop()
    assert "SIGTERM: stopping when what is being done is done" in worker.output()


def test_it_executes_only_the_queues_that_it_is_for(start: Start, queue: FolderQueue) -> None:
    publish(queue, priority=FanoutPriority.LOW)
    start("--queues", "normal,high", ready="ready: queue folder, high normal, process")
    publish(queue)
    wait_for(lambda: len(queue.waiting()) == 1, "what is urgent is executed")
    assert [path.suffix for path in queue.waiting()] == [".low"]


def test_what_is_being_executed_is_finished(start: Start, queue: FolderQueue) -> None:
    worker = start("--queues", "low")
    publish(queue, "sleepy", FanoutPriority.LOW)
    publish(queue, "ada", FanoutPriority.LOW)
    wait_for((queue.folder / "asleep").exists, "it executes the first")
    worker.stop()
    # What came of the first, and the second.
    assert sorted(path.suffix for path in queue.waiting()) == [".high", ".low"]
    assert not [*queue.folder.glob("*.low")]


def test_the_second_signal_stops_at_once(start: Start, queue: FolderQueue) -> None:
    worker = start()
    publish(queue, "sleepy")
    wait_for((queue.folder / "asleep").exists, "it executes")
    process = psutil.Process(worker.pid)
    process.terminate()
    worker.wait_for_output("SIGTERM: stopping")
    process.terminate()
    assert process.wait(5) == 130
    assert "stopped at once" in worker.output()
    assert len([*queue.folder.glob("*.high")]) == 1


def test_lines_of_the_log_say_what_message_they_are_about() -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "hello", None, None)
    assert TaskFormatter().format(record).endswith(f"INFO {os.getpid()} app: hello")
    with (
        delivering("7\n8", FanoutPriority.LOW, 2),
        executing(correlation_id="c", kind="deliver", manager="m", feed="\x1b[31m"),
    ):
        told = TaskFormatter().format(record)
    assert told.endswith(
        "hello [task_id=7\\n8 priority=low attempt=2 correlation_id=c kind=deliver manager=m feed=\\x1b[31m]"
    )


def test_other_settings_are_taken_where_asked_for(start_worker: Start, folder: Path, queue: FolderQueue) -> None:
    write_program(folder, "other_program")
    (folder / "program.py").write_text("raise ZeroDivisionError")
    command = [*COMMAND, "--settings", "other_program:STREAMFW", "--processes", "2"]
    start_worker(command, ready="ready: queue folder", cwd=folder).stop()


def test_signals_of_processes_that_the_program_forks_are_not_the_workers() -> None:
    stop = threading.Event()
    with until_told(stop):
        pid = os.fork()
        if pid == 0:
            time.sleep(30)
            os._exit(0)
        os.kill(pid, signal.SIGTERM)
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGTERM
        time.sleep(0.1)
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(5)


# --- several ---


def test_several_processes_say_once_that_all_are_ready_and_stop_together(start: Start, queue: FolderQueue) -> None:
    worker = start("--processes", "3", ready="ready: queue folder, high normal low, processes")
    assert worker.output().count("ready: ") == 1
    assert worker.output().count("somebody's own output") == 4
    children = worker.children()
    assert len(children) == 3
    for _ in range(10):
        publish(queue)
    wait_for(lambda: is_done(queue), "all is executed")
    worker.stop()
    assert not any(child.is_running() for child in children)


def test_one_that_dies_is_started_again(start: Start, queue: FolderQueue) -> None:
    worker = start("--processes", "2")
    dead = worker.kill_one_child()
    worker.wait_for_output(f"process {dead} ended by SIGKILL")
    wait_for(lambda: worker.output().count(" is ready") == 3, "another is ready")
    assert len(worker.children()) == 2
    assert worker.output().count("ready: ") == 1
    worker.stop()


def test_the_second_signal_stops_all_at_once(start: Start, queue: FolderQueue) -> None:
    worker = start("--processes", "2")
    publish(queue, "sleepy")
    wait_for((queue.folder / "asleep").exists, "one of them executes")
    process, children = psutil.Process(worker.pid), worker.children()
    process.terminate()
    worker.wait_for_output("SIGTERM: stopping")
    process.terminate()
    assert process.wait(5) == 130
    assert not any(child.is_running() for child in children)
    assert len([*queue.folder.glob("*.high")]) == 1


def test_an_interrupt_from_the_terminal_lets_all_finish(start: Start, queue: FolderQueue) -> None:
    worker = start("--processes", "2", "--queues", "low")
    publish(queue, "sleepy", FanoutPriority.LOW)
    wait_for((queue.folder / "asleep").exists, "one of them executes")
    process = psutil.Process(worker.pid)
    os.killpg(worker.pid, signal.SIGINT)  # as a terminal does: to every process
    assert process.wait(10) == 0
    assert not [*queue.folder.glob("*.low")]


def test_children_of_a_parent_that_was_killed_finish_and_end(start: Start, queue: FolderQueue) -> None:
    worker = start("--processes", "2", "--queues", "low")
    publish(queue, "sleepy", FanoutPriority.LOW)
    wait_for((queue.folder / "asleep").exists, "one of them executes")
    children = worker.children()
    psutil.Process(worker.pid).kill()
    for child in children:
        wait_for(lambda child=child: not child.is_running(), "it ended")  # type: ignore[misc]
    assert not [*queue.folder.glob("*.low")]


def test_those_that_die_again_and_again_are_given_up(queue: FolderQueue, capfd: pytest.CaptureFixture[str]) -> None:
    queue.folder.joinpath("deadly").touch()
    children = Children(["-m", "streamfw_core", "worker", "--child"], 2, "what", Patience(deaths=3, pause=0.01))
    assert children.run() == 1
    captured = capfd.readouterr()
    assert "error: a worker ended 3 times in a row within 10 s of its start, at last process " in captured.err
    assert "with exit code 3: all are stopped" in captured.err


# --- what is wrong shows at the start ---


@pytest.mark.parametrize(
    ("backend", "options", "hint"),
    [
        ("inline", {}, "task_queue.backend: 'inline' works in the process that publishes (there is nothing to run"),
        ("threads", {}, "task_queue.backend: 'threads' works in the process that publishes"),
    ],
)
def test_queues_that_have_no_worker_are_told_apart(
    backend: str,
    options: object,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(monkeypatch, {"task_queue": {"backend": backend, "options": options}})
    assert main(["worker"]) == 2
    assert hint in capsys.readouterr().err


def test_celery_has_workers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamfw_core.plugins.known import worker_command

    both = [FanoutPriority.HIGH, FanoutPriority.LOW]
    assert worker_command("celery", {}, both) == ("celery -A streamfw_celery.app worker -Q streamfw.high,streamfw.low")
    options = {"app": "proj.celery:app", "queues": {"low": "slow"}}
    assert worker_command("celery", options, both) == "celery -A proj.celery:app worker -Q streamfw.high,slow"
    assert worker_command("inline", {}, both) is None


def test_all_managers_are_imported_before_the_first_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], queue: FolderQueue
) -> None:
    managers = {
        "good": "tests.core.folder_queue:FolderManager",
        "gone": "no_such_module:Manager",
        "none": "tests.core.folder_queue:NoManager",
    }
    given(monkeypatch, {"storages": {"default": SHARED}, "task_queue": settings_of(queue), "managers": managers})
    assert main(["worker"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: 2 problems in the settings:\n")
    assert "managers.gone: manager 'gone' is listed in the settings as 'no_such_module:Manager'" in captured.err
    assert "managers.none: " in captured.err


def test_a_worker_that_knows_no_manager_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], queue: FolderQueue
) -> None:
    given(monkeypatch, {"task_queue": settings_of(queue)})
    assert main(["worker"]) == 2
    assert "managers: is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--queues", "hihg"], "there is no queue 'hihg'; did you mean 'high'?"),
        (["--queues", ""], "there is no queue ''; there are: high,normal,low"),
        (["--processes", "0"], "0 is not in the range x>=1"),
        (["--log-level", "loud"], "'loud' is not one of"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", *arguments]) == 2
    assert message in capsys.readouterr().err


def given(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    """Make these the program's settings."""
    program = ModuleType("program")
    program.STREAMFW = settings  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "program", program)


def settings_of(queue: FolderQueue) -> dict[str, object]:
    return {"backend": "tests.core.folder_queue:FolderQueue", "options": {"folder": str(queue.folder)}}


def test_what_is_wrong_with_the_feeds_of_managers_is_listed_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], queue: FolderQueue
) -> None:
    managers = {"good": "tests.core.folder_queue:FolderManager"}
    given(monkeypatch, {"storages": {"default": "memory"}, "task_queue": settings_of(queue), "managers": managers})
    assert main(["worker"]) == 2
    assert "feeds.folder_own: storage 'default'" in capsys.readouterr().err

"""Workers of tests start, end and lose children as tests of task queues want them to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.services.program import lives
from tests.services.waiting import wait_for
from tests.services.workers import Worker

StartWorker = Callable[..., Worker]

# As a pool of processes: the parent ends its children when it is asked to end, and not when it is killed.
POOL = """
import os, signal, sys, time
children = []
for _ in range(3):
    pid = os.fork()
    if not pid:
        time.sleep(60)
        os._exit(0)
    children.append(pid)
def end(*_):
    print("stopping")
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready for work")
time.sleep(60)
"""

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_a_worker_is_ready_when_it_says_so(start_worker: StartWorker) -> None:
    worker = start_worker(python(POOL), ready="ready for work")

    assert worker.running
    assert len(worker.children()) == 3


def test_a_worker_has_its_variables_and_its_folder(start_worker: StartWorker, tmp_path: Path) -> None:
    program = "import os; print(os.environ['WORD'], os.getcwd(), 'ready')"
    worker = start_worker(python(program), ready="ready", environment={"WORD": "word"}, cwd=tmp_path)

    assert f"word {tmp_path} ready" in worker.output()


def test_a_stopped_worker_could_finish(start_worker: StartWorker) -> None:
    worker = start_worker(python(POOL), ready="ready")
    worker.stop()

    assert not worker.running
    assert "stopping" in worker.log()


def test_a_killed_worker_takes_its_children_along_and_can_start_again(start_worker: StartWorker) -> None:
    worker = start_worker(python(POOL), ready="ready")
    processes = worker.processes()
    assert len(processes) == 4

    worker.kill()

    assert not any(map(lives, processes))
    assert "stopping" not in worker.log()
    worker.restart()
    assert worker.output().count("ready") == 2


def test_children_of_a_worker_that_died_do_not_stay(start_worker: StartWorker) -> None:
    worker = start_worker(python(POOL), ready="ready")
    children = worker.children()
    psutil.Process(worker.pid).kill()
    wait_for(lambda: not worker.running, "it is gone")
    assert all(map(lives, children))

    worker.close()

    assert not any(map(lives, children))


def test_one_child_dies_and_the_worker_lives(start_worker: StartWorker) -> None:
    worker = start_worker(python(POOL), ready="ready")
    before = {child.pid for child in worker.children()}

    killed = worker.kill_one_child()

    assert {child.pid for child in worker.children() if lives(child)} == before - {killed}
    assert worker.running


def test_a_worker_that_does_not_stop_is_killed_and_told_about(start_worker: StartWorker) -> None:
    worker = start_worker(python(DEAF), ready="ready", within=5)
    worker.patience = 0.5

    with pytest.raises(TimeoutError, match=r"did not stop within 0\.5 s(.|\n)*ready"):
        worker.stop()
    assert not worker.running


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('a fault'); raise SystemExit(1)", r"ended without saying 'ready'(.|\n)*a fault"),
        ("import time; print('a start'); time.sleep(60)", r"does not say 'ready' within 1 s(.|\n)*a start"),
    ],
)
def test_a_worker_that_does_not_become_ready_says_why(program: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said), Worker(python(program), ready="ready", within=1):
        pass


def test_what_a_worker_said_before_does_not_make_it_ready(start_worker: StartWorker, tmp_path: Path) -> None:
    program = "import pathlib, time; pathlib.Path('first').touch(exist_ok=False); print('ready'); time.sleep(60)"
    worker = start_worker(python(program), ready="ready", cwd=tmp_path)
    worker.kill()

    with pytest.raises(RuntimeError, match="FileExistsError"):
        worker.start()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_the_process_that_started_it(how: signal.Signals) -> None:
    program = (
        "import time\n"
        "from tests.services.workers import Worker\n"
        f"worker = Worker({python(POOL)!r}, ready='ready').start()\n"
        "print(worker.folder, *(process.pid for process in worker.processes()), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        folder, *pids = tests.stdout.readline().split()
        processes = [psutil.Process(int(pid)) for pid in pids]
        assert len(processes) == 4
        tests.send_signal(how)

    wait_for(lambda: not any(map(lives, processes)) and not Path(folder).parent.exists(), "nothing is left", within=15)

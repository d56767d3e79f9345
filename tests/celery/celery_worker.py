"""A program with an app of Celery of its own, whose messages say what shall happen; its workers run it.

A message is JSON: `{"name": "a", "do": ["fail", "note"]}`, one action for each attempt, the last for all later ones.
What is executed is noted in a file, a line for each: name, attempt, priority, id of the task, process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from celery import Celery, Task
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_core.errors import MessageError
from streamfw_core.queues import current_task
from streamfw_core.queues.retry import MessageFailed

VARIABLE: Final = "STREAMFW_TEST_CELERY"

GO: Final = "go"
"""The file for which the action `wait` waits, beside that of the notes."""

WHERE: Final = "where"
"""The file in which the test that runs now says how it is found; see `celery_remote`."""


@frozen
class Program:
    """What the program and its tests agree on.

    :param notes: the file.
    :param options: of the task queue, beside the app.
    :param conf: of the app.
    """

    broker: str
    notes: Path
    options: dict[str, Any]
    conf: dict[str, Any]

    def environment(self) -> dict[str, str]:
        told = {"broker": self.broker, "notes": str(self.notes), "options": self.options, "conf": self.conf}
        return {VARIABLE: json.dumps(told)}

    @property
    def queues(self) -> str:
        """As `celery worker -Q` takes them."""
        return ",".join(name for kind, name in self.options["queues"].items() if kind != "dead")

    def app(self) -> Any:
        app = Celery(
            "program", broker=self.broker, include=["streamfw_celery.tasks"], task_cls=OwnTask, set_as_current=False
        )
        app.conf.update(self.conf)
        return app

    def queue(self) -> CeleryQueue:
        return CeleryQueue("celery", {"app": self.app(), **self.options})


class OwnTask(Task):  # type: ignore[misc]
    """As programs have one, to do something around each task; this one may fail there."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.request.retries and args and '"break"' in str(args[0]):
            raise RuntimeError("broken around the task")
        return self.run(*args, **kwargs)


def execute(message: bytes) -> None:
    asked = json.loads(message)
    task = current_task()
    assert task is not None
    assert task.priority is not None
    action = asked["do"][min(task.attempt, len(asked["do"])) - 1]
    if action == "note":
        time.sleep(asked.get("takes", 0))
        _note(f"{asked['name']} {task.attempt} {task.priority.value} {task.id} {os.getpid()}")
        return
    _note(f"{asked['name']}:{action} {task.attempt} {task.priority.value} {task.id} {os.getpid()}")
    match action:
        case "wait-and-fail":
            _wait()
            raise OSError("the store is away")
        case "wait":
            _wait()
            _note(f"{asked['name']} {task.attempt} {task.priority.value} {task.id} {os.getpid()}")
        case "fail":
            raise MessageFailed("the store is full", rest=message, retriable=True) from OSError("the store is full")
        case "never":
            raise MessageFailed("no such manager", rest=message, retriable=False) from MessageError("no such manager")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            raise SystemExit(3)
        case "hang":
            _hang()


def _wait() -> None:
    while not (PROGRAM.notes.parent / GO).exists():
        time.sleep(0.02)


def _hang() -> None:
    """Not even the soft limit ends it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            time.sleep(60)


def _note(line: str) -> None:
    with PROGRAM.notes.open("a", encoding="utf-8") as notes:
        notes.write(line + "\n")


if VARIABLE in os.environ:
    told = json.loads(os.environ[VARIABLE])
    PROGRAM = Program(told["broker"], Path(told["notes"]), told["options"], told["conf"])
    queue = PROGRAM.queue()
    queue.bind(execute)
    app = queue.app

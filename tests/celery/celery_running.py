"""What tests of workers of Celery share."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from streamfw_celery.celery_queue import CeleryQueue
from streamfw_celery.redis_transport import transport_for
from streamfw_core.queues import FanoutPriority

from tests.celery.celery_worker import Program
from tests.services.waiting import wait_for
from tests.services.workers import Worker

CELERY = [sys.executable, "-m", "celery"]
QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
READY = " ready."

SOON: dict[str, Any] = {"visibility_timeout": 2, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
"""Redis gives back within some seconds what a killed worker held."""


class Note(NamedTuple):
    """One execution of a message, or the beginning of one: then its name is followed by the action."""

    name: str
    attempt: int
    priority: str
    task_id: str
    pid: int


def names() -> dict[str, str]:
    """Queues that nobody else uses."""
    unique = uuid.uuid4().hex[:8]
    return {kind: f"test.{unique}.{kind}" for kind in ("high", "normal", "low", "dead")}


def node_name() -> str:
    """Of a worker: two of one name disturb each other."""
    return f"{uuid.uuid4().hex[:8]}@%h"


def program(broker_url: str, folder: Path, *, conf: dict[str, Any] | None = None, **options: Any) -> Program:
    ours = {"broker_transport": transport_for(broker_url), "broker_transport_options": SOON}
    if ours["broker_transport"] is None:
        ours = {}
    return Program(
        broker_url,
        folder / "notes",
        {"queues": names(), "retries": {"attempts": 3, "pause": 0.05}, **options},
        {"broker_connection_retry_on_startup": True, "worker_prefetch_multiplier": 2, **ours, **(conf or {})},
    )


def command(program: Program, *more: str, module: str) -> list[str]:
    served = ["-Q", program.queues, "-c", "2", "-l", "INFO"]
    return [*CELERY, "-A", module, "worker", "-n", node_name(), *served, *QUIET, *more]


def worker(program: Program, *more: str, module: str = "tests.celery.celery_worker") -> Worker:
    """One that is not started yet."""
    return Worker(
        command(program, *more, module=module), ready=READY, environment=program.environment(), cwd=Path.cwd()
    )


class Running:
    """A program, and a queue by which a test gives its workers something to do."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.queue: CeleryQueue = program.queue()
        self.queue.bind(lambda _: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.close()

    def do(self, name: str, *actions: str, priority: FanoutPriority = FanoutPriority.NORMAL, **more: Any) -> None:
        message = {"name": name, "do": actions or ["note"], **more}
        self.queue.enqueue(json.dumps(message).encode(), priority)

    def notes(self, name: str) -> list[Note]:
        """The executions of a message, and with `name:action` those that began with it."""
        if not self.program.notes.exists():
            return []
        lines = self.program.notes.read_text(encoding="utf-8").splitlines()
        notes = [Note(n, int(a), p, i, int(pid)) for n, a, p, i, pid in (line.split() for line in lines)]
        return [note for note in notes if note.name == name]

    def wait(self, name: str, *, within: float = 30.0) -> list[Note]:
        """Wait until a message has been executed."""
        return wait_for(lambda: self.notes(name), f"{name} is executed", within=within)

    def reason(self, text: str, *, within: float = 30.0) -> Any:
        """The dead letter whose message or reason has this text, when there is one."""
        find: Callable[[], Any] = lambda: [  # noqa: E731
            letter for letter in self.queue.dead_letters() if text in f"{letter.message!r} {letter.reason}"
        ]
        return wait_for(find, f"{text} is a dead letter", within=within)[0]

"""Several workers: processes of their own, which are started, watched, started again, and stopped.

Each is a new interpreter, never a fork: what the parent has imported and opened is not in it.
Its standard input is a pipe that only the parent holds: when that is closed, be it by the parent's death, it stops.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Final

from attrs import define, field, frozen

from streamfw_core.cli.output import print_error
from streamfw_core.cli.worker_stopping import STOPPED_AT_ONCE, hearing

__all__ = ["READY", "Children", "Patience"]

logger = logging.getLogger(__name__)

READY: Final = "ready: "
"""What the line begins with by which a worker says that it is ready."""
GAVE_UP: Final = 1


@frozen
class Patience:
    """With a child that dies.

    :param healthy: seconds that it lived, after which its death says nothing about the next one.
    :param deaths: of one child in a row, each sooner than that, after which all is given up.
    :param pause: seconds before a child is started again, doubling with each such death.
    :param max_pause: seconds beyond which pauses do not grow.
    """

    healthy: float = 10.0
    deaths: int = 5
    pause: float = 0.5
    max_pause: float = 30.0


@define(eq=False)
class _Child:
    number: int
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float | None = None
    """When it is to be started, by the monotonic clock."""


@frozen
class _Signalled:
    number: int


@frozen
class _Ready:
    child: _Child
    pid: int


@frozen
class _Ended:
    child: _Child
    code: int


@define(eq=False)
class Children:
    """Workers in processes of their own.

    :param command: the arguments of the interpreter, for one of them.
    :param number: how many.
    :param what: they do, for the line that says that all are ready.
    """

    command: Sequence[str]
    number: int
    what: str
    patience: Patience = field(factory=Patience)
    _events: SimpleQueue[_Signalled | _Ready | _Ended] = field(factory=SimpleQueue, init=False)
    _children: list[_Child] = field(factory=list, init=False)
    _ready: set[int] = field(factory=set, init=False)
    _said_so: bool = field(default=False, init=False)
    _signals: int = field(default=0, init=False)
    _gave_up: bool = field(default=False, init=False)

    def run(self) -> int:
        """Run them until a signal comes, or until they die again and again. Returns the exit code."""
        with hearing(lambda number: self._events.put(_Signalled(number)), signal.SIGTERM, signal.SIGINT):
            self._children = [_Child(number, due=0.0) for number in range(self.number)]
            try:
                while any(child.process is not None or child.due is not None for child in self._children):
                    self._start_due()
                    self._hear(self._next())
            finally:
                self._kill()
        if self._gave_up:
            return GAVE_UP
        return STOPPED_AT_ONCE if self._signals > 1 else 0

    # --- what happens ---

    def _next(self) -> _Signalled | _Ready | _Ended | None:
        due = [child.due for child in self._children if child.due is not None]
        try:
            return self._events.get(timeout=min(1.0, max(0.0, min(due) - time.monotonic())) if due else 1.0)
        except Empty:
            return None

    def _hear(self, event: _Signalled | _Ready | _Ended | None) -> None:
        match event:
            case _Signalled(number):
                self._on_signal(signal.Signals(number).name)
            case _Ready(child, pid):
                self._on_ready(child, pid)
            case _Ended(child, code):
                self._on_end(child, code)

    def _on_signal(self, name: str) -> None:
        self._signals += 1
        if self._signals == 1:
            logger.info("%s: stopping when what is being done is done; once more: at once", name)
            self._stop()
        else:
            logger.warning("stopped at once: what was being done will be done again")
            self._kill()

    def _on_ready(self, child: _Child, pid: int) -> None:
        logger.info("process %d is ready", pid)
        self._ready.add(child.number)
        if len(self._ready) == self.number and not self._said_so:
            self._said_so = True
            pids = " ".join(str(child.process.pid) for child in self._children if child.process is not None)
            print(f"{READY}{self.what}, processes {pids}", flush=True)

    def _on_end(self, child: _Child, code: int) -> None:
        assert child.process is not None
        pid, lived = child.process.pid, time.monotonic() - child.started
        child.process = None
        self._ready.discard(child.number)
        if self._is_stopping:
            return
        child.deaths = child.deaths + 1 if lived < self.patience.healthy else 1
        if child.deaths >= self.patience.deaths:
            self._give_up(child, pid, code)
            return
        pause = min(self.patience.pause * 2 ** (child.deaths - 1), self.patience.max_pause)
        logger.error("process %d ended %s after %.1f s, starting another in %.1f s", pid, _how(code), lived, pause)
        child.due = time.monotonic() + pause

    def _give_up(self, child: _Child, pid: int, code: int) -> None:
        self._gave_up = True
        print_error(
            f"a worker ended {child.deaths} times in a row within {self.patience.healthy:g} s of its start,"
            f" at last process {pid} {_how(code)}: all are stopped\n"
            "What it wrote before that says why; `streamfw --traceback worker --processes 1 ...` says more."
        )
        self._stop()

    # --- what is done ---

    @property
    def _is_stopping(self) -> bool:
        return self._gave_up or self._signals > 0

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.due is not None and child.due <= now and not self._is_stopping:
                self._start(child)

    def _start(self, child: _Child) -> None:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        child.process, child.started, child.due = process, time.monotonic(), None
        for target in (self._read, self._wait):
            threading.Thread(
                target=target, args=(child, process), name=f"streamfw-child-{process.pid}", daemon=True
            ).start()

    def _read(self, child: _Child, process: subprocess.Popen[str]) -> None:
        """Pass on what it prints, but for the line that it is ready."""
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.startswith(READY):
                    self._events.put(_Ready(child, process.pid))
                else:
                    print(line, end="", flush=True)

    def _wait(self, child: _Child, process: subprocess.Popen[str]) -> None:
        code = process.wait()
        assert process.stdin is not None
        process.stdin.close()
        self._events.put(_Ended(child, code))

    def _stop(self) -> None:
        for child in self._children:
            child.due = None
            if child.process is not None and child.process.stdin is not None:
                child.process.stdin.close()

    def _kill(self) -> None:
        for child in self._children:
            child.due = None
            if child.process is not None:
                child.process.kill()


def _how(code: int) -> str:
    """How a process ended: `with exit code 2`, `by SIGKILL`."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"

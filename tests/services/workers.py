"""A worker: a program that says when it is ready, such as one of Celery with a pool of processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.services.program import Program, lives
from tests.services.waiting import wait_for


class Worker(Program):
    """Its output goes to a file, to which it writes without a buffer if it is Python.

    :param command: the program and its arguments.
    :param ready: a part of the line by which it says that it is ready.
    :param environment: what it has beside this process's variables.
    :param cwd: where it runs; else in its own folder.
    :param within: seconds that it may take to become ready, or to stop.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        ready: str,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        within: float = 30.0,
        name: str = "worker",
    ) -> None:
        super().__init__(name)
        self.command = command
        self.ready = ready
        self.patience = within
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._cwd = cwd
        self._begin = 0

    def launch(self) -> None:
        self._begin = len(self.output())
        self._launch(self.command, environment=self._environment, cwd=self._cwd)

    @property
    def is_ready(self) -> bool:
        """Whether it runs, and has said that it is ready since it was started."""
        return self.running and self.ready in self._said()

    def wait_until_ready(self) -> None:
        """Wait until it says so.

        :raises RuntimeError: with the end of its output, when it ends instead, or takes too long.
        """
        self.wait_for_output(self.ready, within=self.patience)

    def wait_for_output(self, text: str, *, within: float = 30.0) -> None:
        """Wait until it has written that since it was started.

        :raises RuntimeError: with the end of its output, when it ends without, or takes too long.
        """
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: text in self._said() or not self.running, text, within=within)
        if text in self._said():
            return
        what = f"does not say {text!r} within {within:g} s" if self.running else f"ended without saying {text!r}"
        raise RuntimeError(f"{self} {what}; the end of its output:\n{self.log()}")

    def children(self) -> list[psutil.Process]:
        """The processes that it started itself: of a pool of processes, its members."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children()
        return []

    def kill_one_child(self) -> int:
        """Kill one of `children`, by chance, and return its id when it is gone."""
        children = wait_for(self.children, f"{self} has a child")
        child = secrets.choice(children)
        child.kill()
        wait_for(lambda: not lives(child), f"{child} is gone")
        return child.pid

    def stop(self) -> None:
        """End it with SIGTERM, which lets it finish what it is doing.

        :raises TimeoutError: with the end of its output, when it had to be killed.
        """
        if not self._end(signal.SIGTERM):
            raise TimeoutError(
                f"{self} did not stop within {self.patience:g} s, and was killed; the end of its output:\n{self.log()}"
            )

    def _said(self) -> str:
        return self.output()[self._begin :]

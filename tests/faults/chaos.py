"""Killing processes, and restarting servers, while others work."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import psutil

from tests.services.program import Program
from tests.services.waiting import wait_for
from tests.services.workers import Worker

__all__ = ["Chaos"]

MOST_ENDS = 5
"""Times that a worker may end by itself; each is rare."""


class Chaos:
    """A thread that kills with -9 every few seconds, and at given points of the progress restarts servers.

    Everybody is killed once before chance decides who is next, so that no short run leaves anybody out: programs first,
    as they end.

    :param workers: of the task queue: killed as a whole, or one of their processes.
    :param programs: killed as a whole; one that has ended by itself has done its work.
    :param restarts: at which share of the progress what is restarted.
    :param progress: the share that is done, 0 to 1.
    :param every: seconds between two kills, in the mean.
    """

    def __init__(
        self,
        seed: int,
        *,
        workers: Sequence[Worker],
        programs: Sequence[Worker],
        restarts: Sequence[tuple[float, str, Callable[[], object]]],
        progress: Callable[[], float],
        every: float,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._dice = random.Random(f"chaos {seed}")
        self._workers, self._programs = workers, programs
        self._restarts = sorted(restarts, key=lambda restart: restart[0])
        self._progress, self._every = progress, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the killing.

        :raises BaseException: what ended it before.
        """
        self._stop.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def wait_until_workers_were_killed(self, within: float) -> None:
        """Wait until each was killed as a whole, or the killing has ended, of which `stop` tells.

        :raises TimeoutError: when that takes longer than this many seconds.
        """
        wait_for(
            lambda: self.error or not any(map(self._is_due, self._workers)), "each worker was killed", within=within
        )

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._dice.uniform(0.4, 1.6) * self._every):
                self._start_who_ended()
                if self._restarts and self._progress() >= self._restarts[0][0]:
                    _, name, restart = self._restarts.pop(0)
                    restart()
                    self.counts[f"{name} restarted"] += 1
                self._kill_somebody()
            for _, name, restart in self._restarts:
                restart()
                self.counts[f"{name} restarted"] += 1
        except BaseException as error:  # noqa: BLE001 - told by stop()
            self.error = error

    def _start_who_ended(self) -> None:
        """As a supervisor does: Celery ends a worker whose only process is killed before it has said that it is up."""
        for worker in self._workers:
            if not worker.running:
                self.counts[f"{worker.name} ended"] += 1
                if self.counts[f"{worker.name} ended"] > MOST_ENDS:
                    raise RuntimeError(f"{worker} ends again and again; the end of its output:\n{worker.log()}")
                worker.launch()

    def _kill_somebody(self) -> None:
        # Whoever is still starting is spared: on a busy machine that takes longer than there is between two kills.
        programs = [program for program in self._programs if program.is_ready]
        workers = [worker for worker in self._workers if worker.is_ready]
        due = [*filter(self._is_due, programs)] or [*filter(self._is_due, workers)]
        if not (programs or workers):
            return
        victim = self._dice.choice(due or [*workers, *workers, *programs])
        if victim in workers and victim not in due and victim.children() and self._dice.random() < 0.5:
            with contextlib.suppress(TimeoutError, psutil.NoSuchProcess):
                victim.kill_one_child()
                self.counts[f"child of {victim.name} killed"] += 1
            return
        victim.kill()
        self.counts[f"{victim.name} killed"] += 1
        time.sleep(self._dice.uniform(0, 0.5))
        victim.launch()

    def _is_due(self, one: Worker) -> bool:
        return not self.counts[f"{one.name} killed"]


def kill_and_restart(server: Program, pause: float) -> None:
    """As after a power failure."""
    server.kill()
    time.sleep(pause)
    server.start()


def stop_and_restart(server: Program, pause: float) -> None:
    """As an administrator does it."""
    server.stop()
    time.sleep(pause)
    server.start()

"""A program in a folder of its own, with every process that it starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from tests.services.scratch import PID, new_folder
from tests.services.waiting import wait_for

# The file is there before the program is; where the watchdog has removed the folder already, nothing starts.
_TELL_PID = f'echo $$ > "$0/{PID}" && exec "$@"'


class Program:
    """Entered, it runs; left, it is gone with its folder, and so is everything that it started.

    It leads a session, and so a process group, of its own: Ctrl-C ends the tests, and these end the program.
    """

    patience = 10.0
    """Seconds after which whoever does not stop is killed."""

    tail = 20
    """So many lines at the end of what it wrote say what happened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = new_folder(name)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None, f"{self} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether there is a process, be it paused."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it, and do not wait."""
        raise NotImplementedError

    def wait_until_ready(self) -> None:
        """Wait until it does what it is for.

        :raises RuntimeError: with what it wrote, when it does not.
        """
        raise NotImplementedError

    def start(self) -> Self:
        """Start it, and wait until it is ready."""
        self.launch()
        self.wait_until_ready()
        return self

    def stop(self) -> None:
        """End it as an administrator does, with SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power failure does: with every process that it started, at once."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """End it if it runs, and start it in the same folder, with what it kept there."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Let it hang: its connections stay, and it does not answer."""
        os.killpg(self.pid, signal.SIGSTOP)
        wait_for(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED, f"{self} pauses")

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.killpg(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> set[psutil.Process]:
        """Those of its group, also where the first of them has died, and what descends from it outside."""
        found: set[psutil.Process] = set()
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                if os.getpgid(pid) == self.pid:
                    found.add(psutil.Process(pid))
        for process in [*found]:
            with contextlib.suppress(psutil.NoSuchProcess):
                found.update(process.children(recursive=True))
        return found

    def log(self) -> str:
        """The end of what it wrote."""
        return "\n".join(self.output().splitlines()[-self.tail :])

    def output(self) -> str:
        """All that it wrote."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        return ""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _launch(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        assert not self.running, f"{self} runs already"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _TELL_PID, self.folder, *command],
                cwd=cwd or self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _end(self, how: signal.Signals) -> bool:
        """Whether it ended by the signal; if not, it has been killed by now."""
        if self._process is None:
            return True
        process, processes = self._process, self.processes()
        if how != signal.SIGKILL:
            process.send_signal(how)
            self._signal_group(signal.SIGCONT)  # a paused one does not hear SIGTERM
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self.patience)
        ended = how == signal.SIGKILL or process.poll() is not None
        # Before the process is waited for: until then no other can get its id.
        self._signal_group(signal.SIGKILL)
        for started in processes:  # those that left the group
            with contextlib.suppress(psutil.NoSuchProcess):
                started.kill()
        process.wait()
        wait_for(lambda: not any(map(lives, processes)), f"nothing is left of {self}")
        (self.folder / PID).unlink(missing_ok=True)
        self._process = None
        return ended

    def _signal_group(self, what: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, what)


def lives(process: psutil.Process) -> bool:
    """Whether it can still do something: what ended stays listed until its parent has looked at it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False

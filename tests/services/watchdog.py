"""Waits for the end of a process of tests, however it comes, then kills the programs that it left and their folder.

python watchdog.py FOLDER PROCESS
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path


def main(folder: Path, parent: int) -> None:
    # The input ends with the process, but not as long as a fork of it lives: hence the second question.
    while os.getppid() == parent and not select.select([sys.stdin], [], [], 0.5)[0]:
        pass
    # More than once: a program may be about to start, and who has been killed writes for a moment longer.
    end = time.monotonic() + 10
    while folder.exists() and time.monotonic() < end:
        for file in folder.glob("*/pid"):
            with contextlib.suppress(OSError, ValueError):
                os.killpg(int(file.read_text()), signal.SIGKILL)  # each leads a group of what it started
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

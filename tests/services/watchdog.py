"""Waits for the end of a process of tests, however it comes, then kills the servers that it left and their folder.

python watchdog.py FOLDER PROCESS
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
from pathlib import Path


def main(folder: Path, parent: int) -> None:
    # The input ends with the process, but not as long as a fork of it lives: hence the second question.
    while os.getppid() == parent and not select.select([sys.stdin], [], [], 0.5)[0]:
        pass
    for file in folder.glob("*/pid"):
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""One folder for all programs that this process starts; a watchdog kills them and removes it when the process is gone."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PID = "pid"
"""The file in a program's folder with the id of its process group while it runs; the watchdog looks for it."""

_MEMORY = Path("/dev/shm")
_ENOUGH = 1 << 30
_lock = threading.Lock()
_numbers = itertools.count(1)
_root: Path | None = None


def new_folder(name: str) -> Path:
    """An empty folder, in memory where the system has enough for that."""
    folder = _made_root() / f"{name}-{next(_numbers)}"
    folder.mkdir()
    return folder


def _made_root() -> Path:
    global _root  # noqa: PLW0603 - it is the process that has one
    with _lock:
        if _root is None:
            _root = Path(tempfile.mkdtemp(prefix="streamfw-", dir=_in_memory()))
            _watch(_root)
        return _root


def _in_memory() -> Path | None:
    usable = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH
    return _MEMORY if usable else None


def _watch(folder: Path) -> None:
    """A process of its own: a signal at the death of a parent is Linux's alone, and comes when a thread ends."""
    watchdog = subprocess.Popen(
        [sys.executable, "-I", "-S", Path(__file__).with_name("watchdog.py"), folder, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the tests, such as Ctrl-C, must not end it
    )
    atexit.register(watchdog.communicate)

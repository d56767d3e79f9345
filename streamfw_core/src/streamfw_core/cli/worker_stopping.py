"""Being asked to stop: by signals, and by a parent that is gone.

Signals are heard by a thread: the main one may be waiting for a database, and then runs no handlers,
or hold the very lock that a handler would take.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["STOPPED_AT_ONCE", "hearing", "until_parent_is_gone", "until_told"]

logger = logging.getLogger(__name__)

STOPPED_AT_ONCE: Final = 130
"""The exit code of a program that is interrupted."""


@contextmanager
def hearing(tell: Callable[[int], None], *signals: signal.Signals) -> Iterator[None]:
    """Tell each of these signals from a thread, instead of what it does otherwise; to be entered in the main thread."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)

    def listen() -> None:
        while numbers := reading.recv(64):
            for number in numbers:
                if number in signals:
                    tell(number)

    listening = threading.Thread(target=listen, name="streamfw-signals", daemon=True)
    listening.start()
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, _pass) for number in signals}
    _heard.update(signals)
    try:
        yield
    finally:
        _heard.difference_update(signals)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        writing.close()
        listening.join()
        reading.close()


@contextmanager
def until_told(stop: threading.Event) -> Iterator[None]:
    """Set an event at the first SIGTERM or SIGINT, and end the process at the second."""

    def tell(number: int) -> None:
        if not stop.is_set():
            logger.info("%s: stopping when what is being done is done; once more: at once", signal.Signals(number).name)
            stop.set()
            return
        logger.warning("stopped at once: what was being done will be done again")
        sys.stdout.flush()
        os._exit(STOPPED_AT_ONCE)

    with hearing(tell, signal.SIGTERM, signal.SIGINT):
        yield


@contextmanager
def until_parent_is_gone(stop: threading.Event) -> Iterator[None]:
    """Set an event when the other end of standard input is closed, as the parent does to stop a child, or by dying.

    SIGTERM is heard too, however often it comes; SIGINT is not, as a terminal sends it to all processes at once,
    and the parent passes it on.
    """

    def wait() -> None:
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=wait, name="streamfw-parent", daemon=True).start()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with hearing(lambda _: stop.set(), signal.SIGTERM):
            yield
    finally:
        signal.signal(signal.SIGINT, before)


_heard: set[signal.Signals] = set()
_held = threading.local()


def _pass(_number: int, _frame: FrameType | None) -> None:
    """The number of the signal is in the socket by now."""


# A process that the program forks: signals mean what they mean elsewhere, and none of them is the worker's.
# They wait meanwhile, so that not one of them is heard in between.


def _hold() -> None:
    if _heard:
        _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _heard)


def _release() -> None:
    mask = _held.__dict__.pop("mask", None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _forget() -> None:
    if _heard:
        signal.set_wakeup_fd(-1)
        for number in _heard:
            signal.signal(number, signal.SIG_DFL)
        _heard.clear()
    _release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_forget)

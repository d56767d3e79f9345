"""What is told between two sendings: gathered by the caller in no time, and sent by a thread of its own.

A caller only appends a number to a queue: it makes no system call, waits for no lock and looks no host up,
so a server that is slow, gone or not to be found costs it nothing.
Once a second the thread adds the counts up and sends one line for each counter, and one for each timing;
of more than `MOST_TIMINGS` timings of one stat, so many by chance, each with the rate by which the server counts them all.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from streamfw_statsd.libraries import Library, Sender

__all__ = ["Address", "Gathering", "PerFeed"]

logger = logging.getLogger(__name__)

INTERVAL: Final = 1.0
"""Seconds between two sendings."""
MOST_TIMINGS: Final = 100
"""So many timings of one stat are sent at once."""
MOST_WAITING: Final = 100_000
"""So many numbers of one stat wait, while a host is looked up for long; the oldest go first."""
LOOK_UP_AFTER: Final = 60.0
"""Seconds after which the host is looked up again: its address may change, or it may have one now."""
PATIENCE: Final = 1.0
"""Seconds that whoever ends the program or closes the application waits for the last sending."""


class Address:
    """Where a server is, by name; looked up by whoever sends, and again now and then."""

    def __init__(self, library: Library, host: str, port: int) -> None:
        self._library, self._host, self._port = library, host, port
        self._sender: Sender | None = None
        self._look_up_at = 0.0
        self._said = False

    def send(self, lines: list[str]) -> None:
        """Send, if the host can be found; never raises."""
        if time.monotonic() >= self._look_up_at:
            self._look_up()
        if self._sender is not None:
            self._sender.send(lines)

    def leave(self) -> None:
        """Give up the socket."""
        sender, self._sender, self._look_up_at = self._sender, None, 0.0
        if sender is not None:
            sender.close()

    def __del__(self) -> None:
        self.leave()

    def _look_up(self) -> None:
        try:
            found = self._library.connect(self._host, self._port)
        except (OSError, UnicodeError) as error:  # the latter for a label that no name of a host can have
            if not self._said:
                self._said = True
                logger.warning(
                    "the statsd server %s:%s cannot be found, and is looked for every %.0f s, which is said once: %s",
                    self._host,
                    self._port,
                    LOOK_UP_AFTER,
                    error,
                )
        else:
            self.leave()
            self._sender, self._said = found, False
        self._look_up_at = time.monotonic() + LOOK_UP_AFTER


class PerFeed(dict[str, Callable[[float], None]]):
    """By the name of a feed, what takes the numbers of one stat of it.

    :param make: what takes the numbers of the stat of a feed; called at the first use, and after a fork or an end again.
    """

    def __init__(self, make: Callable[[str], Callable[[float], None]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, feed: str) -> Callable[[float], None]:
        note = self[feed] = self._make(feed)
        return note


class Gathering:
    """Numbers that wait to be sent, and the thread that sends them, which starts with the first.

    :param before: what each stat begins with; `after`: what each line ends with.
    """

    _counts: dict[str, deque[float]]
    _timings: dict[str, deque[float]]
    _thread: threading.Thread | None
    _stop: threading.Event

    def __init__(self, address: Address, *, before: str = "", after: str = "") -> None:
        self._address, self._before, self._after = address, before, after
        self._tables: list[PerFeed] = []
        self._start_afresh()
        _living.add(self)

    def counters(self, stat: Callable[[str], str]) -> PerFeed:
        """Takes counts.

        :param stat: its name, by that of a feed.
        """
        return self._table(lambda feed: self._waiting_at(self._counts, stat(feed)))

    def timers(self, stat: Callable[[str], str]) -> PerFeed:
        """Takes seconds."""
        return self._table(lambda feed: self._waiting_at(self._timings, stat(feed)))

    def close(self) -> None:
        """Send what waits, within `PATIENCE`; the next number starts another thread."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
            for table in self._tables:
                table.clear()
        if thread is not None:
            thread.join(PATIENCE)

    def send(self, *, last: bool = False) -> None:
        """Send what waits; by the thread, which leaves the server when it is the last time."""
        with self._sending:
            lines = [*self._lines()]
            if lines:
                self._address.send(lines)
            if last:
                self._address.leave()

    def forget(self) -> None:
        """In the child after a fork: what waits is the parent's, who has the thread, too."""
        self._address.leave()
        for table in self._tables:
            table.clear()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._counts, self._timings = {}, {}
        self._thread, self._stop = None, threading.Event()

    def _table(self, make: Callable[[str], Callable[[float], None]]) -> PerFeed:
        table = PerFeed(make)
        self._tables.append(table)
        return table

    def _waiting_at(self, stats: dict[str, deque[float]], stat: str) -> Callable[[float], None]:
        with self._lock:
            if self._thread is None:
                self._stop = threading.Event()
                arguments = (weakref.ref(self), self._stop)
                self._thread = threading.Thread(target=_keep_sending, args=arguments, name="streamfw-statsd", daemon=True)
                self._thread.start()
            return stats.setdefault(stat, deque(maxlen=MOST_WAITING)).append

    def _lines(self) -> Iterator[str]:
        with self._lock:
            counts, timings = [*self._counts.items()], [*self._timings.items()]
        for stat, waiting in counts:
            count = sum(_taken(waiting))
            if count:
                yield f"{self._before}{stat}:{count}|c{self._after}"
        for stat, waiting in timings:
            seconds = _taken(waiting)
            rate = ""
            if len(seconds) > MOST_TIMINGS:
                rate = f"|@{MOST_TIMINGS / len(seconds):.9f}"
                seconds = random.sample(seconds, MOST_TIMINGS)
            for one in seconds:
                yield f"{self._before}{stat}:{one * 1000:.3f}|ms{rate}{self._after}"


def _taken(waiting: deque[float]) -> list[float]:
    """What waits now; others append meanwhile."""
    take = waiting.popleft
    return [take() for _ in range(len(waiting))]


def _keep_sending(reference: Callable[[], Gathering | None], stop: threading.Event) -> None:
    stopping = False
    while not stopping:
        stopping = stop.wait(INTERVAL)
        gathering = reference()
        if gathering is None:
            return
        try:
            gathering.send(last=stopping)
        except Exception:
            logger.exception("numbers were not sent to the statsd server")
        del gathering


_living: weakref.WeakSet[Gathering] = weakref.WeakSet()


def _close_all() -> None:
    for gathering in [*_living]:
        gathering.close()


def _forget_all() -> None:
    for gathering in [*_living]:
        gathering.forget()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)

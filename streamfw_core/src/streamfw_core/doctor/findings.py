"""What is found, and how storages and task queues say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

__all__ = [
    "CLOCK",
    "NEEDED",
    "REACHABLE",
    "Examined",
    "Finding",
    "Level",
    "Now",
    "compare_clocks",
    "failure",
    "ok",
    "warning",
]

CLOCK: Final = "clock"
FEEDS: Final = "feeds"
REACHABLE: Final = "reachable"
SCHEMA: Final = "schema"
SETTINGS: Final = "settings"
VERSION: Final = "version"

NEEDED: Final = frozenset({FEEDS, REACHABLE, SCHEMA, SETTINGS, VERSION})
"""Where one of these fails, there is no use in publishing anything."""

MAX_OFF: Final = 1.0
"""Seconds that clocks may differ: of two operations on an entry the newer one wins, by the clocks of their publishers."""

Now: TypeAlias = Callable[[], float]
"""The time of this machine in seconds since 1970, as `time.time` tells it."""


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    """All is well."""
    WARNING = "warning"
    """It works, and may not be meant."""
    FAILURE = "failure"
    """It does not work."""


class Finding(NamedTuple):
    """One thing that was looked at.

    :param level: how much it matters.
    :param where: whose it is, such as `"storage 'hot' at 10.0.0.1:6379"`.
    :param what: which thing, in a word or two, such as `"version"`; servers that answer are `"reachable"`.
    :param message: what was found, as a sentence without a full stop.
    :param hint: what to do about it: best the next command; empty where all is well.
    """

    level: Level
    where: str
    what: str
    message: str
    hint: str = ""


def ok(where: str, what: str, message: str) -> Finding:
    """A finding that all is well."""
    return Finding(Level.OK, where, what, message)


def warning(where: str, what: str, message: str, hint: str) -> Finding:
    """A finding that something works and may not be meant."""
    return Finding(Level.WARNING, where, what, message, hint)


def failure(where: str, what: str, message: str, hint: str) -> Finding:
    """A finding that something does not work."""
    return Finding(Level.FAILURE, where, what, message, hint)


@runtime_checkable
class Examined(Protocol):
    """A storage or a task queue that can be asked how it is. It need not: then only what all of its kind can do is looked at."""

    def examine(self, now: Now) -> Iterable[Finding]:
        """Look at every server: is it reachable, of a version that is known, set up as is needed, and its clock right.

        It writes nothing that stays, and takes seconds, not minutes.
        What fails is a finding; what is raised nevertheless is taken for one.
        Passwords are masked by whoever shows the findings.

        :param now: the clock of this machine, for `compare_clocks`.
        """
        ...


def compare_clocks(where: str, theirs: Callable[[], float], now: Now) -> Finding:
    """Hold the clock of a server against that of this machine.

    :param theirs: asks the server for its time, in seconds since 1970.
    """
    before = now()
    said = theirs()
    after = now()
    off = said - (before + after) / 2
    # The server read its clock at some moment between question and answer.
    uncertain = abs(after - before) / 2
    if abs(off) - uncertain <= MAX_OFF:
        return ok(where, CLOCK, f"its clock and this machine's are within {MAX_OFF:g} s")
    return failure(
        where,
        CLOCK,
        f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} this machine's, and removals and updates"
        " of publishers whose clocks differ do not win as they should",
        "set the clocks by NTP on both machines: `timedatectl` says whether that is on, `chronyc tracking` how far it is off",
    )

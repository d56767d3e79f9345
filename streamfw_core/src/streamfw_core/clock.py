"""Time as streamfw counts it: operation stamps, and datetimes to and from the Unix epoch."""

from __future__ import annotations

import threading
import time as _time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

__all__ = ["Clock", "datetime_to_epoch", "epoch_to_datetime", "next_stamp", "zone_hint", "zone_of"]


class Clock:
    """Operation stamps: microseconds since 1970, each larger than the one before in this process.

    The newest operation on an entry wins, so two operations of one process must never share a stamp,
    nor may a clock that is set back let an older operation win.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next_stamp(self) -> int:
        """The stamp of an operation that starts now."""
        with self._lock:
            self._last = max(self._last + 1, _time.time_ns() // 1000)
            return self._last


next_stamp = Clock().next_stamp
"""The stamp of an operation that starts now, from the clock of this process."""


def in_utc(time: datetime) -> datetime:
    """An aware time: a naive one is taken as UTC."""
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def zone_of(name: object) -> ZoneInfo | None:
    """The time zone of this name; None: there is none."""
    try:
        return ZoneInfo(str(name))
    except (ValueError, OSError, LookupError):
        return None


def zone_hint() -> str:
    """What to do about a name that is no time zone's."""
    if zone_of("Europe/Amsterdam") is None:
        return "this system has no time zones: pip install tzdata"
    return "use a name such as Europe/Amsterdam"


def datetime_to_epoch(time: datetime) -> float:
    """Seconds since 1970 with microseconds; a naive time is taken as UTC."""
    return in_utc(time).timestamp()


def epoch_to_datetime(seconds: float) -> datetime:
    """The aware UTC time of so many seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)

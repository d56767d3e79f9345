"""What the owners of notification feeds mark during a replay, so that a verification has marks to look at.

They mark everything as seen half-way through the log, and every third group as seen and read after three quarters;
what comes after that is unseen and unread again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from streamfw_core.cli.replay.network import MentionsFeed
from streamfw_core.streams import Streams

__all__ = ["EVERY_THIRD", "marks_of", "moments"]

EVERY_THIRD = slice(None, None, 3)
"""Which of the groups, newest first, are marked the second time."""


def moments(events: int) -> tuple[int, int]:
    """The places of the events before which the two marks are made."""
    return events // 2, events * 3 // 4


def marks_of(streams: Streams, users: Sequence[int], events: int) -> Mapping[int, Callable[[], None]]:
    """What is done before the events at these places."""
    first, second = moments(events)
    see, read = partial(_see_all, streams, users), partial(_read_some, streams, users)
    if first == second:
        return {first: lambda: (see(), read(), None)[-1]}
    return {first: see, second: read}


def _see_all(streams: Streams, users: Sequence[int]) -> None:
    for user in users:
        MentionsFeed(user, streams=streams).mark_all(seen=True)


def _read_some(streams: Streams, users: Sequence[int]) -> None:
    for user in users:
        feed = MentionsFeed(user, streams=streams)
        feed.mark_activities(feed[:][EVERY_THIRD], seen=True, read=True)

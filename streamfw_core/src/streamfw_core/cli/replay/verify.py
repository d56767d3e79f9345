"""Verification: whole feeds against what brute force finds in the files.

Brute force pulls where streamfw pushes: it reads both files anew, merges what those published whom a user follows,
and knows nothing of managers, queues or storages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from streamfw_core.activity import Activity
from streamfw_core.cli.replay.network import VERBS, HomeFeed, activity_of
from streamfw_core.cli.replay.reading import Events, read_edges, read_events
from streamfw_core.streams import Streams

__all__ = ["Difference", "Verification", "verify"]


@frozen
class Difference:
    """A user whose feed is not what the files say."""

    user_id: int
    message: str


@frozen
class Verification:
    """What was compared.

    :param activities: how many, over all feeds.
    :param filled: users whose feed should not be empty.
    """

    users: int
    filled: int
    activities: int
    differences: Sequence[Difference]

    @property
    def equal(self) -> int:
        return self.users - len(self.differences)


def verify(
    streams: Streams, users: Sequence[int], *, edges: Path, events: Path, limit: int | None, max_length: int
) -> Verification:
    """Compare the whole home feed of each user with the one that the files give."""
    followed = _followed_by(users, read_edges(edges))
    published = _published_by(set().union(*followed.values()), read_events(events, list(VERBS), limit))
    differences, filled, compared = [], 0, 0
    for user in users:
        expected = _merge(followed[user], published, max_length)
        actual = HomeFeed(user, streams=streams)[:]
        filled += bool(expected)
        compared += len(expected)
        message = _difference(expected, actual)
        if message:
            differences.append(Difference(user, message))
    return Verification(len(users), filled, compared, differences)


def _followed_by(users: Sequence[int], edges: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    followed: dict[int, set[int]] = {user: set() for user in users}
    for follower, one in edges:
        if follower in followed:
            followed[follower].add(one)
    return followed


def _published_by(users: set[int], events: Events) -> dict[int, list[Activity]]:
    published: dict[int, list[Activity]] = {}
    for place, actor in enumerate(events.actors):
        if actor in users:
            published.setdefault(actor, []).append(activity_of(events, place))
    return published


def _merge(followed: Iterable[int], published: dict[int, list[Activity]], max_length: int) -> list[Activity]:
    """The newest activities of all who are followed; those with the same facts are one."""
    by_id = {activity.serialization_id: activity for user in followed for activity in published.get(user, ())}
    return [by_id[id] for id in sorted(by_id, reverse=True)[:max_length]]


def _difference(expected: Sequence[Activity], actual: Sequence[Activity]) -> str | None:
    for place, (one, other) in enumerate(zip(expected, actual, strict=False)):
        if one != other:
            return f"at {place} there should be {one!r}, and there is {other!r}"
    if len(expected) != len(actual):
        return f"there should be {len(expected)} activities, and there are {len(actual)}"
    return None

"""What every feed must show in the end, computed without any of the project's own storage, and what it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from attrs import frozen

from streamfw_core import Activity, Streams
from tests.faults.world import FlatFeed, OwnFeed, TopicFeed, World, activity, actor_of, followers_of

MEMBERS_SHOWN = 15


@frozen
class Group:
    """An aggregated activity, as far as people see it."""

    members: tuple[int, ...]
    activity_count: int
    actor_count: int


Shown = tuple[tuple[int, ...], dict[str, Group], tuple[int, ...]]
"""The flat feed, newest first; the groups; the user's own feed."""


def expected(world: World, published: Iterable[int], removed: Iterable[int]) -> dict[int, Shown]:
    """By user."""
    gone = set(removed)
    delivered: dict[int, list[Activity]] = defaultdict(list)
    own: dict[int, list[Activity]] = defaultdict(list)
    for number in set(published) - gone:
        one = activity(number, world)
        actor = actor_of(one)
        own[actor].append(one)
        for follower in followers_of(actor, world):
            delivered[follower].append(one)
    return {user: (_ids(delivered[user]), _groups(delivered[user]), _ids(own[user])) for user in range(world.users)}


def shown(streams: Streams, user: int) -> Shown:
    """What a user's feeds show."""
    topics = {}
    for group in TopicFeed(user, streams=streams)[:]:
        members = tuple(sorted((one.serialization_id for one in group.activities), reverse=True))
        topics[group.group] = Group(members[:MEMBERS_SHOWN], group.activity_count, group.actor_count)
    return _shown_ids(FlatFeed(user, streams=streams)), topics, _shown_ids(OwnFeed(user, streams=streams))


def deliveries(world: World, numbers: Iterable[int]) -> int:
    """How many entries these activities are in the feeds of followers."""
    return sum(2 * len(followers_of(actor_of(activity(number, world)), world)) for number in numbers)


def differences(wanted: dict[int, Shown], streams: Streams) -> Iterator[str]:
    """One line for each feed that shows something else."""
    for user, (flat, topics, own) in wanted.items():
        seen_flat, seen_topics, seen_own = shown(streams, user)
        for name, want, have in (("flat", flat, seen_flat), ("own", own, seen_own)):
            if want != have:
                lost, more = set(want) - set(have), set(have) - set(want)
                yield f"{name} feed of {user}: {len(lost)} lost, {len(more)} too many, {len(have) - len(set(have))} twice"
        if topics != seen_topics:
            wrong = sorted(key for key in {*topics, *seen_topics} if topics.get(key) != seen_topics.get(key))
            key = wrong[0]
            yield f"topics of {user}: {len(wrong)} differ, {key!r} is {seen_topics.get(key)}, not {topics.get(key)}"


def _ids(activities: Iterable[Activity]) -> tuple[int, ...]:
    return tuple(sorted((one.serialization_id for one in activities), reverse=True))


def _groups(activities: Iterable[Activity]) -> dict[str, Group]:
    by_topic: dict[str, list[Activity]] = defaultdict(list)
    for one in activities:
        by_topic[f"topic {one.extra_context['topic']}"].append(one)
    return {
        topic: Group(_ids(members)[:MEMBERS_SHOWN], len(members), len({one.actor_id for one in members}))
        for topic, members in by_topic.items()
    }


def _shown_ids(feed: FlatFeed | OwnFeed) -> tuple[int, ...]:
    return tuple(one.serialization_id for one in feed[:])

"""Verification: whole feeds against what brute force finds in the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import cast

from attrs import define, frozen

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.aggregators import BaseAggregator, NotificationAggregator, RecentVerbAggregator
from streamfw_core.cli.replay.brute_force import (
    ExpectedGroup,
    ExpectedGroups,
    KeyOf,
    Log,
    groups_of,
    verb_and_day,
    verb_object_and_day,
)
from streamfw_core.cli.replay.network import activity_of
from streamfw_core.feeds import Feed
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.feeds.grouped import GroupedBinding
from streamfw_core.feeds.notification import NotificationFeed
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.streams import Streams

__all__ = ["Difference", "Verification", "can_foretell", "verify"]


@frozen
class Difference:
    """A user whose feed is not what the files say."""

    user_id: int
    message: str


@define
class Verification:
    """What was compared.

    :param choosable: how many users there are whose feeds are not empty.
    :param filled: those verified whose feeds should not be empty.
    :param entries: activities or groups, over all feeds that were compared.
    :param activities: activities, those in groups counted one by one.
    :param partly: users of whom less could be foretold, as the order in which activities arrived is not known.
    """

    users: int
    choosable: int
    differences: list[Difference]
    filled: int = 0
    entries: int = 0
    activities: int = 0
    partly: int = 0

    @property
    def equal(self) -> int:
        return self.users - len(self.differences)


def can_foretell(aggregator: BaseAggregator) -> bool:
    """Whether brute force can tell what an aggregator makes of activities."""
    return not (aggregator.overrides_merge or aggregator.overrides_rank)


def verify(
    streams: Streams,
    feed_class: type[Feed],
    users: Sequence[int],
    *,
    edges: Path | None,
    events: Path,
    limit: int | None,
    choosable: int,
) -> Verification:
    """Compare the whole feed of each user with the one that the files give.

    :param edges: who follows whom; None for notification feeds, where that does not matter.
    """
    log = Log.of_mentioned(users, events, limit) if edges is None else Log.of_followers(users, edges, events, limit)
    done = Verification(len(users), choosable, [])
    compare: Callable[[int, Feed], str | None]
    if issubclass(feed_class, AggregatedFeed):
        compare = _Groups(streams, feed_class, log, done).difference
    else:
        compare = _Activities(streams, feed_class, log, done).difference
    for user in users:
        done.filled += bool(log.arrivals[user])
        message = compare(user, feed_class(user, streams=streams))
        if message:
            done.differences.append(Difference(user, message))
    return done


class _Activities:
    """Compares flat feeds: the newest activities, those with the same facts being one."""

    def __init__(self, streams: Streams, feed_class: type[Feed], log: Log, done: Verification) -> None:
        self._keep = streams.bind(feed_class).spec.keep
        self._log, self._done = log, done

    def difference(self, user: int, feed: Feed) -> str | None:
        places = {self._log.activity_id(place): place for place in reversed(self._log.arrivals[user])}
        newest = sorted(places, reverse=True)[: self._keep]
        expected = [activity_of(self._log.events, places[id]) for id in newest]
        self._done.entries += len(expected)
        self._done.activities += len(expected)
        actual: Sequence[Activity] = feed[:]
        for place, (one, other) in enumerate(zip(expected, actual, strict=False)):
            if (newest[place], one) != (other.serialization_id, other):
                return f"at {place} there should be {one!r}, and there is {other!r}"
        return _lengths("activities", len(expected), len(actual))


class _Groups:
    """Compares aggregated and notification feeds, group by group, with all that a reader sees of one."""

    def __init__(self, streams: Streams, feed_class: type[AggregatedFeed], log: Log, done: Verification) -> None:
        binding = cast("GroupedBinding", streams.bind(feed_class))
        self._spec = binding.spec
        self._key_of = _key_of(binding.aggregator)
        self._log, self._done = log, done
        self._marked = issubclass(feed_class, NotificationFeed)
        # Notifications do not go through the queue.
        self._in_order = self._marked or isinstance(streams.queue, InlineQueue)

    def difference(self, user: int, feed: Feed) -> str | None:
        expected = self._expected(user)
        partly = expected.some_cut and not self._in_order
        if partly:
            expected = self._expected(user, cut=False)
        self._done.partly += partly
        self._done.entries += len(expected.groups)
        self._done.activities += sum(len(group.members) for group in expected.groups)
        actual: Sequence[AggregatedActivity] = feed[:]
        for place, (one, other) in enumerate(zip(expected.groups, actual, strict=False)):
            facts = self._some_facts(one, other) if partly else self._facts(one, other)
            for name, wanted, found in facts:
                if wanted != found:
                    return f"at {place}, group {one.key!r}: {name} should be {_shown(wanted, found)}"
        return _lengths("groups", len(expected.groups), len(actual)) or self._counts(expected.groups, feed)

    def _expected(self, user: int, *, cut: bool = True) -> ExpectedGroups:
        keep = self._spec.keep
        return groups_of(self._log, user, self._key_of, max_length=keep, marked=self._marked, cut=cut)

    def _facts(self, one: ExpectedGroup, other: AggregatedActivity) -> Iterator[tuple[str, object, object]]:
        """(name, what it should be, what it is) of everything that the group says."""
        ids, actors = one.ids, len(one.actors)
        yield from self._some_facts(one, other)
        yield "activity_ids", ids[-self._spec.view :], other.activity_ids
        exact = len(ids) <= self._spec.exact_members
        yield "counts_exact", exact, other.counts_exact
        if not exact:
            return
        yield "activity_count", len(ids), other.activity_count
        yield "actor_count", actors, other.actor_count
        yield "other_actor_count", max(0, actors - 2), other.other_actor_count
        yield "created_at", _time_of(ids[0]), other.created_at
        if self._marked:
            yield "is_seen()", one.is_seen, other.is_seen()
            yield "is_read()", one.is_read, other.is_read()
            yield "whether there is a seen_at", one.seen is not None, other.seen_at is not None
            yield "whether there is a read_at", one.read is not None, other.read_at is not None

    def _some_facts(self, one: ExpectedGroup, other: AggregatedActivity) -> Iterator[tuple[str, object, object]]:
        """Those that are the same in whatever order the activities arrived."""
        yield "the key", one.key, other.group
        yield "the id", one.id, other.serialization_id
        yield "updated_at", _time_of(one.newest), other.updated_at
        yield "the newest activity", one.newest, other.last_activity.serialization_id
        yield "activities of other groups", set(), {*other.activity_ids} - {*one.members}

    def _counts(self, groups: Sequence[ExpectedGroup], feed: Feed) -> str | None:
        if not isinstance(feed, NotificationFeed):
            return None
        for name, wanted, found in (
            ("count_unseen()", sum(not group.is_seen for group in groups), feed.count_unseen()),
            ("count_unread()", sum(not group.is_read for group in groups), feed.count_unread()),
        ):
            if wanted != found:
                return f"{name} should be {wanted}, and is {found}"
        return None


def _key_of(aggregator: BaseAggregator) -> KeyOf:
    """What core's own aggregators should return; that of anybody else's is a fact like the files."""
    if type(aggregator) is RecentVerbAggregator:
        return verb_and_day
    if type(aggregator) is NotificationAggregator:
        return verb_object_and_day
    return lambda events, place: aggregator.get_group(activity_of(events, place))


def _time_of(id: int) -> datetime:
    return datetime.fromtimestamp((id >> 64) // 1000, UTC)


def _lengths(what: str, expected: int, actual: int) -> str | None:
    return None if expected == actual else f"there should be {expected} {what}, and there are {actual}"


def _shown(wanted: object, found: object) -> str:
    if isinstance(wanted, list) and isinstance(found, list):
        # The first of many that is another.
        place, one, other = next(
            (place, one, other) for place, (one, other) in enumerate(zip_longest(wanted, found)) if one != other
        )
        return f"{one} at {place}, and is {other}"
    return f"{wanted}, and is {found}"

"""Aggregated activities: what several activities have in common, with the newest of them and counts of all."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Self, TypeVar

from streamfw_core.activity import Activity, BaseActivity
from streamfw_core.clock import epoch_to_datetime
from streamfw_core.errors import ActivityNotFound, ActivityTypeError, DuplicateActivity, IdError, given
from streamfw_core.ids import DIGEST_BITS, Id, text_of_id
from streamfw_core.storage.groups import Group, group_id
from streamfw_core.verbs import Verb

__all__ = ["AggregatedActivity", "NotificationActivity"]

T = TypeVar("T")


class AggregatedActivity(BaseActivity):
    """A group of activities: "Thierry, Peter and two other people liked your photo".

    The newest `max_aggregated_activities_length` activities are at hand, the counts speak of all.
    Feeds make these; make one yourself to try out an aggregator.

    :param group: the key of the group.
    :param activities: the first activities, in any order.
    :param created_at: when the group began; by default the time of its oldest activity.
    :param updated_at: when it was last added to; by default the time of its newest activity.
    """

    max_aggregated_activities_length: ClassVar[int] = 15

    def __init__(
        self,
        group: str,
        activities: Iterable[Activity] = (),
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> None:
        if not isinstance(group, str):
            raise IdError(f"a group key is a text, got {given(group)}")
        self.group = group
        self.activities: list[Activity] = []
        """The newest activities, oldest first."""
        self.minimized_activities = 0
        """How many more activities the group has than are at hand."""
        self.counts_exact = True
        """Whether `activity_count` and `actor_count` are exact; beyond `exact_members` of the feed they may not be."""
        self.seen_at: datetime | None = None
        """When it was last marked as seen; None: never."""
        self.read_at: datetime | None = None
        """When it was last marked as read; None: never."""
        self._minimized_actors = 0
        self._created_at = created_at
        self._updated_at = updated_at
        self._seen: bool | None = None
        self._read: bool | None = None
        for activity in sorted(activities, key=lambda one: one.serialization_id):
            self.append(activity)

    @classmethod
    def from_group(cls, group: Group, activities: Sequence[Activity]) -> Self:
        """An aggregated activity as a feed shows it; `activities` are those of `group.members` that exist."""
        made = cls(group.key)
        made.activities = list(reversed(activities))
        made.minimized_activities = group.member_count - len(activities)
        made._minimized_actors = group.actor_count - len(made.actor_ids)
        made.counts_exact = group.exact
        made._created_at = _time_of(group.first_id)
        made._updated_at = _time_of(group.id)
        made._seen, made._read = group.seen, group.read
        made.seen_at = epoch_to_datetime(group.seen_at / 1e6) if group.seen_at else None
        made.read_at = epoch_to_datetime(group.read_at / 1e6) if group.read_at else None
        made._id = group.id
        return made

    _id: int | None = None

    @property
    def serialization_id(self) -> int:
        """48 bits of the milliseconds of the newest activity, then 64 bits of a digest of the group.

        It moves when the group is updated; its lower half does not.
        """
        return self._id if self._id is not None else group_id(self.last_activity.serialization_id, self.group)

    @property
    def created_at(self) -> datetime:
        """When the group began: the time of its oldest activity, in UTC to the millisecond."""
        return self._created_at or _time_of(self.activities[0].serialization_id)

    @property
    def updated_at(self) -> datetime:
        """When it was last added to: the time of its newest activity, in UTC to the millisecond."""
        return self._updated_at or _time_of(self.last_activity.serialization_id)

    @property
    def last_activity(self) -> Activity:
        """The newest activity."""
        return self.activities[-1]

    @property
    def last_activities(self) -> list[Activity]:
        """The activities at hand, newest first."""
        return self.activities[::-1]

    @property
    def activity_ids(self) -> list[int]:
        """The ids of the activities at hand, oldest first."""
        return [activity.serialization_id for activity in self.activities]

    @property
    def actor_ids(self) -> list[Id]:
        """The different actors of the activities at hand, the most recent first."""
        return _different((activity.actor_id, text_of_id(activity.actor_id)) for activity in self.last_activities)

    @property
    def object_ids(self) -> list[Id]:
        """The different objects of the activities at hand, the most recent first."""
        return _different((activity.object_id, text_of_id(activity.object_id)) for activity in self.last_activities)

    @property
    def verbs(self) -> list[type[Verb]]:
        """The different verbs of the activities at hand, the most recent first."""
        return _different((activity.verb, activity.verb) for activity in self.last_activities)

    @property
    def verb(self) -> type[Verb]:
        """The verb of the newest activity."""
        return self.last_activity.verb

    @property
    def activity_count(self) -> int:
        """How many activities the group has."""
        return len(self.activities) + self.minimized_activities

    @property
    def actor_count(self) -> int:
        """How many different actors the group has."""
        return len(self.actor_ids) + self._minimized_actors

    @property
    def other_actor_count(self) -> int:
        """How many actors there are besides the two whom one names: "Thierry, Peter and 2 others"."""
        return max(0, self.actor_count - 2)

    def is_seen(self) -> bool:
        """Whether all activities of the group had arrived when it was last marked as seen."""
        return self._seen if self._seen is not None else self.seen_at is not None

    def is_read(self) -> bool:
        """Whether all activities of the group had arrived when it was last marked as read."""
        return self._read if self._read is not None else self.read_at is not None

    def update_seen_at(self) -> None:
        """Note on this object that it was seen now; `NotificationFeed.mark_activity` stores it."""
        self.seen_at, self._seen = datetime.now(UTC), True

    def update_read_at(self) -> None:
        """Note on this object that it was read now; `NotificationFeed.mark_activity` stores it."""
        self.read_at, self._read = datetime.now(UTC), True

    def contains(self, activity: Activity | int) -> bool:
        """Whether an activity (or the one with this id) is among those at hand."""
        return getattr(activity, "serialization_id", activity) in self.activity_ids

    def append(self, activity: Activity) -> None:
        """Add an activity to this object. A feed's `add` is what stores one.

        :raises DuplicateActivity: it is among those at hand.
        """
        if not isinstance(activity, Activity):
            raise ActivityTypeError(f"expected an activity, got {given(activity)}")
        if self.contains(activity):
            raise DuplicateActivity(f"{activity!r} is in group {self.group!r} already")
        self.activities.append(activity)
        self.activities.sort(key=lambda one: one.serialization_id)
        self._changed()
        if len(self.activities) > self.max_aggregated_activities_length:
            oldest = self.activities.pop(0)
            self.minimized_activities += 1
            self._minimized_actors += oldest.actor_id not in self.actor_ids

    def remove(self, activity: Activity | int) -> None:
        """Take an activity out of this object. A feed's `remove` is what takes it out of the feed.

        :raises ActivityNotFound: it is not among those at hand.
        """
        id = getattr(activity, "serialization_id", activity)
        if id not in self.activity_ids:
            raise ActivityNotFound(f"activity {id} is not among the {len(self.activities)} at hand of {self.group!r}")
        self.activities = [one for one in self.activities if one.serialization_id != id]
        self._changed()

    def remove_many(self, activities: Iterable[Activity | int]) -> None:
        """Take activities out of this object; see `remove`."""
        for activity in activities:
            self.remove(activity)

    def copy(self) -> Self:
        """Another object with the same activities, counts and marks."""
        other = copy.copy(self)
        other.activities = list(self.activities)
        return other

    def _changed(self) -> None:
        self._id = self._updated_at = None

    def __len__(self) -> int:
        return len(self.activities)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = (
            (
                one.group,
                one.activities,
                one.activity_count,
                one.actor_count,
                one.counts_exact,
                one.is_seen(),
                one.is_read(),
            )
            for one in (self, other)
        )
        return bool(mine == theirs)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        names = ", ".join(verb.past_tense for verb in self.verbs)
        return f"{type(self).__name__}({self.group!r}: {self.activity_count} activities, {self.actor_count} actors, {names})"


class NotificationActivity(AggregatedActivity):
    """What notification feeds show: an aggregated activity whose `is_seen()` and `is_read()` matter."""


def _time_of(id: int) -> datetime:
    return epoch_to_datetime((id >> DIGEST_BITS) / 1000)


def _different(items: Iterable[tuple[T, Any]]) -> list[T]:
    """Items by first appearance of their key."""
    found: dict[Any, T] = {}
    for item, key in items:
        found.setdefault(key, item)
    return list(found.values())

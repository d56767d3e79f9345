"""Aggregators: which activities belong together, and in which order groups are shown.

The storage counts and groups by the key that `get_group` returns, one atomic operation for each activity.
An aggregator that overrides `merge` sees and rearranges the groups itself instead:
each write then reads the feed, and is tried again when somebody else wrote meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.clock import in_utc, zone_hint, zone_of
from streamfw_core.errors import AggregatorError, Problem, SettingsError, given

__all__ = ["BaseAggregator", "NotificationAggregator", "RecentRankMixin", "RecentVerbAggregator"]


class BaseAggregator:
    """The base of all aggregators: subclass it and define `get_group`.

    ```python
    class BoardAggregator(BaseAggregator):
        def get_group(self, activity):
            return f"{activity.extra_context['board']}-{self.day_of(activity)}"
    ```

    :param aggregated_activity_class: what the feed shows.
    :param activity_class: what the feed keeps.
    :param options: `time_zone`, the name of the zone in which `day_of` takes the day (default: the class's).
    """

    time_zone: ClassVar[str] = "UTC"

    def __init__(
        self,
        aggregated_activity_class: type[AggregatedActivity] = AggregatedActivity,
        activity_class: type[Activity] = Activity,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self.aggregated_activity_class = aggregated_activity_class
        self.activity_class = activity_class
        given = dict(options or {})
        where = "aggregator" if "time_zone" in given else type(self).__name__
        self.zone = _zone(given.pop("time_zone", self.time_zone), f"{where}.time_zone")
        """The time zone of `time_of` and `day_of`."""
        if given:
            unknown = [Problem(f"aggregator.{name}", "there is no such option", "use time_zone") for name in given]
            raise SettingsError(unknown)

    def get_group(self, activity: Activity) -> str:
        """The key of the group that an activity belongs to; the same one whenever it is asked. Override it."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say what belongs together: define get_group(self, activity)"
        )

    def time_of(self, activity: Activity) -> datetime:
        """The time of an activity in the aggregator's time zone; one without a zone counts as UTC."""
        return in_utc(activity.time).astimezone(self.zone)

    def day_of(self, activity: Activity) -> str:
        """The day of an activity in the aggregator's time zone, such as `"2026-11-24"`."""
        return self.time_of(activity).date().isoformat()

    def group_of(self, activity: Activity) -> str:
        """`get_group`, checked.

        :raises AggregatorError: it returned something else than a text.
        """
        group = self.get_group(activity)
        if not isinstance(group, str):
            raise AggregatorError(
                f"{type(self).__name__}.get_group({activity!r}) returned {given(group)}:"
                " a group key is a text, such as f'{activity.verb.id}-{self.day_of(activity)}'"
            )
        return group

    def group_activities(self, activities: Iterable[Activity]) -> dict[str, list[Activity]]:
        """Activities by the key of their group."""
        groups: dict[str, list[Activity]] = {}
        for activity in activities:
            groups.setdefault(self.group_of(activity), []).append(activity)
        return groups

    def aggregate(self, activities: Iterable[Activity]) -> list[AggregatedActivity]:
        """Aggregated activities made of activities, in the order of `rank`."""
        made = [
            self.aggregated_activity_class(key, members) for key, members in self.group_activities(activities).items()
        ]
        return self.rank(made)

    def merge(self, aggregated: Sequence[AggregatedActivity], activities: Sequence[Activity]) -> tuple[Any, ...]:
        """Add activities to aggregated activities.

        Override it to decide by what is in the feed already, and return what follows.
        Without an override the feed does not call it.

        :returns: `(new, changed)`: new aggregated activities, and pairs (before, after) of changed ones;
            `(new, changed, deleted)` where some go.
        """
        present = {one.group: one for one in aggregated}
        new: list[AggregatedActivity] = []
        changed: list[tuple[AggregatedActivity, AggregatedActivity]] = []
        for key, members in self.group_activities(activities).items():
            before = present.get(key)
            if before is None:
                new.append(self.aggregated_activity_class(key, members))
                continue
            after = before.copy()
            for member in members:
                if not after.contains(member):
                    after.append(member)
            changed.append((before, after))
        return new, changed

    def rank(self, aggregated_activities: Iterable[AggregatedActivity]) -> list[AggregatedActivity]:
        """The order in which a reader gets them; most recently updated first, unless overridden.

        An override sees all groups of the feed at every read.
        """
        return sorted(aggregated_activities, key=lambda one: one.serialization_id, reverse=True)

    @property
    def overrides_merge(self) -> bool:
        """Whether the feed leaves grouping to `merge`."""
        return type(self).merge is not BaseAggregator.merge

    @property
    def overrides_rank(self) -> bool:
        """Whether the feed is read in an order of the aggregator's own."""
        return type(self).rank not in (BaseAggregator.rank, RecentRankMixin.rank)


class RecentRankMixin:
    """Most recently updated first, which is what every aggregator does unless it overrides `rank`."""

    def rank(self, aggregated_activities: Iterable[AggregatedActivity]) -> list[AggregatedActivity]:
        return sorted(aggregated_activities, key=lambda one: one.serialization_id, reverse=True)


class RecentVerbAggregator(RecentRankMixin, BaseAggregator):
    """Together belongs what has the same verb, on the same day."""

    def get_group(self, activity: Activity) -> str:
        return f"{activity.verb.id}-{self.day_of(activity)}"


class NotificationAggregator(RecentRankMixin, BaseAggregator):
    """Together belongs what has the same verb and object, on the same day."""

    def get_group(self, activity: Activity) -> str:
        return f"{activity.verb.id}-{activity.object_id}-{self.day_of(activity)}"


def _zone(name: object, path: str) -> ZoneInfo:
    zone = zone_of(name)
    if zone is None:
        message = f"there is no time zone {name!r}"
        raise SettingsError([Problem(path, message, zone_hint())])
    return zone

"""Aggregated feeds: the activities of one user in groups, the most recently updated group first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from streamfw_core.activity import Activity, DehydratedActivity
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.aggregators import BaseAggregator
from streamfw_core.clock import next_stamp
from streamfw_core.errors import ActivityTypeError, given
from streamfw_core.feeds.binding import activity_id_of
from streamfw_core.feeds.feed import Feed
from streamfw_core.feeds.grouped import GroupedBinding
from streamfw_core.feeds.page import DIGEST, FeedPage, page_of_ranked
from streamfw_core.storage.protocol import Removal, Write

if TYPE_CHECKING:
    from streamfw_core.aio.feeds import AioAggregatedFeed

__all__ = ["AggregatedFeed"]


class AggregatedFeed(Feed):
    """A feed that shows groups of activities instead of single ones.

    ```python
    class HomeFeed(AggregatedFeed):
        aggregator = "recent_verb"

    feed = HomeFeed(13)
    feed.add(activity)
    feed[0].activity_count, feed[0].last_activity  # -> (1, Activity(...))
    ```

    Everything of `Feed` works: reads return `AggregatedActivity` objects, `max_length` counts groups,
    `filter` and page cursors speak of the ids of groups, which move up as groups are updated.
    `add` and `remove` take activities, and return how many came or went.

    Class attributes, besides those of `Feed`:

    - `aggregator`: the name of the aggregator backend, which the settings may override.
    - `aggregator_class`: a `BaseAggregator` subclass instead; the settings win over it, it wins over the name.
    - `aggregated_activity_class`: what reads return; its `max_aggregated_activities_length` is how many activities of a
      group are at hand.
    - `exact_members`: up to how many activities of a group counts are exact.
    - `merge_max_length`: how many groups an aggregator that overrides `merge` gets to see.
    """

    kind: ClassVar[str] = "aggregated"
    aggregator: ClassVar[str] = "recent_verb"
    aggregator_class: ClassVar[type[BaseAggregator] | None] = None
    aggregated_activity_class: ClassVar[type[AggregatedActivity]] = AggregatedActivity
    exact_members: ClassVar[int] = 10_000
    merge_max_length: ClassVar[int] = 20

    @property
    def aio(self) -> AioAggregatedFeed:
        """The methods of this feed for event loops: `await feed.aio[:25]`."""
        from streamfw_core.aio.feeds import AioAggregatedFeed

        return AioAggregatedFeed(self)

    def get_aggregator(self) -> BaseAggregator:
        """What groups the activities of this feed."""
        return self._grouped.aggregator

    def page(self, size: int = 25, *, after: str | None = None) -> FeedPage:
        """See `Feed.page`. A group that is updated while one walks moves to the top, and is not shown a second time.

        Oldest first it moves to the end, and is shown again there, as it is then.
        One that moves down, as its newest activity is removed, may be shown again too.
        """
        if self._grouped.aggregator.overrides_rank:
            return page_of_ranked(self[:], size, after, oldest_first=self._selection.oldest_first)
        return super().page(size, after=after)

    def index_of(self, activity: Any) -> int:
        """The position of a group (an aggregated activity, its id) or of the group that has an activity.

        :raises NotInFeed: (a ValueError) the feed does not show it.
        """
        return super().index_of(activity)

    def contains(self, activity: Any) -> bool:
        """Whether a group (an aggregated activity, its id) is in this feed, or an activity in any of its groups."""
        return super().contains(activity)

    def get(self, group: AggregatedActivity | str) -> AggregatedActivity | None:
        """The aggregated activity of a group as it is now, however far down the feed; None: there is none."""
        key = group.group if isinstance(group, AggregatedActivity) else group
        if not isinstance(key, str):
            raise ActivityTypeError(f"get() takes a group key or an aggregated activity, got {group!r}")
        found = self._grouped.get(self._owner, [key])
        return found[0] if found else None

    def add_many_aggregated(self, aggregated: Iterable[AggregatedActivity]) -> int | None:
        """Add the activities at hand of aggregated activities. Returns how many were new."""
        return self.add_many([activity for one in aggregated for activity in one.activities])

    def remove_many_aggregated(self, aggregated: Iterable[AggregatedActivity]) -> int:
        """Take out whole groups, with the activities that they have now. Returns how many activities are gone."""
        groups = [*aggregated]
        for one in groups:
            if not isinstance(one, AggregatedActivity):
                raise _no_group(one, "an aggregated activity")
        stamp, removed = next_stamp(), 0
        for one in groups:
            while members := self._grouped.members(self._owner, one.group, before=stamp):
                removes = [Removal(id, stamp, one.group) for id in members]
                write = Write([self._owner], removes=removes)
                outcome = self._binding.write(write, report=True)
                removed += sum(len(change.removed) for change in outcome.changes.values())
                self._updated(outcome.changes if self.listens_to_updates() else {}, {})
                if not outcome.changes:
                    break
        return removed

    # --- inside ---

    @property
    def _grouped(self) -> GroupedBinding:
        return cast("GroupedBinding", self._binding)

    def _locate(self, given: Any) -> int | None:
        key = self._key_of(given)
        if key is None:
            return None
        if self._grouped.aggregator.overrides_rank:
            keys = [one.group for one in self[:]]
        else:
            keys = [found for _, found in self._grouped.keys_of(self._query(0, None))]
        return keys.index(key) if key in keys else None

    def _key_of(self, given: AggregatedActivity | Activity | DehydratedActivity | int) -> str | None:
        """The key of the group meant by a group, its id, or one of its activities."""
        if isinstance(given, AggregatedActivity):
            return given.group
        if given is None or isinstance(given, str):
            raise _no_group(given, "a group, its id or an activity that it has")
        id = activity_id_of(given)
        holder = self._grouped.groups.groups_of(self._binding.spec, self._owner, [id])[0]
        if holder is not None:
            return holder if self._binding.existing([id]) else None
        # The upper half of a group's id moves, the lower half is its own.
        every = self._grouped.keys_of(self._query(0, None))
        return next((key for other, key in every if other & DIGEST == id & DIGEST), None)


def _no_group(value: object, expected: str) -> ActivityTypeError:
    """The error of what often stands for a group: its key, and what `get` returned."""
    return ActivityTypeError(
        f"expected {expected}, got {given(value)}: feed.get(key) is the group of a key, or None where it is gone"
    )

"""Feeds for event loops: `await feed.aio[:25]`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable
from itertools import islice
from typing import Any, overload

from streamfw_core.activity import Activity, DehydratedActivity
from streamfw_core.aio.calling import Awaited, awaited
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.feeds.feed import ITERATION_PAGE, Feed
from streamfw_core.feeds.notification import NotificationFeed

__all__ = ["AioAggregatedFeed", "AioFeed", "AioNotificationFeed"]


class AioFeed(Awaited):
    """The methods of a `Feed` that use its storage, awaited: `feed.aio` makes one, which costs next to nothing.

    ```python
    await feed.aio[:25]
    await feed.aio.add(activity)
    async for activity in feed.aio: ...
    ```
    """

    _target: Feed

    @overload
    def __getitem__(self, index: int) -> Coroutine[Any, Any, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Coroutine[Any, Any, list[Any]]: ...
    def __getitem__(self, index: int | slice) -> Coroutine[Any, Any, Any]:
        """`await feed.aio[:25]`: see `Feed.__getitem__`."""
        return self.run(self._target.__getitem__, index)

    async def __aiter__(self) -> AsyncIterator[Any]:
        """All activities, read in pages; see `Feed.__iter__`."""
        activities = iter(self._target)
        while page := await self.run(_some_of, activities):
            for activity in page:
                yield activity

    page = awaited(Feed.page)
    count = awaited(Feed.count)
    index_of = awaited(Feed.index_of)
    contains = awaited(Feed.contains)
    add = awaited(Feed.add)
    add_many = awaited(Feed.add_many)
    remove = awaited(Feed.remove)
    remove_many = awaited(Feed.remove_many)
    trim = awaited(Feed.trim)
    delete = awaited(Feed.delete)

    # --- what concerns all feeds of the class ---

    async def insert_activity(self, activity: Activity) -> None:
        """See `Feed.insert_activity`."""
        await self.run(self._target.insert_activity, activity, streams=self._target.streams)

    async def insert_activities(self, activities: Iterable[Activity]) -> None:
        """See `Feed.insert_activities`."""
        await self.run(self._target.insert_activities, activities, streams=self._target.streams)

    async def remove_activity(self, activity: Activity | DehydratedActivity | int) -> None:
        """See `Feed.remove_activity`."""
        await self.run(self._target.remove_activity, activity, streams=self._target.streams)

    async def flush(self) -> None:
        """Delete the timelines of all users; see `Feed.flush`."""
        await self.run(self._target.flush, streams=self._target.streams)

    def _waits(self, args: tuple[Any, ...]) -> bool:
        return all(feed.binding(feed.streams).waits for feed in (self._target, *args) if isinstance(feed, Feed))


class AioAggregatedFeed(AioFeed):
    """The methods of an `AggregatedFeed`, awaited."""

    get = awaited(AggregatedFeed.get)
    add_many_aggregated = awaited(AggregatedFeed.add_many_aggregated)
    remove_many_aggregated = awaited(AggregatedFeed.remove_many_aggregated)


class AioNotificationFeed(AioAggregatedFeed):
    """The methods of a `NotificationFeed`, awaited."""

    count_unseen = awaited(NotificationFeed.count_unseen)
    count_unread = awaited(NotificationFeed.count_unread)
    get_notification_data = awaited(NotificationFeed.get_notification_data)
    mark_activity = awaited(NotificationFeed.mark_activity)
    mark_activities = awaited(NotificationFeed.mark_activities)
    mark_all = awaited(NotificationFeed.mark_all)


def _some_of(activities: Any) -> list[Any]:
    return list(islice(activities, ITERATION_PAGE))

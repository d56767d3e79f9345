"""Notification feeds: aggregated feeds that know what their owner has seen and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from streamfw_core.activity import Activity
from streamfw_core.aggregated import AggregatedActivity, NotificationActivity
from streamfw_core.clock import next_stamp
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.storage.protocol import Change, Stats

if TYPE_CHECKING:
    from streamfw_core.aio.feeds import AioNotificationFeed

__all__ = ["NotificationFeed"]


class NotificationFeed(AggregatedFeed):
    """What concerns one user, in groups that are unseen and unread until they are marked.

    ```python
    feed = NotificationFeed(13)
    feed.add(activity)
    feed.count_unseen()  # -> 1
    feed.mark_all(seen=True)
    feed.count_unseen()  # -> 0
    ```

    A mark covers what had arrived when it was made:
    an activity that comes later makes its group unseen and unread again, whatever its time.
    """

    kind: ClassVar[str] = "notification"
    aggregator: ClassVar[str] = "notification"
    aggregated_activity_class: ClassVar[type[AggregatedActivity]] = NotificationActivity

    @property
    def aio(self) -> AioNotificationFeed:
        """The methods of this feed for event loops: `await feed.aio.count_unseen()`."""
        from streamfw_core.aio.feeds import AioNotificationFeed

        return AioNotificationFeed(self)

    def count_unseen(self) -> int:
        """How many groups have something that was not seen, within the feed's filter."""
        return self._stats("unseen").unseen

    def count_unread(self) -> int:
        """How many groups have something that was not read, within the feed's filter."""
        return self._stats("unread").unread

    def get_notification_data(self) -> dict[str, int]:
        """Both counts, as an application sends them to a browser: `{"unseen_count": 1, "unread_count": 2}`."""
        stats = self._stats("unseen", "unread")
        return {"unseen_count": stats.unseen, "unread_count": stats.unread}

    def mark_activity(
        self, activity: AggregatedActivity | Activity | int, *, seen: bool = True, read: bool = False
    ) -> bool:
        """Mark one group: an aggregated activity, its id, or an activity that it has.

        :returns: whether that changed anything.
        """
        return self.mark_activities([activity], seen=seen, read=read) > 0

    def mark_activities(
        self, activities: Iterable[AggregatedActivity | Activity | int], *, seen: bool = True, read: bool = False
    ) -> int:
        """Mark groups as seen, read or both; what they do not have is left out.

        :returns: how many groups were not so before.
        """
        keys = [key for activity in activities if (key := self._key_of(activity)) is not None]
        return self._mark(list(dict.fromkeys(keys)), seen=seen, read=read) if keys else 0

    def mark_all(self, *, seen: bool = True, read: bool = False) -> int:
        """Mark all groups that are in the feed now.

        :returns: how many groups were not so before.
        """
        return self._mark(None, seen=seen, read=read)

    def trim(self, length: int | None = None) -> None:
        super().trim(length)
        self._counts_changed()

    def _mark(self, keys: Sequence[str] | None, *, seen: bool, read: bool) -> int:
        if not (seen or read):
            return 0
        binding = self._grouped
        changed = binding.groups.mark(binding.spec, self._owner, keys, seen=seen, read=read, stamp=next_stamp())
        if changed:
            if self.listens_to_updates():
                self.on_update_feed([], [])
            self._counts_changed()
        return len(changed)

    def _stats(self, *counts: str) -> Stats:
        query = self._query(0, None)._replace(counts=counts)
        return self._binding.timelines.stats(self._binding.spec, [query])[0] if query.lower <= query.upper else Stats(0)

    def _updated(self, changes: Mapping[str, Change], activities: dict[int, Activity]) -> None:
        super()._updated(changes, activities)
        self._counts_changed()

    def _counts_changed(self) -> None:
        self._streams.notify("streamfw_notifications_changed", feed=type(self), owners=[self.user_id])

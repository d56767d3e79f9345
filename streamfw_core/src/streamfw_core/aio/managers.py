"""Managers for event loops: `await manager.aio.add_user_activity(...)`."""

from __future__ import annotations

from typing import Any

from streamfw_core.aio.calling import Awaited, awaited
from streamfw_core.feeds import Feed
from streamfw_core.manager import Manager

__all__ = ["AioManager"]


class AioManager(Awaited):
    """The methods of a `Manager` that publish and follow, awaited: `manager.aio` makes one."""

    _target: Manager

    add_user_activity = awaited(Manager.add_user_activity)
    remove_user_activity = awaited(Manager.remove_user_activity)
    update_user_activity = awaited(Manager.update_user_activity)
    update_user_activities = awaited(Manager.update_user_activities)
    batch_import = awaited(Manager.batch_import)
    follow_user = awaited(Manager.follow_user)
    follow_many_users = awaited(Manager.follow_many_users)
    unfollow_user = awaited(Manager.unfollow_user)
    unfollow_many_users = awaited(Manager.unfollow_many_users)
    follow_feed = awaited(Manager.follow_feed)
    unfollow_feed = awaited(Manager.unfollow_feed)

    def _waits(self, args: tuple[Any, ...]) -> bool:
        manager, streams = self._target, self._target.streams
        feed_classes = (manager.user_feed_class, *manager.feed_classes.values())
        outbox = streams.outbox
        return (
            all(streams.bind(feed_class).waits for feed_class in feed_classes)
            and all(feed.binding(feed.streams).waits for feed in args if isinstance(feed, Feed))
            and (outbox is None or outbox.storage.capabilities.aio)
        )

"""streamfw: newsfeeds, activity streams and notification feeds.

What is exported here is imported when it is first used, so that `import streamfw_core` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamfw_core._version import __version__

if TYPE_CHECKING:
    from streamfw_core.activity import Activity, BaseActivity, DehydratedActivity
    from streamfw_core.aggregated import AggregatedActivity, NotificationActivity
    from streamfw_core.aggregators import BaseAggregator, NotificationAggregator, RecentVerbAggregator
    from streamfw_core.feeds import AggregatedFeed, Feed, FeedPage, NotificationFeed, UserBaseFeed
    from streamfw_core.followers import FollowerPage
    from streamfw_core.manager import Manager
    from streamfw_core.queues import FanoutPriority
    from streamfw_core.streams import Streams, default_streams, set_default_streams
    from streamfw_core.verbs import Add, Comment, Follow, Love, Verb, get_verb_by_id, register

__all__ = [
    "Activity",
    "Add",
    "AggregatedActivity",
    "AggregatedFeed",
    "BaseActivity",
    "BaseAggregator",
    "Comment",
    "DehydratedActivity",
    "FanoutPriority",
    "Feed",
    "FeedPage",
    "Follow",
    "FollowerPage",
    "Love",
    "Manager",
    "NotificationActivity",
    "NotificationAggregator",
    "NotificationFeed",
    "RecentVerbAggregator",
    "Streams",
    "UserBaseFeed",
    "Verb",
    "__version__",
    "default_streams",
    "get_verb_by_id",
    "register",
    "set_default_streams",
]

_HOMES = {
    "activity": ("Activity", "BaseActivity", "DehydratedActivity"),
    "aggregated": ("AggregatedActivity", "NotificationActivity"),
    "aggregators": ("BaseAggregator", "NotificationAggregator", "RecentVerbAggregator"),
    "feeds": ("AggregatedFeed", "Feed", "FeedPage", "NotificationFeed", "UserBaseFeed"),
    "followers": ("FollowerPage",),
    "manager": ("Manager",),
    "queues": ("FanoutPriority",),
    "streams": ("Streams", "default_streams", "set_default_streams"),
    "verbs": ("Add", "Comment", "Follow", "Love", "Verb", "get_verb_by_id", "register"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

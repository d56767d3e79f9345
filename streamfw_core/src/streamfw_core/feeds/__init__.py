"""Feeds: sorted containers of activities, one per user and feed class."""

from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.feeds.feed import Feed, UserBaseFeed
from streamfw_core.feeds.notification import NotificationFeed
from streamfw_core.feeds.page import FeedPage

__all__ = ["AggregatedFeed", "Feed", "FeedPage", "NotificationFeed", "UserBaseFeed"]

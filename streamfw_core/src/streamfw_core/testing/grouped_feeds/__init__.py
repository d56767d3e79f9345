"""The contracts of aggregated and notification feeds on a storage, in parts by subject."""

from __future__ import annotations

from typing import ClassVar

from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.feeds.notification import NotificationFeed
from streamfw_core.testing.grouped_feeds.aggregating import AggregatingContract
from streamfw_core.testing.grouped_feeds.content import GroupedContentContract
from streamfw_core.testing.grouped_feeds.notifying import NotifyingContract
from streamfw_core.testing.grouped_feeds.publishing import GroupedPublishingContract
from streamfw_core.testing.grouped_feeds.selecting import GroupedSelectingContract
from streamfw_core.testing.grouped_feeds.writing import GroupedWritingContract

__all__ = ["AggregatedFeedContract", "NotificationFeedContract"]


class AggregatedFeedContract(
    GroupedSelectingContract,
    GroupedWritingContract,
    GroupedContentContract,
    GroupedPublishingContract,
    AggregatingContract,
):
    """What aggregated feeds and their managers do on a storage, with its own groups or through core's fallback.

    Define `make_storage`, as for `StorageContract`.
    """

    base: ClassVar[type[AggregatedFeed]] = AggregatedFeed
    """The feed that those of the tests are made of."""


class NotificationFeedContract(
    GroupedSelectingContract,
    GroupedWritingContract,
    GroupedPublishingContract,
    NotifyingContract,
):
    """What notification feeds do on a storage, with its own groups or through core's fallback.

    Define `make_storage`, as for `StorageContract`.
    """

    base: ClassVar[type[AggregatedFeed]] = NotificationFeed
    """The feed that those of the tests are made of."""

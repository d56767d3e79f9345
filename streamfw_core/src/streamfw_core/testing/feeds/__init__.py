"""The contract of feeds and managers on a storage, in parts by subject."""

from __future__ import annotations

from streamfw_core.testing.feeds.content import ContentContract
from streamfw_core.testing.feeds.following import FollowingContract
from streamfw_core.testing.feeds.publishing import PublishingContract
from streamfw_core.testing.feeds.selecting import SelectingContract
from streamfw_core.testing.feeds.writing import FeedWritingContract

__all__ = ["FeedContract"]


class FeedContract(SelectingContract, FeedWritingContract, ContentContract, PublishingContract, FollowingContract):
    """What feeds and managers do on a storage, with timelines that keep references and with such that keep payloads.

    Define `make_storage`, as for `StorageContract`.
    """

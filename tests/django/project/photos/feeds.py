from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from streamfw_django import ModelActivity, OnCommitManager

from photos.models import Follow
from streamfw_core import AggregatedFeed, FanoutPriority, Feed, NotificationFeed, UserBaseFeed


class WallFeed(Feed):
    activity_class = ModelActivity


class DigestFeed(AggregatedFeed):
    activity_class = ModelActivity


class OwnFeed(UserBaseFeed):
    activity_class = ModelActivity


class BellFeed(NotificationFeed):
    activity_class = ModelActivity


class PhotoManager(OnCommitManager):
    feed_classes: ClassVar = {"wall": WallFeed, "digest": DigestFeed}
    user_feed_class = OwnFeed

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[int]]:
        followers = Follow.objects.filter(followed=user_id).order_by("pk").values_list("follower_id", flat=True)
        return {FanoutPriority.HIGH: followers.iterator()}


photo_manager = PhotoManager()

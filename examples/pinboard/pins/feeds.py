"""The feeds, and who gets what; imported by `streamfw_django` when Django starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from streamfw_django import ModelActivity, OnCommitManager

from pins import live, verbs
from pins.models import Follow
from streamfw_core import (
    Activity,
    AggregatedFeed,
    BaseAggregator,
    FanoutPriority,
    Feed,
    NotificationFeed,
    UserBaseFeed,
)


class OwnFeed(UserBaseFeed):
    """What somebody did."""

    activity_class = ModelActivity


class HomeFeed(Feed):
    """What those did whom somebody follows, one by one."""

    activity_class = ModelActivity


class DigestAggregator(BaseAggregator):
    """In one line: what one person pinned on one board, and all who love or comment on one pin; day by day."""

    def get_group(self, activity: Activity) -> str:
        is_pin = activity.verb is verbs.Pin
        together = f"{activity.actor_id}-{activity.target_id}" if is_pin else activity.object_id
        return f"{activity.verb.id}-{together}-{self.day_of(activity)}"


class DigestFeed(AggregatedFeed):
    """The same in short."""

    activity_class = ModelActivity
    aggregator_class = DigestAggregator


class NotificationsFeed(NotificationFeed):
    """What happened to somebody and theirs."""

    activity_class = ModelActivity

    def on_update_feed(self, new: Sequence[Activity], deleted: Sequence[int]) -> None:
        live.changed(self.user_id)


class PinManager(OnCommitManager):
    """Fans out what people do, when it is committed."""

    feed_classes: ClassVar = {"home": HomeFeed, "digest": DigestFeed}
    user_feed_class = OwnFeed

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[int]]:
        followers = Follow.objects.filter(followed=user_id).values_list("follower_id", flat=True)
        return {FanoutPriority.HIGH: followers.iterator()}


pin_manager = PinManager()

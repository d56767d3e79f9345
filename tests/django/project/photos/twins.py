"""Managers that cannot be used, each for another reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from streamfw_django import ModelActivity

from photos.feeds import OwnFeed
from streamfw_core import FanoutPriority, Feed, Manager


class LeftFeed(Feed):
    activity_class = ModelActivity
    key_format = "twin:%(user_id)s"


class RightFeed(Feed):
    activity_class = ModelActivity
    key_format = "twin:%(user_id)s"


class NamesakeFeed(Feed):
    activity_class = ModelActivity
    name = "wall"
    key_format = "another-wall:%(user_id)s"


class PlainFeed(Feed): ...


class Undecided(Manager): ...


undecided_manager = Undecided()


class NoFollowers(Manager):
    feed_classes: ClassVar = {}
    user_feed_class = OwnFeed

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[int]]:
        return {}


class TwinManager(NoFollowers):
    feed_classes: ClassVar = {"left": LeftFeed, "right": RightFeed}


class NamesakeManager(NoFollowers):
    feed_classes: ClassVar = {"wall": NamesakeFeed}


class PlainManager(NoFollowers):
    feed_classes: ClassVar = {"plain": PlainFeed}


class ChunkManager(NoFollowers):
    fanout_chunk_size = 0

"""A program that is examined, and its workers: by settings alone, as in an environment variable."""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar, Final

from streamfw_core.queues import FanoutPriority

from streamfw_core import Feed, Manager, UserBaseFeed

VARIABLE: Final = "STREAMFW_TEST_DOCTOR"
STREAMFW: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
"""The settings, in a worker."""

PINS: Final = {"pins": "tests.doctor.program:PinManager"}


class PinFeed(Feed):
    name = "pin"


class OwnPinFeed(UserBaseFeed):
    name = "own_pin"


class PinManager(Manager):
    name = "pins"
    feed_classes: ClassVar = {"pins": PinFeed}
    user_feed_class = OwnPinFeed

    def get_user_follower_ids(self, user_id: object) -> Any:
        return {FanoutPriority.HIGH: [1]}


class ClashingFeed(Feed):
    name = "clashing"
    key_format = "feed:pin:%(user_id)s"


class ClashingManager(PinManager):
    name = "clashing"
    feed_classes: ClassVar = {"pins": PinFeed, "clashing": ClashingFeed}

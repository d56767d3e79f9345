"""A network whose feeds are on Redis and whose fan-out is in workers of Celery, by settings alone."""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar, Final

from streamfw_core.queues import FanoutPriority, current_task

from streamfw_core import Feed, Manager, UserBaseFeed

VARIABLE: Final = "STREAMFW_TEST_WORLD"
STREAMFW: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
"""The settings, in a worker."""

FOLLOWERS: Final = {
    FanoutPriority.HIGH: range(100, 130),
    FanoutPriority.NORMAL: range(200, 230),
    FanoutPriority.LOW: range(300, 330),
}


FAIL_ONCE: Final = "somebody whose followers are not found at the first attempt"


class CeleryHomeFeed(Feed):
    name = "celery_home"


class CeleryOwnFeed(UserBaseFeed):
    name = "celery_own"


class CeleryManager(Manager):
    name = "celery_world"
    feed_classes: ClassVar = {"home": CeleryHomeFeed}
    user_feed_class = CeleryOwnFeed
    fanout_chunk_size = 10

    def get_user_follower_ids(self, user_id: object) -> Any:
        task = current_task()
        assert task is None or task.kind == "fanout"
        if user_id == FAIL_ONCE and task is not None and task.attempt == 1:
            raise OSError("the database is busy")
        return FOLLOWERS


def settings(storage: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "storages": {"hot": storage},
        "managers": {CeleryManager.name: "tests.celery.celery_world:CeleryManager"},
        "task_queue": {"backend": "celery", "options": options},
    }

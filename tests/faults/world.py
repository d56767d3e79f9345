"""What is fanned out to whom, the same in every process: all of it follows from a seed.

The processes of a run learn by environment variables where the servers are and what the seed is; see `environment`.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Final

from attrs import asdict, frozen

from streamfw_core import (
    Activity,
    Add,
    AggregatedFeed,
    BaseAggregator,
    Comment,
    FanoutPriority,
    Feed,
    Love,
    Manager,
    UserBaseFeed,
)

VARIABLE: Final = "STREAMFW_FAULTS_WORLD"
SETTINGS: Final = "tests.faults.world:settings"

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
VERBS: Final = (Love, Comment, Add)
TOPICS: Final = 40
LATE: Final = 0.02
JITTER: Final = 50
CHUNK: Final = 110
PRIORITIES: Final = (FanoutPriority.HIGH, FanoutPriority.NORMAL, FanoutPriority.LOW)


@frozen(eq=False)
class World:
    """How much happens, and where.

    :param followers: of a user at most; half as many in the mean, each chosen by chance.
    :param twice: the share of messages that is enqueued twice.
    :param task_queue: the settings of the queue that is tried.
    """

    seed: int
    activities: int
    users: int
    followers: int
    storage: str
    task_queue: Mapping[str, Any]
    twice: float = 0.05
    outbox: bool = False
    spool: str = ""

    def environment(self) -> dict[str, str]:
        """Variables by which another process finds this world."""
        return {VARIABLE: json.dumps(asdict(self)), "STREAMFW_SETTINGS": SETTINGS}


@cache
def the_world() -> World:
    """The one that this process is in."""
    return World(**json.loads(os.environ[VARIABLE]))


@cache
def followers_of(actor: int, world: World | None = None) -> tuple[int, ...]:
    world = world or the_world()
    dice = random.Random(f"followers {world.seed} {actor}")
    return tuple(dice.sample(range(world.users), dice.randint(0, min(world.followers, world.users))))


def activity(number: int, world: World | None = None) -> Activity:
    """One after the other, but for some that happened long before they are published; many share a millisecond."""
    world = world or the_world()
    dice = random.Random(f"activity {world.seed} {number}")
    actor = dice.randrange(world.users)
    happened = dice.randrange(number + 1) if dice.random() < LATE else number + dice.randrange(JITTER)
    return Activity(
        actor=actor,
        verb=dice.choice(VERBS),
        object=number,
        time=BEGIN + timedelta(milliseconds=happened),
        extra_context={"topic": dice.randrange(TOPICS)},
    )


def actor_of(activity: Activity) -> int:
    return int(str(activity.actor_id))


class Topics(BaseAggregator):
    """One group for each topic."""

    def get_group(self, activity: Activity) -> str:
        return f"topic {activity.extra_context['topic']}"


class FlatFeed(Feed):
    name = "faults_flat"
    key_format = "faults-flat:%(user_id)s"
    max_length = 100_000


class TopicFeed(AggregatedFeed):
    name = "faults_topics"
    key_format = "faults-topics:%(user_id)s"
    aggregator_class = Topics
    max_length = 1_000


class OwnFeed(UserBaseFeed):
    name = "faults_own"
    key_format = "faults-own:%(user_id)s"
    max_length = 100_000


class FaultsManager(Manager):
    name = "faults"
    feed_classes: ClassVar = {"flat": FlatFeed, "topics": TopicFeed}
    user_feed_class = OwnFeed
    fanout_chunk_size = CHUNK

    def get_user_follower_ids(self, user_id: int) -> Mapping[FanoutPriority, Iterator[int]]:
        """Of every eighth user by all priorities, so that no two chunks take the same way; of others by one."""
        followers = followers_of(int(user_id))
        if int(user_id) % 8:
            return {PRIORITIES[int(user_id) % 3]: iter(followers)}
        return {priority: iter(followers[start::3]) for start, priority in enumerate(PRIORITIES)}


def __getattr__(name: str) -> object:
    """`settings`, when it is asked for: the world is there only in a run."""
    if name != "settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    world = the_world()
    return {
        "storages": {"default": {"backend": "redis", "options": {"url": world.storage, "prefix": "faults"}}},
        "managers": {"faults": f"{__name__}:FaultsManager"},
        "task_queue": {
            "backend": "tests.faults.doubling:DoublingQueue",
            "options": dict(world.task_queue),
            **({"outbox": "default"} if world.outbox else {}),
        },
    }

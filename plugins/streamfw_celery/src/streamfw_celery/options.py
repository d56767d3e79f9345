"""What both queues can be told in `task_queue.options`."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen
from attrs.validators import ge, gt, instance_of
from streamfw_core.queues import FanoutPriority

__all__ = ["QueueNames", "Retries"]

NUMBER: Final = instance_of((int, float))


@frozen
class QueueNames:
    """The queues on the broker: one for each priority, and one for what was given up; no two are the same.

    :raises ValueError: two have one name, or one has none.
    """

    high: str = "streamfw.high"
    normal: str = "streamfw.normal"
    low: str = "streamfw.low"
    dead: str = "streamfw.dead"

    def __attrs_post_init__(self) -> None:
        names = [self.high, self.normal, self.low, self.dead]
        if not all(names):
            raise ValueError("a queue without a name: give each a name, such as 'feeds.high'")
        if len(set(names)) < len(names):
            raise ValueError(
                f"two queues of one name among {', '.join(names)}: LOW would delay HIGH, or dead letters work"
            )

    def of(self, priority: FanoutPriority) -> str:
        name: str = getattr(self, priority.value)
        return name

    def priority_of(self, queue: str) -> FanoutPriority | None:
        """The priority whose queue this is; None: nobody's."""
        return next((priority for priority in FanoutPriority if self.of(priority) == queue), None)


@frozen
class Retries:
    """How often, and after what pauses, what failed is tried again.

    :param attempts: in all. Twelve with these pauses are about four minutes.
    :param pause: seconds before the second one, doubling after that, each up to half longer.
    :param max_pause: seconds beyond which pauses do not grow.
    """

    attempts: int = field(default=12, validator=[instance_of(int), ge(1)])
    pause: float = field(default=0.5, validator=[NUMBER, ge(0)])
    max_pause: float = field(default=30.0, validator=[NUMBER, gt(0)])

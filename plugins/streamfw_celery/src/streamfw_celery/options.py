"""What both queues can be told in `task_queue.options`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, gt, instance_of
from streamfw_core.queues import FanoutPriority

__all__ = ["QueueNames", "Retries"]

NUMBER: Final = instance_of((int, float))


@frozen
class QueueNames:
    """The queues on the broker: one for each priority, and one for what was given up."""

    high: str = "streamfw.high"
    normal: str = "streamfw.normal"
    low: str = "streamfw.low"
    dead: str = "streamfw.dead"

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


def names_by_priority(names: QueueNames) -> Mapping[FanoutPriority, str]:
    """The queues by priority, the most urgent first."""
    return {priority: names.of(priority) for priority in FanoutPriority}

"""Task queues: where the work of fanning out is put. The embedded ones run it in the caller, or in threads."""

from streamfw_core.queues.protocol import (
    DeadLetter,
    DeadLetterQueue,
    FanoutPriority,
    Handler,
    OnDead,
    TaskQueue,
    WorkerQueue,
)
from streamfw_core.queues.tasks import Task, correlated, current_task, delivering

__all__ = [
    "DeadLetter",
    "DeadLetterQueue",
    "FanoutPriority",
    "Handler",
    "OnDead",
    "Task",
    "TaskQueue",
    "WorkerQueue",
    "correlated",
    "current_task",
    "delivering",
]

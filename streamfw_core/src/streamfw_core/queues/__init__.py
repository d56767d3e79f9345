"""Task queues: where the work of fanning out is put. The embedded ones run it in the caller, or in threads."""

from streamfw_core.queues.protocol import FanoutPriority, Handler, TaskQueue

__all__ = ["FanoutPriority", "Handler", "TaskQueue"]

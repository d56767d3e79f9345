"""What is being executed here and now: for logs, metrics and hooks, which are not told otherwise.

```python
from streamfw_core.queues import correlated, current_task

with correlated(request.headers["X-Request-Id"]):  # where something is published
    manager.add_user_activity("ada", activity)


def streamfw_feeds_updated(feed, owners):  # a hook, wherever the fan-out is executed
    current_task().correlation_id  # the same text
```
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

from attrs import frozen

from streamfw_core.errors import ArgumentError, given
from streamfw_core.queues.protocol import FanoutPriority

__all__ = ["Task", "correlated", "current_task", "delivering", "executing", "new_correlation_id"]

LONGEST_CORRELATION_ID = 200


@frozen
class Task:
    """A message that is being executed; what is not known is empty.

    :param id: what the queue calls it; retries of a message have the same where the queue can tell.
    :param priority: the queue that it came by.
    :param attempt: from 1.
    :param correlation_id: the same for all that follows from one call of a manager.
    :param kind: `fanout`, `deliver`, `follow` or `unfollow`.
    :param manager: the name of the manager.
    :param feed: the name of the feed class, of a `deliver`.
    """

    id: str = ""
    priority: FanoutPriority | None = None
    attempt: int = 1
    correlation_id: str = ""
    kind: str = ""
    manager: str = ""
    feed: str = ""

    def fields(self) -> dict[str, object]:
        """For the `extra` of a log record: what is known, each name with `streamfw_` before it."""
        known = {
            "task_id": self.id,
            "priority": self.priority and self.priority.value,
            "attempt": self.attempt,
            "correlation_id": self.correlation_id,
            "kind": self.kind,
            "manager": self.manager,
            "feed": self.feed,
        }
        return {f"streamfw_{name}": value for name, value in known.items() if value}


_current: ContextVar[Task | None] = ContextVar("streamfw_task", default=None)
_correlation_id: ContextVar[str] = ContextVar("streamfw_correlation_id", default="")


def current_task() -> Task | None:
    """The message that is being executed; None outside of one."""
    return _current.get()


@contextmanager
def delivering(id: str, priority: FanoutPriority, attempt: int = 1) -> Iterator[None]:
    """Around the handler, by a queue that knows these of the message."""
    token = _current.set(Task(id, priority, attempt))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def executing(*, correlation_id: str, kind: str, manager: str, feed: str = "") -> Iterator[Task]:
    """Around the execution of a message, by core, which knows these."""
    known = _current.get() or Task()
    task = Task(known.id, known.priority, known.attempt, correlation_id, kind, manager, feed)
    token, correlation = _current.set(task), _correlation_id.set(correlation_id)
    try:
        yield task
    finally:
        _correlation_id.reset(correlation)
        _current.reset(token)


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Give what is published inside a correlation id of the caller's, such as that of a request.

    :param correlation_id: a text of up to 200 characters.
    """
    if not isinstance(correlation_id, str) or not 0 < len(correlation_id) <= LONGEST_CORRELATION_ID:
        raise ArgumentError(
            f"a correlation id is a text of 1 to {LONGEST_CORRELATION_ID} characters, got {given(correlation_id)}"
        )
    token = _correlation_id.set(correlation_id)
    try:
        yield
    finally:
        _correlation_id.reset(token)


def new_correlation_id() -> str:
    """The one that is in force, or a new one."""
    return _correlation_id.get() or uuid4().hex

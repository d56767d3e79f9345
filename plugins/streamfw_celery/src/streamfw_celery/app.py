"""The app of Celery that the settings describe, for its workers.

```sh
STREAMFW_SETTINGS=myapp.settings:STREAMFW celery -A streamfw_celery.app worker -Q streamfw.high,streamfw.normal
```

It is the program's own app where `task_queue.options.app` names that.
"""

from __future__ import annotations

from typing import Any

from streamfw_core.errors import Problem, SettingsError

from streamfw_celery import tasks
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_core import default_streams

__all__ = ["app", "tasks"]


def _app() -> Any:
    queue = default_streams().queue
    if not isinstance(queue, CeleryQueue):
        raise SettingsError(
            [
                Problem(
                    "task_queue.backend",
                    f"the task queue is {queue.name!r}, which has no app of Celery",
                    "name the settings of your program in STREAMFW_SETTINGS=module:attribute,"
                    " with 'task_queue': {'backend': 'celery', 'options': {...}}",
                )
            ]
        )
    return queue.app


app = _app()

"""A task queue that sends some messages twice, the second time late: after everything else, and out of order.

The copies wait in files, one for each process, which survive the process.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamfw_core.plugins import Kind, Plugins
from streamfw_core.queues import FanoutPriority

from tests.faults.world import the_world

__all__ = ["DoublingQueue", "copies"]


class DoublingQueue:
    """The queue that the options name (`backend`, `options`), and copies of what it is given."""

    def __new__(cls, name: str, options: Mapping[str, Any]) -> Any:
        real: Any = Plugins().load(Kind.TASK_QUEUE, options["backend"])

        class Doubling(real):  # type: ignore[misc]
            def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
                super().enqueue(message, priority)
                world = the_world()
                if random.random() < world.twice:
                    super().enqueue(message, priority)
                if random.random() < world.twice:
                    _keep(message, priority, Path(world.spool))

        return Doubling(options["backend"], options["options"])


def _keep(message: bytes, priority: FanoutPriority, spool: Path) -> None:
    with (spool / f"copies-{os.getpid()}").open("a", encoding="utf-8") as file:
        file.write(json.dumps([priority.value, message.decode()]) + "\n")


def copies(spool: Path) -> Iterator[tuple[bytes, FanoutPriority]]:
    """What was kept to be sent again; a process that was killed may have left half a line."""
    for path in sorted(spool.glob("copies-*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                priority, message = json.loads(line)
            except ValueError:
                continue
            yield message.encode(), FanoutPriority(priority)

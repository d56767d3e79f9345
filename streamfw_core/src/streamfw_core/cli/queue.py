"""`streamfw queue`: what was given up, and what has not reached the queue yet."""

from __future__ import annotations

import click

from streamfw_core.cli.queue_dead import dead
from streamfw_core.cli.queue_sweep import sweep

__all__ = ["queue"]


@click.group(short_help="Look after the task queue: what was given up, and the outbox.")
def queue() -> None:
    """Look after the task queue that the program's settings name."""


queue.add_command(dead)
queue.add_command(sweep)

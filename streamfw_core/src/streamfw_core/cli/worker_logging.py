"""The log of a worker: lines on standard error that say which message they are about."""

from __future__ import annotations

import logging
import sys

from streamfw_core.cli.output import printable
from streamfw_core.queues import current_task

__all__ = ["LEVELS", "TaskFormatter", "log_to_stderr"]

LEVELS = ("debug", "info", "warning", "error")
_PREFIX = "streamfw_"


class TaskFormatter(logging.Formatter):
    """Puts what is known of the message that is being executed at the end of each first line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in the base class
        task = current_task()
        fields = task.fields() if task is not None else {}
        fields |= {name: value for name, value in vars(record).items() if name.startswith(_PREFIX)}
        text = super().formatMessage(record)
        if not fields:
            return text
        # They come from a broker, and so from anybody.
        told = " ".join(f"{name.removeprefix(_PREFIX)}={printable(str(value))}" for name, value in fields.items())
        return f"{text} [{told}]"


def log_to_stderr(level: str | None) -> None:
    """Log to standard error, unless the program has said where its log goes.

    :param level: one of `LEVELS`; None: `info`, or what the program has said.
    """
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(TaskFormatter())
        root.addHandler(handler)
        level = level or "info"
    if level is not None:
        root.setLevel(level.upper())

"""What commands print: consoles, JSON, errors, and times and numbers as people say them."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta

import click
from rich.console import Console
from rich.text import Text

__all__ = ["ago", "console", "error_console", "megabytes", "print_error", "print_json", "printable"]

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


PIPE_WIDTH = 120


def console() -> Console:
    """Standard output, with colors only on a terminal (and not where NO_COLOR is set)."""
    return _console(stderr=False)


def error_console() -> Console:
    """Standard error: progress and errors, so that standard output can be piped on."""
    return _console(stderr=True)


def print_error(message: str) -> None:
    """`error: ...` on standard error; later lines are indented."""
    first, *rest = message.splitlines() or [""]
    text = Text("error: ", style="bold red").append(
        "\n".join([first, *(f"  {line}" for line in rest)]), style="default"
    )
    # Not wrapped, so that paths and commands can be copied.
    error_console().print(text, soft_wrap=True)


def print_json(document: object) -> None:
    """A JSON document on standard output, and nothing else."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _console(*, stderr: bool) -> Console:
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPE_WIDTH  # A pipe has no width of its own, and 80 columns break most lines.
    return made


def ago(time: datetime, now: datetime) -> str:
    """How long ago: `3 minutes ago`, `just now`."""
    seconds = max(now - time, timedelta(0)).total_seconds()
    for unit, length in _UNITS:
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def megabytes(size: int | None) -> str:
    """`512 MB`; None: the platform does not tell."""
    return "not known on this platform" if size is None else f"{size / 1_000_000:,.0f} MB"


def printable(text: str) -> str:
    """A text of unknown origin in one line, without what a terminal would obey."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)

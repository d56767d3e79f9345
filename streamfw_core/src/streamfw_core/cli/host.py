"""What the command line runs in: a script of its own, or the command of a framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from attrs import frozen

from streamfw_core.streams import Streams

if TYPE_CHECKING:
    from streamfw_core.settings import Settings

__all__ = ["Host", "host"]


def _resolve() -> Settings:
    from streamfw_core.settings import resolve

    return resolve()


@frozen
class Host:
    """What is different where a framework brings the command line into a command of its own.

    :param name: how people start it.
    :param settings: where the program's settings are found, when `--settings` does not say.
    :param streams: makes the application of the program from its settings.
    :param arguments: those of the interpreter with which it starts the command line again.
    """

    name: str = "streamfw"
    settings: Callable[[], Settings] = _resolve
    streams: Callable[[Settings], Streams] = Streams
    arguments: Sequence[str] = ("-m", "streamfw_core")


def host() -> Host:
    """What the command that is being executed runs in."""
    context = click.get_current_context(silent=True)
    found = None if context is None else context.find_object(Host)
    return Host() if found is None else found

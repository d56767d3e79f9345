"""The program that a command works for: its own settings, unlike what `demo` and `replay` use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from streamfw_core.cli.application import see_current_folder
from streamfw_core.cli.host import host
from streamfw_core.settings import Settings, resolve
from streamfw_core.streams import Streams, set_default_streams

__all__ = ["of_program", "settings_of_program", "settings_option"]


def settings_of_program(reference: str | None) -> Settings:
    """The settings that `--settings` names, or those of the program.

    :raises SettingsError: with everything that is wrong.
    """
    return host().settings() if reference is None else resolve(reference)


settings_option = click.option(
    "--settings",
    "reference",
    metavar="MODULE:ATTRIBUTE",
    help="Where the settings are, instead of what STREAMFW_SETTINGS says.",
)


@contextmanager
def of_program(reference: str | None) -> Iterator[Streams]:
    """The application that the settings describe; feeds and managers without one of their own use it too.

    :param reference: what `--settings` says.
    :raises SettingsError: with everything that is wrong.
    """
    see_current_folder()
    with host().streams(settings_of_program(reference)) as streams:
        before = set_default_streams(streams)
        try:
            yield streams
        finally:
            set_default_streams(before)

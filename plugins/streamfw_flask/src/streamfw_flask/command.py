"""`flask streamfw ...`: the command line, for the app that Flask's own command has loaded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import Context
from functools import partial

import click
from flask import Flask
from flask.cli import ScriptInfo
from streamfw_core.settings import resolve

from streamfw_flask.streams import AppStreams

__all__ = ["command_of"]


def command_of(app: Flask) -> click.Command:
    """The command of an app; all that follows its name is for the command line of core."""

    @click.command(
        "streamfw",
        short_help="Newsfeeds: settings, workers, dead letters and more.",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def streamfw(context: click.Context, arguments: Sequence[str]) -> None:
        from streamfw_core.cli.host import Host
        from streamfw_core.cli.main import main

        host = Host(
            name="flask streamfw",
            settings=partial(resolve, app),
            streams=partial(AppStreams, app),
            arguments=_arguments(context.find_object(ScriptInfo)),
        )
        # Outside of the app's context that Flask has pushed: a worker that runs for days has one for each message.
        context.exit(Context().run(main, arguments, host))

    return streamfw


def _arguments(info: ScriptInfo | None) -> list[str]:
    """Those of the interpreter with which this command runs again, in a process of its own."""
    if info is None or info.create_app is not None:
        return [sys.argv[0], "streamfw"]  # a script of the program's own, around a FlaskGroup
    path = info.app_import_path
    return ["-m", "flask", *(["--app", path] if path else []), "streamfw"]

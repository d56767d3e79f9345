"""`manage.py streamfw`: the command line of streamfw, with the settings and managers of the project."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from streamfw_django.application import ProjectStreams, resolve_settings

__all__ = ["Command"]


class Command(BaseCommand):
    """All arguments are those of `streamfw`: `manage.py streamfw queue dead list`."""

    help = "Newsfeeds: settings, worker, queue, schema and all other commands of streamfw."
    requires_system_checks = ()  # `settings` must be able to show what is wrong.

    def run_from_argv(self, argv: list[str]) -> None:
        """Leave the arguments to streamfw, also `--help`; `--settings` and `--pythonpath` are Django's, as ever."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--settings")
        parser.add_argument("--pythonpath")
        _, arguments = parser.parse_known_args(argv[2:])
        try:
            code = _run(arguments, f"{Path(argv[0]).name} {argv[1]}", _started_by(argv))
        except CommandError as error:
            self.stderr.write(f"{error.__class__.__name__}: {error}")
            code = error.returncode
        finally:
            connections.close_all()
        sys.exit(code)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what `streamfw` takes")

    def handle(self, *_: Any, arguments: list[str], **__: Any) -> None:
        """What `call_command("streamfw", "settings", "--json")` does.

        :raises CommandError: it did not end well; what it says of that is on standard error.
        """
        code = _run(arguments, "manage.py streamfw", _started_by(sys.argv))
        if code:
            raise CommandError(f"streamfw {' '.join(arguments)} ended with {code}", returncode=code)


def _run(arguments: Sequence[str], name: str, again: Sequence[str]) -> int:
    try:
        from streamfw_core.cli.host import Host
        from streamfw_core.cli.main import main
    except ModuleNotFoundError as error:
        raise CommandError(f'the command line needs {error.name}: pip install "streamfw-core[cli]"') from error
    return main(arguments, Host(name, settings=resolve_settings, streams=ProjectStreams, arguments=again))


def _started_by(argv: Sequence[str]) -> list[str]:
    """The interpreter's arguments that start this command again: `manage.py streamfw`."""
    script = argv[0]
    if Path(script).name == "manage.py":
        return [script, "streamfw"]
    return ["-m", "django", "streamfw"]

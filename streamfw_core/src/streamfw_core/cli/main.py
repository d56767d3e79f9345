"""The command `streamfw`: its subcommands, and what becomes of their errors.

Exit codes: 0 all is well; 1 a check that was asked for failed; 2 wrong usage, settings or input;
70 a mistake in the program; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import ClassVar

import click

from streamfw_core._version import __version__
from streamfw_core.cli.host import Host
from streamfw_core.cli.output import print_error
from streamfw_core.errors import StreamsError

__all__ = ["main"]

CHECK_FAILED = 1
USAGE_ERROR = 2
INTERNAL_ERROR = 70
INTERRUPTED = 130

TRACEBACK_VARIABLE = "STREAMFW_TRACEBACK"


class _Commands(click.Group):
    """A group whose commands are imported when they are used: the demo's verbs are no business of `streamfw settings`."""

    homes: ClassVar[Mapping[str, str]] = {
        "demo": "streamfw_core.cli.demo:demo",
        "doctor": "streamfw_core.cli.doctor:doctor",
        "plugins": "streamfw_core.cli.plugins:plugins",
        "queue": "streamfw_core.cli.queue:queue",
        "replay": "streamfw_core.cli.replay.command:replay",
        "schema": "streamfw_core.cli.schema:schema",
        "settings": "streamfw_core.cli.settings:settings",
        "worker": "streamfw_core.cli.worker:worker",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = self.homes.get(cmd_name)
        if home is None:
            return None
        module, _, name = home.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.homes and not args[0].startswith("-"):
            from streamfw_core.plugins.suggest import did_you_mean

            hint = did_you_mean(args[0], self.homes) or f"there are: {', '.join(self.homes)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="New here? Run: streamfw demo",
)
@click.version_option(__version__, "-V", "--version", prog_name="streamfw", message="%(prog)s %(version)s")
@click.option(
    "--traceback",
    is_flag=True,
    envvar=TRACEBACK_VARIABLE,
    help=f"Show where an error comes from; also by {TRACEBACK_VARIABLE}=1.",
)
@click.pass_context
def streamfw(context: click.Context, traceback: bool) -> None:
    """Newsfeeds, activity streams and notification feeds."""
    del traceback  # `main` looks at it, as it must be known whatever fails.
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(argv: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run the command line and return its exit code.

    :param argv: the arguments, by default those of the process.
    :param host: what it runs in, by default the script `streamfw`.
    """
    host = Host() if host is None else host
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        result = streamfw.main(arguments, prog_name=host.name, standalone_mode=False, obj=host)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough; without this, the interpreter complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CHECK_FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (the last resort of a program that people use)
        if _wants_traceback(arguments):
            traceback.print_exception(error)
        message, code = _verdict(error)
        print_error(message)
        return code
    return result if isinstance(result, int) else 0


def _verdict(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, click.ClickException):
        return _usage_text(error), USAGE_ERROR
    if isinstance(error, StreamsError):
        return str(error), USAGE_ERROR
    hint = f"`streamfw --traceback ...` (or {TRACEBACK_VARIABLE}=1) shows where it comes from"
    return f"{type(error).__name__}: {error}\nThis error is not one that streamfw expects; {hint}.", INTERNAL_ERROR


def _usage_text(error: click.ClickException) -> str:
    message = error.format_message()
    message = message[:1].lower() + message[1:] if message[1:2].islower() else message
    context = getattr(error, "ctx", None)
    return message if context is None else f"{message}\nSee: {context.command_path} --help"


def _wants_traceback(arguments: Sequence[str]) -> bool:
    asked = os.environ.get(TRACEBACK_VARIABLE, "").strip().lower()
    return asked not in {"", "0", "false", "no", "off"} or "--traceback" in arguments

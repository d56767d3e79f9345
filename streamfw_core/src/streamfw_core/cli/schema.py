"""`streamfw schema`: what the program's feeds need in storages with a schema, and what of it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from operator import attrgetter
from typing import Any

import click

from streamfw_core.cli.output import console, print_json, printable
from streamfw_core.cli.queue_program import of_program, settings_option
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.feeds import Feed
from streamfw_core.streams import Streams

__all__ = ["schema"]

MISSING = 1

feed_option = click.option(
    "--feed",
    "feeds",
    metavar="MODULE:CLASS",
    multiple=True,
    help="A feed class that no manager of the settings has; may be given several times.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (json_option, feed_option, settings_option):
        command = option(command)
    return command


@click.group(short_help="Tables of storages that have them: plan, apply, check.")
def schema() -> None:
    """The schema of the feeds of the program: those of the managers that its settings list, and of --feed.

    Tables and columns are added, and nothing is ever dropped or changed.
    """


@schema.command(short_help="Show what is missing.")
@options
def plan(reference: str | None, feeds: Sequence[str], as_json: bool) -> int:
    """Show what `apply` would do."""
    with of_program(reference) as streams:
        steps = streams.plan(*_feed_classes(streams, feeds))
    _show(steps, as_json, "Nothing is missing.")
    return 0


@schema.command(short_help="Make what is missing.")
@options
def apply(reference: str | None, feeds: Sequence[str], as_json: bool) -> int:
    """Make what is missing, and show what that was. May be run again, and by several at once."""
    with of_program(reference) as streams:
        feed_classes = _feed_classes(streams, feeds)
        steps = streams.plan(*feed_classes)
        streams.prepare(*feed_classes)
    _show(steps, as_json, "Nothing was missing.")
    return 0


@schema.command(short_help="Fail if something is missing.")
@options
def check(reference: str | None, feeds: Sequence[str], as_json: bool) -> int:
    """Like `plan`, but exit with 1 if something is missing: for deployments."""
    with of_program(reference) as streams:
        steps = streams.plan(*_feed_classes(streams, feeds))
    _show(steps, as_json, "Nothing is missing.")
    return MISSING if steps else 0


def _feed_classes(streams: Streams, feeds: Sequence[str]) -> list[type[Feed]]:
    """The feed classes of the program's managers and those that are named.

    :raises SettingsError: there are none, or one is no feed class.
    """
    found: dict[type[Feed], None] = {}
    for name in streams.settings.managers:
        manager = streams.manager(name)
        found |= dict.fromkeys((manager.user_feed_class, *manager.feed_classes.values()))
    found |= dict.fromkeys(map(_imported, feeds))
    if not found:
        hint = 'list them as "managers": {"pins": "myapp.feeds:PinManager"}, or name feed classes with --feed'
        raise SettingsError([Problem("managers", "the settings list no manager, whose feeds would be looked at", hint)])
    return [*found]


def _imported(path: str) -> type[Feed]:
    module, _, name = path.partition(":")
    try:
        found = attrgetter(name)(import_module(module))
    except Exception as error:
        message = f"{path!r} cannot be imported: {error!r}"
        raise SettingsError([Problem("--feed", message, "such as myapp.feeds:NotificationFeed")]) from error
    if not (isinstance(found, type) and issubclass(found, Feed)):
        raise SettingsError([Problem("--feed", f"{path!r} is no feed class", "such as myapp.feeds:NotificationFeed")])
    return found


def _show(steps: Mapping[str, Sequence[str]], as_json: bool, nothing: str) -> None:
    if as_json:
        print_json({"storages": steps})
        return
    if not steps:
        console().print(nothing)
    for storage, statements in steps.items():
        console().print(f"storage {storage!r}:", soft_wrap=True, markup=False)
        for statement in statements:
            console().print(f"  {printable(statement)};", soft_wrap=True, markup=False)

"""`streamfw queue dead`: the messages that were given up, to be looked at, tried again or forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.text import Text

from streamfw_core.cli.output import console, print_error, print_json, printable
from streamfw_core.cli.queue_letters import Shown, letter_table
from streamfw_core.cli.queue_program import of_program, settings_option
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.plugins.known import WORKER_QUEUE
from streamfw_core.queues import DeadLetter, DeadLetterQueue
from streamfw_core.storage.protocol import Scope
from streamfw_core.streams import Streams

__all__ = ["dead"]

FAILED = 1
LIMIT = 100

json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
ids_argument = click.argument("ids", metavar="[ID]...", nargs=-1)
all_option = click.option(
    "--all", "everything", is_flag=True, help="All that are there, instead of those with these ids."
)


@click.group(short_help="Messages that were given up: list, show, retry, drop.")
def dead() -> None:
    """Messages that were given up, of the task queue that the program's settings name."""


@dead.command("list", short_help="List what was given up, oldest first.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=LIMIT,
    show_default=True,
    help="List only the N oldest ones.",
)
@json_option
@settings_option
def list_dead(limit: int, as_json: bool, reference: str | None) -> int:
    """List the messages that were given up, the oldest first, each with its reason."""
    with of_program(reference) as streams:
        found = _queue(streams).dead_letters(limit + 1)
    letters = [Shown.of(letter) for letter in found[:limit]]
    if as_json:
        print_json({"dead_letters": [shown.document() for shown in letters], "more": len(found) > limit})
        return 0
    out = console()
    if not letters:
        out.print("There are no dead letters.")
        return 0
    out.print(letter_table(letters))
    if len(found) > limit:
        out.print(f"There are more than these {limit}: --limit shows them.")
    return 0


@dead.command(short_help="Show one of them with its message.")
@click.argument("id")
@json_option
@settings_option
def show(id: str, as_json: bool, reference: str | None) -> int:
    """Show all that is known of a message that was given up."""
    with of_program(reference) as streams:
        found = [letter for letter in _queue(streams).dead_letters() if letter.id == id]
    if not found:
        return _missing([id])
    shown = Shown.of(found[0])
    if as_json:
        print_json(shown.whole_document())
    else:
        console().print(Text("\n".join(shown.lines())), soft_wrap=True)
    return 0


@dead.command(short_help="Enqueue them again.")
@ids_argument
@all_option
@settings_option
def retry(ids: Sequence[str], everything: bool, reference: str | None) -> int:
    """Enqueue messages that were given up again, each where it was."""
    ids = _chosen(ids, everything)
    with of_program(reference) as streams:
        queue = _queue(streams)
        if everything:
            _say(queue.retry_dead(None), "enqueued again")
            return 0
        found, missing = _apart(queue.dead_letters(), ids)
        _say(queue.retry_dead(found) if found else 0, "enqueued again")
        return _missing(missing)


@dead.command(short_help="Forget them.")
@ids_argument
@all_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@settings_option
def drop(ids: Sequence[str], everything: bool, yes: bool, reference: str | None) -> int:
    """Forget messages that were given up: what they were to do is never done."""
    ids = _chosen(ids, everything)
    with of_program(reference) as streams:
        queue = _queue(streams)
        letters = queue.dead_letters()
        found, missing = ([letter.id for letter in letters], []) if everything else _apart(letters, ids)
        if found and not yes and not click.confirm(f"Forget {_counted(len(found))} for good?", err=True):
            click.echo("Nothing was dropped.")
            return FAILED
        # By id, also where it is all: those that die while people think it over were not meant.
        _say(queue.drop_dead(found) if found else 0, "dropped")
        return _missing(missing)


def _queue(streams: Streams) -> DeadLetterQueue:
    """The task queue.

    :raises SettingsError: it keeps no dead letters, or only in the process that gave them up.
    """
    queue = streams.queue
    if isinstance(queue, DeadLetterQueue) and queue.scope is Scope.SHARED:
        return queue
    message = f"{streams.settings.task_queue.backend!r} keeps no dead letters that outlive the process"
    hint = f"what it gives up is in its log; one that keeps them is {WORKER_QUEUE!r}"
    raise SettingsError([Problem("task_queue.backend", message, hint)])


def _chosen(ids: Sequence[str], everything: bool) -> list[str]:
    """The ids, each once."""
    if bool(ids) == everything:
        raise click.UsageError(
            "give ids, as `streamfw queue dead list` shows them, or --all", click.get_current_context()
        )
    return [*dict.fromkeys(ids)]


def _apart(letters: Sequence[DeadLetter], ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """The ids that are there, and those that are not."""
    present = {letter.id for letter in letters}
    return [id for id in ids if id in present], [id for id in ids if id not in present]


def _missing(ids: Sequence[str]) -> int:
    """Say which are not there, and return the exit code."""
    for id in ids:
        print_error(
            f"no dead letter has the id {printable(id)!r}: `streamfw queue dead list` shows those that are there"
        )
    return FAILED if ids else 0


def _say(number: int, what: str) -> None:
    click.echo(f"{_counted(number)} {'was' if number == 1 else 'were'} {what}.")


def _counted(number: int) -> str:
    return f"{number} dead letter{'' if number == 1 else 's'}"

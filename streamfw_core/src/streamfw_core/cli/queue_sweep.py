"""`streamfw queue sweep`: enqueues what waits in the outbox."""

from __future__ import annotations

import threading

import click

from streamfw_core.cli.output import print_error
from streamfw_core.cli.queue_program import of_program, settings_option
from streamfw_core.cli.worker_logging import log_to_stderr
from streamfw_core.cli.worker_stopping import until_told
from streamfw_core.errors import Problem, SettingsError, StreamsError
from streamfw_core.outbox import Outbox
from streamfw_core.queues import TaskQueue
from streamfw_core.streams import Streams

__all__ = ["sweep"]

FAILED = 1


@click.command(short_help="Enqueue what waits in the outbox.")
@click.option(
    "--older-than",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    help="Leave what is younger: its publisher may be about to enqueue it.",
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Sweep again and again, with pauses of so many seconds, until stopped.",
)
@click.option("--drop-damaged", is_flag=True, help="Forget entries of the outbox that are no messages.")
@settings_option
def sweep(older_than: float, every: float | None, drop_damaged: bool, reference: str | None) -> int:
    """Enqueue the messages that wait in the outbox as the task queue could not be reached, or their publisher died.

    Exits with 1 when it still cannot be reached; with --every, tries again after the next pause.
    """
    with of_program(reference) as streams:
        outbox = _outbox(streams)
        if every is None:
            return _sweep(outbox, streams.queue, older_than, drop_damaged, quiet=False)
        log_to_stderr(None)
        click.echo(f"sweeping the outbox on storage {outbox.storage_name!r} every {every:g} s")
        stop = threading.Event()
        with until_told(stop):
            while True:
                _sweep(outbox, streams.queue, older_than, drop_damaged, quiet=True)
                if stop.wait(every):
                    return 0


def _sweep(outbox: Outbox, queue: TaskQueue, older_than: float, drop_damaged: bool, *, quiet: bool) -> int:
    """Sweep once, and say what came of it; returns the exit code.

    :param quiet: say nothing where nothing is to be done.
    """
    where = f"the outbox on storage {outbox.storage_name!r}"
    before = swept = 0
    try:
        before = outbox.count(older_than=older_than)
        swept = outbox.sweep(queue, older_than=older_than)
        damaged = outbox.damaged(older_than=older_than)
        if drop_damaged:
            for entry in damaged:
                outbox.drop(entry)
        left = outbox.count()
    except Exception as error:  # noqa: BLE001 - a queue that executes at once raises whatever that does
        name = "" if isinstance(error, StreamsError) else f"{type(error).__name__}: "
        print_error(f"{name}{error}\n{_left(outbox, before)} {where}.")
        return FAILED
    if swept or not quiet:
        click.echo(f"enqueued {_messages(swept)} from {where}")
    if drop_damaged:
        if damaged:
            click.echo(f"dropped {_entries(len(damaged))} of {where}")
        return 0
    if damaged:
        first = damaged[0]
        print_error(
            f"{_entries(len(damaged))} of {where}, the first is {first.id} of {first.feed!r}: {first.reason}\n"
            "`streamfw queue sweep --drop-damaged` forgets what is none."
        )
    if left > len(damaged) and not quiet:
        younger = left - len(damaged)
        click.echo(f"left {_messages(younger)} that {_are(younger)} younger than {older_than:g} s")
    return FAILED if damaged else 0


def _outbox(streams: Streams) -> Outbox:
    """The outbox.

    :raises SettingsError: there is none.
    """
    outbox = streams.outbox
    if outbox is None:
        hint = 'name a storage: "task_queue": {"backend": ..., "outbox": "hot"}'
        raise SettingsError([Problem("task_queue.outbox", "is not set, so there is nothing to sweep", hint)])
    return outbox


def _left(outbox: Outbox, before: int) -> str:
    try:
        left = outbox.count()
    except StreamsError:
        return (
            f"{_messages(before)} or fewer are left in" if before else "it is not known how many messages are left in"
        )
    return f"{_messages(left)} {_are(left)} left in"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _messages(number: int) -> str:
    return f"{number} message{'' if number == 1 else 's'}"


def _entries(number: int) -> str:
    return "1 entry that is no message" if number == 1 else f"{number} entries that are no messages"

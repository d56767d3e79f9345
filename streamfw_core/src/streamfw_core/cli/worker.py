"""`streamfw worker`: executes the messages of a task queue that brings its worker along."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence

import click

from streamfw_core.cli.host import host
from streamfw_core.cli.queue_program import of_program, settings_option
from streamfw_core.cli.worker_children import READY, Children
from streamfw_core.cli.worker_logging import LEVELS, log_to_stderr
from streamfw_core.cli.worker_stopping import until_parent_is_gone, until_told
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.plugins.known import WORKER_QUEUE, worker_command
from streamfw_core.plugins.suggest import did_you_mean
from streamfw_core.queues import FanoutPriority, WorkerQueue
from streamfw_core.storage.protocol import Scope
from streamfw_core.streams import Streams

__all__ = ["worker"]

ALL = ",".join(FanoutPriority)


def _priorities(_context: click.Context, _parameter: click.Parameter, text: str) -> list[FanoutPriority]:
    """The most urgent first, each once."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in FanoutPriority.__members__.values():
            hint = did_you_mean(name, ALL.split(",")) or f"there are: {ALL}"
            raise click.BadParameter(f"there is no queue {name!r}; {hint}")
    return [priority for priority in FanoutPriority if priority.value in names]


@click.command(short_help="Execute the messages of the program's task queue.")
@click.option(
    "--queues",
    "priorities",
    metavar="NAMES",
    default=ALL,
    show_default=True,
    callback=_priorities,
    help="Whose messages are executed, the most urgent first.",
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many processes do that; one that dies is started again.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS, case_sensitive=False),
    help="Log this and what is worse; info, unless the program says otherwise.",
)
@settings_option
@click.option("--child", is_flag=True, hidden=True)
def worker(
    priorities: Sequence[FanoutPriority], processes: int, log_level: str | None, reference: str | None, child: bool
) -> int:
    """Execute the messages of the task queue that the program's settings name.

    It stops at SIGTERM or Ctrl-C when what is being executed is done, and at once at a second one.
    """
    with of_program(reference) as streams:
        log_to_stderr(log_level)
        queue = _worker_queue(streams, priorities)
        _bind_managers(streams)
        what = f"queue {queue.name}, {' '.join(priorities)}"
        if processes == 1:
            _work(queue, priorities, what, child=child)
            return 0
        return Children(_command(priorities, log_level, reference), processes, what).run()


def _work(queue: WorkerQueue, priorities: Sequence[FanoutPriority], what: str, *, child: bool) -> None:
    stop = threading.Event()
    with until_parent_is_gone(stop) if child else until_told(stop):
        print(f"{READY}{what}, process {os.getpid()}", flush=True)
        queue.work(priorities, stop)


def _command(priorities: Sequence[FanoutPriority], log_level: str | None, reference: str | None) -> list[str]:
    """The interpreter's arguments for one of several processes."""
    given: Mapping[str, str | None] = {
        "--queues": ",".join(priorities),
        "--log-level": log_level,
        "--settings": reference,
    }
    options = [f"{name}={value}" for name, value in given.items() if value is not None]
    return [*host().arguments, "worker", "--child", *options]


def _worker_queue(streams: Streams, priorities: Sequence[FanoutPriority]) -> WorkerQueue:
    """The task queue.

    :raises SettingsError: it is executed by others.
    """
    queue = streams.queue
    if isinstance(queue, WorkerQueue):
        return queue
    described = streams.settings.task_queue
    command = worker_command(described.backend, described.options, priorities)
    if command is not None:
        message, hint = "has workers of its own", f"run: {command}"
    elif queue.scope is Scope.PROCESS:
        message, hint = (
            "works in the process that publishes",
            f"there is nothing to run; one that has workers is {WORKER_QUEUE!r}",
        )
    else:
        message, hint = "brings no worker along", "its documentation says how its messages are executed"
    raise SettingsError([Problem("task_queue.backend", f"{described.backend!r} {message}", hint)])


def _bind_managers(streams: Streams) -> None:
    """Import the managers and bind their feeds, so that what is wrong shows before the first message.

    :raises SettingsError: with all that is.
    """
    first: Exception | None = None
    problems: list[Problem] = []
    for name in streams.settings.managers:
        try:
            _ = streams.manager(name).streams
        except Exception as error:  # noqa: BLE001 - whatever the program's own code raises
            first = first or error
            found = error.problems if isinstance(error, SettingsError) else ()
            problems += found or [Problem(f"managers.{name}", str(error) or type(error).__name__)]
    if not streams.settings.managers:
        hint = 'list them: "managers": {"pins": "myapp.feeds:PinManager"}'
        problems.append(Problem("managers", "is empty, and messages name managers by what is listed there", hint))
    if problems:
        raise SettingsError(problems) from first

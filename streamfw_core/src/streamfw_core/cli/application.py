"""The application that a command works with: made from `--storage` and `--queue`, not from the program's settings.

Commands that write must not write to what the settings happen to name, so the embedded defaults are used until
an option says otherwise; the settings only lend their names: `--storage hot` is their storage `hot`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from streamfw_core.cli.host import host
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.feeds import Feed
from streamfw_core.plugins.known import DEFAULT_QUEUE, DEFAULT_STORAGE
from streamfw_core.settings import FeedSettings, MetricsSettings, QueueSettings, Settings, StorageSettings, resolve
from streamfw_core.storage.protocol import Scope
from streamfw_core.streams import Streams

__all__ = ["borrowed", "make_streams", "queue_option", "see_current_folder", "storage_option"]

_ALIAS = "default"
_METRICS = "streamfw_core.cli.deliveries:Deliveries"

storage_option = click.option(
    "--storage",
    metavar="NAME_OR_URL",
    default=DEFAULT_STORAGE,
    show_default=True,
    help="A storage of the settings, a backend's name, or a URL.",
)
queue_option = click.option(
    "--queue",
    metavar="NAME",
    default=DEFAULT_QUEUE,
    show_default=True,
    help="The task queue of the fan-out; one that works in this process.",
)


def make_streams(storage: str, queue: str, *, feeds: Sequence[FeedSettings] = ()) -> Streams:
    """An application on one storage and one task queue, both of which exist and fit; it counts its `Deliveries`.

    :param feeds: what the command's options say of its feeds.
    :raises SettingsError: the queue works in other processes, which know nothing of what a command made up.
    :raises BackendNotFound: and whatever else is wrong with the storage or the queue.
    """
    see_current_folder()
    settings = host().settings()
    described = settings.storages.get(storage) if storage != DEFAULT_STORAGE else None
    if described is None:
        described = _resolved("--storage", {"storages": {_ALIAS: storage}}).storages[_ALIAS]
    streams = Streams(
        Settings(
            storages={described.name: described},
            feeds={feed.name: feed for feed in feeds},
            task_queue=_queue_settings(queue, settings),
            metrics=(MetricsSettings(_METRICS),),
            default_storage=described.name,
            tombstone_ttl=settings.tombstone_ttl,
        )
    )
    _check(streams, described, queue)
    return streams


@contextmanager
def borrowed(streams: Streams, *feed_classes: type[Feed]) -> Iterator[None]:
    """Feed classes of a command's own, empty at the start; nothing of them is left on a server at the end."""
    streams.prepare(*feed_classes)
    bindings = [streams.bind(feed_class) for feed_class in feed_classes]
    spaces = [(binding.timelines, binding.spec.namespace) for binding in bindings]
    spaces += [(binding.activities, binding.records) for binding in bindings if binding.activities is not None]
    shared = [(store, namespace) for store, namespace in spaces if store.capabilities.scope is Scope.SHARED]

    def flush() -> None:
        for store, namespace in shared:
            store.flush(namespace)

    flush()  # What a command that was killed may have left.
    try:
        yield
    finally:
        try:
            streams.drain()
        finally:
            flush()


def see_current_folder() -> None:
    """Let settings and classes of the current folder be imported, as `python -m` does."""
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)


def _queue_settings(queue: str, settings: Settings) -> QueueSettings:
    """The settings' own queue with its options, if it is the one that is meant."""
    if settings.task_queue.backend == queue:
        return settings.task_queue
    return _resolved("--queue", {"task_queue": queue}).task_queue


def _resolved(option: str, source: Mapping[str, object]) -> Settings:
    """What an option says, with the option's name in what is wrong with it."""
    try:
        return resolve(source)
    except SettingsError as error:
        problems = [Problem(option, problem.message, problem.hint) for problem in error.problems]
        raise SettingsError(problems) from None


def _check(streams: Streams, storage: StorageSettings, queue: str) -> None:
    streams.storage(storage.name)
    if streams.queue.scope is Scope.SHARED:
        message = f"task queue {queue!r} works in other processes, which do not know this command's people"
        raise SettingsError([Problem("--queue", message, f"use {DEFAULT_QUEUE!r} or 'threads'")])

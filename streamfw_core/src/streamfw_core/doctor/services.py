"""Storages, their schema, the task queue, what it gave up and what has not reached it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from streamfw_core.doctor.configured import feed_classes_of, managers_of, problems_of, said
from streamfw_core.doctor.findings import REACHABLE, SCHEMA, Examined, Finding, Now, failure, ok, warning
from streamfw_core.queues.protocol import DeadLetterQueue
from streamfw_core.storage.protocol import Scope

if TYPE_CHECKING:
    from streamfw_core.streams import Streams

__all__ = [
    "examine_backlog",
    "examine_queue",
    "examine_queue_made",
    "examine_schema",
    "examine_storages",
    "examine_storages_made",
    "guarded",
]

LETTERS = 100
"""Dead letters that are counted one by one."""

OUTBOX_AGE = 60.0
"""Seconds after which what is in the outbox is not just about to be enqueued."""


def guarded(where: str, check: Callable[[], Iterable[Finding]], what: str = REACHABLE) -> Iterator[Finding]:
    """The findings of a check; what it raises is one more.

    :param what: of that one.
    """
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - one check that fails must not hide the others
        yield from problems_of(error, where, what, "`streamfw settings` shows its options")


def examine_queue_made(streams: Streams) -> Iterator[Finding]:
    """What keeps the task queue or the metrics from being made; nothing connects."""
    try:
        _ = streams.queue
        _ = streams.metrics
    except Exception as error:  # noqa: BLE001 - a plugin's own code
        yield from problems_of(error, "task queue or metrics")


def examine_storages_made(streams: Streams) -> Iterator[Finding]:
    """What keeps a storage from being made; nothing connects."""
    for name in streams.settings.storages:
        try:
            streams.storage(name)
        except Exception as error:  # noqa: BLE001 - as above
            yield from problems_of(error, f"storage {name!r}")


def examine_storages(streams: Streams, now: Now) -> Iterator[Finding]:
    """Each storage by itself, or by what all storages can do."""
    for name in streams.settings.storages:
        where = f"storage {name!r}"
        try:
            storage = streams.storage(name)
        except Exception:  # noqa: BLE001, S112 - `examine_storages_made` says so
            continue
        if isinstance(storage, Examined):
            examined = storage
            yield from guarded(where, lambda: examined.examine(now))  # noqa: B023 - used up before the next one
        else:
            yield from guarded(where, lambda: _read(where, storage.load))  # noqa: B023


def _read(where: str, load: Callable[[str, list[int]], object]) -> Iterator[Finding]:
    load("streamfw:doctor", [0])
    yield ok(where, REACHABLE, "it answers; it says nothing more of itself")


def examine_schema(streams: Streams) -> Iterator[Finding]:
    """Whether tables and columns are missing; nothing where no storage has any."""
    if not any(streams.storage(name).capabilities.schema for name in streams.settings.storages):
        return
    classes = [
        feed_class
        for _, manager in managers_of(streams)
        if not isinstance(manager, Exception)
        for feed_class in feed_classes_of(manager)
    ]
    missing = streams.plan(*dict.fromkeys(classes))
    for storage, steps in missing.items():
        what = "1 statement is" if len(steps) == 1 else f"{len(steps)} statements are"
        first = steps[0] if len(steps[0]) <= 100 else f"{steps[0][:100]}..."
        yield failure(f"storage {storage!r}", SCHEMA, f"{what} missing: {first}", "streamfw schema apply")
    if not missing:
        yield ok("storages", SCHEMA, "nothing of it is missing")


def examine_queue(streams: Streams, now: Now) -> Iterator[Finding]:
    """The task queue by itself, where it can say how it is."""
    queue = streams.queue
    where = f"task queue {queue.name!r}"
    if isinstance(queue, Examined):
        yield from queue.examine(now)
    elif queue.scope is Scope.PROCESS:
        yield ok(where, REACHABLE, "it works in the process that publishes")
    else:
        yield ok(where, REACHABLE, "it says nothing of itself, so only the canary shows whether it works")


def examine_backlog(streams: Streams) -> Iterator[Finding]:
    """What was given up, and what waits in the outbox."""
    queue = streams.queue
    if isinstance(queue, DeadLetterQueue) and queue.scope is Scope.SHARED:
        yield from guarded(f"task queue {queue.name!r}", lambda: _dead_letters(queue))
    if streams.settings.task_queue.outbox is not None:
        yield from guarded("outbox", lambda: _outbox(streams))


def _dead_letters(queue: DeadLetterQueue) -> Iterator[Finding]:
    where, what = f"task queue {queue.name!r}", "dead letters"
    letters = queue.dead_letters(LETTERS + 1)
    if not letters:
        yield ok(where, what, "none are waiting")
        return
    number = f"more than {LETTERS}" if len(letters) > LETTERS else str(len(letters))
    reason = said(Exception(letters[0].reason))[:200]
    are = "dead letter is" if len(letters) == 1 else "dead letters are"
    yield warning(where, what, f"{number} {are} waiting, the oldest because: {reason}", "streamfw queue dead list")


def _outbox(streams: Streams) -> Iterator[Finding]:
    outbox = streams.outbox
    assert outbox is not None
    where, what = f"outbox on storage {outbox.storage_name!r}", "outbox"
    waiting = outbox.count(older_than=OUTBOX_AGE)
    if waiting:
        are = "1 message waits" if waiting == 1 else f"{waiting} messages wait"
        message = f"{are} for longer than {OUTBOX_AGE:g} s to reach the task queue"
        yield warning(where, what, message, "streamfw queue sweep")
    else:
        yield ok(where, what, "nothing waits in it")

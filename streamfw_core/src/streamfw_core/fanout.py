"""Executing task messages: what a worker does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from streamfw_core.activity import Activity
from streamfw_core.clock import next_stamp
from streamfw_core.errors import (
    FanoutFailed,
    ManagerError,
    MessageError,
    QueueUnavailable,
    StorageError,
    StreamsError,
)
from streamfw_core.feeds.binding import Binding
from streamfw_core.followers import follower_page, wire_followers
from streamfw_core.ids import encode_owner
from streamfw_core.messages import (
    Deliver,
    Fanout,
    Follow,
    Item,
    Message,
    Unfollow,
    activity_of,
    carrier_of,
    decode,
    encode,
    feed_owners,
    trace_of,
)
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.queues.sending import Sending, enqueue
from streamfw_core.queues.tasks import Task, executing
from streamfw_core.storage.protocol import Change, Entry, Outcome, Query, Removal, Scope, Write

if TYPE_CHECKING:
    from streamfw_core.manager import Manager
    from streamfw_core.streams import Streams

__all__ = ["execute"]

logger = logging.getLogger(__name__)

COPY_PAGE = 1000
"""Entries read at once when a feed is copied or taken back."""


def execute(streams: Streams, data: bytes) -> None:
    """Do what a message asks for. Doing it twice, or late, changes nothing.

    :raises MessageFailed: some or all of it could not be done; it carries the message with the rest.
    """
    with _failing(data):
        message = decode(data)
        with _executing(message) as task, streams.reporting.executing(task, carrier_of(message)):
            _perform(streams.manager(message.manager), message)
            _executed(message, task)


def begin(streams: Streams, data: bytes) -> Callable[[], None]:
    """`execute` a message for feeds, in two halves: what is returned is the second, and must be called.

    What fails in the first half is raised by the second.
    """
    try:
        with _failing(data):
            message = decode(data)
            assert isinstance(message, Deliver)
            with _executing(message):
                rest = _begin_delivery(streams.manager(message.manager), message, ahead=True)
    except MessageFailed as failed:
        return partial(_raise, failed)

    def end() -> None:
        with (
            _failing(data),
            _executing(message) as task,
            streams.reporting.executing(task, carrier_of(message)),
        ):
            rest()
            _executed(message, task)

    return end


def _raise(error: Exception) -> None:
    raise error


def _executing(message: Message) -> AbstractContextManager[Task]:
    return executing(
        correlation_id=message.correlation_id,
        kind=message.kind,
        manager=message.manager,
        feed=getattr(message, "feed", ""),
    )


def _executed(message: Message, task: Task) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("executed %s of %s by %r", message.kind, message.manager, message.source, extra=task.fields())


@contextmanager
def _failing(data: bytes) -> Iterator[None]:
    """:raises MessageFailed: whatever is raised."""
    try:
        yield
    except MessageFailed:
        raise
    except Exception as error:
        # An error of ours that no server caused is the same at the next try.
        retriable = not isinstance(error, StreamsError) or isinstance(error, StorageError | QueueUnavailable)
        raise MessageFailed(str(error), rest=data, retriable=retriable) from error


def _perform(manager: Manager, message: Message) -> None:
    match message:
        case Fanout():
            _fan_out(manager, message)
        case Deliver():
            _begin_delivery(manager, message)()
        case Follow():
            _follow(manager, message)
        case Unfollow():
            _unfollow(manager, message)


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of up to `size`, taken from an iterator as they are needed."""
    if size < 1:
        # It would end before the first item, as if there were none.
        raise ManagerError(f"a chunk has 1 item or more, got {size}: see Manager.fanout_chunk_size")
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _fan_out(manager: Manager, message: Fanout) -> None:
    """Split into one message per chunk of followers and feed class, and leave the next page to another task."""
    with Sending(manager.streams.queue, partial(begin, manager.streams)) as sending:
        while True:
            page = follower_page(manager, message.source, message.cursor)
            for priority, ids in page.ids.items():
                for chunk in chunks(ids, manager.fanout_chunk_size):
                    for deliver in _deliveries(manager, message, chunk):
                        sending.send(encode(deliver), priority)
            if page.next is None:
                break
            message = msgspec.structs.replace(message, cursor=page.next)
            if manager.streams.queue.scope is Scope.SHARED:
                enqueue(manager.streams.queue, encode(message), page.most_urgent)
                break
    failed = sending.failed
    if failed:
        parts = "1 part of a fan-out was" if len(failed) == 1 else f"{len(failed)} parts of a fan-out were"
        raise FanoutFailed(
            f"{parts} given up, of manager {message.manager!r} for user {message.source!r}, first:"
            f" {type(failed[0]).__name__}: {failed[0]}",
            failed,
        ) from failed[0]


def _deliveries(manager: Manager, message: Fanout, chunk: list[Any]) -> Iterator[Deliver]:
    """One message per feed class."""
    owners = wire_followers(manager, message.source, chunk)
    trace = trace_of(manager.streams.reporting.carrier())
    for feed_class in manager.feed_classes.values():
        yield Deliver(
            manager=message.manager,
            source=message.source,
            stamp=message.stamp,
            correlation_id=message.correlation_id,
            trace=trace,
            operation=message.operation,
            items=message.items,
            feed=feed_class.name,
            owners=owners,
        )


def _begin_delivery(manager: Manager, message: Deliver, *, ahead: bool = False) -> Callable[[], None]:
    """One storage call for the whole chunk, which what is returned makes, or ends if it was made `ahead`."""
    feed_class = manager.feed_class(message.feed)
    binding = manager.streams.bind(feed_class)
    activities = _activities(binding, message) if binding.needs_activities else {}
    write = _write_of(manager, binding, message, activities)
    if not (write.puts or write.removes or write.updates):
        return _nothing
    write = write._replace(owners=feed_owners(message.owners))
    call = binding.start if ahead else partial(partial, binding.apply)
    work = call(write, report=feed_class.listens_to_updates())
    return partial(_end_delivery, manager, message, binding, write, activities, work)


def _nothing() -> None:
    """There is nothing left to do."""


def _end_delivery(
    manager: Manager,
    message: Deliver,
    binding: Binding,
    write: Write,
    activities: Mapping[int, Activity],
    work: Callable[[], Outcome],
) -> None:
    """Leave what failed to be tried again, and tell of the rest."""
    feed_class = binding.feed_class
    with binding.metrics.fanout_timer(feed_class):
        outcome = work()
    written = len(write.owners) - len(outcome.failures)
    binding.metrics.on_fanout(feed_class, message.operation, written * len(message.items))
    # Nearly always nothing failed and nobody listens.
    odd = outcome.failures or outcome.changes or len(write.owners) < len(message.owners)
    owner_of = {encode_owner(owner): owner for owner in message.owners} if odd else {}
    for encoded, change in outcome.changes.items():
        _tell(manager, binding, owner_of[encoded], change, activities)
    if written:
        told = [owner_of[encoded] for encoded in write.owners if encoded not in outcome.failures] if odd else None
        _announce(manager, binding, told or message.owners, message.operation)
    if outcome.failures:
        owners = [owner_of[encoded] for encoded in outcome.failures]
        rest = msgspec.structs.replace(message, owners=owners)
        error = binding.write_failed(outcome, write)
        raise MessageFailed(str(error), rest=encode(rest), retriable=True) from error


def _activities(binding: Binding, message: Deliver) -> dict[int, Activity]:
    expected = binding.feed_class.activity_class
    needed = message.operation == "add" or (message.operation == "update" and binding.keeps_values)
    for item in message.items:
        if needed and not item.has_activity:
            raise MessageError(
                f"a task message has only the id of activity {item.id}, and feed {binding.spec.name!r} takes the activity:"
                " before a feed keeps payloads or listens to updates, let the messages from before drain"
            )
    return {item.activity_id: activity_of(item, expected) for item in message.items if item.has_activity}


def _write_of(manager: Manager, binding: Binding, message: Deliver, activities: Mapping[int, Activity]) -> Write:
    """The operation on entries, without owners yet."""
    stamp = message.stamp
    if message.operation == "remove":
        return Write((), removes=binding.removals([item.activity_id for item in message.items], stamp, activities))
    items = message.items
    if _outlived_tombstones(binding, stamp):
        items = _still_published(manager, binding, message)
    if message.operation == "update":
        # A reference does not change when its activity is updated.
        kept = items if binding.keeps_values else []
        return Write((), updates=binding.copies([activities[item.activity_id] for item in kept], stamp))
    if binding.needs_activities:
        return Write((), puts=binding.copies([activities[item.activity_id] for item in items], stamp))
    return Write((), puts=[Entry(item.activity_id, stamp) for item in items])


def _outlived_tombstones(binding: Binding, stamp: int) -> bool:
    """Whether a removal of what the message adds may be forgotten by now."""
    return time.time() - stamp / 1e6 > binding.timelines.tombstone_ttl


def _still_published(manager: Manager, binding: Binding, message: Deliver) -> list[Item]:
    """The items of a very late message whose activities have not been removed since."""
    ids = [item.activity_id for item in message.items]
    if binding.activities is not None:
        present = binding.existing(ids)
    else:
        own = manager.get_user_feed(message.source)
        present = {id for id in ids if own.contains(id)}
    kept = [item for item in message.items if item.activity_id in present]
    if len(kept) < len(ids):
        logger.info("%d activities of a late message were removed since it was sent: dropped", len(ids) - len(kept))
    return kept


def _follow(manager: Manager, message: Follow) -> None:
    """Copy with the stamp of the follow, taken before the sources are read: a removal made meanwhile is newer and wins."""
    own = manager.streams.bind(manager.user_feed_class)
    bindings = [manager.streams.bind(feed_class) for feed_class in manager.feed_classes.values()]
    copying = [binding for binding in bindings if binding.copies_from(own)]
    reading = [binding for binding in bindings if not binding.copies_from(own)]
    for target in message.targets:
        for binding in copying:
            # What is removed meanwhile is not shown, as both feeds refer to the same record.
            binding.copy(own, target, message.source, message.limit, message.stamp)
            _announce(manager, binding, [message.source], "add")
        if reading:
            _copy_through_here(manager, message, target, reading)


def _copy_through_here(manager: Manager, message: Follow, target: int | str, bindings: Sequence[Binding]) -> None:
    """Read the activities of one source page by page and write them to the feeds of the follower."""
    follower = encode_owner(message.source)
    source = manager.get_user_feed(target).skipping_broken()
    left, cursor = message.limit, None
    while left > 0:
        page = source.page(min(left, COPY_PAGE), after=cursor)
        for binding in bindings:
            puts = binding.copies(page.items, message.stamp)
            _write_to(manager, binding, message.source, Write([follower], puts=puts), page.items)
        _take_back_removed(manager, target, follower, page.items, bindings)
        left -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break


def _take_back_removed(
    manager: Manager, target: int | str, follower: str, copied: Sequence[Activity], bindings: Sequence[Binding]
) -> None:
    """Take out again what was removed from the source while it was copied: that removal may carry an older stamp."""
    own = manager.streams.bind(manager.user_feed_class)
    ids = [activity.serialization_id for activity in copied]
    if not ids:
        return
    left = own.existing(own.held(encode_owner(target), ids))
    gone = [id for id in ids if id not in left]
    if gone:
        removes = [Removal(id, next_stamp()) for id in gone]
        for binding in bindings:
            binding.write(Write([follower], removes=removes))


def _unfollow(manager: Manager, message: Unfollow) -> None:
    """Take out all that the targets' own feeds hold, and remember it, as deliveries may be under way."""
    follower = encode_owner(message.source)
    for target in message.targets:
        own = manager.streams.bind(manager.user_feed_class)
        upper: int | None = None
        while True:
            query = Query(encode_owner(target), 0, COPY_PAGE)
            if upper is not None:
                query = query._replace(upper=upper)
            entries = own.timelines.read(own.spec, [query])[0].entries
            for feed_class in manager.feed_classes.values():
                binding = manager.streams.bind(feed_class)
                removes = [Removal(id, message.stamp) for id in _to_take_out(binding, follower, entries)]
                _write_to(manager, binding, message.source, Write([follower], removes=removes))
            if len(entries) < COPY_PAGE or entries[-1].id == 0:
                break
            upper = entries[-1].id - 1


def _to_take_out(binding: Binding, follower: str, entries: Iterable[Entry]) -> list[int]:
    """All that may still be on its way; of what is older, only what the feed holds: nothing is remembered in vain."""
    recent: list[int] = []
    old: list[int] = []
    for entry in entries:
        (old if _outlived_tombstones(binding, entry.stamp) else recent).append(entry.id)
    return recent + binding.held(follower, old) if old else recent


def _write_to(
    manager: Manager, binding: Binding, owner: int | str, write: Write, activities: Sequence[Activity] = ()
) -> None:
    """Write to one follower's feed."""
    if not (write.puts or write.removes):
        return
    feed_class = binding.feed_class
    outcome = binding.write(write, report=feed_class.listens_to_updates())
    for change in outcome.changes.values():
        _tell(manager, binding, owner, change, {activity.serialization_id: activity for activity in activities})
    _announce(manager, binding, [owner], "add" if write.puts else "remove")


def _announce(manager: Manager, binding: Binding, owners: Sequence[int | str], operation: str) -> None:
    """Call the plugins' hooks for one chunk of feeds."""
    notify = manager.streams.notify
    notify("streamfw_feeds_updated", feed=binding.feed_class, owners=owners, operation=operation)
    if binding.spec.kind == "notification":
        notify("streamfw_notifications_changed", feed=binding.feed_class, owners=owners)


def _tell(
    manager: Manager, binding: Binding, owner: int | str, change: Change, activities: Mapping[int, Activity]
) -> None:
    """Call a feed's own hook. It comes after the write, so its error must not undo or repeat that for the other feeds."""
    feed = binding.feed_class(owner, streams=manager.streams)
    try:
        feed.on_update_feed([activities[id] for id in change.added if id in activities], list(change.removed))
    except Exception:
        logger.exception("%s.on_update_feed of feed %r failed; the feed was written", type(feed).__name__, feed.key)

"""Managers: they know the feed classes and the followers, publish activities and fan them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from streamfw_core import messages
from streamfw_core.activity import Activity, DehydratedActivity
from streamfw_core.clock import next_stamp
from streamfw_core.errors import (
    ArgumentError,
    FeedConflict,
    FollowersUnknown,
    ManagerError,
    NotFannedOut,
    QueueUnavailable,
    given,
    shown,
)
from streamfw_core.fanout import chunks
from streamfw_core.feeds import Feed, UserBaseFeed
from streamfw_core.feeds.binding import Binding, activity_id_of
from streamfw_core.feeds.feed import feed_name
from streamfw_core.followers import FollowerPage
from streamfw_core.ids import Id, encode_owner
from streamfw_core.queues.protocol import FanoutPriority
from streamfw_core.queues.tasks import new_correlation_id
from streamfw_core.storage.protocol import Outcome, Removal, Write

if TYPE_CHECKING:
    from streamfw_core.aio.managers import AioManager
    from streamfw_core.serializers import Serializer
    from streamfw_core.streams import Streams

__all__ = ["FanoutPriority", "Manager"]


class Manager:
    """Publishes activities into the feeds of the actor and of all followers. Subclass it and say who follows whom.

    ```python
    class PinManager(Manager):
        feed_classes = {"normal": PinFeed}
        user_feed_class = UserPinFeed

        def get_user_follower_ids(self, user_id):
            return {FanoutPriority.HIGH: Follow.objects.filter(target=user_id).values_list("user_id", flat=True)}
    ```

    Class attributes:

    - `name`: the manager's name in messages; by default that under which the settings list its class,
      else the class name without `Manager`, in snake case.
    - `feed_classes`: alias -> feed class, the feeds of followers.
    - `user_feed_class`: the feed of what a user did.
    - `follow_activity_limit`: how many activities a new follower gets from the past.
    - `fanout_chunk_size`: followers per task message.
    """

    name: ClassVar[str] = "manager"
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"feed": Feed}
    user_feed_class: ClassVar[type[Feed]] = UserBaseFeed
    follow_activity_limit: int = 5000
    fanout_chunk_size: int = 1000

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = feed_name(cls.__name__, "Manager")

    def __init__(self, *, streams: Streams | None = None, name: str | None = None) -> None:
        """A manager of an application.

        :param streams: the application; by default the one that is the default when the manager is used.
        :param name: its name in messages, where it is not the class's.
        """
        if name is not None:
            _check_name(name)
        if streams is not None and not hasattr(streams, "register_manager"):
            raise ArgumentError(
                f"streams= takes a Streams object, got {given(streams)}: make one with Streams(settings),"
                " or leave it out for the default one"
            )
        self.given_name = name
        """Its name in messages, where it is not the class's; else None."""
        self._streams = streams
        self._registered_with: Streams | None = None

    @property
    def streams(self) -> Streams:
        """The application that this manager belongs to; one without its own follows the default, see `default_streams`."""
        streams = self._streams
        if streams is None:
            from streamfw_core.streams import default_streams

            streams = default_streams()
        if self._registered_with is not streams:
            self._check()
            streams.register_manager(self)
            self._registered_with = streams
        return streams

    @property
    def aio(self) -> AioManager:
        """The methods of this manager for event loops: `await manager.aio.add_user_activity(...)`."""
        from streamfw_core.aio.managers import AioManager

        return AioManager(self)

    # --- to be overridden ---

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Id]]:
        """The ids of all followers of a user, by priority. Override it.

        Any iterable will do; a generator or a database cursor is read in chunks, never as a whole.
        It is called where the fan-out is executed, with `user_id` as an int or a str (a UUID arrives as its text).
        """
        raise FollowersUnknown(
            f"{type(self).__name__} does not say who follows whom: define get_user_follower_ids(self, user_id)"
            " that returns {FanoutPriority.HIGH: ids}"
        )

    def get_user_follower_page(self, user_id: Any, after: int | str | None) -> FollowerPage:
        """A page of the followers of a user. Override it instead of `get_user_follower_ids` where there are millions.

        Each page is split by a task of its own, which leaves the next one to another:
        no task takes long, one that is killed is not begun from the first follower again,
        and the splitting of pages without urgent followers does not delay urgent work.
        Return the most urgent followers first, some tens of thousands a page.

        ```python
        def get_user_follower_page(self, user_id, after):
            rows = Follow.objects.filter(target=user_id, id__gt=after or 0).order_by("id")[:20_000]
            ids = [row.user_id for row in rows]
            return FollowerPage({FanoutPriority.HIGH: ids}, rows[len(rows) - 1].id if ids else None)
        ```

        :param after: `next` of the page before; None: the first page is asked for.
        """
        return FollowerPage(self.get_user_follower_ids(user_id))

    # --- publishing ---

    def add_user_activity(self, user_id: Id, activity: Activity) -> None:
        """Publish an activity: store it, add it to the user's own feed, and fan it out to all followers.

        Once this returns, the fan-out will happen (as far as the task queue survives); with the inline queue it has.

        :raises ActivityTypeError, EncodeError, IdError: before anything is written.
        :raises NotFannedOut: the activity is stored and in the user's own feed, and the task queue cannot be reached.
            Publishing it again is the remedy, and does nothing twice.
        """
        self._publish(user_id, [activity])

    def remove_user_activity(self, user_id: Id, activity: Activity | DehydratedActivity | int) -> None:
        """Remove a published activity, given as such or by its id, everywhere.

        When this returns, no feed that keeps references shows it, and no feed takes it in any more, however late its
        fan-out arrives; feeds that keep payloads lose it with the fan-out. Publishing it anew works.
        """
        with self._publishing("remove"):
            self._remove(user_id, activity)

    def _remove(self, user_id: Id, activity: Activity | DehydratedActivity | int) -> None:
        id, source = activity_id_of(activity), messages.wire_owner(user_id)
        own, stamp = self._own(), next_stamp()
        removal = Removal(id, stamp)
        known = self._known(activity)
        for binding in self._bindings():
            binding.timelines.remember(binding.spec, removes=[removal])
            binding.discard([id], stamp)
        write = Write(
            [encode_owner(user_id)], removes=own.removals([id], stamp, {one.serialization_id: one for one in known})
        )
        outcome = own.write(write, report=own.feed_class.listens_to_updates())
        self._tell_own(user_id, outcome, {})
        items = self._items(known) if known else [messages.Item(str(id))]
        self._enqueue(source, "remove", items, stamp)
        self.streams.reporting.on_activity_removed()
        self.streams.notify("streamfw_activity_removed", manager=self, activities=[id])

    def update_user_activity(self, user_id: Id, activity: Activity) -> None:
        """Replace what is stored of a published activity; see `update_user_activities`."""
        self.update_user_activities(user_id, [activity])

    def update_user_activities(self, user_id: Id, activities: Iterable[Activity]) -> None:
        """Replace what is stored of published activities: same facts, other `extra_context` or added fields.

        Feeds that keep references show the new version at once, feeds that keep payloads once the fan-out is done.
        An update adds an activity to no feed; one of an activity that was removed before is not seen anywhere.
        """
        listed = _listed(activities, "update_user_activities() takes several activities", "update_user_activity()")
        with self._publishing("update"):
            self._update(user_id, listed)

    def _update(self, user_id: Id, listed: list[Activity]) -> None:
        source, own = messages.wire_owner(user_id), self._own()
        encoded, items = self._encoded(listed), self._items(listed)
        stamp = next_stamp()
        for binding in self._distinct_bindings():
            binding.store(encoded[binding.serializer], stamp, update=True)
        keeping = [binding for binding in self._bindings() if binding.keeps_values]
        for binding in keeping:
            binding.timelines.remember(binding.spec, updates=binding.entries(encoded[binding.serializer], stamp))
        if own.keeps_values:
            own.write(Write([encode_owner(user_id)], updates=own.entries(encoded[own.serializer], stamp)))
        if keeping:
            self._enqueue(source, "update", items, stamp)

    def batch_import(
        self, user_id: Id, activities: Iterable[Activity], *, fanout: bool = True, chunk_size: int = 500
    ) -> None:
        """Publish many activities of one user, oldest or newest first, in chunks.

        :param fanout: whether followers get them too.
        """
        if isinstance(activities, str | bytes) or not isinstance(activities, Iterable):
            raise ArgumentError(
                f"batch_import() takes several activities, got {given(activities)}: for one use add_user_activity()"
            )
        if not _is_count(chunk_size, 1):
            raise ArgumentError(f"batch_import() takes a chunk_size of 1 or more, got {given(chunk_size)}")
        for chunk in chunks(activities, chunk_size):
            self._publish(user_id, chunk, fanout=fanout)

    # --- following ---

    def follow_user(self, user_id: Id, target_id: Id, *, async_: bool = True) -> None:
        """Fill the feeds of `user_id` with what `target_id` published, the newest `follow_activity_limit`."""
        self.follow_many_users(user_id, [target_id], async_=async_)

    def follow_many_users(self, user_id: Id, target_ids: Iterable[Id], *, async_: bool = True) -> None:
        """See `follow_user`.

        :param async_: through the task queue; otherwise at once, in the caller.
        """
        self._relate(
            messages.Follow(
                manager=self._message_name(),
                source=messages.wire_owner(user_id),
                stamp=next_stamp(),
                targets=messages.wire_owners(
                    _listed(target_ids, "follow_many_users() takes several ids", "follow_user()"), "target id"
                ),
                limit=self.follow_activity_limit,
                correlation_id=new_correlation_id(),
            ),
            async_,
        )

    def unfollow_user(self, user_id: Id, target_id: Id, *, async_: bool = True) -> None:
        """Take what `target_id` published out of the feeds of `user_id`, also what is still on its way."""
        self.unfollow_many_users(user_id, [target_id], async_=async_)

    def unfollow_many_users(self, user_id: Id, target_ids: Iterable[Id], *, async_: bool = True) -> None:
        """See `unfollow_user`.

        :param async_: through the task queue; otherwise at once, in the caller.
        """
        self._relate(
            messages.Unfollow(
                manager=self._message_name(),
                source=messages.wire_owner(user_id),
                stamp=next_stamp(),
                targets=messages.wire_owners(
                    _listed(target_ids, "unfollow_many_users() takes several ids", "unfollow_user()"), "target id"
                ),
                correlation_id=new_correlation_id(),
            ),
            async_,
        )

    def follow_feed(self, feed: Feed, activities: Iterable[Activity]) -> int | None:
        """Copy activities into one feed. Returns how many were new, see `Feed.add`."""
        return feed.add_many(activities)

    def unfollow_feed(self, feed: Feed, source_feed: Feed) -> int | None:
        """Take all activities of one feed out of another. Returns how many are gone, see `Feed.remove`."""
        return feed.remove_many(source_feed)

    # --- feeds ---

    def get_feeds(self, user_id: Id) -> dict[str, Feed]:
        """The feeds of a follower, by alias."""
        streams = self.streams
        return _FeedsByAlias(
            (alias, feed_class(user_id, streams=streams)) for alias, feed_class in self.feed_classes.items()
        )

    def get_user_feed(self, user_id: Id) -> Feed:
        """The feed of what a user did."""
        return self.user_feed_class(user_id, streams=self.streams)

    def feed_class(self, name: str) -> type[Feed]:
        """The follower feed class of this name (not alias).

        :raises FeedConflict: this manager has none.
        """
        for feed_class in self.feed_classes.values():
            if feed_class.name == name:
                return feed_class
        names = ", ".join(sorted(feed_class.name for feed_class in self.feed_classes.values()))
        raise FeedConflict(
            f"{type(self).__name__} has no feed class named {name!r} (it has: {names});"
            " before a feed is renamed, let the messages that name it drain"
        )

    # --- inside ---

    def _check(self) -> None:
        """Refuse what would lose activities, or fail, in the middle of a fan-out.

        :raises ManagerError, ArgumentError: something that cannot be.
        """
        name = type(self).__name__
        if not isinstance(self.feed_classes, Mapping):
            raise ArgumentError(
                f"{name}.feed_classes maps aliases to feed classes, such as {{'normal': PinFeed}},"
                f" got {given(self.feed_classes)}"
            )
        named = {f"feed_classes[{alias!r}]": feed_class for alias, feed_class in self.feed_classes.items()}
        for attribute, feed_class in {"user_feed_class": self.user_feed_class, **named}.items():
            if not (isinstance(feed_class, type) and issubclass(feed_class, Feed)):
                raise ArgumentError(f"{name}.{attribute} must be a subclass of Feed, got {given(feed_class)}")
        for attribute, least in (("fanout_chunk_size", 1), ("follow_activity_limit", 0)):
            value = getattr(self, attribute)
            if not _is_count(value, least):
                raise ManagerError(f"{name}.{attribute} must be a whole number of {least} or more, got {given(value)}")

    def _publish(self, user_id: Id, activities: list[Activity], *, fanout: bool = True) -> None:
        if fanout:
            self._check_followers_known(user_id)
        with self._publishing("add"):
            self._add(user_id, activities, fanout=fanout)
        self.streams.reporting.on_activity_published(len(activities))

    def _add(self, user_id: Id, activities: list[Activity], *, fanout: bool) -> None:
        # Everything that may be refused comes before the first write.
        source, owner = messages.wire_owner(user_id), encode_owner(user_id)
        own, encoded, items = self._own(), self._encoded(activities), self._items(activities)
        stamp = next_stamp()
        for binding in self._distinct_bindings():
            binding.store(encoded[binding.serializer], stamp)
        puts = own.entries(encoded[own.serializer], stamp)
        outcome = own.write(Write([owner], puts=puts), report=own.feed_class.listens_to_updates())
        self._tell_own(user_id, outcome, {activity.serialization_id: activity for activity in activities})
        if fanout:
            self._enqueue(source, "add", items, stamp)
        self.streams.notify("streamfw_activity_published", manager=self, activities=activities)

    def _check_followers_known(self, user_id: Id) -> None:
        cls = type(self)
        if (
            cls.get_user_follower_ids is Manager.get_user_follower_ids
            and cls.get_user_follower_page is Manager.get_user_follower_page
        ):
            self.get_user_follower_ids(user_id)

    def _own(self) -> Binding:
        return self.streams.bind(self.user_feed_class)

    def _bindings(self) -> list[Binding]:
        """Of the user's own feed and of the followers' feeds."""
        return [self._own(), *map(self.streams.bind, self.feed_classes.values())]

    def _distinct_bindings(self) -> list[Binding]:
        """Those among them that do not share their records."""
        return list(
            {
                (binding.activities and binding.activities.name, binding.records): binding
                for binding in self._bindings()
            }.values()
        )

    def _encoded(self, activities: list[Activity]) -> dict[Serializer, list[tuple[Activity, bytes]]]:
        """The activities, serialized once for each serializer among the feeds."""
        encoded: dict[Serializer, list[tuple[Activity, bytes]]] = {}
        for binding in self._bindings():
            if binding.serializer not in encoded:
                encoded[binding.serializer] = binding.encode(activities)
            else:
                binding.check_columns(activities)
        return encoded

    def _items(self, activities: list[Activity]) -> list[messages.Item]:
        """The activities as messages carry them: by id only, where all feeds keep references and nobody listens."""
        for binding in map(self.streams.bind, self.feed_classes.values()):
            if binding.needs_activities:
                return [messages.item(binding.checked(activity)) for activity in activities]
        return [messages.Item(str(activity.serialization_id)) for activity in activities]

    def _known(self, activity: Activity | DehydratedActivity | int) -> list[Activity]:
        """The activity itself, given as such or by its id, where that helps to remove it: its group is found by it."""
        if isinstance(activity, Activity):
            return [activity]
        id = activity_id_of(activity)
        grouped = [binding for binding in self._bindings() if binding.spec.kind != "flat"]
        return next(([found[id]] for binding in grouped if id in (found := binding.load([id]))), [])

    def _enqueue(
        self, source: int | str, operation: messages.Operation, items: list[messages.Item], stamp: int
    ) -> None:
        message = messages.Fanout(
            manager=self._message_name(),
            source=source,
            operation=operation,
            items=items,
            stamp=stamp,
            correlation_id=new_correlation_id(),
            trace=messages.trace_of(self.streams.reporting.carrier()),
        )
        try:
            self.streams.enqueue(messages.encode(message), FanoutPriority.HIGH)
        except QueueUnavailable as error:
            ids = [item.activity_id for item in items]
            raise NotFannedOut(
                f"{operation} of {_counted(ids)} of user {source!r} is done in the activity storage and in the user's own"
                f" feed, and is not known to the task queue, so no follower's feed will change: {error};"
                f" call the manager again, which does nothing twice, or set task_queue.outbox to the name of a storage",
                operation=operation,
                user_id=source,
                activity_ids=ids,
                queue=error.queue,
            ) from error

    def _relate(self, message: messages.Follow | messages.Unfollow, async_: bool) -> None:
        if not message.targets:
            return
        with self._publishing(message.kind):
            self._send(message, async_)

    def _send(self, message: messages.Follow | messages.Unfollow, async_: bool) -> None:
        trace = messages.trace_of(self.streams.reporting.carrier())
        data = messages.encode(msgspec.structs.replace(message, trace=trace))
        if not async_:
            self.streams.execute_here(data)
            return
        try:
            self.streams.enqueue(data, FanoutPriority.NORMAL)
        except QueueUnavailable as error:
            raise NotFannedOut(
                f"nothing of this {message.kind} of user {message.source!r} was done: {error};"
                " call the manager again, or with async_=False to do it here and now",
                operation=message.kind,
                user_id=message.source,
                queue=error.queue,
            ) from error

    def _publishing(self, operation: str) -> AbstractContextManager[None]:
        return self.streams.reporting.publishing(operation, self._message_name())

    def _message_name(self) -> str:
        """The name under which a worker finds this manager."""
        return self.streams.manager_name(self)

    def _tell_own(self, user_id: Id, outcome: Outcome, activities: Mapping[int, Activity]) -> None:
        for change in outcome.changes.values():
            self.get_user_feed(user_id).on_update_feed(
                [activities[id] for id in change.added if id in activities], list(change.removed)
            )


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise ArgumentError(f"the name of a manager is a text, got {given(name)}")
    if not name or not name.isprintable():
        raise ManagerError(f"the name of a manager must be a text that can be printed, got {shown(name)}")


class _FeedsByAlias(dict[str, Feed]):
    """A dict that says which aliases there are."""

    def __missing__(self, alias: object) -> Feed:
        raise KeyError(f"no alias {shown(alias)} in feed_classes, which has: {', '.join(map(str, self)) or 'none'}")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63


def _counted(ids: list[int]) -> str:
    return f"activity {ids[0]}" if len(ids) == 1 else f"{len(ids)} activities ({ids[0]} ...)"


def _listed(several: Any, what: str, for_one: str) -> list[Any]:
    if isinstance(several, str | bytes) or not isinstance(several, Iterable):
        raise ArgumentError(f"{what}, got {given(several)}: for one use {for_one}")
    return list(several)

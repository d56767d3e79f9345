"""Flat feeds: the activities of one user, newest first."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, overload

from streamfw_core.activity import Activity, DehydratedActivity
from streamfw_core.clock import next_stamp
from streamfw_core.errors import ArgumentError, NotInFeed, SliceError, given, shown
from streamfw_core.feeds.binding import Binding, activity_id_of, not_found
from streamfw_core.feeds.page import FeedPage, read_page
from streamfw_core.feeds.selection import WHOLE, Selection
from streamfw_core.ids import Id, encode_owner
from streamfw_core.storage.protocol import Query, Write

if TYPE_CHECKING:
    from streamfw_core.aio.feeds import AioFeed
    from streamfw_core.streams import Streams

__all__ = ["SAME_AS_TIMELINE", "Feed", "UserBaseFeed"]

SAME_AS_TIMELINE: Final = "="
"""The value of `Feed.activities` that means: the records are where the timeline is."""

ITERATION_PAGE = 100


class Feed:
    """The activities of one user, newest first. Subclass it to say where and how.

    ```python
    class PinFeed(Feed):
        key_format = "feed:pins:%(user_id)s"
        max_length = 500

    feed = PinFeed(13)
    feed.add(activity)
    feed[:25]  # -> [Activity(...)]
    ```

    Class attributes; the settings may override `max_length`, `timeline`, `activities` and `serializer` under `feeds.<name>`:

    - `name`: the feed's name in settings and messages; by default the class name without `Feed`, in snake case.
    - `key_format`: the key of a feed, with one `%(user_id)s`; by default `feed:<name>:%(user_id)s`.
    - `max_length`: how many activities a feed shows, the newest ones; a feed object has the number that is in force.
    - `timeline`: the name of the storage of the timelines; None: the default storage.
    - `activities`: the name of the storage of the activities, which timelines then only refer to;
      left out: the timeline's; None: timelines keep the activities themselves.
    - `activity_namespace`: what separates these activities from others in that storage.
    - `activity_class`: the class of the activities, exactly.
    - `serializer`: the name of the serializer backend.
    - `columns`: names and types of columns that a storage with a schema keeps beside each activity, for queries of your own;
      see `columns_of`.
    - `kind`: `"flat"`, `"aggregated"` or `"notification"`, as the class that is subclassed has it.

    A feed object is immutable: `filter` and `order_by` return new ones.
    """

    name: ClassVar[str] = "feed"
    key_format: ClassVar[str] = "feed:%(user_id)s"
    max_length: int = 100
    timeline: ClassVar[str | None] = None
    activities: ClassVar[str | None] = SAME_AS_TIMELINE
    activity_namespace: ClassVar[str] = "activities"
    activity_class: ClassVar[type[Activity]] = Activity
    serializer: ClassVar[str] = "msgpack"
    columns: ClassVar[Mapping[str, str]] = {}
    kind: ClassVar[str] = "flat"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = feed_name(cls.__name__)
        elif not isinstance(cls.name, str):
            raise ArgumentError(f"{cls.__name__}.name must be a text, got {given(cls.name)}")
        if "key_format" not in cls.__dict__:
            cls.key_format = f"feed:{cls.name}:%(user_id)s"

    def __init__(self, user_id: Id, *, streams: Streams | None = None) -> None:
        """The feed of one user.

        :param user_id: the owner: int, str or UUID; 13 and "13" are the same.
        :param streams: the application whose storages are used; by default the one that the settings describe.
        :raises IdError: not an id.
        """
        self.user_id = user_id
        self._owner = encode_owner(user_id)
        self._streams = _default_unless(streams)
        self._binding = self._streams.bind(type(self))
        self.max_length = self._binding.spec.keep  # what the settings say wins over the class
        self._selection = WHOLE
        self._skip_broken = False

    @classmethod
    def columns_of(cls, activity: Any) -> Mapping[str, object]:
        """The values of the feed's `columns` for an activity; what is left out, or None, is not written.

        By default a column has the value of the activity's attribute of that name, such as a field of a custom class,
        or else of that key in its `extra_context`.
        """
        extra = activity.extra_context
        return {name: getattr(activity, name, extra.get(name)) for name in cls.columns}

    # --- reading ---

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """`feed[:25]`: a list of activities; `feed[0]`: one activity.

        A slice passes over entries whose activity was removed, so it may be shorter than asked for;
        `page` fills up and knows the end.

        :raises SliceError: a negative index or a step, or a single index past the end.
        :raises ActivityNotFound: the activity at a single index does not exist any more.
        """
        if isinstance(index, slice):
            start, stop = _bounds(index)
            if stop is not None and stop <= start:
                return []
            return self._binding.find(self._query(start, stop), skip_broken=self._skip_broken).activities
        return self._one(index)

    def __iter__(self) -> Iterator[Any]:
        """All activities, read in pages; what is added meanwhile does not shift them."""
        page = self.page(ITERATION_PAGE)
        yield from page
        while page.next_cursor is not None:
            page = self.page(ITERATION_PAGE, after=page.next_cursor)
            yield from page

    def page(self, size: int = 25, *, after: str | None = None) -> FeedPage:
        """Up to `size` activities after a cursor, and the cursor of the next page.

        The page is full unless the feed ends: it goes on past entries whose activity was removed.
        Following the cursors visits every activity exactly once, also when hundreds share a millisecond.

        :param after: `next_cursor` of the page before; None: from the start.
        :raises CursorError: a cursor that a feed of this class and order did not make.
        """
        return read_page(self._binding, self._owner, self._selection, size, after, skip_broken=self._skip_broken)

    def count(self) -> int:
        """How many entries the feed shows, within its filter."""
        return self._binding.count(self._query(0, None))

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        """A feed is true whether it has activities or not, so that testing for None does not ask the storage."""
        return True

    def index_of(self, activity: Activity | DehydratedActivity | int) -> int:
        """The position of an activity (or its id) in this feed, its filter and order.

        :raises NotInFeed: (a ValueError) the feed does not show it.
        """
        id = activity_id_of(activity)
        position = self._locate(id)
        if position is None:
            raise NotInFeed(
                f"activity {id} is not in feed {self.key!r}: feed.contains(activity) tells without an error"
            )
        return position

    def contains(self, activity: Activity | DehydratedActivity | int) -> bool:
        """Whether this feed shows an activity (or the one with this id)."""
        return self._locate(activity_id_of(activity)) is not None

    def __contains__(self, activity: Any) -> bool:
        return self.contains(activity)

    def filter(self, **conditions: Any) -> Self:
        """A feed that shows only activities with ids in a range; conditions add up.

        `activity_id__gt`, `activity_id__gte`, `activity_id__lt`, `activity_id__lte`: an id or an activity.

        :raises FilterError: another field, operator or value.
        """
        return self._selecting(self._selection.narrowed(conditions))

    def order_by(self, *orderings: str) -> Self:
        """A feed in another order: `'-activity_id'` newest first (the default), `'activity_id'` oldest first.

        :raises OrderingError: another ordering.
        """
        return self._selecting(self._selection.ordered(orderings))

    def skipping_broken(self) -> Self:
        """A feed whose reads pass over and count what cannot be decoded, instead of raising `DecodeError`."""
        feed = copy.copy(self)
        feed._skip_broken = True
        return feed

    @property
    def streams(self) -> Streams:
        """The application that this feed belongs to."""
        return self._streams

    @property
    def aio(self) -> AioFeed:
        """The methods of this feed for event loops: `await feed.aio[:25]`."""
        from streamfw_core.aio.feeds import AioFeed

        return AioFeed(self)

    @property
    def key(self) -> str:
        """The key of this feed, as `key_format` and the percent-encoded owner spell it."""
        return self._binding.spec.key(self._owner)

    # --- writing ---

    def add(self, activity: Activity) -> int | None:
        """Add an activity; adding it again changes nothing.

        :returns: how many were new: 1 or 0; None where the storage cannot know.
        :raises ActivityTypeError, EncodeError: before anything is written.
        """
        return self.add_many([activity])

    def add_many(self, activities: Iterable[Activity], batch_interface: object = None, trim: bool = True) -> int | None:
        """Add activities in one step; see `add`. Activities too old for a full feed are not kept and not counted.

        :param batch_interface: accepted for code that was written for Stream-Framework; without effect.
        :param trim: likewise.
        """
        binding, stamp = self._binding, next_stamp()
        encoded = binding.encode(_listed(activities))
        if not encoded:
            return 0
        binding.store(encoded, stamp)
        outcome = binding.write(
            Write([self._owner], puts=binding.entries(encoded, stamp)), report=self.listens_to_updates()
        )
        self._updated(outcome.changes, {activity.serialization_id: activity for activity, _ in encoded})
        binding.metrics.on_feed_write(type(self), len(encoded))
        return outcome.added

    def remove(self, activity: Activity | DehydratedActivity | int) -> int | None:
        """Take an activity (or the one with this id) out of this feed.

        A late or repeated delivery of what was added before does not bring it back; adding it anew does.

        :returns: how many are gone: 1 or 0; None where the storage cannot know.
        """
        return self.remove_many([activity])

    def remove_many(
        self,
        activities: Iterable[Activity | DehydratedActivity | int],
        batch_interface: object = None,
        trim: bool = True,
    ) -> int | None:
        """Take activities (or those with these ids) out of this feed in one step; see `remove`.

        :param batch_interface: accepted for code that was written for Stream-Framework; without effect.
        :param trim: likewise.
        """
        binding, stamp = self._binding, next_stamp()
        listed = _listed(activities)
        ids = [activity_id_of(activity) for activity in listed]
        if not ids:
            return 0
        known = {one.serialization_id: one for one in listed if isinstance(one, Activity)}
        removes = binding.removals(ids, stamp, known)
        outcome = binding.write(Write([self._owner], removes=removes), report=self.listens_to_updates())
        self._updated(outcome.changes, {})
        binding.metrics.on_feed_remove(type(self), len(removes))
        return outcome.removed

    def trim(self, length: int | None = None) -> None:
        """Keep only the newest `length` activities, by default `max_length`; 0 empties the feed."""
        keep = self._binding.spec.keep if length is None else length
        if not isinstance(keep, int) or isinstance(keep, bool) or keep < 0:
            raise SliceError(f"trim() takes a length of 0 or more, got {shown(length)}")
        self._binding.timelines.clear(self._binding.spec, [self._owner], keep=keep, stamp=next_stamp())

    def delete(self) -> None:
        """Empty the feed; a late delivery of what was published before does not refill it."""
        self.trim(0)

    def on_update_feed(self, new: Sequence[Activity], deleted: Sequence[int]) -> None:
        """Override to learn what really changed in this feed: new activities, and ids of those that are gone.

        It is called where the write happens, so for a fan-out in the worker, once per feed and batch.
        """

    # --- what concerns all feeds of the class ---

    @classmethod
    def binding(cls, streams: Streams | None = None) -> Binding:
        """Where and how the feeds of this class live in an application."""
        return _default_unless(streams).bind(cls)

    @classmethod
    def insert_activity(cls, activity: Activity, *, streams: Streams | None = None) -> None:
        """Store an activity so that timelines can refer to it; `add` and publishing do this themselves."""
        cls.insert_activities([activity], streams=streams)

    @classmethod
    def insert_activities(cls, activities: Iterable[Activity], *, streams: Streams | None = None) -> None:
        """Store activities so that timelines can refer to them."""
        binding = cls.binding(streams)
        binding.store(binding.encode(_listed(activities)), next_stamp())

    @classmethod
    def remove_activity(cls, activity: Activity | DehydratedActivity | int, *, streams: Streams | None = None) -> None:
        """Remove an activity (or the one with this id) from the activity storage: no feed that refers to it shows it."""
        cls.binding(streams).discard([activity_id_of(activity)], next_stamp())

    @classmethod
    def flush(cls, *, streams: Streams | None = None) -> None:
        """Delete the timelines of all users of this feed class; activities stay, as other feeds may refer to them."""
        binding = cls.binding(streams)
        binding.timelines.flush(binding.spec.namespace)

    @classmethod
    def listens_to_updates(cls) -> bool:
        """Whether `on_update_feed` is overridden, so that writes must find out what changed."""
        return cls.on_update_feed is not Feed.on_update_feed

    # --- inside ---

    def _query(self, start: int, stop: int | None) -> Query:
        lower, upper, oldest_first = self._selection
        return Query(self._owner, start, stop, lower, upper, oldest_first, self._binding.hydrate)

    def _one(self, index: int) -> Any:
        _check_index(index)
        found = self._binding.find(self._query(index, index + 1), skip_broken=self._skip_broken)
        if found.activities:
            return found.activities[0]
        if found.missing:
            raise not_found(self.key, found.missing[0])
        if found.broken:
            raise found.broken[0]
        raise SliceError(f"feed {self.key!r} has no activity at {shown(index)}: it shows {self.count()}")

    def _locate(self, id: int) -> int | None:
        return self._binding.locate(self._query(0, None), id)

    def _selecting(self, selection: Selection) -> Self:
        feed = copy.copy(self)
        feed._selection = selection
        return feed

    def _updated(self, changes: Any, activities: dict[int, Activity]) -> None:
        change = changes.get(self._owner)
        if change is not None:
            self.on_update_feed([activities[id] for id in change.added], list(change.removed))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.user_id!r})"


class UserBaseFeed(Feed):
    """What one user did: a feed that keeps up to a million activities."""

    name = "user"
    key_format = "user_feed:%(user_id)s"
    max_length = 1_000_000


def _default_unless(streams: Streams | None) -> Streams:
    if streams is not None:
        if not hasattr(streams, "bind"):
            raise ArgumentError(
                f"streams= takes a Streams object, got {given(streams)}: make one with Streams(settings),"
                " or leave it out for the default one"
            )
        return streams
    from streamfw_core.streams import default_streams

    return default_streams()


def feed_name(class_name: str, ending: str = "Feed") -> str:
    """`"UserPinFeed"` -> `"user_pin"`."""
    stem = class_name.removesuffix(ending) or class_name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem).lower()


def _bounds(index: slice) -> tuple[int, int | None]:
    if index.step is not None and index.step != 1:
        raise SliceError(f"feeds have no step ({shown(index.step)}): take feed[start:stop] and slice the list")
    start = 0 if index.start is None else index.start
    _check_index(start)
    if index.stop is not None:
        _check_index(index.stop)
    return start, index.stop


def _check_index(index: object) -> None:
    if type(index) is int and index >= 0:
        return
    if not isinstance(index, int) or isinstance(index, bool):
        raise ArgumentError(f"feeds are indexed by integers and slices of them, got {given(index)}")
    if index < 0:
        raise SliceError(
            f"feeds have no negative index ({shown(index)}), as that would need their length: use"
            " feed.order_by('activity_id')[...] to start from the oldest"
        )


def _listed(several: Any) -> list[Any]:
    if isinstance(several, str | bytes) or not isinstance(several, Iterable):
        raise ArgumentError(f"expected several activities, got {given(several)}: for one use add() or remove()")
    return list(several)

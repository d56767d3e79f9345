"""Putting a feed class together with what the settings of an application say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import frozen

from streamfw_core.activity import Activity
from streamfw_core.errors import ArgumentError, FeedConflict, Problem, SettingsError, given, shown
from streamfw_core.feeds.binding import Binding
from streamfw_core.feeds.feed import SAME_AS_TIMELINE, Feed, feed_name
from streamfw_core.keys import KeyFormat
from streamfw_core.plugins.kinds import Kind
from streamfw_core.plugins.suggest import did_you_mean
from streamfw_core.settings.model import FeedSettings
from streamfw_core.storage.columns import check_columns
from streamfw_core.storage.protocol import FeedSpec, Scope, Storage

if TYPE_CHECKING:
    from streamfw_core.aggregators import BaseAggregator
    from streamfw_core.feeds.aggregated import AggregatedFeed
    from streamfw_core.queues.protocol import TaskQueue
    from streamfw_core.serializers import Serializer
    from streamfw_core.streams import Streams

__all__ = ["Assembly", "check_apart", "check_outbox", "check_scopes"]

T = TypeVar("T")


@frozen
class Assembly:
    """Makes the binding of one feed class; what the settings say wins over the class."""

    streams: Streams
    feed_class: type[Feed]
    said: FeedSettings

    @classmethod
    def of(cls, streams: Streams, feed_class: type[Feed]) -> Assembly:
        _check_class(feed_class)
        _check_key(streams.settings.feeds, feed_class)
        return cls(streams, feed_class, streams.settings.feeds.get(feed_class.name, FeedSettings(feed_class.name)))

    def bind(self) -> Binding:
        """The binding.

        :raises SettingsError: the settings do not say where the feed lives, or something that cannot be.
        """
        feed_class = self.feed_class
        timelines, activities = self._storages()
        parts: dict[str, Any] = {
            "feed_class": feed_class,
            "timelines": timelines,
            "activities": activities,
            "records": feed_class.activity_namespace,
            "serializer": self._serializer(),
            "metrics": self.streams.reporting,
        }
        spec = FeedSpec(
            feed_class.name,
            self._key_format(),
            self._length(timelines),
            kind=feed_class.kind,
            inline=activities is None,
            columns=self._columns(timelines),
        )
        if feed_class.kind == "flat":
            for key in ("aggregator", "time_zone"):
                if getattr(self.said, key) is not None:
                    raise self._wrong(
                        key, f"{feed_class.__name__} is a flat feed and has no groups", "subclass AggregatedFeed"
                    )
            return Binding(spec=spec, **parts)
        return self._grouped(spec, parts)

    def _grouped(self, spec: FeedSpec, parts: dict[str, Any]) -> Binding:
        from attrs import evolve

        from streamfw_core.feeds.grouped import GroupedBinding

        feed_class = cast("type[AggregatedFeed]", self.feed_class)
        aggregator = self._aggregator(feed_class)
        timelines: Storage = parts.pop("timelines")
        exact = timelines.capabilities.exact_members
        if aggregator.overrides_merge and not (exact and timelines.capabilities.cas):
            raise self._wrong(
                "aggregator",
                f"{type(aggregator).__name__} overrides merge, and storage {timelines.name!r} cannot swap (capability cas)",
                "use a storage that can, or an aggregator that only defines get_group",
            )
        if not exact:
            from streamfw_core.storage.flat_groups import GroupsOnFlat

            timelines = GroupsOnFlat(timelines)
            exact = feed_class.exact_members
        spec = evolve(
            spec,
            view=feed_class.aggregated_activity_class.max_aggregated_activities_length,
            exact_members=min(feed_class.exact_members, exact),
        )
        return GroupedBinding(spec=spec, timelines=timelines, aggregator=aggregator, **parts)

    def _storages(self) -> tuple[Storage, Storage | None]:
        """Of the timelines, and of the activities unless these are kept inline."""
        timeline = self.said.timeline or self.feed_class.timeline or self.streams.settings.default_storage
        if timeline is None:
            known = ", ".join(sorted(self.streams.settings.storages))
            hint = f"name one of {known}, or name one of them 'default'"
            raise self._wrong("timeline", "no storage is named, and none is the default", hint)
        activities = self.feed_class.activities
        if isinstance(self.said.activities, str | None):
            activities = self.said.activities
        if activities == SAME_AS_TIMELINE:
            activities = timeline
        return self._storage("timeline", timeline), None if activities is None else self._storage(
            "activities", activities
        )

    def _storage(self, key: str, name: str) -> Storage:
        known = sorted(self.streams.settings.storages)
        if name not in known:
            message = f"there is no storage {shown(name)}, which {self.feed_class.__name__}.{key} names"
            raise self._wrong(key, message, did_you_mean(name, known) or f"there are: {', '.join(known)}")
        return self.streams.storage(name)

    def _key_format(self) -> KeyFormat:
        try:
            return KeyFormat(self.feed_class.key_format)
        except (ArgumentError, FeedConflict) as error:
            raise type(error)(f"{self.feed_class.__name__}.{error}") from None

    def _columns(self, timelines: Storage) -> Mapping[str, str]:
        columns = check_columns(self.feed_class.__name__, self.feed_class.columns)
        if columns and not timelines.capabilities.columns:
            message = f"{self.feed_class.__name__} declares columns, and storage {timelines.name!r} has none"
            raise self._wrong("timeline", message, "name a storage with a schema, or leave columns out")
        return columns

    def _length(self, timelines: Storage) -> int:
        length: Any = self.feed_class.max_length if self.said.max_length is None else self.said.max_length
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            message = f"{self.feed_class.__name__}.max_length is {shown(length)}"
            raise self._wrong("max_length", message, "it must be an integer of 1 or more")
        limit = timelines.capabilities.max_timeline
        if limit is not None and length > limit:
            message = f"{length} is more than storage {timelines.name!r} bears"
            raise self._wrong("max_length", message, f"at most {limit}")
        return length

    def _serializer(self) -> Serializer:
        return self.streams.serializer(
            self.said.serializer or self.feed_class.serializer, self.feed_class.activity_class
        )

    def _aggregator(self, feed_class: type[AggregatedFeed]) -> BaseAggregator:
        from streamfw_core.aggregators import BaseAggregator

        if self.said.aggregator is None and feed_class.aggregator_class is not None:
            made: Any = feed_class.aggregator_class
        else:
            made = self.streams.plugins.load(Kind.AGGREGATOR, self.said.aggregator or feed_class.aggregator)
        classes = (feed_class.aggregated_activity_class, feed_class.activity_class)
        # An aggregator with an __init__ of its own need not know of options that nobody gave.
        options = [] if self.said.time_zone is None else [{"time_zone": self.said.time_zone}]
        try:
            aggregator: Any = made(*classes, *options)
        except SettingsError as error:
            # It knows its options, and not whose it is.
            of_feed = f"feeds.{self.feed_class.name}."
            raise SettingsError(
                [one._replace(path=re.sub(r"^aggregator\.", of_feed, one.path)) for one in error.problems]
            ) from None
        if not isinstance(aggregator, BaseAggregator):
            raise self._wrong(
                "aggregator",
                f"{path_of(made)} makes {aggregator!r}, which is no aggregator",
                "subclass streamfw_core.BaseAggregator and define get_group",
            )
        return aggregator

    def _wrong(self, key: str, message: str, hint: str) -> SettingsError:
        return SettingsError([Problem(f"feeds.{self.feed_class.name}.{key}", message, hint)])


def _check_class(feed_class: Any) -> None:
    """Refuse attributes of a kind that they cannot be.

    :raises ArgumentError: no feed class, or one of its attributes is wrong.
    """
    if not issubclass(feed_class, Feed):
        raise ArgumentError(f"a subclass of Feed is expected, got {given(feed_class)}")
    name = feed_class.__name__
    for attribute in ("name", "activity_namespace", "serializer", "timeline", "activities"):
        value = getattr(feed_class, attribute)
        if value is None and attribute in {"timeline", "activities"}:
            continue
        if not isinstance(value, str) or not value or not value.isprintable():
            raise ArgumentError(f"{name}.{attribute} must be a text that can be printed, got {given(value)}")
    if not (isinstance(feed_class.activity_class, type) and issubclass(feed_class.activity_class, Activity)):
        got = given(feed_class.activity_class)
        raise ArgumentError(f"{name}.activity_class must be Activity or a subclass of it, got {got}")


def _check_key(described: Mapping[str, FeedSettings], feed_class: type[Feed]) -> None:
    """Refuse settings of a feed under the name of its class, which would do nothing.

    :raises SettingsError: there are such.
    """
    called, name = feed_class.__name__, feed_class.name
    if called in described and called != name and called != feed_name(called):
        message = f"the name of the feed class {path_of(feed_class)} is {name!r}"
        raise SettingsError([Problem(f"feeds.{called}", message, f"did you mean {name!r}?")])


def check_scopes(binding: Binding, queue: TaskQueue) -> None:
    """A storage that only this process sees is of no use to workers in other processes.

    :raises SettingsError: the feed is in such a storage, and the queue is executed in others.
    """
    if queue.scope is not Scope.SHARED:
        return
    storages = {storage.name: storage for storage in (binding.timelines, binding.activities) if storage is not None}
    problems = [
        Problem(
            f"feeds.{binding.spec.name}",
            f"storage {name!r} exists only in this process, and task queue {queue.name!r} runs in others",
            "use a storage that all processes share, or the task queue 'inline' or 'threads'",
        )
        for name, storage in storages.items()
        if storage.capabilities.scope is Scope.PROCESS
    ]
    if problems:
        raise SettingsError(problems)


def check_outbox(storage: Storage, queue: TaskQueue) -> None:
    """An outbox that only this process sees could be swept by no other, and is gone with what it is to survive.

    :raises SettingsError: it is, and the queue is executed in others.
    """
    if storage.capabilities.scope is Scope.PROCESS and queue.scope is Scope.SHARED:
        message = f"storage {storage.name!r} exists only in this process, so nothing in it outlives the process"
        raise SettingsError([Problem("task_queue.outbox", message, "name a storage on a server")])


def check_apart(one: Binding, other: Binding) -> None:
    """Two feed classes of an application must not share what tells them apart.

    :raises FeedConflict: they do.
    """
    classes = f"{path_of(one.feed_class)} and {path_of(other.feed_class)}"
    if one.spec.name == other.spec.name:
        raise FeedConflict(f"{classes} are both named {one.spec.name!r}: set name = '...' on one of them")
    if one.timelines.name == other.timelines.name and one.spec.key_format.clashes(other.spec.key_format):
        raise FeedConflict(
            f"{classes} could share a key on storage {one.timelines.name!r}: key_format {one.spec.key_format.text!r} and"
            f" {other.spec.key_format.text!r} meet for some owners; set key_format on one of them, such as"
            f" 'feed:{one.spec.name}:%(user_id)s'"
        )
    shared = one.activities if one.activities is other.activities and one.records == other.records else None
    if shared is not None and one.serializer is not other.serializer:
        raise FeedConflict(
            f"{classes} share the activity namespace {one.records!r} on storage {shared.name!r}, but keep other"
            f" activities in it ({_kept(one, other)}): {_forgotten(one, other)}set activity_namespace = '...' on one of them"
        )
    for feed, records in ((one, other), (other, one)):
        if (
            records.activities is not None
            and records.activities.name == feed.timelines.name
            and records.records == feed.spec.namespace
        ):
            raise FeedConflict(f"{classes}: activity_namespace {records.records!r} is the key_format of the other")


def same_class(one: type[Feed], other: type[Feed]) -> bool:
    """Whether one is the other, defined again by a module that was reloaded."""
    return path_of(one) == path_of(other) and (one.name, one.key_format) == (other.name, other.key_format)


def path_of(cls: type) -> str:
    """How messages name a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _kept(one: Binding, other: Binding) -> str:
    """What each keeps, and how where that differs."""
    by = type(one.serializer) is not type(other.serializer)
    return " and ".join(
        f"{binding.feed_class.activity_class.__name__}{f' by {type(binding.serializer).__name__}' if by else ''}"
        for binding in (one, other)
    )


def _forgotten(one: Binding, other: Binding) -> str:
    """What to do first: that a feed class has the default class of activities is mostly an oversight."""
    for plain, own in ((one, other), (other, one)):
        kept = own.feed_class.activity_class
        if plain.feed_class.activity_class is Activity and kept is not Activity:
            return f"set activity_class = {kept.__name__} on {plain.feed_class.__name__}, or "
    return ""

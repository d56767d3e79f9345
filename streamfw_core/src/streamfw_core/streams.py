"""The application object: settings, plugins, storages, managers and the task queue of one program.

State lives here and nowhere else, so that tests and multi-tenant programs make their own.
`default_streams()` makes one from the settings when the first feed or manager without its own is used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from streamfw_core.errors import DuplicateManager, FeedConflict, ManagerNotFound, Problem, SettingsError
from streamfw_core.feeds.binding import Binding
from streamfw_core.feeds.feed import SAME_AS_TIMELINE, Feed
from streamfw_core.keys import KeyFormat
from streamfw_core.storage.protocol import FeedSpec, Scope, Storage

if TYPE_CHECKING:
    from streamfw_core.manager import Manager
    from streamfw_core.metrics import Metrics
    from streamfw_core.plugins import Plugins
    from streamfw_core.queues.protocol import TaskQueue
    from streamfw_core.serializers import Serializer
    from streamfw_core.settings import Settings

logger = logging.getLogger(__name__)

__all__ = ["Streams", "default_streams", "set_default_streams"]


class Streams:
    """One application's feeds.

    ```python
    streams = Streams({"feeds": {"pin": {"max_length": 500}}})
    PinFeed(13, streams=streams).add(activity)
    ```

    :param settings: a mapping, a Django settings object, a Flask app, a resolved `Settings`;
        None: what the environment names, else the embedded defaults.
    :param plugins: the plugins to use; by default those that are installed.
    :raises SettingsError: with every problem at once.

    Nothing is imported or connected before it is used.
    """

    def __init__(self, settings: object = None, *, plugins: Plugins | None = None) -> None:
        from streamfw_core.plugins import Plugins
        from streamfw_core.settings import Settings, resolve

        self.settings: Settings = settings if isinstance(settings, Settings) else resolve(settings)
        self.plugins = Plugins() if plugins is None else plugins
        # Reentrant: making a manager from the settings may bind feeds and use storages.
        self._lock = threading.RLock()
        self._storages: dict[str, Storage] = {}
        self._serializers: dict[tuple[str, type], Serializer] = {}
        self._bindings: dict[type[Feed], Binding] = {}
        self._managers: dict[str, Manager] = {}
        self._queue: TaskQueue | None = None
        self._metrics: Metrics | None = None

    # --- what the settings describe ---

    def storage(self, name: str) -> Storage:
        """The storage instance of this name; feeds that name the same one share it.

        :raises SettingsError: the settings have none.
        """
        from streamfw_core.settings.model import TOMBSTONE_TTL

        with self._lock:
            if name not in self._storages:
                described = self.settings.storages.get(name)
                if described is None:
                    known = ", ".join(sorted(self.settings.storages))
                    raise SettingsError([Problem("storages", f"there is no storage {name!r}", f"there are: {known}")])
                kind = _kind("storage")
                backend = (
                    self.plugins.find(kind, described.backend)
                    if described.scheme is None
                    else self.plugins.for_scheme(kind, described.scheme)
                )
                storage: Storage = self.plugins.load_backend(backend)(name, described.options)
                if self.settings.tombstone_ttl != TOMBSTONE_TTL and "tombstone_ttl" not in described.options:
                    storage.tombstone_ttl = self.settings.tombstone_ttl
                self._storages[name] = storage
            return self._storages[name]

    @property
    def queue(self) -> TaskQueue:
        """The task queue."""
        with self._lock:
            if self._queue is None:
                described = self.settings.task_queue
                queue: TaskQueue = self.plugins.load(_kind("task_queue"), described.backend)(
                    described.backend, described.options
                )
                queue.bind(self.execute)
                self._queue = queue
                for binding in self._bindings.values():
                    self._check_scopes(binding)
            return self._queue

    @property
    def metrics(self) -> Metrics:
        """Where counts and timings go."""
        with self._lock:
            if self._metrics is None:
                described = self.settings.metrics
                if described is None:
                    from streamfw_core.metrics import NoMetrics

                    self._metrics = NoMetrics()
                else:
                    factory = self.plugins.load(_kind("metrics"), described.backend)
                    self._metrics = factory(described.backend, described.options)
            return self._metrics

    # --- feeds ---

    def bind(self, feed_class: type[Feed]) -> Binding:
        """Where and how the feeds of a class live in this application.

        :raises FeedConflict: it would share a name, a key or an activity namespace with another class.
        :raises SettingsError: the settings do not say where.
        """
        binding = self._bindings.get(feed_class)
        if binding is not None:
            return binding
        with self._lock:
            if feed_class not in self._bindings:
                made = self._make_binding(feed_class)
                for other in [*self._bindings]:
                    if _same_class(other, feed_class):
                        # The module was reloaded: the new class takes the place of the old one.
                        del self._bindings[other]
                for present in self._bindings.values():
                    _check_apart(made, present)
                if self._queue is not None:
                    self._check_scopes(made)
                self._bindings = {**self._bindings, feed_class: made}
            return self._bindings[feed_class]

    def prepare(self, *feed_classes: type[Feed]) -> None:
        """Make the schema of these feed classes, where their storages have one; may be repeated."""
        by_storage: dict[str, list[FeedSpec]] = {}
        for feed_class in feed_classes:
            binding = self.bind(feed_class)
            by_storage.setdefault(binding.timelines.name, []).append(binding.spec)
        for name, specs in by_storage.items():
            self.storage(name).prepare(specs)

    # --- managers ---

    def manager(self, name: str) -> Manager:
        """The manager of this name: one that was used in this process, or one that the settings list.

        :raises ManagerNotFound: there is none.
        """
        with self._lock:
            manager = self._managers.get(name)
            if manager is None:
                path = self.settings.managers.get(name)
                if path is None:
                    known = ", ".join(sorted({*self._managers, *self.settings.managers})) or "none"
                    raise ManagerNotFound(
                        f"no manager is named {name!r} (known: {known}): list it in the settings,"
                        f' "managers": {{"{name}": "myapp.feeds:MyManager"}}'
                    )
                manager = self._managers[name] = _import_manager(name, path)(streams=self, name=name)
            return manager

    def register_manager(self, manager: Manager) -> None:
        """Make a manager known under its name; managers do this themselves at their first use.

        :raises DuplicateManager: another class has this name.
        :raises FeedConflict: two of its feed classes have one name.
        """
        name = self.manager_name(manager)
        with self._lock:
            present = self._managers.get(name)
            if present is not None and _path(type(present)) != _path(type(manager)):
                raise DuplicateManager(
                    f"manager name {name!r} of {_path(type(manager))} is taken by {_path(type(present))}:"
                    " give one of them a name of its own"
                )
            self._managers[name] = manager
        for feed_class in (manager.user_feed_class, *manager.feed_classes.values()):
            self.bind(feed_class)

    def manager_name(self, manager: Manager) -> str:
        """The name under which messages name a manager: given, or that of its class in the settings, or the class's own."""
        if manager.given_name is not None:
            return manager.given_name
        path = f"{type(manager).__module__}:{type(manager).__qualname__}"
        for name, listed in self.settings.managers.items():
            if listed == path:
                return name
        return type(manager).name

    # --- work ---

    def execute(self, message: bytes) -> None:
        """Do what a task message asks for: what every worker calls. See `streamfw_core.fanout`."""
        from streamfw_core.fanout import execute

        execute(self, message)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call a lifecycle hook of the plugins, once per batch.

        It comes after the fact, so what a plugin raises is logged: it must not look as if the fact were not one.
        """
        if not self.plugins.has_hook(hook):
            return
        try:
            getattr(self.plugins.hook, hook)(streams=self, **arguments)
        except Exception:
            logger.exception("a plugin's %s failed", hook)

    def drain(self, timeout: float | None = None) -> None:
        """Wait until the background work that was enqueued in this process is done; raise what failed for good."""
        if self._queue is not None:
            self._queue.drain(timeout)

    def close(self) -> None:
        """Finish the background work and give up all connections."""
        with self._lock:
            queue, storages = self._queue, [*self._storages.values()]
        try:
            if queue is not None:
                queue.close()
        finally:
            for storage in storages:
                storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ---

    def _make_binding(self, feed_class: type[Feed]) -> Binding:
        configured = self.settings.feeds.get(feed_class.name)
        path = f"feeds.{feed_class.name}"
        timeline = (configured and configured.timeline) or feed_class.timeline or self.settings.default_storage
        if timeline is None:
            known = ", ".join(sorted(self.settings.storages))
            raise SettingsError(
                [
                    Problem(
                        f"{path}.timeline",
                        "no storage is named, and none is the default",
                        f"name one of {known}, or name one of them 'default'",
                    )
                ]
            )
        activities = feed_class.activities
        if configured is not None and isinstance(configured.activities, str | None):
            activities = configured.activities
        if activities == SAME_AS_TIMELINE:
            activities = timeline
        length = (
            configured.max_length
            if configured is not None and configured.max_length is not None
            else feed_class.max_length
        )
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise SettingsError(
                [
                    Problem(
                        f"{path}.max_length",
                        f"{feed_class.__name__}.max_length is {length!r}",
                        "an integer of 1 or more",
                    )
                ]
            )
        timelines = self.storage(timeline)
        limit = timelines.capabilities.max_timeline
        if limit is not None and length > limit:
            raise SettingsError(
                [Problem(f"{path}.max_length", f"{length} is more than storage {timeline!r} bears", f"at most {limit}")]
            )
        return Binding(
            feed_class=feed_class,
            spec=FeedSpec(feed_class.name, KeyFormat(feed_class.key_format), length, inline=activities is None),
            timelines=timelines,
            activities=None if activities is None else self.storage(activities),
            records=feed_class.activity_namespace,
            serializer=self._serializer((configured and configured.serializer) or feed_class.serializer, feed_class),
            metrics=self.metrics,
        )

    def _serializer(self, name: str, feed_class: type[Feed]) -> Serializer:
        key = (name, feed_class.activity_class)
        if key not in self._serializers:
            self._serializers[key] = self.plugins.load(_kind("serializer"), name)(feed_class.activity_class, {})
        return self._serializers[key]

    def _check_scopes(self, binding: Binding) -> None:
        """A storage that only this process sees is of no use to workers in other processes."""
        if self._queue is None or self._queue.scope is not Scope.SHARED:
            return
        problems = [
            Problem(
                f"feeds.{binding.spec.name}",
                f"storage {storage.name!r} exists only in this process, and task queue {self._queue.name!r} runs in others",
                "use a storage that all processes share, or the task queue 'inline' or 'threads'",
            )
            for storage in {binding.timelines.name: binding.timelines, **_named(binding.activities)}.values()
            if storage.capabilities.scope is Scope.PROCESS
        ]
        if problems:
            raise SettingsError(problems)


def _import_manager(name: str, path: str) -> Any:
    """The class of a manager that the settings list.

    :raises ManagerNotFound: it cannot be imported.
    """
    module, _, attribute = path.partition(":")
    try:
        return attrgetter(attribute)(import_module(module))
    except Exception as error:
        raise ManagerNotFound(
            f"manager {name!r} is listed in the settings as {path!r}, which cannot be imported: {error!r};"
            ' managers.<name> is a path such as "myapp.feeds:MyManager"'
        ) from error


def _check_apart(one: Binding, other: Binding) -> None:
    """Two feed classes of an application must not share what tells them apart.

    :raises FeedConflict: they do.
    """
    classes = f"{_path(one.feed_class)} and {_path(other.feed_class)}"
    if one.spec.name == other.spec.name:
        raise FeedConflict(f"{classes} are both named {one.spec.name!r}: set name = '...' on one of them")
    if one.timelines is other.timelines and one.spec.key_format.clashes(other.spec.key_format):
        raise FeedConflict(
            f"{classes} could share a key on storage {one.timelines.name!r}: key_format {one.spec.key_format.text!r} and"
            f" {other.spec.key_format.text!r} meet for some owners; set key_format on one of them, such as"
            f" 'feed:{one.spec.name}:%(user_id)s'"
        )
    shared = one.activities if one.activities is other.activities and one.records == other.records else None
    if shared is not None and one.serializer is not other.serializer:
        raise FeedConflict(
            f"{classes} share the activity namespace {one.records!r} on storage {shared.name!r}, but keep"
            f" other activities in it ({_kept(one)} and {_kept(other)}): set activity_namespace = '...' on one of them"
        )
    for feed, records in ((one, other), (other, one)):
        if records.activities is feed.timelines and records.records == feed.spec.namespace:
            raise FeedConflict(f"{classes}: activity_namespace {records.records!r} is the key_format of the other")


def _kept(binding: Binding) -> str:
    return f"{binding.feed_class.activity_class.__name__} by {type(binding.serializer).__name__}"


def _named(storage: Storage | None) -> Mapping[str, Storage]:
    return {} if storage is None else {storage.name: storage}


def _same_class(one: type[Feed], other: type[Feed]) -> bool:
    return _path(one) == _path(other) and (one.name, one.key_format) == (other.name, other.key_format)


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _kind(name: str) -> Any:
    from streamfw_core.plugins import Kind

    return Kind(name)


_default: Streams | None = None
_default_lock = threading.Lock()


def default_streams() -> Streams:
    """The application that feeds and managers without their own use, made from the settings at the first call."""
    global _default  # noqa: PLW0603  # the one piece of state outside an application: which one is the default
    with _default_lock:
        if _default is None:
            _default = Streams()
        return _default


def set_default_streams(streams: Streams | None) -> None:
    """Make an application the default one; None: the next use makes one from the settings again."""
    global _default  # noqa: PLW0603  # the one piece of state outside an application: which one is the default
    with _default_lock:
        _default = streams

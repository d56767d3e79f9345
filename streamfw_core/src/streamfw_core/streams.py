"""The application object: settings, plugins, storages, managers and the task queue of one program.

State lives here and nowhere else, so that tests and multi-tenant programs make their own.
`default_streams()` makes one from the settings when the first feed or manager without its own is used;
within `as_default()` of an application, that one is used instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self, cast

from streamfw_core.errors import ArgumentError, DuplicateManager, ManagerNotFound, Problem, SettingsError, given, shown
from streamfw_core.feeds.assembling import Assembly, check_apart, check_outbox, check_scopes, path_of, same_class
from streamfw_core.feeds.binding import Binding
from streamfw_core.feeds.feed import Feed
from streamfw_core.settings.masking import mask_text
from streamfw_core.storage.protocol import FeedSpec, SchemaStorage, Storage

if TYPE_CHECKING:
    from streamfw_core.activity import Activity
    from streamfw_core.aio.applications import AioStreams
    from streamfw_core.manager import Manager
    from streamfw_core.metrics import Metrics
    from streamfw_core.outbox import Outbox
    from streamfw_core.plugins import Plugins
    from streamfw_core.queues.protocol import FanoutPriority, TaskQueue
    from streamfw_core.serializers import Serializer
    from streamfw_core.settings import Settings

logger = logging.getLogger(__name__)

CANARY = "streamfw.canary"
"""What the names of the managers begin with that `streamfw doctor` publishes through."""

__all__ = ["Streams", "default_streams", "set_default_factory", "set_default_streams"]


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
        self._outbox: Outbox | None = None
        self._metrics: Metrics | None = None
        self._reporting: Metrics | None = None

    # --- what the settings describe ---

    def storage(self, name: str) -> Storage:
        """The storage instance of this name; feeds that name the same one share it.

        :raises SettingsError: the settings have none.
        """
        from streamfw_core.settings.model import TOMBSTONE_TTL

        if not isinstance(name, str):
            raise ArgumentError(f"storage() takes the name of a storage, got {given(name)}")
        with self._lock:
            if name not in self._storages:
                described = self.settings.storages.get(name)
                if described is None:
                    known = ", ".join(sorted(self.settings.storages))
                    raise SettingsError(
                        [Problem("storages", f"there is no storage {shown(name)}", f"there are: {known}")]
                    )
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
                queue.bind(self.execute, self.given_up)
                self._queue = queue
                for binding in self._bindings.values():
                    check_scopes(binding, queue)
            return self._queue

    @property
    def outbox(self) -> Outbox | None:
        """Where messages are kept until the task queue has them; None unless the settings name a storage for them.

        :raises SettingsError: the storage would not outlive the process.
        """
        name = self.settings.task_queue.outbox
        if name is None:
            return None
        with self._lock:
            if self._outbox is None:
                from streamfw_core.outbox import Outbox

                storage = self.storage(name)
                check_outbox(storage, self.queue)
                self._outbox = Outbox(storage)
            return self._outbox

    @property
    def metrics(self) -> Metrics:
        """Where counts and timings go: what the settings name, or several of them as one (`CompositeMetrics`)."""
        with self._lock:
            if self._metrics is None:
                from streamfw_core.metrics import CompositeMetrics, NoMetrics

                kind = _kind("metrics")
                made: list[Metrics] = [
                    self.plugins.load(kind, described.backend)(described.backend, described.options)
                    for described in self.settings.metrics
                ]
                self._metrics = made[0] if len(made) == 1 else CompositeMetrics(made) if made else NoMetrics()
            return self._metrics

    @property
    def reporting(self) -> Metrics:
        """The metrics as core tells them of its work: what they raise is logged, and reaches nobody."""
        if self._reporting is None:
            from streamfw_core.metrics import CompositeMetrics, NoMetrics

            metrics = self.metrics
            safe = type(metrics) in {CompositeMetrics, NoMetrics}
            self._reporting = metrics if safe else CompositeMetrics([metrics])
        return self._reporting

    # --- feeds ---

    def bind(self, feed_class: type[Feed]) -> Binding:
        """Where and how the feeds of a class live in this application.

        :raises FeedConflict: it would share a name, a key or an activity namespace with another class.
        :raises SettingsError: the settings do not say where.
        """
        if not isinstance(feed_class, type):
            raise ArgumentError(f"a subclass of Feed is expected, got {given(feed_class)}")
        binding = self._bindings.get(feed_class)
        if binding is not None:
            return binding
        with self._lock:
            if feed_class not in self._bindings:
                made = Assembly.of(self, feed_class).bind()
                for other in [*self._bindings]:
                    if same_class(other, feed_class):
                        # The module was reloaded: the new class takes the place of the old one.
                        del self._bindings[other]
                for present in self._bindings.values():
                    check_apart(made, present)
                if self._queue is not None:
                    check_scopes(made, self._queue)
                self._bindings = {**self._bindings, feed_class: made}
            return self._bindings[feed_class]

    def serializer(self, name: str, activity_class: type[Activity]) -> Serializer:
        """The serializer of this name for activities of a class; feeds that name the same one share it."""
        key = (name, activity_class)
        with self._lock:
            if key not in self._serializers:
                self._serializers[key] = self.plugins.load(_kind("serializer"), name)(activity_class, {})
            return self._serializers[key]

    def prepare(self, *feed_classes: type[Feed]) -> None:
        """Make the schema of these feed classes and of the outbox, where their storages have one; may be repeated."""
        for storage, specs in self._to_prepare(feed_classes):
            storage.prepare(specs)

    def plan(self, *feed_classes: type[Feed]) -> dict[str, list[str]]:
        """What `prepare` would do: storage -> statements, only of storages in which something is missing.

        :raises FeedConflict: what is there belongs to another feed class, or cannot become what a feed needs.
        """
        planned: dict[str, list[str]] = {}
        for storage, specs in self._to_prepare(feed_classes):
            if storage.capabilities.schema:
                steps = planned.setdefault(storage.name, [])
                steps += [step for step in cast("SchemaStorage", storage).plan_schema(specs) if step not in steps]
        return {name: steps for name, steps in planned.items() if steps}

    def _to_prepare(self, feed_classes: Iterable[type[Feed]]) -> list[tuple[Storage, list[FeedSpec]]]:
        """Storages, and the feeds that each has timelines of; none where it has only their activities."""
        # By identity: groups on flat timelines prepare other specs than the storage of the same name that they are on.
        by_storage: dict[int, tuple[Storage, list[FeedSpec]]] = {}
        for binding in map(self.bind, feed_classes):
            by_storage.setdefault(id(binding.timelines), (binding.timelines, []))[1].append(binding.spec)
            if binding.activities is not None:
                by_storage.setdefault(id(binding.activities), (binding.activities, []))
        if self.outbox is not None:
            by_storage.setdefault(id(self.outbox.storage), (self.outbox.storage, []))[1].append(self.outbox.spec)
        return [*by_storage.values()]

    # --- managers ---

    def manager(self, name: str) -> Manager:
        """The manager of this name: one that was used in this process, or one that the settings list.

        :raises ManagerNotFound: there is none.
        """
        if not isinstance(name, str):
            raise ArgumentError(f"manager() takes the name of a manager, got {given(name)}")
        with self._lock:
            manager = self._managers.get(name)
            if manager is None:
                path = self.settings.managers.get(name)
                if path is None and name.startswith(CANARY):
                    from streamfw_core.doctor.canary import canary_of

                    manager = self._managers[name] = canary_of(self, name)
                    return manager
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
            if present is not None and path_of(type(present)) != path_of(type(manager)):
                raise DuplicateManager(
                    f"manager name {name!r} of {path_of(type(manager))} is taken by {path_of(type(present))}:"
                    " set name = '...' on one of them"
                )
            # What is wrong with its feeds is found before anybody can find the manager.
            for feed_class in (manager.user_feed_class, *manager.feed_classes.values()):
                self.bind(feed_class)
            self._managers[name] = manager

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

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Hand a message to the task queue, through the outbox where there is one: what every publisher calls.

        :raises QueueUnavailable: the queue cannot be reached, and there is no outbox.
        """
        from streamfw_core.queues.sending import enqueue

        outbox = self.outbox
        if outbox is None:
            enqueue(self.queue, message, priority)
        else:
            outbox.send(self.queue, message, priority)

    def execute(self, message: bytes) -> None:
        """Do what a task message asks for: what every worker calls. See `streamfw_core.fanout`.

        What of the program is called meanwhile, such as `get_user_follower_ids`, finds this application as the default.
        """
        from streamfw_core.fanout import execute

        with self.as_default():
            execute(self, message)

    def execute_here(self, message: bytes) -> None:
        """`execute` for a caller who does not want to wait for a worker, as `async_=False` says."""
        self.execute(message)

    @contextmanager
    def as_default(self) -> Iterator[Self]:
        """Make this application the default one within a `with`, in this thread or task only.

        Feeds and managers that have no application of their own use it, whatever the default of the process is:
        so several applications are used side by side, one for each tenant for instance.
        """
        token = _active.set(self)
        try:
            yield self
        finally:
            _active.reset(token)

    def given_up(self, reason: str) -> None:
        """Tell the metrics that a task message was given up: what task queues call, once for each.

        What that raises is logged: the message is among the dead letters, and its queue must be done with it.
        """
        try:
            self.reporting.on_dead_letter(mask_text(reason))
        except Exception:  # of metrics that cannot even be made
            logger.exception("the metrics were not told of a message that was given up")

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
            if self._metrics is not None:
                self.reporting.close()

    @property
    def aio(self) -> AioStreams:
        """What an event loop awaits: `async with Streams(settings).aio as streams`."""
        from streamfw_core.aio.applications import AioStreams

        return AioStreams(self)

    def __repr__(self) -> str:
        """Which backends it uses, and where that is from; no options, as there may be passwords in them."""
        settings = self.settings
        storages = ", ".join(f"{name} ({storage.backend})" for name, storage in settings.storages.items())
        origins = ", ".join(sorted({*settings.origins.values()} - {"default"})) or "defaults"
        return f"<Streams: storages {storages}; task queue {settings.task_queue.backend}; settings from {origins}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _import_manager(name: str, path: str) -> type[Manager]:
    """The class of a manager that the settings list.

    :raises ManagerNotFound: it cannot be imported, or is none.
    """
    from streamfw_core.manager import Manager

    module, _, attribute = path.partition(":")
    try:
        found = attrgetter(attribute)(import_module(module))
    except Exception as error:
        raise ManagerNotFound(
            f"manager {name!r} is listed in the settings as {path!r}, which cannot be imported: {error!r};"
            ' managers.<name> is a path such as "myapp.feeds:MyManager"'
        ) from error
    if isinstance(found, type) and issubclass(found, Manager):
        return found
    raise ManagerNotFound(
        f"manager {name!r} is listed in the settings as {path!r}, which is not a Manager but {given(found)};"
        " name a subclass of streamfw_core.Manager, not an object of it"
    )


def _kind(name: str) -> Any:
    from streamfw_core.plugins import Kind

    return Kind(name)


_active: ContextVar[Streams | None] = ContextVar("streamfw_active", default=None)
_default: Streams | None = None
_make_default: Callable[[], Streams] = Streams
_default_lock = threading.Lock()


def default_streams() -> Streams:
    """The application that feeds and managers without their own use.

    The one whose `as_default()` has been entered; else that of the process, made from the settings at the first call.
    """
    active = _active.get()
    if active is not None:
        return active
    global _default  # noqa: PLW0603  # the one piece of state outside an application: which one is the default
    with _default_lock:
        if _default is None:
            _default = _make_default()
        return _default


def set_default_streams(streams: Streams | None) -> Streams | None:
    """Make an application the default one of the process; None: the next use makes one from the settings again.

    :returns: the one that was it before, if there was one.
    """
    global _default
    with _default_lock:
        before, _default = _default, streams
        return before


def set_default_factory(make: Callable[[], Streams] | None) -> None:
    """Say what makes the default application when there is none; None: the settings alone do.

    For frameworks that know more of a program than its settings say, such as which managers its apps have.
    """
    global _make_default  # noqa: PLW0603  # the same
    with _default_lock:
        _make_default = Streams if make is None else make

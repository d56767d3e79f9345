"""Everything that a plugin can do: the table of contents.

A plugin is an installed distribution with an entry point of the group `streamfw`:
its name is the plugin's name, and its value is a module with some of the hooks below.

```toml
[project.entry-points.streamfw]
mydb = "streamfw_mydb.plugin"
```

First the hooks that offer backends, one per kind of backend.
They are called when a backend is looked for; all they do is to say names and targets, as text,
so that no driver is imported before its backend is used.
Then the hooks of what happens to activities, in the order in which they fire.
A hook takes as many of the arguments as it likes, by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from streamfw_core.activity import BaseActivity
    from streamfw_core.feeds.feed import Feed
    from streamfw_core.ids import Id
    from streamfw_core.manager import Manager
    from streamfw_core.streams import Streams

__all__ = [
    "PROJECT",
    "Register",
    "hookimpl",
    "streamfw_activity_published",
    "streamfw_activity_removed",
    "streamfw_feeds_updated",
    "streamfw_notifications_changed",
    "streamfw_register_aggregators",
    "streamfw_register_metrics",
    "streamfw_register_serializers",
    "streamfw_register_storages",
    "streamfw_register_task_queues",
]

PROJECT = "streamfw"
"""The group of entry points, and the name of the project to pluggy."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""


class Register(Protocol):
    """What a plugin calls, once per backend that it offers."""

    def __call__(
        self,
        name: str,
        target: str,
        *,
        summary: str = "",
        schemes: Iterable[str] = (),
    ) -> None:
        """Offer a backend.

        :param name: what settings call it: lower-case letters, digits, `-` and `_`.
        :param target: `module:Class`, imported when the backend is first used.
        :param summary: one line for `streamfw plugins`.
        :param schemes: further URL schemes that mean this backend; its name is one without being listed.
        """


# --- backends -----------------------------------------------------------------------------------------------


@hookspec
def streamfw_register_storages(register: Register) -> None:
    """Offer storages: where timelines and activities are kept.

    The target is called with the storage's name in the settings and its options, and returns a
    `streamfw_core.storage.Storage`.
    It must not connect yet; the first use does.

    ```python
    # streamfw_mydb/plugin.py
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_register_storages(register):
        register("mydb", "streamfw_mydb.storage:MyStorage", summary="Feeds in MyDB", schemes=("mydbs",))


    # streamfw_mydb/storage.py
    import attrs
    from streamfw_core.settings import structure_options


    @attrs.frozen
    class MyOptions:
        url: str
        pool_size: int = 10


    class MyStorage:
        def __init__(self, name, options):
            self.name = name
            self.options = structure_options(MyOptions, options, f"storages.{name}.options")
        ...  # the methods of streamfw_core.storage.Storage
    ```

    :param register: called once per storage.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_register_serializers(register: Register) -> None:
    """Offer serializers: how an activity becomes bytes and comes back equal.

    The target is called with the feed's activity class and its options, and returns a serializer.
    It must never let the bytes choose a class or run code: no pickle.

    ```python
    # streamfw_protobuf/plugin.py
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_register_serializers(register):
        register("protobuf", "streamfw_protobuf.serializer:ProtobufSerializer", summary="Protocol buffers")


    # streamfw_protobuf/serializer.py
    class ProtobufSerializer:
        def __init__(self, activity_class, options):
            self.activity_class = activity_class

        def dumps(self, activity):
            ...  # returns bytes

        def loads(self, data, activity_id):
            ...  # returns an instance of self.activity_class
    ```

    :param register: called once per serializer.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_register_aggregators(register: Register) -> None:
    """Offer aggregators: which activities of an aggregated feed belong to one group, and how groups rank.

    The target is a subclass of `BaseAggregator`; a feed names it, in its class or in the settings, as its `aggregator`.

    ```python
    # streamfw_topics/plugin.py
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_register_aggregators(register):
        register("topic", "streamfw_topics.aggregator:TopicAggregator", summary="One group per topic and day")


    # streamfw_topics/aggregator.py
    from streamfw_core import BaseAggregator


    class TopicAggregator(BaseAggregator):
        def get_group(self, activity):
            return f"{activity.extra_context['topic']}-{self.day_of(activity)}"
    ```

    :param register: called once per aggregator.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_register_metrics(register: Register) -> None:
    """Offer metrics: where counters and timers of publishing, fan-out and reading go.

    The target is called with the name of the backend and its options, and returns a
    `streamfw_core.metrics.Metrics`.
    Its methods are called once per batch, and on the way of every read: they must not wait for a network.

    ```python
    # streamfw_graphite/plugin.py
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_register_metrics(register):
        register("graphite", "streamfw_graphite.metrics:GraphiteMetrics", summary="Counters in Graphite")


    # streamfw_graphite/metrics.py
    from streamfw_core.metrics import Metrics


    class GraphiteMetrics(Metrics):  # what is not overridden collects nothing
        def __init__(self, name, options):
            super().__init__(name, options)
            self.prefix = options.get("prefix", "streamfw")
    ```

    :param register: called once per metrics backend.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_register_task_queues(register: Register) -> None:
    """Offer task queues: who executes the messages of a fan-out, and where.

    The target is called with the name of the backend and its options, and returns a task queue.
    A message is JSON-compatible data; the queue carries it and never looks inside.

    ```python
    # streamfw_myqueue/plugin.py
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_register_task_queues(register):
        register("myqueue", "streamfw_myqueue.queue:MyQueue", summary="Fan-out in the workers of MyQueue")


    # streamfw_myqueue/queue.py
    class MyQueue:
        def __init__(self, name, options):
            self.options = options
        ...  # the methods of streamfw_core.queues.TaskQueue
    ```

    :param register: called once per task queue.

    .. versionadded:: 0.1
    """


# --- what happens to activities, in the order in which it does ----------------------------------------------


@hookspec
def streamfw_activity_published(streams: Streams, manager: Manager, activities: Sequence[BaseActivity]) -> None:
    """Activities were published, and their fan-out is certain.

    Fires in the publisher, once per call of the manager: not once per follower.

    ```python
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_activity_published(manager, activities):
        for activity in activities:
            print(f"{activity.actor_id} {activity.verb.past_tense} {activity.object_id}")
    ```

    :param streams: the application that the manager belongs to.
    :param manager: the manager that published.
    :param activities: what was published, at least one.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_activity_removed(streams: Streams, manager: Manager, activities: Sequence[int]) -> None:
    """Activities were removed: no feed that keeps references shows them any more.

    Fires in the process that removed them, once per call of the manager.

    ```python
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_activity_removed(activities):
        print(f"removed: {activities}")
    ```

    :param streams: the application that the manager belongs to.
    :param manager: the manager that removed them.
    :param activities: the `serialization_id` of each that was removed: a removal needs no more than that.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_feeds_updated(streams: Streams, feed: type[Feed], owners: Sequence[int | str], operation: str) -> None:
    """Feeds of one class were written: one chunk of a fan-out.

    Fires where the chunk was written (with a task queue, in its worker), once per chunk.
    Feeds in which nothing changed (a redelivery) may be among them; those that could not be written are not.

    ```python
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_feeds_updated(feed, owners, operation):
        print(f"{operation}: {len(owners)} feeds of {feed.__name__}")
    ```

    :param streams: the application that the feeds belong to.
    :param feed: the feed class.
    :param owners: the ids of the owners, as whole numbers or as texts.
    :param operation: `add`, `remove` or `update`.

    .. versionadded:: 0.1
    """


@hookspec
def streamfw_notifications_changed(streams: Streams, feed: type[Feed], owners: Sequence[Id]) -> None:
    """The unseen and unread counts of notification feeds may have changed: after adds, removals, marks and trims.

    Fires where the feed was written, once per call of `add_many`, `mark_all` and the like, and once per chunk of a fan-out.
    The counts are read where they are needed: `feed(owner, streams=streams).get_notification_data()`.

    ```python
    from streamfw_core.plugins import hookimpl


    @hookimpl
    def streamfw_notifications_changed(streams, feed, owners):
        for owner in owners:
            push_to_browser(owner, feed(owner, streams=streams).get_notification_data())
    ```

    :param streams: the application that the feeds belong to.
    :param feed: the class of notification feeds.
    :param owners: the ids of the owners.

    .. versionadded:: 0.1
    """

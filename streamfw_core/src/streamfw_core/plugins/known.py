"""What core knows about backends that it does not contain: install hints, defaults and old settings.

This is the only module of core that may name a plugin's backend, and nothing here is imported from a plugin:
these are tables of texts.
A backend that is missing here works just as well; only its install hint is less precise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from streamfw_core.plugins.kinds import Kind

__all__ = [
    "DEFAULT_METRICS",
    "DEFAULT_QUEUE",
    "DEFAULT_SERIALIZER",
    "DEFAULT_STORAGE",
    "KNOWN",
    "OLD_EAGER",
    "OLD_EAGER_NOTE",
    "OLD_IGNORED",
    "OLD_METRICS_CLASS",
    "OLD_METRICS_CLASSES",
    "OLD_METRICS_OPTIONS",
    "OLD_NAMES",
    "OLD_SERVERS",
    "OLD_STORAGE_OPTIONS",
    "OLD_VERBS",
    "OLD_VERBS_VALUE",
    "WORKER_QUEUE",
    "KnownBackend",
    "OldOption",
    "known_backend",
    "known_scheme",
    "worker_command",
]


@attrs.frozen
class KnownBackend:
    """A backend of a distribution of this project, installed or not.

    `extra` is the extra of the distribution `streamfw` that brings it; None when it comes without any.
    """

    kind: Kind
    name: str
    extra: str | None
    distribution: str
    schemes: tuple[str, ...] = ()

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f'pip install "streamfw[{self.extra}]"' if self.extra else "pip install streamfw"


KNOWN: Final = (
    KnownBackend(Kind.STORAGE, "memory", None, "streamfw-memory"),
    KnownBackend(
        Kind.STORAGE,
        "redis",
        "redis",
        "streamfw-redis",
        schemes=("rediss", "redis+unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"),
    ),
    KnownBackend(Kind.STORAGE, "cassandra", "cassandra", "streamfw-cassandra"),
    KnownBackend(Kind.TASK_QUEUE, "celery", "celery", "streamfw-celery"),
    KnownBackend(Kind.TASK_QUEUE, "kombu", "celery", "streamfw-celery"),
    KnownBackend(Kind.METRICS, "statsd", "statsd", "streamfw-statsd"),
    KnownBackend(Kind.METRICS, "python-statsd", "python-statsd", "streamfw-statsd"),
    KnownBackend(Kind.METRICS, "prometheus", "prometheus", "streamfw-prometheus"),
    KnownBackend(Kind.METRICS, "opentelemetry", "opentelemetry", "streamfw-opentelemetry"),
)

DEFAULT_STORAGE: Final = "memory"
DEFAULT_SERIALIZER: Final = "msgpack"
DEFAULT_QUEUE: Final = "inline"
DEFAULT_METRICS: Final = "none"


def known_backend(kind: Kind, name: str) -> KnownBackend | None:
    """The entry of the table for this name, or None."""
    return next((known for known in KNOWN if known.kind is kind and known.name == name), None)


def known_scheme(kind: Kind, scheme: str) -> KnownBackend | None:
    """The entry whose name or one of whose URL schemes this is, or None."""
    return known_backend(kind, scheme) or next(
        (known for known in KNOWN if known.kind is kind and scheme in known.schemes), None
    )


# --- how the messages of task queues are executed -----------------------------------------------------------

WORKER_QUEUE: Final = "kombu"
"""The backend whose messages `streamfw worker` executes."""

# Backends with programs of their own for that: the command, the app where the options name none, and the names of queues.
_WORKERS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {"celery": ("celery -A {app} worker -Q {queues}", "streamfw_celery.app", "streamfw.{priority}")}
)


def worker_command(backend: str, options: Mapping[str, object], priorities: Sequence[str]) -> str | None:
    """What executes the messages of these priorities instead of `streamfw worker`; None: nothing that is known.

    :param options: `task_queue.options`.
    """
    known = _WORKERS.get(backend)
    if known is None:
        return None
    command, app, name = known
    named = options.get("queues")
    names = named if isinstance(named, Mapping) else {}
    queues = ",".join(str(names.get(priority, name.format(priority=priority))) for priority in priorities)
    given = options.get("app")
    return command.format(app=given if isinstance(given, str) else app, queues=queues)


# --- names of the settings of Stream-Framework --------------------------------------------------------------


@attrs.frozen
class OldOption:
    """Where the value of an old setting goes: an option of the storage `storage`, of this backend."""

    storage: str
    backend: str
    option: str
    types: tuple[type, ...]
    example: str


# A mapping of server names to connection options: each becomes a storage of that name.
OLD_SERVERS: Final[Mapping[str, str]] = MappingProxyType({"STREAM_REDIS_CONFIG": "redis"})

# Single settings: together they become one storage.
OLD_STORAGE_OPTIONS: Final[Mapping[str, OldOption]] = MappingProxyType(
    {
        name: OldOption("cassandra", "cassandra", option, types, example)
        for name, option, types, example in (
            ("STREAM_CASSANDRA_HOSTS", "hosts", (list, tuple), "['localhost']"),
            ("STREAM_DEFAULT_KEYSPACE", "keyspace", (str,), "'stream_framework'"),
            ("STREAM_CASSANDRA_CONSISTENCY_LEVEL", "consistency_level", (int, str), "'ONE'"),
            ("STREAM_CASSANDRA_READ_RETRY_ATTEMPTS", "read_retry_attempts", (int,), "3"),
            ("STREAM_CASSANDRA_WRITE_RETRY_ATTEMPTS", "write_retry_attempts", (int,), "3"),
            ("CASSANDRA_DRIVER_KWARGS", "driver_options", (dict,), "{'protocol_version': 4}"),
        )
    }
)

OLD_METRICS_CLASS: Final = "STREAM_METRIC_CLASS"
OLD_METRICS_OPTIONS: Final = "STREAM_METRICS_OPTIONS"
# The classes that came with the old library; None collects nothing.
OLD_METRICS_CLASSES: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "stream_framework.metrics.base.Metrics": None,
        "stream_framework.metrics.statsd.StatsdMetrics": "statsd",
        "stream_framework.metrics.python_statsd.StatsdMetrics": "python-statsd",
    }
)

OLD_VERBS: Final = "STREAM_VERB_STORAGE"
OLD_VERBS_VALUE: Final = "in-memory"

OLD_EAGER: Final = "CELERY_ALWAYS_EAGER"
OLD_EAGER_NOTE: Final = (
    "The old library fanned out through Celery; without a task queue in the settings, "
    "fan-out runs in the caller. "
    'Set STREAMFW = {"task_queue": "celery", ...} (pip install "streamfw[celery]") to fan out in workers.'
)

# Settings that have no counterpart, each with the reason.
OLD_IGNORED: Final[Mapping[str, str]] = MappingProxyType(
    {"TEST_CASSANDRA_HOST": "it belonged to the old library's own tests"}
)

OLD_NAMES: Final = (
    *OLD_SERVERS,
    *OLD_STORAGE_OPTIONS,
    OLD_METRICS_CLASS,
    OLD_METRICS_OPTIONS,
    OLD_VERBS,
    OLD_EAGER,
    *OLD_IGNORED,
)

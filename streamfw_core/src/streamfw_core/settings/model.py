"""The settings, resolved: typed, complete and immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Literal, TypeVar

import attrs

from streamfw_core.plugins.known import DEFAULT_QUEUE
from streamfw_core.settings.masking import Plain, is_secret, mask, mask_text

__all__ = [
    "TOMBSTONE_TTL",
    "UNSET",
    "FeedSettings",
    "FrozenMapping",
    "MetricsSettings",
    "QueueSettings",
    "Settings",
    "StorageSettings",
    "Unset",
]

V_co = TypeVar("V_co", covariant=True)

TOMBSTONE_TTL: Final = 10 * 24 * 60 * 60.0
"""How long a removal is remembered when the settings do not say: ten days, in seconds."""

# Deeper than any settings are, and far from Python's own limit: a mapping that contains itself ends here.
_DEEPEST: Final = 40


class Unset(Enum):
    """The type of `UNSET`, its only member."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = Unset.UNSET
"""Not said in the settings, where None says something else."""


class FrozenMapping(Mapping[str, V_co]):
    """A mapping that nobody can change, at any depth; lists in it become tuples. Its `repr` shows no secrets.

    `types.MappingProxyType` would do, if it could be pickled.
    """

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, V_co]) -> None:
        object.__setattr__(self, "_data", {key: _freeze(value, 0) for key, value in data.items()})

    def __getitem__(self, key: str) -> V_co:
        value: V_co = self._data[key]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("settings cannot be changed; resolve new ones")

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{mask_text(str(k))!r}: {_show(k, v)}" for k, v in self._data.items()) + "}"

    def __reduce__(self) -> tuple[type[FrozenMapping[V_co]], tuple[dict[str, V_co]]]:
        return type(self), (dict(self._data),)

    _data: dict[str, V_co]


class Origins(FrozenMapping[str]):
    """Where values came from. A key may end in `password`; the values are never secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self._data)


def _freeze(value: object, depth: int) -> object:
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, FrozenMapping):
        return value
    if isinstance(value, Mapping):
        frozen: FrozenMapping[object] = FrozenMapping({})
        object.__setattr__(frozen, "_data", {k: _freeze(v, depth + 1) for k, v in value.items()})
        return frozen
    if isinstance(value, (list, tuple)):
        items = [_freeze(item, depth + 1) for item in value]
        # A named tuple takes its fields one by one, and is immutable as it is.
        return value if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, (set, bytearray)):
        return frozenset(value) if isinstance(value, set) else bytes(value)
    return value


def _show(name: str, value: object) -> str:
    if attrs.has(type(value)):
        return repr(value)  # one of the classes below, under the name that it has in the settings
    return repr(mask(value, name))


def _no_options() -> FrozenMapping[object]:
    return FrozenMapping({})


def _key(takes: str, says: str, default: str | None = None) -> dict[str, str | None]:
    """The metadata of a field that can be set; the page about settings is made of it, see `streamfw_core.settings.schema`.

    :param takes: what may be written.
    :param says: what it means.
    :param default: what holds without, where the default of the field does not say it.
    """
    return {"takes": takes, "says": says, "default": default}


_BACKEND: Final = _key("a name, or the path of a class", "the backend", default="")
_OPTIONS: Final = _key("a mapping", "its options, which it checks", default="none")


_OF_CLASS: Final = "the feed class's"


def _frozen(value: Mapping[str, Any]) -> FrozenMapping[Any]:
    return value if isinstance(value, FrozenMapping) else FrozenMapping(value)


@attrs.frozen
class StorageSettings:
    """A named storage: which `backend`, with which `options`; `name` is its own.

    For a storage that was given as a URL, `scheme` is the URL's scheme, and the options are `{"url": ...}`.
    """

    name: str
    backend: str = attrs.field(metadata=_BACKEND)
    options: Mapping[str, object] = attrs.field(factory=_no_options, converter=_frozen, metadata=_OPTIONS)
    scheme: str | None = None


@attrs.frozen
class FeedSettings:
    """What the settings say of one feed; None and `UNSET` leave it to the feed class.

    `name` is the feed's; `timeline` and `activities` are names of storages.
    `activities` None means that the timeline keeps the activities itself.
    `serializer` and `aggregator` are names of backends.
    `time_zone` is where an aggregator takes the day of an activity.
    `max_length` is how many activities or groups the feed shows.
    """

    name: str
    timeline: str | None = attrs.field(
        default=None, metadata=_key("the name of a storage", "where the timelines are", _OF_CLASS)
    )
    activities: str | Unset | None = attrs.field(
        default=UNSET,
        metadata=_key(
            "the name of a storage, or `None`",
            "where the activities are; `None`: timelines keep the activities themselves",
            "that of the timelines",
        ),
    )
    serializer: str | None = attrs.field(
        default=None,
        metadata=_key("`msgpack`, `json`, or the path of a class", "how activities are written", _OF_CLASS),
    )
    aggregator: str | None = attrs.field(
        default=None,
        metadata=_key(
            "`recent_verb`, `notification`, a plugin's, or the path of a class",
            "what goes into one group, of aggregated and notification feeds",
            _OF_CLASS,
        ),
    )
    time_zone: str | None = attrs.field(
        default=None, metadata=_key("a name such as `Europe/Amsterdam`", "where their aggregator takes the day", "UTC")
    )
    max_length: int | None = attrs.field(
        default=None, metadata=_key("a whole number", "how many activities the feed shows, or groups", _OF_CLASS)
    )


@attrs.frozen
class QueueSettings:
    """Which task queue executes the messages of a fan-out: a `backend`, with its `options`.

    `outbox` is the storage where messages are kept until the queue has them; None: they are not.
    """

    backend: str = attrs.field(
        default=DEFAULT_QUEUE, metadata=_key("a name, or the path of a class", "who executes the fan-out")
    )
    options: Mapping[str, object] = attrs.field(factory=_no_options, converter=_frozen, metadata=_OPTIONS)
    outbox: str | None = attrs.field(
        default=None,
        metadata=_key(
            "the name of a storage", "where messages are kept until a queue of other processes has them", "they are not"
        ),
    )


@attrs.frozen
class MetricsSettings:
    """Where metrics go: to a `backend`, with its `options`."""

    backend: str = attrs.field(metadata=_BACKEND)
    options: Mapping[str, object] = attrs.field(factory=_no_options, converter=_frozen, metadata=_OPTIONS)


@attrs.frozen
class Settings:
    """Everything that can be set, with the defaults filled in.

    `storages`, `feeds` and `managers` map names to what the settings say of each: of a manager the path of its class.
    `task_queue` is who executes a fan-out.
    `default_storage` is the storage of feeds that name none; None when there are several and none stands out.
    `metrics` has none or more: each is told.
    `tombstone_ttl` is how long a removal is remembered, in seconds.
    `origins` maps the path of every value to where it came from;
    `notes` are remarks for people, about settings that were found and not used.
    """

    storages: Mapping[str, StorageSettings] = attrs.field(
        converter=_frozen,
        metadata=_key(
            "name -> a URL, the name of a backend, or a mapping", "where things are kept", "`default`, in memory"
        ),
    )
    feeds: Mapping[str, FeedSettings] = attrs.field(
        factory=dict,
        converter=_frozen,
        metadata=_key("name -> a mapping", "what differs from the feed class", "nothing"),
    )
    managers: Mapping[str, str] = attrs.field(
        factory=dict,
        converter=_frozen,
        metadata=_key('name -> `"module:Class"`', "where workers find the managers that messages name", "none"),
    )
    task_queue: QueueSettings = attrs.field(
        factory=QueueSettings, metadata=_key("the name of a backend, or a mapping", "who executes the fan-out")
    )
    metrics: tuple[MetricsSettings, ...] = attrs.field(
        default=(),
        metadata=_key("the name of a backend, a mapping, or a list of these", "where counts and timings go", "nowhere"),
    )
    default_storage: str | None = attrs.field(
        default=None,
        metadata=_key(
            "the name of a storage", "the storage of feeds that name none", "the one named `default`, or the only one"
        ),
    )
    tombstone_ttl: float = attrs.field(
        default=TOMBSTONE_TTL,
        metadata=_key("seconds, or a `timedelta`", "for how long removals are remembered"),
    )
    origins: Mapping[str, str] = attrs.field(factory=dict, converter=Origins, repr=False, eq=False)
    notes: tuple[str, ...] = attrs.field(default=(), eq=False)

    def origin(self, path: str) -> str:
        """Where the value at this path came from: its own origin, or that of what contains it.

        A path is the keys that lead to the value, joined with dots: `storages.hot.options.url`.
        """
        while path not in self.origins:
            if "." not in path:
                return "default"
            path = path.rpartition(".")[0]
        return self.origins[path]

    def masked(self) -> dict[str, Plain]:
        """Everything as JSON-compatible data, secrets masked, and without what a feed leaves to its class."""
        return {
            "storages": {name: _masked_backend(storage) for name, storage in self.storages.items()},
            "feeds": {name: _masked_feed(feed) for name, feed in self.feeds.items()},
            "managers": dict(self.managers),
            "task_queue": {**_masked_backend(self.task_queue), "outbox": self.task_queue.outbox},
            "metrics": _masked_metrics(self.metrics),
            "default_storage": self.default_storage,
            "tombstone_ttl": self.tombstone_ttl,
        }


def _masked_backend(settings: StorageSettings | QueueSettings | MetricsSettings) -> dict[str, Plain]:
    return {"backend": mask_text(settings.backend), "options": mask(settings.options)}


def _masked_metrics(metrics: tuple[MetricsSettings, ...]) -> Plain:
    """As they are usually written: nothing, one, or several by their number."""
    masked = [_masked_backend(one) for one in metrics]
    return None if not masked else masked[0] if len(masked) == 1 else {str(n): one for n, one in enumerate(masked)}


def _masked_feed(feed: FeedSettings) -> Plain:
    values = {field: getattr(feed, field) for field in attrs.fields_dict(FeedSettings) if field != "name"}
    said = {field: value for field, value in values.items() if value is not None and value is not UNSET}
    if feed.activities is None:
        said["activities"] = None
    return mask(said)


def secret_values(options: Mapping[str, object]) -> list[object]:
    """The values of options that hold a secret, at any depth: what must not appear in a message."""
    secrets: list[object] = []
    for name, value in options.items():
        if is_secret(name):
            secrets.append(value)
        elif isinstance(value, Mapping):
            secrets += secret_values(value)
    return secrets

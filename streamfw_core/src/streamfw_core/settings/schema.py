"""What can be set: the keys of the settings, as the resolver knows them and as the documentation shows them."""

from __future__ import annotations

from typing import Any

import attrs

from streamfw_core.settings.model import FeedSettings, MetricsSettings, QueueSettings, Settings, StorageSettings

__all__ = ["Key", "keys_of", "schema"]


@attrs.frozen
class Key:
    """Something that can be set.

    :param path: the keys that lead to it, joined with dots; `*` stands for a name that the settings choose.
    :param takes: what may be written there.
    :param says: what it means.
    :param default: what holds without; empty: it must be said.
    """

    path: str
    takes: str
    says: str
    default: str


def keys_of(cls: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    """The names of what can be set in one of the classes of `streamfw_core.settings.model`."""
    return tuple(field.name for field in attrs.fields(cls) if "says" in field.metadata)


def schema() -> list[Key]:
    """Everything that can be set, from the top down; what a backend takes as options is the backend's."""
    below: dict[str, tuple[str, type[attrs.AttrsInstance]]] = {
        "storages": ("storages.*.", StorageSettings),
        "feeds": ("feeds.*.", FeedSettings),
        "task_queue": ("task_queue.", QueueSettings),
        "metrics": ("metrics.", MetricsSettings),
    }
    found: list[Key] = []
    for key in _keys("", Settings):
        found.append(key)
        if key.path in below:
            found += _keys(*below[key.path])
    return found


def _keys(prefix: str, cls: type[attrs.AttrsInstance]) -> list[Key]:
    return [
        Key(
            f"{prefix}{field.name}",
            field.metadata["takes"],
            field.metadata["says"],
            _default(field) if field.metadata["default"] is None else field.metadata["default"],
        )
        for field in attrs.fields(cls)
        if "says" in field.metadata
    ]


def _default(field: attrs.Attribute[Any]) -> str:
    """The default of a field, as one would write it."""
    value: Any = QueueSettings().backend if field.name == "task_queue" else field.default
    return f"`{value:.0f}`" if isinstance(value, float) else f"`{value}`"

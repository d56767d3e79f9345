"""The kinds of backends, and what is known of one backend and of one plugin."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import attrs

__all__ = ["Backend", "Kind", "PluginInfo", "PluginStatus", "check_registration", "is_path"]


class Kind(StrEnum):
    """What a backend is an implementation of: `STORAGE`, `SERIALIZER`, `AGGREGATOR`, `METRICS` or `TASK_QUEUE`."""

    STORAGE = "storage"
    SERIALIZER = "serializer"
    AGGREGATOR = "aggregator"
    METRICS = "metrics"
    TASK_QUEUE = "task_queue"

    @property
    def label(self) -> str:
        """The kind in a sentence: `task queue`."""
        return self.value.replace("_", " ")

    @property
    def phrase(self) -> str:
        """The kind with its article: `a task queue`, `an aggregator`."""
        article = "an" if self.value[0] in "aeiou" else "a"
        return f"{article} {self.label}"

    @property
    def hook(self) -> str:
        """The hook with which plugins offer backends of this kind."""
        return f"streamfw_register_{_PLURALS.get(self.value, self.value + 's')}"


_PLURALS: Final = {"metrics": "metrics"}


@attrs.frozen
class Backend:
    """One backend that a plugin offers. Its code is imported when it is first used.

    :param kind: what it is an implementation of.
    :param name: what the settings call it.
    :param target: `"module:attribute"`, its factory.
    :param plugin: the name of the entry point that offers it.
    :param distribution: what is installed, and in which `version`.
    :param summary: what it is, in a few words for people.
    :param schemes: of the URLs that mean it.
    """

    kind: Kind
    name: str
    target: str
    plugin: str
    distribution: str
    version: str | None = None
    summary: str = ""
    schemes: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        """Plugin, distribution and version as text, for people."""
        return describe(self.plugin, self.distribution, self.version)


class PluginStatus(StrEnum):
    """What became of a plugin that was found: `PENDING` (not looked at yet), `LOADED`, `DISABLED` or `BROKEN`."""

    PENDING = "pending"
    LOADED = "loaded"
    DISABLED = "disabled"
    BROKEN = "broken"


@attrs.frozen
class PluginInfo:
    """One plugin that was found, whatever became of it.

    :param name: that of its entry point.
    :param distribution: what is installed, and in which `version`.
    :param target: what the entry point names: the module of its hooks.
    :param status: what became of it.
    :param reason: why it is disabled or broken.
    :param backends: what it offers.
    :param hooks: the names of the hooks that it implements.
    """

    name: str
    distribution: str
    version: str | None
    target: str
    status: PluginStatus
    reason: str = ""
    backends: tuple[Backend, ...] = ()
    hooks: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        """Plugin, distribution and version as text, for people."""
        return describe(self.name, self.distribution, self.version)


def describe(plugin: str, distribution: str, version: str | None) -> str:
    """`plugin 'mydb' of streamfw-mydb 1.2`."""
    return f"plugin {plugin!r} of {distribution}{f' {version}' if version else ''}"


# --- what may be registered ---------------------------------------------------------------------------------

_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")


def is_path(name: str) -> bool:
    """Whether a backend name is the path of somebody's own class, `module:Class` or `module.Class`."""
    return ":" in name or "." in name


def check_path(path: str) -> bool:
    """Whether this is a well-formed `module:Class`."""
    return _PATH.match(path) is not None


def check_registration(name: object, target: object, summary: object, schemes: object) -> str | None:
    """What is wrong with the arguments of a `register` call, or None."""
    if not isinstance(name, str) or not _NAME.match(name):
        return (
            f"it registered the backend name {name!r}; "
            "a name is lower-case letters, digits, '-' and '_', and starts with a letter"
        )
    if not isinstance(target, str) or not check_path(target):
        return f"it registered {name!r} with the target {target!r}; a target is 'module:Class'"
    if not isinstance(summary, str):
        return f"it registered {name!r} with the summary {summary!r}; a summary is one line of text"
    if isinstance(schemes, str) or not isinstance(schemes, (tuple, list, set, frozenset)):
        return f"it registered {name!r} with the schemes {schemes!r}; give a tuple such as ('{name}',)"
    for scheme in schemes:
        if not isinstance(scheme, str) or not _SCHEME.match(scheme):
            return f"it registered {name!r} with the URL scheme {scheme!r}; give it in lower case and without '://'"
    return None

"""What `manage.py check` says of feeds: everything that is wrong, with its path and what would be right.

| id | what is wrong |
|---|---|
| `streamfw.E001` | a setting: an unknown key, a wrong type, a name of nothing |
| `streamfw.E002` | a backend that no installed plugin offers, or that is broken |
| `streamfw.E003` | options that a backend refuses |
| `streamfw.E004` | a manager that cannot be imported, or cannot work |
| `streamfw.E005` | two feed classes that share a name, a key or an activity namespace |
| `streamfw.E006` | a feed class, the outbox or a queue that does not fit to where the settings put it |
| `streamfw.E007` | a storage that does not answer (`--deploy`) |
| `streamfw.W001` | settings that have no effect |
| `streamfw.W002` | settings of a feed that no feed class has |
| `streamfw.W003` | `STREAMFW_SETTINGS` in the environment, which wins over Django's settings |
| `streamfw.W004` | feeds in the memory of one process (`--deploy`) |
| `streamfw.W005` | a template of yours for activities that is never used, as an app before yours has a plain one of that name |
| `streamfw.W006` | a manager in a `feeds.py` that does not say who follows whom |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from django.conf import settings as django_settings
from django.core import checks
from django.template import engines as template_engines
from django.template.backends.django import DjangoTemplates
from streamfw_core.errors import (
    BackendBroken,
    BackendConflict,
    BackendNotFound,
    FeedConflict,
    Problem,
    SettingsError,
    StreamsError,
)
from streamfw_core.feeds.binding import Binding
from streamfw_core.plugins.kinds import Kind
from streamfw_core.plugins.known import OLD_NAMES
from streamfw_core.plugins.suggest import did_you_mean
from streamfw_core.settings import Settings
from streamfw_core.settings.masking import mask_text
from streamfw_core.settings.sources import NAME, VARIABLE
from streamfw_core.storage.protocol import Query, Scope, Storage

from streamfw_core import Feed, Manager, Streams
from streamfw_django.application import resolve_settings
from streamfw_django.discovery import feed_classes, undecided_managers

__all__ = ["check_deployment", "check_program"]

_NOBODY: Final = "streamfw.check"
"""The owner whose feeds are asked for to see whether a storage answers."""
_TEMPLATES: Final = Path(__file__).parent / "templates"


def check_program(**_: Any) -> list[checks.CheckMessage]:
    """Everything that can be found out without a connection."""
    return _Program().check()


def check_deployment(**_: Any) -> list[checks.CheckMessage]:
    """Whether storages answer, and outlive the process."""
    return _Program().check_servers()


@define
class _Program:
    """One look at the program, at an application of its own: nothing of it is used afterwards."""

    found: list[checks.CheckMessage] = field(factory=list)
    names: set[str] = field(factory=set)
    """Of the feed classes."""

    def check(self) -> list[checks.CheckMessage]:
        settings = self._settings()
        if settings is not None:
            self._warn(settings)
            with Streams(settings) as streams:
                self._storages(streams)
                self._queue(streams)
                with self._noting("metrics", "E003"):
                    _ = streams.metrics
                managers = self._managers(streams)
                self._feeds(streams, managers)
                self._unused(settings)
        self._followers()
        self._templates()
        return self.found

    def check_servers(self) -> list[checks.CheckMessage]:
        try:
            settings = resolve_settings()
        except SettingsError:
            return []  # `check` says it.
        with Streams(settings) as streams:
            storages = self._storages(streams)
            bindings = self._feeds(streams, self._managers(streams))
            self.found.clear()  # The same.
            for name, storage in storages.items():
                self._answers(name, storage, [one for one in bindings if one.timelines.name == name])
        return self.found

    # --- what is looked at ---

    def _settings(self) -> Settings | None:
        try:
            return resolve_settings()
        except SettingsError as error:
            for problem in error.problems:
                self._error("E001", problem)
            return None

    def _warn(self, settings: Settings) -> None:
        for note in settings.notes:
            self._warning("W001", NAME, note)
        if os.environ.get(VARIABLE, "").strip() and hasattr(django_settings, NAME):
            said = f"is set in the environment and wins over {NAME} in Django's settings"
            self._warning("W003", VARIABLE, said, f"unset {VARIABLE}, or remove {NAME}")

    def _storages(self, streams: Streams) -> dict[str, Storage]:
        made = {}
        for name in streams.settings.storages:
            with self._noting(f"storages.{name}", "E003"):
                made[name] = streams.storage(name)
        return made

    def _queue(self, streams: Streams) -> None:
        with self._noting("task_queue", "E003"):
            # The scope of some is known only when what they are made of was found.
            _ = streams.queue.scope
            with self._noting("task_queue.outbox", "E006"):
                _ = streams.outbox

    def _managers(self, streams: Streams) -> list[Manager]:
        made = []
        for name in streams.settings.managers:
            with self._noting(f"managers.{name}", "E004"):
                made.append(streams.manager(name))
        return made

    def _feeds(self, streams: Streams, managers: list[Manager]) -> list[Binding]:
        """Bind one feed class after the other, so that each says what is wrong with it; then the managers."""
        classes: dict[type[Feed], None] = {}
        for manager in managers:
            listed = manager.feed_classes.values() if hasattr(manager.feed_classes, "values") else ()
            classes |= dict.fromkeys(cls for cls in (manager.user_feed_class, *listed) if isinstance(cls, type))
        classes |= dict.fromkeys(feed_classes())
        bindings = []
        for feed_class in classes:
            name = getattr(feed_class, "name", feed_class.__name__)
            self.names.add(name)
            with self._noting(f"feeds.{name}", "E006"):
                bindings.append(streams.bind(feed_class))
        for manager in managers:
            with self._noting(f"managers.{manager.given_name or manager.name}", "E004"):
                _ = manager.streams
        return bindings

    def _unused(self, settings: Settings) -> None:
        if not self.names:
            return  # A program may make its feed classes wherever it likes.
        for name in sorted({*settings.feeds} - self.names):
            hint = did_you_mean(name, self.names) or f"there are: {', '.join(sorted(self.names))}"
            self._warning("W002", f"feeds.{name}", "no feed class of the installed apps has this name", hint)

    def _followers(self) -> None:
        for manager in undecided_managers():
            name = type(manager).__name__
            said = f"{name} does not say who follows whom, so nobody gets what it publishes, and no worker finds it"
            self._warning("W006", f"managers.{manager.name}", said, f"define get_user_follower_ids(self, user_id) on {name}")

    def _templates(self) -> None:
        """What Django does not say: which of several templates of one name is used."""
        for name in ("activity.html", "group.html"):
            for engine in template_engines.all():
                loaders = engine.engine.template_loaders if isinstance(engine, DjangoTemplates) else ()
                origins = (origin for loader in loaders for origin in loader.get_template_sources(f"streamfw/{name}"))
                files = [path for origin in origins if (path := Path(origin.name)).is_file()]
                for other in files[1:] if files and files[0].is_relative_to(_TEMPLATES) else ():
                    hint = "list its app before 'streamfw_django' in INSTALLED_APPS"
                    self._warning("W005", f"template {other}", "is never used: streamfw_django has one of this name", hint)

    def _answers(self, name: str, storage: Storage, bindings: list[Binding]) -> None:
        if storage.capabilities.scope is Scope.PROCESS:
            hint = "such as 'redis://localhost:6379/0', with `pip install \"streamfw[redis]\"`"
            self._warning("W004", f"storages.{name}", "is gone when the process ends, and no other process sees it", hint)
            return
        try:
            _ask(storage, bindings)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, it is not an answer
            hint = "is the server running, and can it be reached from here? `manage.py streamfw settings` shows where it is"
            self._error("E007", Problem(f"storages.{name}", mask_text(f"does not answer: {error}"), hint))

    # --- what is said ---

    @contextmanager
    def _noting(self, path: str, id: str) -> Iterator[None]:
        """Make messages of an error."""
        try:
            yield
        except SettingsError as error:
            for problem in error.problems:
                self._error(_id_of(problem.path), problem)
        except Exception as error:  # noqa: BLE001 - the program's own code may raise anything
            # One mistake may be met from several sides: by a feed, and by its manager.
            id, problem = _told(path, id, error)
            if not any(message.msg == problem.message for message in self.found):
                self._error(id, problem)

    def _error(self, id: str, problem: Problem) -> None:
        self._say(checks.Error, id, problem.path, problem.message, problem.hint)

    def _warning(self, id: str, path: str, message: str, hint: str = "") -> None:
        self._say(checks.Warning, id, path, message, hint)

    def _say(self, kind: Callable[..., checks.CheckMessage], id: str, path: str, message: str, hint: str) -> None:
        said = kind(message, hint=hint or None, obj=_where(path), id=f"streamfw.{id}")
        if said not in self.found:
            self.found.append(said)


def _where(path: str) -> str:
    """As people find it: the names of Stream-Framework are settings of their own, and the environment is another place."""
    first = path.partition(".")[0]
    return path if first in {NAME, VARIABLE, *OLD_NAMES} or " " in first else f"{NAME}.{path}"


def _id_of(path: str) -> str:
    """What a problem is about that is found out only when what the settings describe is put together."""
    if path.startswith("feeds.") or path == "task_queue.outbox":
        return "E006"
    return "E004" if path.startswith("managers") else "E003"


def _told(path: str, id: str, error: Exception) -> tuple[str, Problem]:
    """The id and the message of an error that is no `SettingsError`."""
    if isinstance(error, (BackendNotFound, BackendConflict, BackendBroken)):
        first, *lines = str(error).splitlines()
        broken = [line for line in lines if " is broken: " in line]
        if error.kind in {Kind.AGGREGATOR, Kind.SERIALIZER}:
            path = f"{path}.{error.kind}"  # the key by which a feed names it
        return "E002", Problem(path, "\n".join([first, *broken]), _remedy(error))
    if isinstance(error, FeedConflict):
        return "E005", Problem(path, *_halves(str(error)))
    if isinstance(error, StreamsError):
        return id, Problem(path, *_halves(str(error)))
    return id, Problem(path, mask_text(f"{type(error).__name__}: {error}"))


def _halves(text: str) -> tuple[str, str]:
    """What happened, and what to do: messages of errors say that after a colon or a semicolon."""
    for mark in ("; ", ": "):
        message, found, hint = text.rpartition(mark)
        if found:
            return message, hint
    return text, ""


def _remedy(error: BackendNotFound | BackendConflict | BackendBroken) -> str:
    if isinstance(error, BackendNotFound) and error.suggestion is not None:
        return f"did you mean {error.suggestion!r}?"
    if isinstance(error, BackendNotFound) and error.install is not None:
        return error.install
    return "`manage.py streamfw plugins` shows what is installed"


def _ask(storage: Storage, bindings: list[Binding]) -> None:
    """Let a storage answer a small question about a feed that nobody has."""
    if bindings:
        for binding in bindings:
            binding.timelines.stats(binding.spec, [Query(_NOBODY)])
    elif not storage.capabilities.schema:
        storage.load("streamfw.check", [0])

"""From whatever was given to `Settings`, with every problem reported at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from streamfw_core.clock import zone_hint, zone_of
from streamfw_core.plugins.kinds import Kind, check_path, is_path
from streamfw_core.plugins.known import (
    DEFAULT_METRICS,
    DEFAULT_QUEUE,
    DEFAULT_SERIALIZER,
    DEFAULT_STORAGE,
    known_scheme,
)
from streamfw_core.plugins.suggest import did_you_mean
from streamfw_core.settings.legacy import translate
from streamfw_core.settings.model import (
    TOMBSTONE_TTL,
    UNSET,
    FeedSettings,
    FrozenMapping,
    MetricsSettings,
    QueueSettings,
    Settings,
    StorageSettings,
    Unset,
)
from streamfw_core.settings.report import Report, describe, quote_name
from streamfw_core.settings.schema import keys_of
from streamfw_core.settings.sources import KEYS, NAME, find_source, unread_variables

__all__ = ["resolve"]

DEFAULT_ALIAS: Final = "default"

_ALIAS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_BACKEND_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*\Z")
_FEED_KEYS: Final = keys_of(FeedSettings)
_BACKEND_KEYS: Final = keys_of(StorageSettings)

# Thirty thousand years, in seconds: more than any clock counts.
_FOREVER: Final = 1e12

_EXAMPLES: Final = {
    Kind.STORAGE: DEFAULT_STORAGE,
    Kind.SERIALIZER: DEFAULT_SERIALIZER,
    Kind.AGGREGATOR: "notification",
    Kind.METRICS: DEFAULT_METRICS,
    Kind.TASK_QUEUE: DEFAULT_QUEUE,
}
_STORAGE_EXAMPLE: Final = "{'backend': 'mydb', 'options': {...}} or 'mydb://localhost/0'"


def resolve(source: object = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Resolve settings from a source, or, without one, from where the process says that they are.

    A source is a mapping (the settings, or a configuration with the key `STREAMFW` or the names of
    Stream-Framework), `"module:attribute"`, a Flask app, or an object or module with such attributes.
    Without a source: what `STREAMFW_SETTINGS=module:attribute` in the environment names;
    else Django's settings, if the program has configured them; else the defaults.

    :param environ: instead of `os.environ`.
    :raises SettingsError: with all problems, each with its path.
    """
    if isinstance(source, Settings):
        return source
    environ = os.environ if environ is None else environ
    found = find_source(source, environ)
    notes = [*found.notes, *unread_variables(environ)]
    if found.settings is not None:
        notes += [f"{name} is ignored, because {NAME} is set." for name in found.old]
        return _Resolution(Report(found.origin, {}), found.settings).result(notes)
    translation = translate(found.old)
    report = Report(found.origin, translation.origins)
    report.problems += translation.problems
    return _Resolution(report, translation.settings).result([*notes, *translation.notes])


class _Resolution:
    """One walk through the settings, top down."""

    def __init__(self, report: Report, raw: object) -> None:
        self._report = report
        self._raw = report.mapping(NAME, raw, "{'storages': {'hot': 'mydb://localhost/0'}}") or {}

    def result(self, notes: list[str]) -> Settings:
        report = self._report
        report.unknown_keys("", self._raw, KEYS)
        storages = self._storages()
        feeds = self._feeds()
        managers = self._managers()
        task_queue = self._task_queue()
        metrics = self._metrics()
        default_storage = self._default_storage()
        tombstone_ttl = self._tombstone_ttl()
        report.raise_problems()
        return Settings(
            storages=storages,
            feeds=feeds,
            managers=managers,
            task_queue=task_queue,
            metrics=metrics,
            default_storage=default_storage,
            tombstone_ttl=tombstone_ttl,
            origins=report.origins,
            notes=tuple(notes),
        )

    # --- storages -------------------------------------------------------------------------------------------

    def _storages(self) -> dict[str, StorageSettings]:
        named = self._section("storages", f"{{'hot': {_STORAGE_EXAMPLE}}}")
        storages: dict[str, StorageSettings] = {}
        for name, value in named.items():
            path = f"storages.{name}"
            if self._is_alias(path, name, "a storage"):
                storage = self._storage(path, name, value)
                if storage is not None:
                    storages[name] = storage
        if not self._aliases():
            path = f"storages.{DEFAULT_ALIAS}"
            for part in ("backend", "options"):
                self._report.default(f"{path}.{part}")
            storages[DEFAULT_ALIAS] = StorageSettings(DEFAULT_ALIAS, DEFAULT_STORAGE)
        return storages

    def _storage(self, path: str, name: str, value: object) -> StorageSettings | None:
        if isinstance(value, str):
            return self._storage_text(path, name, value)
        parts = self._backend(path, value, Kind.STORAGE, _STORAGE_EXAMPLE, wanted="a URL, a name or a mapping")
        return StorageSettings(name, *parts) if parts is not None else None

    def _storage_text(self, path: str, name: str, value: str) -> StorageSettings | None:
        """A URL or, for a storage that needs no options, the name of its backend."""
        scheme, separator, rest = value.partition("://")
        if not separator:
            backend = self._backend_name(path, value, Kind.STORAGE, "a URL or the name of a backend")
            if backend is None:
                return None
            self._origins(path, {})
            return StorageSettings(name, backend)
        # What is wrong with a URL is said without quoting it: there may be a password in it.
        problem = None
        if not _SCHEME.match(scheme):
            problem = "its scheme is not one (letters, digits, '+', '-' and '.')"
        elif re.search(r"[\s\x00-\x1f\x7f]", rest):
            problem = "there is white space or a control character in it; write %20 for a space"
        else:
            try:
                urlsplit(value)
            except ValueError:
                problem = "its brackets do not enclose an IPv6 address"
        if problem is not None:
            self._report.problem(path, f"is not a URL: {problem}", "such as 'mydb://localhost:1234/0'")
            return None
        scheme = scheme.lower()
        known = known_scheme(Kind.STORAGE, scheme)
        self._origins(path, {"url": value})
        return StorageSettings(name, known.name if known else scheme, FrozenMapping({"url": value}), scheme)

    # --- feeds and managers ---------------------------------------------------------------------------------

    def _feeds(self) -> dict[str, FeedSettings]:
        named = self._section("feeds", "{'user': {'timeline': 'hot', 'max_length': 800}}")
        feeds: dict[str, FeedSettings] = {}
        for name, value in named.items():
            path = f"feeds.{name}"
            if not self._is_alias(path, name, "a feed"):
                continue
            raw = self._report.mapping(path, value, "{'timeline': 'hot', 'max_length': 800}")
            if raw is not None:
                feeds[name] = self._feed(path, name, raw)
        return feeds

    def _feed(self, path: str, name: str, raw: Mapping[str, object]) -> FeedSettings:
        self._report.unknown_keys(path, raw, _FEED_KEYS)
        for key in _FEED_KEYS:
            # For every other key None says nothing; here it says something.
            said = key in raw and (raw[key] is not None or key == "activities")
            (self._report.given if said else self._report.default)(f"{path}.{key}")
        activities: str | Unset | None = UNSET
        if "activities" in raw:
            activities = self._storage_reference(f"{path}.activities", raw["activities"])
        return FeedSettings(
            name=name,
            timeline=self._storage_reference(f"{path}.timeline", raw.get("timeline")),
            activities=activities,
            serializer=self._optional_backend(f"{path}.serializer", raw.get("serializer"), Kind.SERIALIZER),
            aggregator=self._optional_backend(f"{path}.aggregator", raw.get("aggregator"), Kind.AGGREGATOR),
            time_zone=self._time_zone(f"{path}.time_zone", raw.get("time_zone")),
            max_length=self._max_length(f"{path}.max_length", raw.get("max_length")),
        )

    def _time_zone(self, path: str, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            message = f"must be the name of a time zone, is {describe(value)}"
        elif zone_of(value) is None:
            message = f"there is no time zone {'a URL' if '://' in value else repr(value[:60])}"
        else:
            return value
        self._report.problem(path, message, zone_hint())
        return None

    def _storage_reference(self, path: str, value: object) -> str | None:
        if value is None:
            return None
        aliases = self._aliases() or [DEFAULT_ALIAS]
        defined = f"defined are: {', '.join(aliases)}"
        if not isinstance(value, str):
            self._report.problem(path, f"must be the name of a storage, is {describe(value)}", defined)
        elif "://" in value:
            hint = "give it a name under 'storages', and write that name here"
            self._report.problem(path, "must be the name of a storage, is a URL", hint)
        elif value not in aliases:
            hint = did_you_mean(value, aliases)
            message = f"no storage is named {quote_name(value)}"
            self._report.problem(path, message, f"{hint} {defined}" if hint else defined)
        else:
            return value
        return None

    def _max_length(self, path: str, value: object) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self._report.problem(path, f"must be a whole number, is {describe(value)}", "such as 800")
        elif value <= 0:
            hint = "such as 800; leave it out for the length that the feed class says"
            self._report.problem(path, f"must be positive, is {value}", hint)
        else:
            return value
        return None

    def _managers(self) -> dict[str, str]:
        named = self._section("managers", "{'pins': 'myapp.feeds:PinManager'}")
        managers: dict[str, str] = {}
        for name, value in named.items():
            path = f"managers.{name}"
            if not self._is_alias(path, name, "a manager"):
                continue
            self._report.given(path)
            if isinstance(value, str) and check_path(value):
                managers[name] = value
            else:
                self._report.problem(path, *_wrong_manager(value))
        return managers

    # --- task queue, metrics and the rest -------------------------------------------------------------------

    def _task_queue(self) -> QueueSettings:
        value = self._raw.get("task_queue")
        if value is None:
            self._report.default("task_queue.backend")
            self._report.default("task_queue.options")
            self._report.default("task_queue.outbox")
            return QueueSettings()
        outbox = None
        if isinstance(value, Mapping) and "outbox" in value:
            outbox = self._storage_reference("task_queue.outbox", value["outbox"])
            self._report.given("task_queue.outbox")
            value = {key: part for key, part in value.items() if key != "outbox"}
        else:
            self._report.default("task_queue.outbox")
        example = "'threads' or {'backend': 'threads', 'options': {...}}"
        parts = self._backend("task_queue", value, Kind.TASK_QUEUE, example)
        return QueueSettings(*parts, outbox) if parts is not None else QueueSettings()

    def _metrics(self) -> tuple[MetricsSettings, ...]:
        value = self._raw.get("metrics")
        if value is None:
            self._report.default("metrics")
            return ()
        self._report.given("metrics")
        several = [*value] if isinstance(value, list | tuple) else [value]
        # One alone has the same path in a list as without.
        paths = ["metrics"] if len(several) == 1 else [f"metrics.{number}" for number in range(len(several))]
        example, wanted = "{'backend': 'mymetrics', 'options': {...}}", "a name, a mapping or a list of these"
        parts = [
            self._backend(path, one, Kind.METRICS, example, wanted=wanted)
            for path, one in zip(paths, several, strict=True)
        ]
        return tuple(MetricsSettings(*part) for part in parts if part is not None)

    def _default_storage(self) -> str | None:
        path = "default_storage"
        if self._raw.get(path) is not None:
            self._report.given(path)
            return self._storage_reference(path, self._raw[path])
        self._report.default(path)
        aliases = self._aliases()
        if not aliases or DEFAULT_ALIAS in aliases:
            return DEFAULT_ALIAS
        return aliases[0] if len(aliases) == 1 else None

    def _tombstone_ttl(self) -> float:
        path = "tombstone_ttl"
        value = self._raw.get(path)
        if value is None:
            self._report.default(path)
            return TOMBSTONE_TTL
        self._report.given(path)
        if isinstance(value, timedelta):
            value = value.total_seconds()
        hint = f"such as {TOMBSTONE_TTL:.0f}, which is ten days"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._report.problem(path, f"must be a number of seconds, is {describe(value)}", hint)
        elif value >= _FOREVER:
            self._report.problem(path, f"must be less than {_FOREVER:g} seconds", hint)
        elif not value > 0:  # neither is nan
            self._report.problem(path, f"must be positive, is {value}", hint)
        else:
            return float(value)
        return TOMBSTONE_TTL

    # --- parts ----------------------------------------------------------------------------------------------

    def _section(self, key: str, example: str) -> Mapping[str, object]:
        value = self._raw.get(key)
        return {} if value is None else self._report.mapping(key, value, example) or {}

    def _aliases(self) -> list[str]:
        """The names of the given storages, also of those that have a problem: a feed may refer to them."""
        value = self._raw.get("storages")
        return sorted(map(str, value)) if isinstance(value, Mapping) else []

    def _is_alias(self, path: str, name: str, what: str) -> bool:
        if _ALIAS.match(name):
            return True
        message = f"the name of {what} must be letters, digits, '-' and '_', and start with a letter"
        self._report.problem(path, message, "such as 'user_feed'")
        return False

    def _backend(
        self, path: str, value: object, kind: Kind, example: str, *, wanted: str = "a name or a mapping"
    ) -> tuple[str, FrozenMapping[object]] | None:
        """Name and options of a backend, given as its name alone or as a mapping of both."""
        if isinstance(value, str):
            value = {"backend": value}
        raw = self._report.mapping(path, value, example, wanted=wanted)
        if raw is None:
            return None
        self._backend_keys(path, raw)
        backend = None
        if "backend" in raw:
            backend = self._backend_name(f"{path}.backend", raw["backend"], kind, "the name of a backend")
        else:
            self._report.problem(f"{path}.backend", "is missing", f"such as {example}")
        options = self._options(f"{path}.options", raw.get("options"))
        self._origins(path, options or {})
        return None if backend is None or options is None else (backend, options)

    def _backend_keys(self, path: str, raw: Mapping[str, object]) -> None:
        for key in raw:
            if key not in _BACKEND_KEYS:
                hint = did_you_mean(key, _BACKEND_KEYS)
                hint = hint or f"what belongs to the backend goes into 'options': {{{key!r}: ...}}"
                self._report.problem(f"{path}.{key}", "unknown key", hint)

    def _backend_name(self, path: str, value: object, kind: Kind, what: str) -> str | None:
        example = f"such as {_EXAMPLES[kind]!r}"
        if not isinstance(value, str):
            self._report.problem(path, f"must be {what}, is {describe(value)}", example)
        elif "://" in value:
            self._report.problem(path, f"must be {what}, is a URL", "put the URL into 'options': {'url': ...}")
        elif _BACKEND_NAME.match(value) or (is_path(value) and check_path(_with_colon(value))):
            return value
        else:
            message = f"must be {what}, is {quote_name(value)}"
            self._report.problem(path, message, f"{example}, or 'module:Class' for a class of your own")
        return None

    def _optional_backend(self, path: str, value: object, kind: Kind) -> str | None:
        return None if value is None else self._backend_name(path, value, kind, f"the name of {kind.phrase}")

    def _options(self, path: str, value: object) -> FrozenMapping[object] | None:
        raw = {} if value is None else self._report.mapping(path, value, "{'host': 'localhost'}")
        if raw is None:
            return None
        try:
            return FrozenMapping(raw)
        except ValueError as error:
            self._report.problem(path, f"is {error}", "does a mapping or list contain itself?")
            return None

    def _origins(self, path: str, options: Mapping[str, object]) -> None:
        for part in ("backend", "options", *(f"options.{name}" for name in options)):
            self._report.given(f"{path}.{part}")


def _with_colon(path: str) -> str:
    return path if ":" in path else ":".join(path.rsplit(".", 1))


def _wrong_manager(value: object) -> tuple[str, str]:
    """What to say of a manager that is not given as `module:Class`."""
    example = "such as 'myapp.feeds:PinManager'"
    if isinstance(value, type):
        return "must be the path of a class, is the class itself", f"{value.__module__}:{value.__qualname__}"
    if not isinstance(value, str):
        return f"must be the path of a class, is {describe(value)}", example
    meant = _with_colon(value)
    hint = f"did you mean {meant!r}?" if check_path(meant) else example
    return f"must be of the form 'module:Class', is {quote_name(value)}", hint

"""The settings of Stream-Framework, translated into ours. `plugins.known` has the table of the names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from streamfw_core.errors import Problem
from streamfw_core.plugins import known
from streamfw_core.plugins.kinds import check_path
from streamfw_core.settings.report import describe

__all__ = ["Translation", "translate"]


@attrs.frozen
class Translation:
    """Old settings as new ones, and which old name each path came from."""

    settings: dict[str, Any] = attrs.field(factory=dict)
    origins: dict[str, str] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)


def translate(old: Mapping[str, object]) -> Translation:
    """Translate what is there; a value that cannot be understood becomes a problem under its old name."""
    result = Translation()
    _servers(old, result)
    _storage_options(old, result)
    _metrics(old, result)
    _verbs(old, result)
    _eager(old, result)
    for name, reason in known.OLD_IGNORED.items():
        if name in old:
            result.notes.append(f"{name} has no effect: {reason}.")
    return result


def _servers(old: Mapping[str, object], result: Translation) -> None:
    for name, backend in known.OLD_SERVERS.items():
        if name not in old:
            continue
        example = f"such as {name} = {{'default': {{'host': '127.0.0.1'}}}}"
        servers = old[name]
        if not isinstance(servers, Mapping):
            message = f"must be a mapping of server names, is {describe(servers)}"
            result.problems.append(Problem(name, message, example))
            continue
        for alias, options in servers.items():
            if not isinstance(options, Mapping):
                message = f"must be a mapping of connection options, is {describe(options)}"
                result.problems.append(Problem(f"{name}.{alias}", message, example))
                continue
            # The old library wrote None for what is not used.
            used = {key: value for key, value in options.items() if value is not None}
            _storages(result)[alias] = {"backend": backend, "options": used}
            result.origins[f"storages.{alias}"] = name


def _storage_options(old: Mapping[str, object], result: Translation) -> None:
    aliases: dict[str, str] = {}
    for name, place in known.OLD_STORAGE_OPTIONS.items():
        value = old.get(name)
        if value is None or value == {}:
            continue
        if not isinstance(value, place.types) or (isinstance(value, bool) and bool not in place.types):
            wanted = " or ".join(kind.__name__ for kind in place.types)
            example = f"such as {name} = {place.example}"
            result.problems.append(Problem(name, f"must be {wanted}, is {describe(value)}", example))
            continue
        storages = _storages(result)
        if place.storage not in aliases:
            aliases[place.storage] = alias = _free(place.storage, storages)
            storages[alias] = {"backend": place.backend, "options": {}}
            result.origins[f"storages.{alias}"] = name
        alias = aliases[place.storage]
        storages[alias]["options"][place.option] = value
        result.origins[f"storages.{alias}.options.{place.option}"] = name


def _metrics(old: Mapping[str, object], result: Translation) -> None:
    path, options = old.get(known.OLD_METRICS_CLASS), old.get(known.OLD_METRICS_OPTIONS)
    if isinstance(path, type):
        path = f"{path.__module__}.{path.__qualname__}"
    if options is not None and not isinstance(options, Mapping):
        message = f"must be a mapping, is {describe(options)}"
        example = f"such as {known.OLD_METRICS_OPTIONS} = {{'host': 'localhost'}}"
        result.problems.append(Problem(known.OLD_METRICS_OPTIONS, message, example))
        options = None
    backend = _metrics_backend(path, result)
    if backend is not None:
        result.settings["metrics"] = {"backend": backend, "options": options or {}}
        result.origins["metrics"] = known.OLD_METRICS_CLASS
        result.origins["metrics.options"] = known.OLD_METRICS_OPTIONS
    elif options:
        result.notes.append(f"{known.OLD_METRICS_OPTIONS} has no effect: no metrics class uses it.")


def _metrics_backend(path: object, result: Translation) -> str | None:
    if path is None:
        return None
    if isinstance(path, str) and path in known.OLD_METRICS_CLASSES:
        return known.OLD_METRICS_CLASSES[path]
    target = ":".join(path.rsplit(".", 1)) if isinstance(path, str) else ""
    if check_path(target):
        return target
    what = "a text without a dot" if isinstance(path, str) else describe(path)
    result.problems.append(
        Problem(
            known.OLD_METRICS_CLASS,
            f"must be the dotted path of a class, is {what}",
            "such as 'myapp.metrics.MyMetrics'",
        )
    )
    return None


def _verbs(old: Mapping[str, object], result: Translation) -> None:
    if old.get(known.OLD_VERBS, known.OLD_VERBS_VALUE) != known.OLD_VERBS_VALUE:
        message = f"only {known.OLD_VERBS_VALUE!r} is understood"
        hint = "remove it: verbs are registered in the process, with streamfw_core.verbs.register"
        result.problems.append(Problem(known.OLD_VERBS, message, hint))


def _eager(old: Mapping[str, object], result: Translation) -> None:
    if old.get(known.OLD_EAGER):
        result.settings["task_queue"] = known.DEFAULT_QUEUE
        result.origins["task_queue"] = known.OLD_EAGER
    elif set(old) - {known.OLD_EAGER, *known.OLD_IGNORED}:
        result.notes.append(known.OLD_EAGER_NOTE)


def _storages(result: Translation) -> dict[str, Any]:
    storages: dict[str, Any] = result.settings.setdefault("storages", {})
    return storages


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}_{number}"
    return free

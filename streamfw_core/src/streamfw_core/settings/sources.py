"""Where settings can come from: a mapping, `module:attr`, Django's settings, a Flask app.

Neither Django nor Flask is imported to find out: Django is asked when the program has it already,
and an app is what has a `config`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

import attrs

from streamfw_core.errors import Problem, SettingsError
from streamfw_core.plugins.known import OLD_NAMES
from streamfw_core.plugins.suggest import did_you_mean, nearest
from streamfw_core.settings.masking import mask_text
from streamfw_core.settings.model import Settings
from streamfw_core.settings.report import describe
from streamfw_core.settings.schema import keys_of

__all__ = ["DJANGO_ORIGIN", "KEYS", "NAME", "VARIABLE", "Source", "find_source", "unread_variables"]

NAME: Final = "STREAMFW"
"""What the settings are called inside of a larger configuration."""

VARIABLE: Final = "STREAMFW_SETTINGS"
"""The environment variable that says where the settings are."""

KEYS: Final = keys_of(Settings)
"""The keys that settings have."""

DJANGO_ORIGIN: Final = "django.conf.settings"

_WHAT_WORKS: Final = "a mapping, a Flask app, or a settings object or module with the attribute STREAMFW"
_REFERENCE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")


@attrs.frozen
class Source:
    """What was found: the settings (None: there are none) and, beside them, settings of old names."""

    origin: str
    settings: object = None
    old: Mapping[str, object] = attrs.field(factory=dict)
    notes: tuple[str, ...] = ()


def find_source(source: object, environ: Mapping[str, str]) -> Source:
    """Find the settings in `source`, or, when it is None, where the process says that they are.

    :raises SettingsError: when there are none in the source or no source where they should be.
    """
    if source is not None:
        if isinstance(source, str):
            return _from_reference(source, path="settings", origin=source)
        return _from_object(source, origin=None, path="settings")
    reference = environ.get(VARIABLE, "").strip()
    if reference:
        return _from_reference(
            reference, path=f"environment variable {VARIABLE}", origin=f"environment {VARIABLE}={reference}"
        )
    django = _django_settings()
    return Source("default") if django is None else _from_attributes(django, DJANGO_ORIGIN)


def _django_settings() -> object | None:
    settings: object = getattr(sys.modules.get("django.conf"), "settings", None)
    return settings if getattr(settings, "configured", False) is True else None


# --- module:attr --------------------------------------------------------------------------------------------


def _from_reference(reference: str, *, path: str, origin: str) -> Source:
    if "://" in reference:
        raise _error(path, "must be 'module:attribute', is a URL", "give storages: {'default': the URL}")
    if not _REFERENCE.match(reference):
        module = reference.partition(":")[0]
        if not _REFERENCE.match(f"{module}:{NAME}"):
            module = "myapp.settings"
        example = f"such as {module + ':' + NAME!r}"
        raise _error(path, f"must be 'module:attribute', is {mask_text(reference)!r}", example)
    module_name, _, attribute = reference.partition(":")
    value: object
    try:
        value = import_module(module_name)
    except (Exception, SystemExit) as error:
        cause = mask_text(f"{type(error).__name__}: {error}")
        hint = f"`python -c 'import {module_name}'` shows more; is its folder on sys.path?"
        raise _error(path, f"the module {module_name!r} cannot be imported: {cause}", hint) from error
    for name in attribute.split("."):
        where = getattr(value, "__name__", module_name)
        if not hasattr(value, name):
            names = [candidate for candidate in dir(value) if not candidate.startswith("__")]
            hint = did_you_mean(name, names) or f"add it: {attribute} = {{'storages': {{...}}}}"
            raise _error(path, f"the module {where!r} has no attribute {name!r}", hint)
        value = getattr(value, name)
    return _from_object(value, origin=origin, path=path)


# --- the kinds of objects -----------------------------------------------------------------------------------


def _from_object(value: object, *, origin: str | None, path: str) -> Source:
    if isinstance(value, Mapping):
        return _from_mapping(value, origin or "mapping")
    if value is None or isinstance(value, (str, bytes, int, float, list, tuple, set)):
        raise _error(path, f"must be {_WHAT_WORKS}, is {describe(value)}", f"such as {NAME} = {{...}}")
    try:
        config = getattr(value, "config", None)
        if isinstance(config, Mapping):
            name = getattr(value, "name", None) or type(value).__name__
            return _from_mapping(config, origin or f"flask app {name!r} config", whole=True)
        found = _from_attributes(value, origin or _object_origin(value))
    except Exception as error:  # such as a proxy's outside of its context
        cause = mask_text(f"{type(error).__name__}: {error}")
        raise _error(path, f"cannot be read: {cause}", "pass the app or the settings object itself") from error
    if found.settings is None and not found.old and not _is_settings_object(value):
        raise _error(path, f"must be {_WHAT_WORKS}; {describe(value)} has none of that", f"such as {NAME} = {{...}}")
    return found


def _is_settings_object(value: object) -> bool:
    # A Django project that sets nothing of ours is as good as no settings; so is a module of settings.
    return isinstance(value, ModuleType) or hasattr(value, "configured")


def _object_origin(value: object) -> str:
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    if value is _django_settings():
        return DJANGO_ORIGIN
    return f"attributes of {type(value).__name__}"


def _from_attributes(value: object, origin: str) -> Source:
    old = {name: getattr(value, name) for name in OLD_NAMES if getattr(value, name, None) is not None}
    names = (name for name in dir(value) if name.isupper())
    return Source(origin, getattr(value, NAME, None), old, _misspelt(names))


def _from_mapping(mapping: Mapping[str, object], origin: str, *, whole: bool = False) -> Source:
    """Take a mapping for the settings or, when its keys say so, for a configuration that has them."""
    if not (whole or _is_configuration(mapping)):
        return Source(origin, mapping)
    old = {name: mapping[name] for name in OLD_NAMES if mapping.get(name) is not None}
    names = (name for name in mapping if isinstance(name, str))
    return Source(origin, mapping.get(NAME), old, _misspelt(names))


def _is_configuration(mapping: Mapping[str, object]) -> bool:
    if NAME in mapping or any(name in mapping for name in OLD_NAMES):
        return True
    # All in capitals, as configurations are, and not merely our own keys in capitals.
    names = [key for key in mapping if isinstance(key, str)]
    return bool(names) and all(n.isupper() for n in names) and not any(n.lower() in KEYS for n in names)


def _misspelt(names: Iterable[str]) -> tuple[str, ...]:
    """Notes on settings that are nearly ours, and would be silently ignored."""
    ours = (NAME, *OLD_NAMES)
    notes = []
    for name in sorted(name for name in names if name.startswith("STREAM") and name not in ours):
        meant = nearest(name, ours, cutoff=0.85)
        if meant is not None:
            notes.append(f"{name} is not a setting that is known; did you mean {meant}?")
    return tuple(notes)


_OF_KUBERNETES = re.compile(r"_(SERVICE|PORT)(_|$)")
"""What it puts into the environment for a service that is called `streamfw-...`."""


def unread_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Notes on variables of the environment that look like settings, such as `STREAMFW_STORAGES__DEFAULT`: none is read."""
    looks = re.compile(rf"{VARIABLE}.+|{NAME}_({'|'.join(KEYS)})(_.*)?", re.IGNORECASE)
    return tuple(
        f"the variable {name} is not read; settings are in a module, and {VARIABLE}=module:attribute names it."
        for name in sorted(environ)
        if looks.fullmatch(name) and not _OF_KUBERNETES.search(name)
    )


def _error(path: str, message: str, hint: str) -> SettingsError:
    return SettingsError([Problem(path, message, hint)])

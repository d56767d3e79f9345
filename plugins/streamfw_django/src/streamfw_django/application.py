"""The application of a Django project: Django's settings, and the managers of its apps."""

from __future__ import annotations

from typing import Final

import attrs
from streamfw_core.settings import Settings, resolve

from streamfw_core import Streams
from streamfw_django.discovery import manager_paths

__all__ = ["make_streams", "resolve_settings"]

ORIGIN: Final = "feeds.py of an installed app"


def resolve_settings() -> Settings:
    """The settings of the project, with the managers of its `feeds.py`; what the settings list under `managers` wins.

    :raises SettingsError: with everything that is wrong.
    """
    resolved = resolve()
    listed = {*resolved.managers.values()}
    found = {
        name: path
        for name, path in manager_paths().items()
        if path not in listed and name not in resolved.managers
    }
    if not found:
        return resolved
    origins = {f"managers.{name}": ORIGIN for name in found}
    return attrs.evolve(
        resolved, managers={**resolved.managers, **found}, origins={**resolved.origins, **origins}
    )


def make_streams() -> Streams:
    """An application of the project; see `resolve_settings`."""
    return Streams(resolve_settings())

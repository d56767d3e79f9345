"""The application of a Django project: Django's settings, and the managers of its apps."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import attrs
from django.db import close_old_connections
from streamfw_core.queues import FanoutPriority
from streamfw_core.settings import Settings, resolve

from streamfw_core import Streams
from streamfw_django.discovery import manager_paths

__all__ = ["ProjectStreams", "make_streams", "resolve_settings"]

ORIGIN: Final = "feeds.py of an installed app"


_enqueuing: ContextVar[bool] = ContextVar("streamfw_django_enqueuing", default=False)


class ProjectStreams(Streams):
    """`Streams` of a Django project.

    Threads and workers treat connections to databases as requests do, before and after each message:
    those are closed that are broken, or as old as `CONN_MAX_AGE` says. Else a worker that has lost its database once
    would fail for as long as it lives.
    What is executed in the caller leaves the caller's connections alone.
    """

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Hand a message to the task queue."""
        token = _enqueuing.set(True)
        try:
            super().enqueue(message, priority)
        finally:
            _enqueuing.reset(token)

    def execute(self, message: bytes) -> None:
        """Do what a task message asks for."""
        if _enqueuing.get():
            super().execute(message)
            return
        close_old_connections()
        try:
            super().execute(message)
        finally:
            close_old_connections()


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
    return ProjectStreams(resolve_settings())

"""The application of a Django project: Django's settings, and the managers of its apps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from typing import Final

import attrs
from django.db import close_old_connections, connections
from streamfw_core.queues import FanoutPriority
from streamfw_core.settings import Settings, resolve

from streamfw_core import Streams
from streamfw_django.discovery import manager_paths

__all__ = ["ProjectStreams", "make_streams", "resolve_settings"]

ORIGIN: Final = "feeds.py of an installed app"

_using: ContextVar[int | None] = ContextVar("streamfw_django_using", default=None)
"""The thread whose connections are in use: by a caller, or by a message in which another one is executed."""


class ProjectStreams(Streams):
    """`Streams` of a Django project.

    Threads and workers treat connections to databases as requests do, before and after each message:
    those are closed that are broken, or as old as `CONN_MAX_AGE` says. Else a worker that has lost its database once
    would fail for as long as it lives.
    What is executed in the caller, or while another message is executed, leaves connections alone.
    """

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        """Hand a message to the task queue."""
        with _in_use():
            super().enqueue(message, priority)

    def execute_here(self, message: bytes) -> None:
        """Do what a task message asks for, for a caller."""
        with _in_use():
            super().execute_here(message)

    def execute(self, message: bytes) -> None:
        """Do what a task message asks for."""
        # A queue may execute where it is told of a message, and a transaction is always somebody's.
        if _using.get() == get_ident() or _in_transaction():
            super().execute(message)
            return
        close_old_connections()
        try:
            with _in_use():
                super().execute(message)
        finally:
            close_old_connections()


@contextmanager
def _in_use() -> Iterator[None]:
    token = _using.set(get_ident())
    try:
        yield
    finally:
        _using.reset(token)


def _in_transaction() -> bool:
    return any(connection.in_atomic_block for connection in connections.all(initialized_only=True))


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

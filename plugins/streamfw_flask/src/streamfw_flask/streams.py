"""The application of one app of Flask: its settings are the app's, and what is executed runs in the app's context."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final

import attrs
from flask import Flask, current_app, has_app_context
from streamfw_core.settings import Settings, resolve
from streamfw_core.streams import Streams

__all__ = ["AppStreams"]

CELERY: Final = "celery"


class AppStreams(Streams):
    """`Streams` of an app of Flask.

    Messages are executed in the app's context, whoever does that: the caller, a thread, a worker of Celery or of ours.
    So `get_user_follower_ids` and `on_update_feed` may use what needs one, such as Flask-SQLAlchemy.

    :param settings: instead of those in the configuration of the app.
    :raises SettingsError: with everything that is wrong.
    """

    def __init__(self, app: Flask, settings: Settings | None = None) -> None:
        super().__init__(_on_celery_of(app, resolve(app) if settings is None else settings))
        self._app = app

    def execute(self, message: bytes) -> None:
        """Do what a task message asks for, in the context of the app."""
        with self._context():
            super().execute(message)

    def _context(self) -> AbstractContextManager[object]:
        # What is executed in the middle of a request is part of it, and sees the same session of the database.
        if has_app_context() and current_app._get_current_object() is self._app:  # type: ignore[attr-defined]  # noqa: SLF001
            return nullcontext()
        return self._app.app_context()


def _on_celery_of(app: Flask, settings: Settings) -> Settings:
    """The settings, whose task queue is on the app's own Celery where they name no other."""
    queue, celery = settings.task_queue, app.extensions.get(CELERY)
    if queue.backend != CELERY or celery is None or {"app", "broker_url"} & {*queue.options}:
        return settings
    return attrs.evolve(settings, task_queue=attrs.evolve(queue, options={**queue.options, "app": celery}))

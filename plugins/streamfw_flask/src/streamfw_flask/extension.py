"""The extension: an application of streamfw for each app of Flask."""

from __future__ import annotations

import atexit
import weakref
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any, Final, cast

from flask import Flask, appcontext_popped, appcontext_pushed, current_app
from streamfw_core.errors import ArgumentError, StreamsError, given
from streamfw_core.streams import Streams
from werkzeug.local import LocalProxy

from streamfw_flask.command import command_of
from streamfw_flask.streams import AppStreams

__all__ = ["NotInitialized", "Streamfw", "current_streams"]

NAME: Final = "streamfw"
"""The key in `app.extensions`, and what the group of commands is called."""

# Not on `g`, which is gone when a context was popped. Contexts nest, and Flask sees to it that the last one is popped first.
_entered: ContextVar[tuple[ExitStack, ...]] = ContextVar("streamfw_flask_entered", default=())


class NotInitialized(StreamsError, RuntimeError):
    """An app has no streamfw, as `init_app` was not called for it."""


class Streamfw:
    """The extension. One serves any number of apps, each of which has `Streams` of its own.

    :param app: the same as a call of `init_app`.

    What an app has then:

    - `app.extensions["streamfw"]`, its `Streams`, which `current_streams` stands for within the app's context;
    - the default application within its context: `PinFeed(13)` and `PinManager()` use it;
    - `flask streamfw ...`, the command line with the settings of the app.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Make the application that the configuration of an app describes: the key `STREAMFW`, or Stream-Framework's names.

        Nothing connects. If there is an app of Celery in `app.extensions["celery"]`, the queue `celery` is on that one.

        :raises SettingsError: with everything that is wrong.
        :raises ArgumentError: not an app of Flask, or one that has this extension already.
        """
        if not isinstance(app, Flask):
            raise ArgumentError(f"init_app() takes an app of Flask, got {given(app)}")
        if NAME in app.extensions:
            raise ArgumentError(f"the app {app.name!r} has streamfw already: call init_app() once for each app")
        streams = AppStreams(app)
        if streams.settings.task_queue.backend == "celery":
            _ = streams.queue  # Celery's workers look for the queue of their app, and make none
        app.extensions[NAME] = streams
        app.cli.add_command(command_of(app))
        appcontext_pushed.connect(_enter, app)
        appcontext_popped.connect(_leave, app)
        atexit.register(_close, weakref.ref(streams))

    @property
    def streams(self) -> Streams:
        """Those of the current app; see `current_streams`."""
        return _of_current_app()


def _of_current_app() -> Streams:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the documented way
    found: Streams | None = app.extensions.get(NAME)
    if found is None:
        raise NotInitialized(
            f"the app {app.name!r} has no streamfw: call Streamfw(app), or init_app(app) of the extension,"
            " where the app is made"
        )
    return found


current_streams = cast("Streams", LocalProxy(_of_current_app))
"""The `Streams` of the current app, within its context.

:raises NotInitialized: the app has none.
"""


def _enter(app: Flask, **_: Any) -> None:
    active = ExitStack()
    active.enter_context(app.extensions[NAME].as_default())
    _entered.set((*_entered.get(), active))


def _leave(_app: Flask, **_: Any) -> None:
    *outer, active = _entered.get()
    _entered.set((*outer,))
    active.close()


def _close(reference: weakref.ref[Streams]) -> None:
    streams = reference()
    if streams is not None:
        streams.close()

"""Which app of Celery a queue belongs to, and the queue of an app."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from celery import Celery, _state, signals
from kombu.utils.functional import maybe_list
from streamfw_core.errors import Problem, SettingsError, given
from streamfw_core.queues import FanoutPriority

from streamfw_celery.brokers import check_installed, is_stock_redis, transport_for
from streamfw_celery.connections import queue_of
from streamfw_celery.wire import TASK

if TYPE_CHECKING:
    from streamfw_celery.celery_queue import Options

__all__ = ["check_app", "find_app", "serializer_of", "url_of"]

logger = logging.getLogger(__name__)

MODULE: Final = "streamfw_celery.tasks"
OURS: Final = "streamfw"

_PATH: Final = "task_queue.options"
_EXAMPLE: Final = 'such as "proj.celery:app"'
_WELCOME: Final = ("json", "auth", "msgpack")
"""Serializers that run no code, in the order in which they are preferred."""


def find_app(options: Options) -> Any:
    """The app that the options name, else the program's own, else one made from `broker_url`.

    :raises SettingsError: there is none of these, what `app` names is none, or an option is for an app that is made.
    """
    found = _found(options)
    if found is not None:
        if options.queue_arguments:
            what = f"is of an app that is made from broker_url, and there is the Celery app {found.main!r}"
            hint = "describe the queues in task_queues of the app"
            raise SettingsError([Problem(f"{_PATH}.queue_arguments", what, hint)])
        return found
    if options.broker_url is not None:
        check_installed(options.broker_url, f"{_PATH}.broker_url")
        return _made(options, options.broker_url)
    raise SettingsError(
        [
            Problem(
                f"{_PATH}.app",
                "no Celery app: the program has configured none, and there is no broker_url to make one from",
                f'name your app ({_EXAMPLE}), or a broker ("broker_url": "amqp://localhost//")',
            )
        ]
    )


def _found(options: Options) -> Any | None:
    """The app that the options name, else the program's own; None: there is none."""
    if isinstance(options.app, str):
        return _named(options.app)
    if options.app is not None:
        return _checked(options.app, given(options.app))
    own = _of_the_program()
    if own is not None and options.broker_url is not None:
        logger.warning(
            "broker_url of task_queue.options is not used, as the program has the Celery app %r:"
            " remove it, or name another app there as `app`",
            own.main,
        )
    return own


def _named(path: str) -> Any:
    module, _, attribute = path.partition(":")
    if not attribute:
        raise SettingsError([Problem(f"{_PATH}.app", f"{path!r} is not 'module:attribute'", _EXAMPLE)])
    try:
        found = attrgetter(attribute)(import_module(module))
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            [Problem(f"{_PATH}.app", f"{path!r} cannot be imported: {error!r}", f"a Celery app, {_EXAMPLE}")]
        ) from error
    return _checked(found, repr(path))


def _checked(found: Any, what: str) -> Any:
    if not isinstance(found, Celery):
        raise SettingsError([Problem(f"{_PATH}.app", f"{what} is no Celery app", f"a Celery app, {_EXAMPLE}")])
    return found


def _of_the_program() -> Any | None:
    """The app that is current, also in a thread that the program did not make it in; None: it has made none."""
    for candidate in (_state._tls.current_app, _state.default_app):  # noqa: SLF001 - asking in public makes one
        if candidate is not None and _is_own(candidate):
            return candidate
    own = [app for app in _state._get_active_apps() if _is_own(app)]  # noqa: SLF001
    return own[0] if len(own) == 1 else None


def _is_own(app: Any) -> bool:
    """Whether the program made it: not Celery, for want of one, nor this module."""
    return not (app.main == "default" and not app.set_as_current) and app.main != OURS


def _made(options: Options, broker_url: str) -> Any:
    app = Celery(OURS, broker=broker_url, include=[MODULE], set_as_current=False)
    app.conf.update(
        # Not librabbitmq, which kombu would prefer and which knows no publisher confirms.
        broker_transport="pyamqp" if broker_url.startswith("amqp:") else transport_for(broker_url),
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": options.visibility_timeout,
            **options.broker_transport_options,
        },
        task_queues=[queue_of(options.queues.of(priority), options.queue_arguments) for priority in FanoutPriority],
        task_ignore_result=True,
        # As many again wait in the worker as it executes: what waits there waits for it alone.
        worker_prefetch_multiplier=2,
    )
    return app


def url_of(app: Any) -> str | None:
    """That of its broker, as the program gave it: a connection's own has the path of the transport in it.

    None: the program gave none, or less than a URL.
    """
    configured = app.conf.broker_write_url or ""
    url = configured if isinstance(configured, str) else ";".join(configured)
    return url if "://" in url else None


def serializer_of(app: Any) -> str:
    """How messages are written: as the workers of the app accept them.

    :raises SettingsError: they accept nothing that runs no code.
    """
    accepted = {*app.conf.accept_content}
    for name in _WELCOME:
        if {name, f"application/{name}", f"application/x-{name}", f"application/data+{name}"} & accepted:
            return name
    raise SettingsError(
        [
            Problem(
                f"{_PATH}.app",
                f"the Celery app {app.main!r} accepts only {', '.join(sorted(map(str, accepted)))}",
                "add 'json' to its accept_content",
            )
        ]
    )


def _include_task(app: Any) -> None:
    """See that the app has our task, and tell of one that has not: its workers, which run none of this, drop it."""
    # What Celery discovers is known when it has imported all tasks of the program, which is for workers to do.
    may_have = MODULE in sys.modules or signals.import_modules.has_listeners(app)
    if may_have or MODULE in {*maybe_list(app.conf.imports), *maybe_list(app.conf.include)}:
        return
    app.conf.imports = (*maybe_list(app.conf.imports), MODULE)  # for a worker that starts in this very process
    logger.warning(
        'the Celery app %r does not include %s, so its workers drop messages of streamfw: add include=["%s"] where'
        " the app is made; see that workers list the task %s when they start",
        app.main,
        MODULE,
        MODULE,
        TASK,
    )


def check_app(app: Any) -> None:
    """Say what of the app's own configuration may lose messages. Nothing connects.

    :raises SettingsError: the package that speaks to its broker is not installed.
    """
    if app.conf.task_always_eager:  # no broker is spoken to
        return
    _include_task(app)
    connection = app.connection_for_write()
    url = str(app.conf.broker_write_url or "")
    check_installed(url, "broker_url of the Celery app")
    ours = transport_for(url)
    if ours is not None and is_stock_redis(connection):
        logger.warning(
            "the Celery app %r uses kombu's transport for Redis, which loses a message when a worker is killed while"
            " it fetches it: set broker_transport = %r in the configuration of the app",
            app.main,
            ours,
        )

"""What is different when the broker is Redis. The package redis is imported only then: RabbitMQ does without."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any, Final

from streamfw_core.errors import Problem, SettingsError

__all__ = ["check_installed", "errors_of_redis", "is_stock_redis", "not_together", "transport_for"]

_OURS: Final = {
    "redis": "streamfw_celery.redis_transport:Transport",
    "rediss": "streamfw_celery.redis_transport:Transport",
    "sentinel": "streamfw_celery.redis_transport:SentinelTransport",
}


def transport_for(url: str) -> str | None:
    """The name of the transport of this plugin that is for the URL of a broker; None: kombu's own is right."""
    return _OURS.get(_scheme(url))


def check_installed(url: str, path: str) -> None:
    """See that the package which speaks to a broker is there.

    :param path: of the URL in the settings.
    :raises SettingsError: it is not.
    """
    if transport_for(url) is not None and find_spec("redis") is None:
        what = f"a broker at {_scheme(url)}:// needs the package redis, which is not installed"
        raise SettingsError([Problem(path, what, 'python -m pip install "streamfw[celery,redis]"')])


def not_together(error: Exception) -> SettingsError:
    """What is raised where kombu refuses the version of the package redis, which no attempt will change."""
    import kombu
    import redis

    what = f"kombu {kombu.__version__} refuses redis {redis.__version__}: {error}"
    # The extra of the kombu that is installed knows which versions it takes.
    return SettingsError([Problem("task_queue", what, 'python -m pip install "kombu[redis]"')])


def is_stock_redis(connection: Any) -> bool:
    """Whether a connection of kombu, which need not be open, uses kombu's transport for Redis."""
    transport = connection.get_transport_cls()
    if transport.driver_type != "redis":
        return False
    from streamfw_celery.redis_transport import SentinelTransport, Transport

    return not issubclass(transport, (Transport, SentinelTransport))


def errors_of_redis() -> tuple[type[Exception], ...]:
    """What its client raises; nothing in a process that has not imported it."""
    module = sys.modules.get("redis.exceptions")
    return () if module is None else (module.RedisError,)


def _scheme(url: str) -> str:
    return url.partition("://")[0]

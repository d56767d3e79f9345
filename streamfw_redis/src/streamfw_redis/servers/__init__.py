"""Where requests are sent: one server, the master that sentinels name, or the nodes of a cluster."""

from __future__ import annotations

from redis.exceptions import RedisError
from streamfw_core.errors import Problem, SettingsError

from streamfw_redis.options import Options
from streamfw_redis.servers.pool import connection_arguments, kind_of
from streamfw_redis.servers.running import Replies, Servers

__all__ = ["Replies", "Servers", "connect"]


def connect(name: str, options: Options) -> Servers:
    """The servers of a storage; nothing connects before the first request.

    :raises SettingsError: the driver does not take its options.
    """
    try:
        kind_of(options)(**connection_arguments(options))
        return _servers(name, options)
    except (TypeError, ValueError, RedisError) as error:
        path = f"storages.{name}.options.driver_options"
        hint = "give arguments of redis-py's Connection, such as {'client_name': 'web'}"
        raise SettingsError([Problem(path, f"are refused by the driver: {error}", hint)]) from error


def _servers(name: str, options: Options) -> Servers:
    match options.mode:
        case "sentinel":
            from streamfw_redis.servers.sentinel import Sentinel

            return Sentinel(name, options)
        case "cluster":
            from streamfw_redis.servers.cluster import Cluster

            return Cluster(name, options)
    from streamfw_redis.servers.single import Single

    return Single(name, options)

"""Where requests are sent: one server, the master that sentinels name, or the nodes of a cluster."""

from __future__ import annotations

from streamfw_redis.options import Mode, Options
from streamfw_redis.servers.running import Replies, Servers

__all__ = ["Replies", "Servers", "connect"]


def connect(name: str, options: Options) -> Servers:
    """The servers of a storage; nothing connects before the first request."""
    match options.mode:
        case Mode.SENTINEL:
            from streamfw_redis.servers.sentinel import Sentinel

            return Sentinel(name, options)
        case Mode.CLUSTER:
            from streamfw_redis.servers.cluster import Cluster

            return Cluster(name, options)
    from streamfw_redis.servers.single import Single

    return Single(name, options)

"""Real servers for the tests of event loops."""

from tests.services.fixtures import (
    redis_binary,
    redis_certificate,
    redis_cluster,
    redis_server,
    redis_tls_server,
    shared_services,
    start_redis,
    start_sentinels,
)

__all__ = [
    "redis_binary",
    "redis_certificate",
    "redis_cluster",
    "redis_server",
    "redis_tls_server",
    "shared_services",
    "start_redis",
    "start_sentinels",
]

"""A Redis and workers of the test's own."""

from tests.services.fixtures import broker_name, redis_binary, shared_broker, shared_services, start_redis, start_worker

__all__ = ["broker_name", "redis_binary", "shared_broker", "shared_services", "start_redis", "start_worker"]

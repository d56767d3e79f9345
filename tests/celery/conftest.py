"""Brokers and workers for the tests of the task queues on Celery and kombu."""

from tests.services.fixtures import (
    broker,
    broker_name,
    rabbitmq_binary,
    rabbitmq_server,
    redis_binary,
    redis_server,
    shared_broker,
    shared_services,
    start_broker,
    start_rabbitmq,
    start_redis,
    start_worker,
)

__all__ = [
    "broker",
    "broker_name",
    "rabbitmq_binary",
    "rabbitmq_server",
    "redis_binary",
    "redis_server",
    "shared_broker",
    "shared_services",
    "start_broker",
    "start_rabbitmq",
    "start_redis",
    "start_worker",
]

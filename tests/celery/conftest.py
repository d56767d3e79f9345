"""Brokers and workers for the tests of the task queues on Celery and kombu."""

import pytest
from celery import _state

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
    "forget_apps_of_others",
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


@pytest.fixture
def forget_apps_of_others() -> None:
    """An app that another test of this process made would be taken for the program's own."""
    _state._tls.current_app = _state.default_app = None
    for app in [*_state._get_active_apps()]:
        _state._deregister_app(app)

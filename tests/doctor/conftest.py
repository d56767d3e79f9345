"""Servers and workers for the tests of `streamfw doctor`."""

from tests.celery.conftest import forget_apps_of_others
from tests.services.fixtures import (
    broker_name,
    cassandra_jars,
    rabbitmq_binary,
    rabbitmq_server,
    shared_broker,
    shared_cassandra,
    shared_services,
    start_worker,
)

__all__ = [
    "broker_name",
    "cassandra_jars",
    "forget_apps_of_others",
    "rabbitmq_binary",
    "rabbitmq_server",
    "shared_broker",
    "shared_cassandra",
    "shared_services",
    "start_worker",
]

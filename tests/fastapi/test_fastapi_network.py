"""A network in FastAPI works for its visitors: a real server, real workers, a real Redis for feeds and messages."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.http_network import Visitor, check_network, followers_of
from tests.fastapi.fastapi_network import VARIABLE, settings_on
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.ports import free_port
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker

ALL = "streamfw.high,streamfw.normal,streamfw.low"


@pytest.fixture
def environment(shared_services: Shared, start_worker: Callable[..., Worker]) -> dict[str, str]:
    """That of the servers, while a worker of Celery has the same settings."""
    binary = _found(_newest_redis())
    redis: Server = shared_services.get("redis of web frameworks", lambda: Server(binary, appendonly=True))
    redis.ask("FLUSHALL")
    settings = settings_on(f"redis://{redis.address}/0", f"redis://{redis.address}/1")
    environment = {VARIABLE: json.dumps(settings), "STREAMFW_SETTINGS": "tests.fastapi.fastapi_network:STREAMFW"}
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "streamfw_celery.app",
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
    return environment


def serve(app: str, environment: dict[str, str], start_worker: Callable[..., Worker]) -> tuple[Worker, str]:
    """Start a web server; returns it and its URL."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--lifespan", "on", "--port", str(port), app]
    ready = "Application startup complete"
    server = start_worker(command, ready=ready, environment=environment, cwd=Path.cwd(), name="uvicorn")
    return server, f"http://127.0.0.1:{port}"


def test_visitors_of_a_network_in_fastapi_see_what_happens(
    environment: dict[str, str], start_worker: Callable[..., Worker]
) -> None:
    server, url = serve("tests.fastapi.fastapi_network:app", environment, start_worker)
    check_network(url)
    server.stop()
    assert "Application shutdown complete" in server.output()


def test_an_application_of_plain_asgi_reads_the_same_feeds(
    environment: dict[str, str], start_worker: Callable[..., Worker]
) -> None:
    _, url = serve("tests.fastapi.fastapi_network:app", environment, start_worker)
    plain, plain_url = serve("tests.fastapi.asgi_network:app", environment, start_worker)
    check_network(url)
    with Visitor(url) as visitor, Visitor(plain_url) as reader:
        follower = followers_of(visitor.name)[0]
        for thing in range(3):
            visitor.loves(thing)
        wait_for(lambda: len(visitor.feed(follower)["things"]) == 3, f"{follower} sees all")
        assert reader.feed(follower, size=2) == visitor.feed(follower, size=2)
        assert reader.feed(follower, after="nonsense") == 400
    plain.stop()
    assert "Application shutdown complete" in plain.output()

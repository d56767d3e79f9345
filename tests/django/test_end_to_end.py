"""A project of Django as it runs: a server process, Redis, a worker of Celery, and a browser's requests."""

from __future__ import annotations

import sys
from pathlib import Path

import django
import pytest

from tests.django.interpreters import django_6
from tests.django.serving import serve, walk
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.redis import Server


@pytest.fixture(scope="module")
def redis(shared_services: Shared) -> Server:
    return shared_services.get("redis of Django", lambda: Server(_found(_newest_redis())))


def test_publish_read_notify_mark(redis: Server, tmp_path: Path) -> None:
    assert django.VERSION >= (5, 2)
    with serve(Path(sys.executable), redis, tmp_path) as site:
        walk(site)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_publish_read_notify_mark_with_django_6(redis: Server, tmp_path: Path) -> None:
    python = django_6(tmp_path)
    with serve(python, redis, tmp_path) as site:
        assert site.manage("version").startswith("6.")
        walk(site)

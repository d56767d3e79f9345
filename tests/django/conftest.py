"""Django is set up once, for the tests of this folder alone: whoever else asks for settings must not find its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.test.utils import setup_databases, setup_test_environment, teardown_databases, teardown_test_environment
from django.utils.functional import empty
from streamfw_core.streams import set_default_factory
from streamfw_django import make_streams

from streamfw_core import set_default_streams
from tests.services.fixtures import redis_binary, redis_server, shared_services, start_worker

__all__ = ["django_is_here", "redis_binary", "redis_server", "shared_services", "start_worker"]

PROJECT = Path(__file__).parent / "project"


def _set_up() -> Any:
    """Load the apps, and return the settings."""
    sys.path.insert(0, str(PROJECT))
    before = os.environ.get("DJANGO_SETTINGS_MODULE")
    os.environ["DJANGO_SETTINGS_MODULE"] = "wall_common"
    try:
        django.setup()
    finally:
        if before is None:
            del os.environ["DJANGO_SETTINGS_MODULE"]
        else:
            os.environ["DJANGO_SETTINGS_MODULE"] = before
    return settings._wrapped


_wrapped = _set_up()


def _leave() -> None:
    settings._wrapped = empty
    set_default_factory(None)
    set_default_streams(None)


_leave()


@pytest.fixture(scope="session")
def databases() -> Iterator[None]:
    """Tables in memory."""
    settings._wrapped = _wrapped
    setup_test_environment()
    made = setup_databases(0, interactive=False)
    _leave()
    yield
    settings._wrapped = _wrapped
    teardown_databases(made, 0)
    teardown_test_environment()
    _leave()


@pytest.fixture(scope="module", autouse=True)
def django_is_here(databases: None) -> Iterator[None]:
    """Of a module, as the classes of Django's test cases begin before any single test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STREAMFW_SETTINGS", raising=False)
        settings._wrapped = _wrapped
        set_default_factory(make_streams)
        set_default_streams(None)
        yield
        _leave()

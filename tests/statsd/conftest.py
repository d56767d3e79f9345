"""A statsd of the test's own, and an environment for each of the two libraries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.services.fixtures import shared_services, start_statsd, start_worker, statsd_program
from tests.statsd.environment import python_with_python_statsd

__all__ = ["environments", "shared_services", "start_statsd", "start_worker", "statsd_program"]


@pytest.fixture(scope="session")
def environments() -> dict[str, Path]:
    """Backend -> the Python that has its library."""
    return {"statsd": Path(sys.executable), "python-statsd": python_with_python_statsd()}

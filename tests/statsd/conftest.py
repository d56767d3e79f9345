"""A statsd of the test's own, and an environment for each of the two libraries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.services.fixtures import start_statsd, statsd_program, unavailable
from tests.statsd.environment import python_with_python_statsd

__all__ = ["environments", "start_statsd", "statsd_program"]


@pytest.fixture(scope="session")
def environments() -> dict[str, Path]:
    """Backend -> the Python that has its library."""
    try:
        return {"statsd": Path(sys.executable), "python-statsd": python_with_python_statsd()}
    except RuntimeError as error:
        unavailable(str(error))

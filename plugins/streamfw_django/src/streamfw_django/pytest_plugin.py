"""What pytest loads by itself where streamfw-django is installed: the fixture `isolated_feeds`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def isolated_feeds() -> Iterator[Any]:
    """Feeds of the test's own, in memory: the application that has them. See `streamfw_django.testing`."""
    # Not before it is used: Django must not be imported in projects that have nothing of it.
    from streamfw_django.testing import isolated_feeds as isolated

    with isolated() as streams:
        yield streams

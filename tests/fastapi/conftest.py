"""A Redis, web servers and workers of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamfw_core import set_default_streams
from tests.services.fixtures import shared_services, start_worker

pytest.register_assert_rewrite("tests.acceptance.http_network")

__all__ = ["fresh_default", "shared_services", "start_worker"]


@pytest.fixture(autouse=True)
def fresh_default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    set_default_streams(None)
    yield
    set_default_streams(None)

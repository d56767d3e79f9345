"""What the tests of the example application have in common: a site with people in it, and browsers to visit it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.pinboard.serving import Site, serve
from tests.pinboard.visiting import Visitor
from tests.services.fixtures import (
    any_redis,
    browser,
    rabbitmq_binary,
    rabbitmq_server,
    shared_services,
    start_rabbitmq,
)

__all__ = [
    "any_redis",
    "browser",
    "rabbitmq_binary",
    "rabbitmq_server",
    "shared_services",
    "site",
    "start_rabbitmq",
    "visit",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site on the embedded defaults; tests sign up people of their own, and leave the others as they are."""
    with serve(tmp_path_factory.mktemp("pinboard")) as started:
        yield started


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser for one more visitor; takes the options of a browser's context. At the end no page may have failed."""
    visitors: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, site, **options))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []

"""The same on servers: feeds in Redis, deliveries through RabbitMQ to a worker of Celery, counts over Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Browser

from tests.pinboard.serving import Site, serve
from tests.pinboard.stories import meet_and_part
from tests.pinboard.visiting import Visitor
from tests.services.program import lives
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Server


def test_two_people_meet_and_part_on_servers(
    browser: Browser, any_redis: Server, start_rabbitmq: Callable[[], RabbitMQ], tmp_path: Path
) -> None:
    with serve(tmp_path, "--redis", any_redis.url, "--broker", start_rabbitmq().url, people=10) as site:
        ada, grace = Visitor(browser, site), Visitor(browser, site)
        meet_and_part(ada, grace)
        for visitor in (ada, grace):
            visitor.close()
        assert ada.faults + grace.faults == []

        workers = workers_of(site)
        assert workers
        assert any_redis.ask("DBSIZE") > 0
        site.server.stop()
        assert not any(map(lives, workers))


def workers_of(site: Site) -> list[psutil.Process]:
    return [process for process in site.server.processes() if "celery" in process.cmdline()]

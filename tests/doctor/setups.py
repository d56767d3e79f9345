"""Set-ups on real servers, and what the doctor finds in them."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from attrs import define, field
from streamfw_core.doctor import Finding, Level, diagnose
from streamfw_core.plugins import Plugins
from streamfw_core.queues import FanoutPriority

from streamfw_core import Streams
from tests.celery.celery_running import CELERY, QUIET, READY, names, node_name
from tests.doctor.program import PINS, VARIABLE
from tests.services.brokers import Broker
from tests.services.redis import Server
from tests.services.workers import Worker

OURS = [
    EntryPoint("memory", "streamfw_memory.plugin", "streamfw"),
    EntryPoint("redis", "streamfw_redis.plugin", "streamfw"),
    EntryPoint("cassandra", "streamfw_cassandra.plugin", "streamfw"),
    EntryPoint("celery", "streamfw_celery.plugin", "streamfw"),
]
"""The plugins that are examined, whatever else is installed here."""

ALL = tuple(FanoutPriority)


@define
class Setup:
    """Settings, and what else a test puts in.

    :param plugins: those that are installed.
    :param environ: the variables that say which of them are used.
    :param ahead: seconds that this machine's clock is ahead of what it was.
    :param timeout: seconds for a canary.
    """

    settings: dict[str, Any]
    plugins: list[EntryPoint] = field(factory=lambda: [*OURS])
    environ: dict[str, str] = field(factory=dict)
    ahead: float = 0.0
    timeout: float = 20.0

    def findings(self, **options: Any) -> list[Finding]:
        plugins = Plugins(entry_points=self.plugins, environ=self.environ)
        try:
            streams = Streams(self.settings, plugins=plugins)
        except ValueError:
            return [*diagnose(self.settings)]
        with streams:
            return [*diagnose(streams, timeout=self.timeout, now=lambda: time.time() + self.ahead, **options)]

    @contextmanager
    def streams(self) -> Iterator[Streams]:
        with Streams(self.settings, plugins=Plugins(entry_points=self.plugins, environ=self.environ)) as made:
            yield made

    @property
    def options(self) -> dict[str, Any]:
        """Of its task queue."""
        options: dict[str, Any] = self.settings["task_queue"]["options"]
        return options


def own_keys() -> str:
    """A prefix of the keys of a storage that nobody else has."""
    return f"doctor-{uuid.uuid4().hex[:8]}:"


def setup(storage: Server, broker: Broker, queue: str = "kombu") -> Setup:
    """One whose feeds are on Redis, under keys of its own, with a task queue of its own."""
    url = {"url": broker.url} if queue == "kombu" else {"broker_url": broker.url}
    return Setup(
        {
            "storages": {"hot": {"backend": "redis", "options": {"url": storage.url, "prefix": own_keys()}}},
            "managers": PINS,
            "task_queue": {"backend": queue, "options": {**url, "queues": names()}},
        }
    )


def worker(setup: Setup, priorities: Sequence[FanoutPriority] = ALL, **settings: Any) -> Worker:
    """A worker, not yet started, of the program.

    :param settings: others than those of the set-up.
    """
    environment = {
        "STREAMFW_SETTINGS": "tests.doctor.program:STREAMFW",
        VARIABLE: json.dumps({**setup.settings, **settings}),
    }
    if setup.settings["task_queue"]["backend"] == "kombu":
        command = [sys.executable, "-m", "streamfw_core", "worker", "--queues", ",".join(priorities)]
        return Worker(command, ready="ready: queue", environment=environment, cwd=Path.cwd())
    queues = ",".join(setup.options["queues"][priority.value] for priority in priorities)
    command = [*CELERY, "-A", "streamfw_celery.app", "worker", "-n", node_name(), "-Q", queues, "-c", "1", *QUIET]
    return Worker([*command, "-l", "INFO"], ready=READY, environment=environment, cwd=Path.cwd())


def failures(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is Level.FAILURE]

"""The kombu queue keeps the contract of task queues, with workers in other processes, on each broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.queues import TaskQueue
from streamfw_core.testing import TaskQueueContract
from streamfw_core.testing.queues import PATIENCE

from tests.celery.kombu_program import READY, ROOT, command
from tests.celery.kombu_running import options_for
from tests.celery.remote import RemoteQueue
from tests.services.brokers import Broker
from tests.services.workers import Worker


class TestKombu(TaskQueueContract):
    @pytest.fixture(autouse=True)
    def _workers(self, shared_broker: Broker, start_worker: Callable[..., Worker]) -> Iterator[None]:
        self._broker = shared_broker
        self._start_worker = start_worker
        self._remotes: list[RemoteQueue] = []
        yield
        for remote in self._remotes:
            remote.end()

    def make_queue(self) -> TaskQueue:
        options = options_for(self._broker)
        remote = RemoteQueue(KombuQueue("kombu", options), lambda variables: self._start(options, variables))
        self._remotes.append(remote)
        return remote

    def settle(self, queue: TaskQueue) -> None:
        assert isinstance(queue, RemoteQueue)
        queue.wait(PATIENCE)

    def _start(self, options: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        for priorities in ("high", "high,normal,low"):
            self._start_worker(command(options, priorities), ready=READY, environment=variables, cwd=ROOT)

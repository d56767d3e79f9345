"""The queue on Celery keeps the contract of task queues, with workers of Celery, on each broker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from streamfw_core.queues import TaskQueue
from streamfw_core.testing import TaskQueueContract
from streamfw_core.testing.queues import PATIENCE

from tests.celery.celery_running import program, worker
from tests.celery.celery_worker import WHERE, Program
from tests.celery.remote import RemoteQueue
from tests.services.brokers import Broker


@pytest.fixture(scope="module")
def served(shared_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program with a worker for all of its queues, and one for what is urgent."""
    own = program(shared_broker.url, tmp_path_factory.mktemp("contract"))
    module = "tests.celery.celery_remote"
    with worker(own, module=module), worker(own, "-Q", own.options["queues"]["high"], "-P", "solo", module=module):
        yield own


class TestCelery(TaskQueueContract):
    @pytest.fixture(autouse=True)
    def _workers(self, served: Program) -> Iterator[None]:
        self._program = served
        self._remotes: list[RemoteQueue] = []
        yield
        for remote in self._remotes:
            remote.wait(PATIENCE)  # the next test must not get what is left of this one
            remote.queue.drop_dead()
            remote.end()
            remote.queue.close()

    def make_queue(self) -> TaskQueue:
        remote = RemoteQueue(self._program.queue(), self._say_where)
        self._remotes.append(remote)
        return remote

    def settle(self, queue: TaskQueue) -> None:
        assert isinstance(queue, RemoteQueue)
        queue.wait(PATIENCE)

    def _say_where(self, variables: Mapping[str, str]) -> None:
        folder: Path = self._program.notes.parent
        (folder / "new").write_text(json.dumps(variables), encoding="utf-8")
        (folder / "new").replace(folder / WHERE)

"""The queue against everything that streamfw promises, with workers of RQ."""

import pytest
from remote import Executing, settle
from streamfw_core.queues import Handler, OnDead, TaskQueue
from streamfw_core.testing import TaskQueueContract
from streamfw_example_queue.queue import RqQueue


class BoundHere(RqQueue):
    """The workers' messages come back to this process, where the kit's handler is."""

    def __init__(self, url: str, executing: Executing) -> None:
        super().__init__("rq-example", {"url": url, "pauses": [0, 0, 0]})
        self._executing = executing

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self._executing.handler, self._executing.on_dead = handler, on_dead


class TestRqQueue(TaskQueueContract):
    @pytest.fixture(autouse=True)
    def workers(self, redis_url: str, executing: Executing) -> None:
        self.url = redis_url
        self.executing = executing

    def make_queue(self) -> TaskQueue:
        queue = BoundHere(self.url, self.executing)
        queue.drop_dead()
        return queue

    def settle(self, queue: TaskQueue) -> None:
        settle(self.url)

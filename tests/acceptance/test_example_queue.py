"""The example of a task queue plugin: what becomes of messages when workers of RQ are killed, and who may call what."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis
from rq import Queue, Worker
from rq.job import JobStatus
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer
from streamfw_core.errors import QueueUnavailable
from streamfw_core.queues import DeadLetterQueue, FanoutPriority

from tests.services.binaries import Binary, find_binaries
from tests.services.fixtures import Shared, redis_binary, shared_services, start_worker, unavailable
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker as Program

__all__ = ["redis_binary", "shared_services", "start_worker"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "streamfw_example_queue"
NAME = "streamfw.high"
JSON_JOBS = ["--serializer", "json", "--job-class", "streamfw_example_queue.queue.MessageJob"]
LATER = 3600.0
"""Seconds after which RQ has long found out that a worker is dead; passed to it instead of waiting."""

StartWorker = Callable[..., Program]


@pytest.fixture
def server(redis_binary: Binary, shared_services: Shared) -> Server:
    """One for this module, and empty."""
    own = shared_services.get(f"rq {redis_binary.label}", lambda: Server(redis_binary))
    own.flush()
    return own


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    with Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    """The plugin, which need not be installed, and its tests' way to have messages executed here."""
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    monkeypatch.syspath_prepend(EXAMPLE / "tests")
    return import_module("streamfw_example_queue.queue"), import_module("remote")


@pytest.fixture
def queue(modules: tuple[ModuleType, ModuleType], server: Server) -> Iterator[Any]:
    made = modules[0].RqQueue("rq-example", {"url": server.url, "pauses": [0, 0]})
    yield made
    made.close()


@pytest.fixture
def start(start_worker: StartWorker, server: Server, modules: tuple[ModuleType, ModuleType]) -> Callable[..., Program]:
    """Starts a worker of one queue that lets a handler here execute its messages."""

    def start(handler: Callable[[bytes], None], *more: str) -> Program:
        executing = modules[1].Executing()
        executing.handler, executing.on_dead = handler, lambda _: None
        command = [sys.executable, str(EXAMPLE / "tests/remote.py"), "worker", *JSON_JOBS, "--url", server.url, *more]
        return start_worker(
            [*command, NAME],
            ready="Listening on",
            environment=executing.environment | {"PYTHONPATH": str(EXAMPLE / "src")},
        )

    return start


def rq_queue(redis: Redis) -> Queue:
    return Queue(NAME, redis, serializer=JSONSerializer)


def job_keys(redis: Redis) -> int:
    return len(redis.keys("rq:job:*"))


@pytest.mark.slow
def test_the_example_passes_its_own_tests() -> None:
    found = [binary for binary in find_binaries() if binary.product == "redis"]
    if not found:
        unavailable("there is no Redis here, where the example keeps its jobs")
    with Server(found[-1]) as server:  # one version is enough for a minute's tests
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE)],
            check=False,
            cwd=EXAMPLE,
            env=os.environ | {"PYTHONPATH": str(EXAMPLE / "src"), "REDIS_URL": server.url},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["rq.SimpleWorker", "rq.Worker"])
def test_a_message_outlives_the_worker_that_is_killed_with_it(
    kind: str, queue: Any, redis: Redis, start: Callable[..., Program]
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def handler(_: bytes) -> None:
        if begun.is_set():
            done.set()
        begun.set()
        go_on.wait(60)

    worker = start(handler, "--worker-class", kind)
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    assert begun.wait(30)
    worker.kill()
    go_on.set()

    registry = rq_queue(redis).started_job_registry
    assert len(registry.get_job_ids(cleanup=False)) == 1
    registry.cleanup(timestamp=time.time() + LATER)
    start(handler, "--worker-class", kind, "--burst")
    assert done.wait(30)
    wait_for(lambda: job_keys(redis) == 0, "nothing is left")


def test_a_message_that_kills_every_worker_is_given_up(queue: Any, redis: Redis, start: Callable[..., Program]) -> None:
    begun = threading.Semaphore(0)

    def handler(_: bytes) -> None:
        begun.release()
        time.sleep(60)

    queue.enqueue(b"{}", FanoutPriority.HIGH)
    for _ in range(3):
        assert not queue.dead_letters()
        worker = start(handler, "--worker-class", "rq.SimpleWorker")
        assert begun.acquire(timeout=30)
        worker.kill()
        rq_queue(redis).started_job_registry.cleanup(timestamp=time.time() + LATER)

    [letter] = queue.dead_letters()
    assert (letter.message, letter.attempts) == (b"{}", 3)
    assert "AbandonedJobError" in letter.reason


def test_a_message_that_was_only_taken_from_its_own_workers_queue_is_found(queue: Any, redis: Redis) -> None:
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    high = rq_queue(redis)
    assert Queue.dequeue_any([high], None, redis, serializer=JSONSerializer) is not None  # then the worker dies

    [id] = high.intermediate_queue.get_job_ids()
    worker = Worker([high], connection=redis, serializer=JSONSerializer)
    high.intermediate_queue.cleanup(worker, high)
    redis.set(high.intermediate_queue.get_first_seen_key(id), time.time() - LATER)
    high.intermediate_queue.cleanup(worker, high)
    assert high.get_job_ids() == [id]


def test_a_message_that_was_only_taken_from_one_of_several_queues_is_lost(queue: Any, redis: Redis) -> None:
    """As the page says; when this fails, RQ has become better and the page is wrong."""
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    queues = [rq_queue(redis), Queue("streamfw.low", redis, serializer=JSONSerializer)]
    assert Queue.dequeue_any(queues, None, redis, serializer=JSONSerializer) is not None  # then the worker dies

    high = queues[0]
    assert high.get_job_ids() == high.intermediate_queue.get_job_ids() == []
    assert high.started_job_registry.get_job_ids() == []
    assert job_keys(redis) == 1


def test_a_message_whose_retry_is_only_half_scheduled_is_lost(
    queue: Any, redis: Redis, start: Callable[..., Program]
) -> None:
    """As the page says; when this fails, RQ has become better and the page is wrong."""
    begun = threading.Event()

    def handler(_: bytes) -> None:
        begun.set()
        time.sleep(60)

    worker = start(handler, "--worker-class", "rq.SimpleWorker")
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    assert begun.wait(30)
    worker.kill()
    high = rq_queue(redis)
    [id] = high.started_job_registry.get_job_ids(cleanup=False)
    job = high.fetch_job(id)
    assert job is not None
    job.set_status(JobStatus.SCHEDULED)  # as far as it came

    high.started_job_registry.cleanup(timestamp=time.time() + LATER)
    assert high.get_job_ids() == high.intermediate_queue.get_job_ids() == []
    assert ScheduledJobRegistry(queue=high).get_job_ids() == []
    assert queue.dead_letters() == []


def test_what_pauses_is_executed_when_a_scheduler_is_there(
    modules: tuple[ModuleType, ModuleType], server: Server, start: Callable[..., Program]
) -> None:
    from streamfw_core.queues.retry import MessageFailed

    times: list[float] = []

    def handler(_: bytes) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            raise MessageFailed("busy", rest=b"rest", retriable=True) from OSError("busy")

    start(handler, "--with-scheduler", "--worker-class", "rq.SimpleWorker")
    queue = modules[0].RqQueue("rq-example", {"url": server.url, "pauses": [1]})
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    wait_for(lambda: len(times) == 2, "it is tried again")
    assert times[1] - times[0] > 0.5
    queue.close()


def test_jobs_that_name_something_else_do_not_call_it(
    queue: Any, redis: Redis, start: Callable[..., Program], tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    rq_queue(redis).enqueue_call("os.system", [f"touch {touched}"])
    called: list[bytes] = []
    start(called.append, "--worker-class", "rq.SimpleWorker", "--burst")
    wait_for(lambda: called, "it is executed as a message")
    assert called == [f"touch {touched}".encode()]
    assert not touched.exists()


@pytest.mark.parametrize("name", ["success_callback_name", "failure_callback_name", "stopped_callback_name"])
def test_callbacks_that_jobs_name_are_not_called(
    name: str, queue: Any, redis: Redis, modules: tuple[ModuleType, ModuleType]
) -> None:
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    [id] = rq_queue(redis).get_job_ids()
    redis.hset(f"rq:job:{id}", name, "os.system")

    job = modules[0].MessageJob.fetch(id, connection=redis, serializer=JSONSerializer)
    assert getattr(job, name.removesuffix("_name")) is None


def test_what_is_no_job_of_ours_does_not_hide_the_dead_letters(queue: Any, redis: Redis) -> None:
    queue.enqueue(b"{}", FanoutPriority.HIGH)
    high = rq_queue(redis)
    [id] = high.get_job_ids()
    job = high.fetch_job(id)
    assert job is not None
    high.failed_job_registry.add(job)
    redis.hset(f"rq:job:{id}", "data", b"\x80\x04not JSON")

    [letter] = queue.dead_letters()
    assert letter.message == b"\x80\x04not JSON"


def test_any_bytes_come_back(queue: Any, redis: Redis) -> None:
    assert isinstance(queue, DeadLetterQueue)
    message = bytes(range(256))
    queue.enqueue(message, FanoutPriority.HIGH)
    high = rq_queue(redis)
    [id] = high.get_job_ids()
    job = high.fetch_job(id)
    assert job is not None
    assert b"pickle" not in job.data
    high.failed_job_registry.add(job)
    assert queue.dead_letters()[0].message == message


def test_a_redis_that_is_down_is_told_without_its_password(modules: tuple[ModuleType, ModuleType]) -> None:
    queue = modules[0].RqQueue("rq-example", {"url": "redis://somebody:secret@127.0.0.1:1/0"})
    for call in (lambda: queue.enqueue(b"{}", FanoutPriority.HIGH), queue.dead_letters, queue.retry_dead):
        with pytest.raises(QueueUnavailable, match=r"'rq-example'.*127\.0\.0\.1:1.*task_queue\.options\.url") as caught:
            call()
        assert "secret" not in str(caught.value)
        assert caught.value.queue == "rq-example"

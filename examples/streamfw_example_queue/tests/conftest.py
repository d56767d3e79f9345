"""A Redis for the tests, and three workers of RQ, one for each of its queues."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from streamfw_core.queues import FanoutPriority

sys.path.insert(0, str(Path(__file__).parent))
from remote import Executing

WORKER = [sys.executable, str(Path(__file__).with_name("remote.py")), "worker", "--quiet", "--serializer", "json"]
WORKER += ["--job-class", "streamfw_example_queue.queue.MessageJob", "--worker-class", "rq.SimpleWorker"]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty Redis: that of REDIS_URL, or one that is started."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    program = shutil.which("redis-server")
    if program is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("there is no redis-server on PATH: install it, or name an empty Redis in REDIS_URL")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        url = f"redis://127.0.0.1:{port}/0"
        wait_until(lambda: Redis.from_url(url).ping())
        yield url
        server.terminate()


@pytest.fixture(scope="session")
def executing(redis_url: str) -> Iterator[Executing]:
    """Executes here what the workers are given."""
    made = Executing()
    with ExitStack() as stack:
        for priority in FanoutPriority:
            command = [*WORKER, "--url", redis_url, f"streamfw.{priority}"]
            worker = stack.enter_context(subprocess.Popen(command, env=made.environment))
            stack.callback(worker.terminate)
        wait_until(lambda: Worker.count(Redis.from_url(redis_url)) >= len(FanoutPriority))
        yield made


def wait_until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(RedisError):
            if is_so():
                return
        time.sleep(0.05)
    raise TimeoutError("Redis or the workers did not start within a minute")

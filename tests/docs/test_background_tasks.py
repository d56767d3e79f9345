"""The page on background tasks holds: whoever follows it sees what it says, and its tables name all that there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import kombu
import pytest
from streamfw_celery import celery_queue, kombu_queue
from streamfw_celery.options import QueueNames, Retries
from streamfw_core.queues import FanoutPriority, Task

from tests.docs.background_walk import PAGE, commands, write_files
from tests.docs.pages import ROOT
from tests.services.binaries import Binary, find_binaries
from tests.services.brokers import Broker
from tests.services.fixtures import (
    broker_name,
    rabbitmq_binary,
    rabbitmq_server,
    shared_services,
    start_broker,
    start_worker,
    unavailable,
)
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Server
from tests.services.workers import Worker

__all__ = ["broker_name", "rabbitmq_binary", "rabbitmq_server", "shared_services", "start_broker", "start_worker"]

TEXT = PAGE.read_text(encoding="utf-8")


def test_who_follows_the_page_sees_what_it_says(
    broker_name: str, start_broker: Callable[[], Broker], tmp_path: Path
) -> None:
    page = write_files(tmp_path, broker_name)
    broker = start_broker()
    with Server(_newest_redis()) as redis:
        walk = subprocess.run(
            [sys.executable, "-m", "tests.docs.background_walk", str(page)],
            check=False,
            cwd=tmp_path,
            env=_environment(redis.url, broker.url),
            capture_output=True,
            text=True,
            timeout=300,
        )
    print(walk.stdout)
    assert walk.returncode == 0, walk.stderr[-6000:]
    workers = sum(" worker " in command for command in commands())
    assert f"examples, {workers} workers" in walk.stdout


FAIL_ONCE = """
from pathlib import Path

told = NetworkManager.get_user_follower_ids


def fail_once(manager, user_id):
    if not Path("failed").exists():
        Path("failed").touch()
        raise OSError("the database is busy")
    return told(manager, user_id)


NetworkManager.get_user_follower_ids = fail_once
"""

PUBLISH = """
import time
from streamfw_core import Activity, Love
from proj.feeds import HomeFeed, NetworkManager

NetworkManager().add_user_activity("ada", Activity("ada", Love, 42))
while not (HomeFeed("grace").count() and HomeFeed("linus").count()):
    time.sleep(0.1)
"""


def test_quorum_queues_as_the_page_describes_them_bear_retries(
    rabbitmq_server: RabbitMQ, start_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    write_files(tmp_path, "quorum")
    celery = tmp_path / "proj/celery.py"  # the broker is that of other tests too, and of other queues
    celery.write_text(celery.read_text().replace('"streamfw.{name}"', '"quorum.{name}"'))
    names = {name: f"quorum.{name}" for name in ("high", "normal", "low", "dead")}
    with (tmp_path / "proj/config.py").open("a") as config:
        config.write(f"STREAMFW['task_queue']['options']['queues'] = {names}")
    with (tmp_path / "proj/feeds.py").open("a") as feeds:
        feeds.write(FAIL_ONCE)
    with Server(_newest_redis()) as redis:
        environment = _environment(redis.url, rabbitmq_server.url) | {"STREAMFW_SETTINGS": "proj.config:STREAMFW"}
        command = [sys.executable, "-m", "celery", "-A", "proj", "worker", "-l", "INFO", "-c", "1", "-n", "quorum@%h"]
        start_worker(command, ready=" ready.", environment=environment, cwd=tmp_path)
        subprocess.run([sys.executable, "-c", PUBLISH], cwd=tmp_path, env=environment, check=True, timeout=60)
        assert (tmp_path / "failed").exists()


def test_our_worker_takes_queues_as_it_finds_them(
    rabbitmq_server: RabbitMQ, start_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    write_files(tmp_path, "rabbitmq")
    names = {name: f"found.{name}" for name in ("high", "normal", "low", "dead")}
    with (tmp_path / "proj/own_workers.py").open("a") as config:
        config.write(f"STREAMFW['task_queue']['options']['queues'] = {names}")
    with kombu.Connection(rabbitmq_server.url) as connection:
        for name in names.values():
            kombu.Queue(name, queue_arguments={"x-queue-type": "quorum"})(connection.default_channel).declare()
    with Server(_newest_redis()) as redis:
        environment = _environment(redis.url, rabbitmq_server.url) | {"STREAMFW_SETTINGS": "proj.own_workers:STREAMFW"}
        command = [sys.executable, "-m", "streamfw_core", "worker"]
        start_worker(command, ready="ready: ", environment=environment, cwd=tmp_path)
        subprocess.run([sys.executable, "-c", PUBLISH], cwd=tmp_path, env=environment, check=True, timeout=60)


def test_what_keeps_workers_running_starts_those_of_the_page() -> None:
    starting = re.findall(r"^(?:ExecStart=.*/bin/|    command: )(.*)$", TEXT, re.MULTILINE)
    assert len(starting) == 2
    assert {command.replace("%%", "%") for command in starting} < {*commands()}


@pytest.mark.parametrize(
    ("header", "options", "required"),
    [
        ("| option of `celery` | what it says | default |", celery_queue.Options, {}),
        ("| option of `kombu` | what it says | default |", kombu_queue.Options, {"url": "amqp://"}),
        ("| name in `queues` | what goes there | default |", QueueNames, {}),
        ("| name in `retries` | what it says | default |", Retries, {}),
    ],
)
def test_every_option_is_listed_with_its_default(header: str, options: type, required: dict[str, str]) -> None:
    listed = _table(header)
    assert [name for name, _, _ in listed] == [f"`{option.name}`" for option in attrs.fields(options)]
    default = options(**required)
    for name, _, shown in listed:
        value = getattr(default, name.strip("`"))
        if name.strip("`") in required:
            assert not shown, f"{name} has no default"
        elif attrs.has(type(value)):
            assert shown == "those below"
        else:
            assert shown == f"`{value!r}`", f"the default of {name} is {value!r}"


def test_every_field_of_a_log_is_listed() -> None:
    task = Task("x", FanoutPriority.LOW, 2, correlation_id="x", kind="x", manager="x", feed="x")
    assert {name for name, _ in _table("| field | what it is |")} == {f"`{name}`" for name in task.fields()}
    assert len(task.fields()) == len(attrs.fields(Task))


def _newest_redis() -> Binary:
    found = [binary for binary in find_binaries() if binary.product == "redis"]
    if not found:
        unavailable("there is no Redis here, where the feeds of the page live")
    return found[-1]


def _environment(redis: str, broker: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("STREAMFW_")},
        "REDIS_URL": redis,
        "BROKER_URL": broker,
        "COLUMNS": "120",
        "PYTHONPATH": str(ROOT),
    }


def _table(header: str) -> list[list[str]]:
    """The cells of the rows under a header."""
    assert header in TEXT
    rows = TEXT.partition(header + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]

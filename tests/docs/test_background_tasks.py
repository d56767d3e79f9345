"""The page on background tasks holds: whoever follows it sees what it says, and its tables name all that there is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from streamfw_celery import celery_queue, kombu_queue
from streamfw_celery.options import QueueNames, Retries
from streamfw_core.queues.tasks import Task

from tests.docs.background_walk import PAGE, commands, write_files
from tests.docs.pages import ROOT
from tests.services.binaries import find_binaries
from tests.services.brokers import Broker
from tests.services.fixtures import broker_name, start_broker, unavailable
from tests.services.redis import Server

__all__ = ["broker_name", "start_broker"]

TEXT = PAGE.read_text(encoding="utf-8")


def test_who_follows_the_page_sees_what_it_says(
    broker_name: str, start_broker: Callable[[], Broker], tmp_path: Path
) -> None:
    found = [binary for binary in find_binaries() if binary.product == "redis"]
    if not found:
        unavailable("there is no Redis here, where the feeds of the page live")
    page = write_files(tmp_path, broker_name)
    broker = start_broker()
    with Server(found[-1]) as redis:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STREAMFW_")},
            "REDIS_URL": redis.url,
            "BROKER_URL": broker.url,
            "COLUMNS": "120",
            "PYTHONPATH": str(ROOT),
        }
        walk = subprocess.run(
            [sys.executable, "-m", "tests.docs.background_walk", str(page)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    print(walk.stdout)
    assert walk.returncode == 0, walk.stderr[-6000:]
    workers = sum(" worker " in command for command in commands())
    assert f"examples, {workers} workers" in walk.stdout


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
    task = Task(**{field.name: "x" for field in attrs.fields(Task) if field.name != "priority"})
    assert {name for name, _ in _table("| field | what it is |")} == {
        "`streamfw_priority`",
        *(f"`{name}`" for name in task.fields()),
    }


def _table(header: str) -> list[list[str]]:
    """The cells of the rows under a header."""
    assert header in TEXT
    rows = TEXT.partition(header + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]

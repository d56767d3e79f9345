"""One trace spans publish, a real broker and the worker's write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.services.brokers import Broker
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker

ROOT = Path(__file__).parents[2]
CHUNKS = 2
MODULE = "tests.opentelemetry.traced"


def queue_names() -> dict[str, str]:
    word = uuid4().hex[:8]
    return {kind: f"{word}.{kind}" for kind in ("high", "normal", "low", "dead")}


def kombu(url: str) -> tuple[dict[str, Any], list[str], str]:
    """Settings of the queue, the command of its worker, and what that says when it is ready."""
    options = {"url": url, "queues": queue_names()}
    command = [sys.executable, "-m", "streamfw_core", "worker"]
    return {"backend": "kombu", "options": options}, command, "ready: "


def celery(url: str) -> tuple[dict[str, Any], list[str], str]:
    queues = queue_names()
    command = [sys.executable, "-m", "celery", "-A", "streamfw_celery.app", "worker", "-c", "1", "-l", "INFO"]
    command += ["-Q", ",".join(queues[kind] for kind in ("high", "normal", "low"))]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return {"backend": "celery", "options": {"broker_url": url, "queues": queues}}, command, " ready."


def spans_in(folder: Path) -> list[dict[str, Any]]:
    return [
        {**json.loads(line), "pid": int(file.stem)}
        for file in folder.glob("*.json")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize("queue", [kombu, celery])
def test_one_trace_spans_publish_broker_and_write(
    queue: Callable[[str], tuple[dict[str, Any], list[str], str]],
    shared_broker: Broker,
    start_redis: Callable[..., Server],
    start_worker: Callable[..., Worker],
    tmp_path: Path,
) -> None:
    task_queue, command, ready = queue(shared_broker.url)
    settings = {
        "storages": {"hot": start_redis().url},
        "task_queue": task_queue,
        "metrics": "opentelemetry",
        "managers": {"traced": f"{MODULE}:TracedManager"},
    }
    environment = {
        "TRACED_SETTINGS": json.dumps(settings),
        "TRACED_FOLDER": str(tmp_path),
        "STREAMFW_SETTINGS": f"{MODULE}:STREAMFW",
        "PYTHONPATH": str(ROOT),
    }
    start_worker(command, ready=ready, environment=environment, cwd=ROOT)
    publisher = subprocess.run(
        [sys.executable, "-m", MODULE],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    assert publisher.returncode == 0, publisher.stderr

    def writes() -> list[dict[str, Any]]:
        return [span for span in spans_in(tmp_path) if span["name"] == "streamfw write"]

    wait_for(lambda: len(writes()) == CHUNKS, "all chunks are written")
    wait_for(lambda: len(spans_in(tmp_path)) == 2 + 2 * CHUNKS, "all spans are there")
    spans = spans_in(tmp_path)

    assert len({span["context"]["trace_id"] for span in spans}) == 1
    [publish] = [span for span in spans if span["parent_id"] is None]
    assert publish["name"] == "streamfw publish"
    [fanout] = children(spans, publish)
    assert (fanout["name"], fanout["attributes"]["streamfw.operation"]) == ("streamfw execute", "fanout")
    delivers = children(spans, fanout)
    assert [span["attributes"]["streamfw.operation"] for span in delivers] == ["deliver"] * CHUNKS
    for deliver in delivers:
        [write] = children(spans, deliver)
        assert (write["name"], write["attributes"]) == ("streamfw write", {"streamfw.feed": "traced"})
    assert {span["pid"] for span in spans} - {publish["pid"]} == {write["pid"] for write in writes()}


def children(spans: list[dict[str, Any]], parent: dict[str, Any]) -> list[dict[str, Any]]:
    return [span for span in spans if span["parent_id"] == parent["context"]["span_id"]]

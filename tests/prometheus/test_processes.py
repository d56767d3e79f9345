"""A scrape of a server of two processes adds up, also when one of them was replaced meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.prometheus.application import FOLLOWERS
from tests.services.ports import free_port
from tests.services.waiting import wait_for
from tests.services.workers import Worker

ROOT = Path(__file__).parents[2]


@pytest.fixture
def get(start_worker: Callable[..., Worker], tmp_path: Path) -> Callable[[str], str]:
    """Asks a server of two processes, each time on a connection of its own."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    command += ["--config", "python:tests.prometheus.application", "tests.prometheus.application:app"]
    start_worker(
        command,
        ready="Booting worker",
        environment={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        name="gunicorn",
    )

    def ask(path: str) -> str:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    wait_for(lambda: ask("/who"), "the server answers")
    return ask


def scraped(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values ...) -> value, of the counters and of the counts of histograms."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith(("_total", "_count"))
    }


def test_a_scrape_adds_up_what_all_processes_did(get: Callable[[str], str]) -> None:
    published = 0
    processes: set[str] = set()
    while published < 40 or len(processes) < 2:
        processes.add(get(f"/publish?{published}"))
        published += 1
        assert published < 10_000, "all requests came to one process"

    assert scraped(get("/metrics")) == expected(published)

    victim = int(processes.pop())
    os.kill(victim, signal.SIGKILL)
    for more in range(20):
        wait_for(lambda number=more: get(f"/publish?{published + number}"), "the server answers")  # type: ignore[misc]

    assert scraped(get("/metrics")) == expected(published + 20)


def expected(published: int) -> dict[tuple[str, ...], float]:
    return {
        ("streamfw_activities_published_total",): published,
        ("streamfw_activities_removed_total",): 0,
        ("streamfw_dead_letters_total",): 0,
        ("streamfw_fanout_deliveries_total", "scraped", "add"): published * FOLLOWERS,
        ("streamfw_fanout_chunk_seconds_count", "scraped"): published,
        ("streamfw_feed_activities_total", "scraped", "read"): published,
        ("streamfw_feed_read_seconds_count", "scraped"): published,
    }

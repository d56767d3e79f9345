"""Fan-out while everything fails: a small run of `python -m tests.faults` for each queue on each broker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.fixtures import unavailable
from tests.services.rabbitmq import find_rabbitmq

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
@pytest.mark.parametrize("queue", ["celery", "kombu"])
def test_nothing_is_lost_doubled_or_resurrected(queue: str, broker: str) -> None:
    if broker == "rabbitmq" and find_rabbitmq() is None:
        unavailable("no RabbitMQ is found: see CONTRIBUTING.md")
    size = ["--activities", "400", "--users", "100", "--followers", "60", "--every", "2", "--patience", "220"]
    outbox = ["--outbox"] if queue == "kombu" else []
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--broker", broker, "--queue", queue, *size, *outbox],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 feeds differ" in done.stdout
    assert "urgent worker killed" in done.stdout
    assert "patient worker killed" in done.stdout
    assert "broker restarted 2" in done.stdout
    assert "storage restarted 1" in done.stdout

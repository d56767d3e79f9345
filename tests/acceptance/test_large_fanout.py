"""A fan-out to millions: follower ids are streamed, so the process stays as small as it was, and no feed is left out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COUNTING = "tests.acceptance.counting_storage:CountingStorage"
MILLION = 1_000_000

SETTLED = 3
"""Samples (of 20 for each priority) after which the pipeline is full: from then on memory stays flat."""

ALLOWED = 8_000_000
"""Bytes by which it may still grow; a million ids that are kept take 40 million."""

pytestmark = pytest.mark.slow


def fan_out(storage: str, followers: int, mode: str = "stream") -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.acceptance.large_fanout", storage, str(followers), mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def growth(resident: list[int]) -> int:
    """By how much the process grew once the pipeline was full."""
    return max(resident[SETTLED:]) - resident[SETTLED]


def test_two_feed_classes_get_a_million_high_and_a_million_low_ids_in_flat_memory() -> None:
    result = fan_out(COUNTING, MILLION)
    assert result["complete"] == {"news": 2 * MILLION, "alert": 2 * MILLION}
    assert len(result["resident"]) == 40
    assert growth(result["resident"]) < ALLOWED, result["resident"]


def test_the_measurement_notices_a_pipeline_that_keeps_the_ids() -> None:
    result = fan_out(COUNTING, MILLION, "keep")
    assert growth(result["resident"]) > 2 * ALLOWED, result["resident"]


def test_every_feed_of_the_memory_storage_is_complete() -> None:
    followers = 100_000
    result = fan_out("memory", followers)
    assert result["complete"] == {"news": 2 * followers, "alert": 2 * followers}

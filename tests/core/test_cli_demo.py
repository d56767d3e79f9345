"""`streamfw demo` and the world that it makes up."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from streamfw_core.cli.main import main
from streamfw_core.cli.output import ago
from streamfw_core.cli.world import make_world


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["demo", "--json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_it_shows_readable_feeds_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    started = time.perf_counter()
    assert main(["demo"]) == 0
    assert time.perf_counter() - started < 5
    captured = capsys.readouterr()
    for title in ("A small world", "Publishing", "Following", "Unfollowing", "Removing", "Paging", "That was it"):
        assert title in captured.out
    assert " pinned " in captured.out
    assert " ago " in captured.out
    assert captured.err == ""


@pytest.mark.parametrize("queue", ["inline", "threads"])
@pytest.mark.parametrize("people", [4, 12, 60])
@pytest.mark.parametrize("seed", [0, 7, 21])
def test_what_it_tells_is_true(seed: int, people: int, queue: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "--seed", str(seed), "--people", str(people), "--queue", queue)
    steps = {step["step"]: step for step in document["steps"]}
    assert list(dict.fromkeys(steps)) == list(dict.fromkeys(s["step"] for s in document["steps"]))
    assert steps["publish"]["activities"] == document["counts"]["activities"] == 4 * people
    assert steps["publish"]["deliveries"] <= document["counts"]["deliveries"]
    assert steps["follow"]["after"] > steps["follow"]["before"]
    assert steps["remove"]["before"] > 0
    assert steps["remove"]["after"] == 0
    assert sum(steps["page"]["pages"]) > 0
    assert all(size == 5 for size in steps["page"]["pages"][:-1])


def test_the_same_seed_tells_the_same_story(capsys: pytest.CaptureFixture[str]) -> None:
    def sentences(seed: int) -> list[str]:
        steps = told(capsys, "--seed", str(seed))["steps"]
        return [step["text"] for step in steps] + [one["text"] for one in steps[1]["feed"]["activities"]]

    assert sentences(3) == sentences(3) != sentences(4)


def test_a_world_holds_together() -> None:
    world = make_world(1, 40)
    assert make_world(1, 40) == world
    assert len({person.name for person in world.people.values()}) == 40
    for id, followed in world.followed.items():
        assert id not in {person.id for person in followed}
        assert len(set(followed)) == len(followed) >= 2
    times = [happening.seconds_ago for happening in world.happenings]
    assert times == sorted(times, reverse=True)
    assert all(world.pins[happening.pin.id] is happening.pin for happening in world.happenings)
    counted = {(happening.actor.id, happening.verb, happening.pin.id) for happening in world.happenings}
    assert len(counted) == len(world.happenings) == 160


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (185, "3 minutes ago"),
        (3600, "1 hour ago"),
        (2 * 86_400 + 5, "2 days ago"),
    ],
)
def test_times_are_told_as_people_do(seconds: int, text: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == text

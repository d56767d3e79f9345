"""`streamfw replay`: every feed is what brute force finds in the files, and a wrong feed is noticed."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from streamfw_core.cli.main import main
from streamfw_core.cli.replay import verify as verification
from streamfw_core.cli.replay.network import HomeFeed

DATA = "STREAMFW_REPLAY_DATA"
EVENTS = "higgs-activity_time.txt.gz"
EDGES = "higgs-retweet_network.edgelist.gz"

PEOPLE = 60


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Options that name a made-up log: bursts within one second, repeated facts, repeated edges, people following themselves."""
    dice = random.Random(3)
    edges = [(dice.randrange(PEOPLE), min(dice.randrange(PEOPLE), dice.randrange(PEOPLE))) for _ in range(400)]
    time, events = 1_341_100_972, []
    for _ in range(1500):
        time += dice.choice((0, 0, 0, 1, 40))
        events.append((dice.randrange(PEOPLE), dice.randrange(5), time, dice.choice(("RT", "MT", "RE"))))
    events += events[-20:]
    graph, log = tmp_path / "edges.txt", tmp_path / "events"
    graph.write_text("# follower followed weight\n" + "".join(f"{one} {other} 1\n" for one, other in edges + edges[:9]))
    log.write_bytes(gzip.compress("".join(" ".join(map(str, event)) + "\n" for event in events).encode()))
    return ["--graph", str(graph), "--events", str(log)]


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["replay", *arguments, "--json", "-"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize("queue", ["inline", "threads"])
@pytest.mark.parametrize("max_length", [1, 7, 100, 5000])
def test_every_feed_equals_brute_force(
    files: list[str], capsys: pytest.CaptureFixture[str], queue: str, max_length: int
) -> None:
    result = replayed(
        capsys, *files, "--verify", "60", "--queue", queue, "--max-length", str(max_length), "--reads", "20"
    )
    checked = result["verification"]
    assert checked["equal"] == checked["users"] == result["graph"]["followers"]
    assert checked["filled"] > 50
    assert checked["activities"] == result["feeds"]["entries"]
    assert result["feeds"]["longest"] <= max_length
    assert result["events"] == 1520


def test_deliveries_are_one_for_each_follower_of_each_event(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    edges = {tuple(map(int, line.split()[:2])) for line in Path(files[1]).read_text().splitlines()[1:]}
    actors = [int(line.split()[0]) for line in gzip.decompress(Path(files[3]).read_bytes()).splitlines()]
    expected = sum(sum(followed == actor for _, followed in edges) for actor in actors)
    assert replayed(capsys, *files)["deliveries"] == expected


def test_the_limit_takes_the_earliest_events_of_a_file_in_any_order(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = gzip.decompress(Path(files[3]).read_bytes()).splitlines(keepends=True)
    earliest = replayed(capsys, *files, "--limit", "300")
    random.Random(5).shuffle(lines)
    shuffled = tmp_path / "shuffled"
    shuffled.write_bytes(b"".join(lines))
    again = replayed(capsys, *files[:3], str(shuffled), "--limit", "300", "--verify", "60")
    assert again["events"] == earliest["events"] == 300
    assert again["verification"]["equal"] == again["verification"]["users"]


def test_a_wrong_feed_is_named_and_makes_the_exit_code_1(
    files: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful:
        def __getitem__(self, index: Any) -> Any:
            found = HomeFeed(self.user_id, streams=self._streams)[index]
            return found[:-1] if self.user_id % 2 else found

        def __init__(self, user_id: Any, *, streams: Any = None) -> None:
            self.user_id, self._streams = user_id, streams

    monkeypatch.setattr(verification, "HomeFeed", Forgetful)
    assert main(["replay", *files, "--verify", "60"]) == 1
    out = capsys.readouterr().out
    assert " of 60 equal" in out
    assert "60 of 60 equal" not in out
    assert "there should be" in out


def test_the_results_are_written_as_json_and_drawn(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    report, plot = tmp_path / "out.json", tmp_path / "out.png"
    assert main(["replay", *files, "--json", str(report), "--plot", str(plot), "--verify", "5"]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    document = json.loads(report.read_text())
    assert document["verification"]["equal"] == 5
    assert document["deliveries_per_second"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edges.txt", "events", "out.json", "out.png"]
    out = capsys.readouterr().out
    for name in ("events", "deliveries/s", "read p50", "read p99", "peak memory", "5 of 5 equal"):
        assert name in out


def test_interrupting_leaves_nothing_behind(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamfw_core.cli.replay import running

    def interrupted(*_: object) -> Sequence[int]:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "feed_lengths", interrupted)
    assert main(["replay", *files, "--json", str(tmp_path / "out.json"), "--queue", "threads"]) == 130
    assert "error: interrupted" in capsys.readouterr().err
    assert not list(tmp_path.glob("*out.json*"))


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["inline", "threads"])
def test_the_higgs_log(queue: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.environ.get(DATA)
    if not folder:
        pytest.skip(f"{DATA} does not name a folder with {EVENTS} and {EDGES} (SNAP, Higgs Twitter data)")
    files = ["--graph", str(Path(folder, EDGES)), "--events", str(Path(folder, EVENTS))]
    result = replayed(capsys, *files, "--limit", "20000", "--verify", "200", "--queue", queue)
    assert result["events"] == 20_000
    assert result["graph"]["edges"] == 328_132
    assert result["graph"]["largest_account"] == 14_060
    assert result["verification"]["equal"] == 200

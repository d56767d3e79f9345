"""`streamfw replay`: every feed is what brute force finds in the files, and a wrong feed is noticed."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import attrs
import pytest
from streamfw_core.activity import Activity
from streamfw_core.aggregators import BaseAggregator
from streamfw_core.cli.main import main
from streamfw_core.plugins import loader
from streamfw_core.plugins.discovery import discover
from streamfw_core.storage import FeedSpec, Page, Query
from streamfw_core.storage.groups import Group
from streamfw_memory.storage import MemoryStorage

HERE = __name__
FEEDS = ["flat", "aggregated", "notification"]
DATA = "STREAMFW_REPLAY_DATA"
EVENTS = "higgs-activity_time.txt.gz"
EDGES = "higgs-retweet_network.edgelist.gz"

EXAMPLE = Path(__file__).parents[2] / "examples" / "streamfw_example_storage" / "src"

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


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("queue", ["inline", "threads"])
@pytest.mark.parametrize("max_length", [1, 7, 100, 5000])
def test_every_feed_equals_brute_force(
    files: list[str], capsys: pytest.CaptureFixture[str], queue: str, max_length: int, feed: str
) -> None:
    options = ["--feed", feed, "--verify", "60", "--queue", queue, "--max-length", str(max_length), "--reads", "20"]
    result = replayed(capsys, *files, *options)
    checked = result["verification"]
    assert checked["equal"] == checked["users"] == result["feeds"]["count"]
    assert checked["filled"] == checked["choosable"] == result["feeds"]["filled"]
    assert checked["entries"] == result["feeds"]["entries"]
    assert result["feeds"]["longest"] <= max_length
    assert result["events"] == (1520 if feed != "notification" else result["deliveries"])
    if feed == "flat" or (feed, queue) == ("notification", "threads") or max_length >= 100:
        assert checked["partly"] == 0


def test_where_groups_were_cut_in_an_unknown_order_the_certain_is_compared(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--feed", "aggregated", "--verify", "60", "--max-length", "1", "--queue", "threads"]
    assert main(["replay", *files, *options]) == 0
    out = capsys.readouterr().out
    assert "of them only in what is certain: groups were cut, and which activities these had by then" in out
    assert replayed(capsys, *files, *options[:-2])["verification"]["partly"] == 0


def test_the_members_of_groups_are_counted(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flat, aggregated = (
        replayed(capsys, *files, "--feed", feed, "--verify", "60", "--max-length", "5000")
        for feed in ("flat", "aggregated")
    )
    assert aggregated["deliveries"] == flat["deliveries"]
    assert aggregated["verification"]["activities"] == flat["feeds"]["entries"]
    assert aggregated["feeds"]["entries"] < flat["feeds"]["entries"]


def test_mentions_and_replies_are_delivered_once_and_retweets_are_not(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.split() for line in gzip.decompress(Path(files[3]).read_bytes()).splitlines()]
    result = replayed(capsys, *files[2:], "--feed", "notification", "--verify", "60")
    assert result["deliveries"] == sum(verb in {b"MT", b"RE"} for *_, verb in lines)
    assert result["graph"] is None
    assert result["feeds"]["count"] == 5


class ByHour(BaseAggregator):
    """An aggregator of somebody's own."""

    def get_group(self, activity: Activity) -> str:
        return f"{activity.actor_id} at {activity.time.hour}"


@pytest.mark.parametrize(
    ("feed", "aggregator"), [("aggregated", "notification"), ("notification", "recent_verb"), ("aggregated", ByHour)]
)
def test_another_aggregator(
    files: list[str], capsys: pytest.CaptureFixture[str], feed: str, aggregator: str | type[BaseAggregator]
) -> None:
    name = aggregator if isinstance(aggregator, str) else f"{HERE}:{aggregator.__name__}"
    result = replayed(capsys, *files, "--feed", feed, "--aggregator", name, "--verify", "60", "--max-length", "9")
    assert result["verification"]["equal"] == result["verification"]["users"]
    assert result["inputs"]["feed"] == feed
    assert result["inputs"]["aggregator"] == name


class FlatOnly(MemoryStorage):
    """Has no groups, so that core keeps them on its flat timelines."""

    capabilities = attrs.evolve(MemoryStorage.capabilities, exact_members=0, cas=False)

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)


@pytest.mark.parametrize("feed", ["aggregated", "notification"])
@pytest.mark.parametrize("max_length", [2, 100])
def test_on_a_storage_without_groups(
    files: list[str], capsys: pytest.CaptureFixture[str], feed: str, max_length: int
) -> None:
    options = ["--feed", feed, "--verify", "60", "--storage", f"{HERE}:FlatOnly", "--max-length", str(max_length)]
    checked = replayed(capsys, *files, *options, "--limit", "600")["verification"]
    assert checked["equal"] == checked["users"]


@pytest.mark.parametrize("feed", FEEDS)
def test_on_the_example_of_a_storage_plugin(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, feed: str
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    entry = EntryPoint("sqlite-example", "streamfw_example_storage.plugin", "streamfw")
    monkeypatch.setattr(loader, "discover", lambda _given: discover([entry]))
    options = ["--feed", feed, "--verify", "60", "--storage", f"sqlite-example://{tmp_path / 'feeds.db'}"]
    checked = replayed(capsys, *files, *options, "--limit", "100")["verification"]
    assert checked["equal"] == checked["users"] > 4


@pytest.mark.parametrize("feed", ["flat", "aggregated"])
def test_those_are_verified_whose_feeds_are_not_empty(
    files: list[str], capsys: pytest.CaptureFixture[str], feed: str
) -> None:
    command = [*files, "--feed", feed, "--limit", "3"]
    few = replayed(capsys, *command, "--verify", "2")["verification"]
    assert few["filled"] == few["users"] == 2 < few["choosable"] < 50
    every = replayed(capsys, *command, "--verify", "60")["verification"]
    assert every["filled"] == every["choosable"] == few["choosable"] < every["users"]
    main(["replay", *command, "--verify", "60"])
    empty = every["users"] - every["filled"]
    assert f"({every['filled']} of the {every['filled']} feeds that are not empty and {empty} that are; " in (
        capsys.readouterr().out
    )


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


class Wrong(MemoryStorage):
    """Says something else of the feeds of odd users than what it has."""

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        pages = super().read(spec, queries)
        return [
            Page(page.ids[:-1], page.payloads[:-1]) if int(query.owner) % 2 and page.payloads else page
            for query, page in zip(queries, pages, strict=True)
        ]

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        found = super().read_groups(spec, queries)
        return [
            [*map(self.wrong, groups)] if int(query.owner) % 2 else groups
            for query, groups in zip(queries, found, strict=True)
        ]

    def wrong(self, group: Group) -> Group:
        return group


class WrongActors(Wrong):
    def wrong(self, group: Group) -> Group:
        return group._replace(actor_count=group.actor_count + 1)


class WrongMembers(Wrong):
    def wrong(self, group: Group) -> Group:
        return group._replace(members=group.members[:2], payloads=(group.payloads or ())[:2])


class WrongMarks(Wrong):
    """A mark covers what comes later."""

    def wrong(self, group: Group) -> Group:
        return group._replace(seen=group.seen_at > 0)


class WrongCounts(Wrong):
    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> Any:
        return [stats._replace(unread=0) for stats in super().stats(spec, queries)]


@pytest.mark.parametrize(
    ("feed", "storage", "message"),
    [
        ("flat", Wrong, "there should be 100 activities, and there are 99"),
        ("aggregated", WrongActors, "at 0, group '9102-2012-07-01': actor_count should be"),
        ("aggregated", WrongMembers, "at 0, group '9102-2012-07-01': activity_ids should be"),
        ("notification", WrongActors, "at 0, group '9102-"),
        ("notification", WrongMarks, "is_seen() should be False, and is True"),
        ("notification", WrongCounts, "count_unread() should be 2, and is 0"),
    ],
)
def test_a_wrong_feed_is_named_and_makes_the_exit_code_1(
    files: list[str], capsys: pytest.CaptureFixture[str], feed: str, storage: type[Wrong], message: str
) -> None:
    assert main(["replay", *files, "--feed", feed, "--verify", "60", "--storage", f"{HERE}:{storage.__name__}"]) == 1
    out = capsys.readouterr().out
    found = re.search(r"^(\d+) of (\d+) equal", out, re.MULTILINE)
    assert found is not None
    assert int(found[1]) < int(found[2])
    assert re.search(r"^  user \d+: ", out, re.MULTILINE)
    assert message in out


@pytest.mark.parametrize("feed", FEEDS)
def test_the_results_are_written_as_json_and_drawn(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], feed: str
) -> None:
    pytest.importorskip("matplotlib")
    report, plot = tmp_path / "out.json", tmp_path / "out.png"
    assert main(["replay", *files, "--feed", feed, "--json", str(report), "--plot", str(plot), "--verify", "5"]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    document = json.loads(report.read_text())
    assert document["verification"]["equal"] == 5
    assert document["inputs"]["feed"] == feed
    assert document["feeds"]["unit"] == ("activities" if feed == "flat" else "groups")
    assert document["deliveries_per_second"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edges.txt", "events", "out.json", "out.png"]
    out = capsys.readouterr().out
    for name in (
        feed,
        document["feeds"]["unit"],
        "events",
        "deliveries/s",
        "read p50",
        "read p99",
        "peak memory",
        "5 of 5 equal",
    ):
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
@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("queue", ["inline", "threads"])
def test_the_higgs_log(queue: str, feed: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.environ.get(DATA)
    if not folder:
        pytest.skip(f"{DATA} does not name a folder with {EVENTS} and {EDGES} (SNAP, Higgs Twitter data)")
    files = ["--graph", str(Path(folder, EDGES)), "--events", str(Path(folder, EVENTS))]
    result = replayed(capsys, *files, "--feed", feed, "--limit", "20000", "--verify", "200", "--queue", queue)
    checked = result["verification"]
    assert checked["equal"] == checked["filled"] == 200
    assert checked["partly"] == 0
    if feed != "notification":
        assert result["events"] == 20_000
        assert result["graph"] == {"edges": 328_132, "followers": 228_556, "largest_account": 14_060}

"""What `streamfw replay` says of files and options that are not what they should be; nothing is written then."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from streamfw_core.aggregated import AggregatedActivity
from streamfw_core.aggregators import RecentVerbAggregator
from streamfw_core.cli.main import main
from streamfw_core.cli.replay.reading import read_edges, read_events
from streamfw_core.errors import InputFileError
from streamfw_core.plugins import loader
from streamfw_core.plugins.discovery import discover

VERBS = ["RT", "MT", "RE"]
EVENT = b"223789 213163 1341100972 MT\n"
EVENT_FORM = "'actor object timestamp verb', such as '223789 213163 1341100972 MT'"
EDGE_FORM = "'follower followed weight', such as '298960 105232 1'"

MANY = b"".join(b"1 %d 1341100972 RT\n" % number for number in range(20_000))
PACKED = gzip.compress(MANY, mtime=0)
WRONG_SUM = PACKED[:-8] + bytes(4) + PACKED[-4:]


class OldestFirst(RecentVerbAggregator):
    def rank(self, aggregated_activities: Iterable[AggregatedActivity]) -> list[AggregatedActivity]:
        return super().rank(aggregated_activities)[::-1]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in, with a good file of each kind, and no plugin but that of the memory storage."""
    memory = EntryPoint("memory", "streamfw_memory.plugin", "streamfw")
    monkeypatch.setattr(loader, "discover", lambda _given: discover([memory]))
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("graph").write_bytes(b"298960 223789 1\n")
    Path("log").write_bytes(EVENT)
    Path("retweets").write_bytes(EVENT.replace(b"MT", b"RT"))


EVENT_FILES = {
    "empty": (b"", "events: it is empty"),
    "empty gzip": (gzip.compress(b""), f"events: it has no events; every line is {EVENT_FORM}"),
    "comments only": (b"# nothing\n\n", f"events: it has no events; every line is {EVENT_FORM}"),
    "cut in its header": (
        PACKED[:5],
        "events, line 1: its compressed data ends too early: is the download complete? `gzip -t` tells",
    ),
    "cut near its end": (
        PACKED[:-4],
        "events, line 20001: its compressed data ends too early: is the download complete? `gzip -t` tells",
    ),
    "wrong checksum": (
        WRONG_SUM,
        (
            "events, line 1: its compressed data is damaged (Error -3 while decompressing data: incorrect data check);"
            " `gzip -t` tells"
        ),
    ),
    "more after the end": (
        gzip.compress(EVENT) + b"hello",
        (
            "events, line 2: its compressed data is damaged (Error -3 while decompressing data: incorrect header check);"
            " `gzip -t` tells"
        ),
    ),
    "zip": (
        b"PK\x03\x04...",
        "events: it is a zip archive: unpack it first; plain text and gzip are understood",
    ),
    "bzip2": (
        b"BZh91AY",
        "events: it is a bzip2 archive: unpack it first; plain text and gzip are understood",
    ),
    "binary": (bytes(range(256)), "events: it is a binary file; plain text and gzip are understood"),
    "utf-16": (EVENT.decode().encode("utf-16"), "events: it is a binary file; plain text and gzip are understood"),
    "latin-1": (
        EVENT + b"1 2 1341100972 R\xe9\n",
        "events, line 2: it is not text; plain text and gzip are understood",
    ),
    "endless line": (b"1" * 2_000_000, "events, line 1: it is not text: the line does not end"),
    "too few columns": (
        EVENT + b"1 2 1341100972\n",
        f"events, line 2: 3 columns, 4 expected: {EVENT_FORM}; got '1 2 1341100972'",
    ),
    "one column": (EVENT * 2 + b"hello\n", f"events, line 3: 1 column, 4 expected: {EVENT_FORM}; got 'hello'"),
    "too many columns": (
        b"1 2 1341100972 RT 5\n",
        f"events, line 1: 5 columns, 4 expected: {EVENT_FORM}; got '1 2 1341100972 RT 5'",
    ),
    "long line": (b"x" * 100, f"events, line 1: 1 column, 4 expected: {EVENT_FORM}; got '{'x' * 60}...'"),
    "a name for an actor": (b"ada 2 1341100972 RT", "events, line 1: the actor is not a whole number: 'ada'"),
    "a name for an object": (b"1 ada 1341100972 RT", "events, line 1: the object is not a whole number: 'ada'"),
    "digits of another script": (
        "１ 2 1341100972 RT".encode(),  # noqa: RUF001 (a full-width one)
        "events, line 1: the actor is not a whole number: '１'",  # noqa: RUF001
    ),
    "underscores": (b"1_0 2 1341100972 RT", "events, line 1: the actor is not a whole number: '1_0'"),
    "fraction of a second": (b"1 2 1.5 RT", "events, line 1: the timestamp is not a whole number: '1.5'"),
    "negative timestamp": (
        EVENT + b"1 2 -5 RT\n",
        "events, line 2: the timestamp is negative ('-5'): it is a whole number of 0 or more",
    ),
    "milliseconds": (
        b"1 2 1341100972000 RT",
        "events, line 1: the timestamp is too large: '1341100972000'; seconds since 1970 are expected, not milliseconds",
    ),
    "large id": (
        b"9223372036854775808 2 1341100972 RT",
        "events, line 1: the actor is too large: '9223372036854775808'; ids are below 2**63",
    ),
    "unknown verb": (
        EVENT + b"1 2 1341100972 LIKE\n",
        "events, line 2: the verb 'LIKE' is not known: it is one of RT, MT, RE",
    ),
    "verb in small letters": (
        b"1 2 1341100972 rt",
        "events, line 1: the verb 'rt' is not known: it is one of RT, MT, RE",
    ),
}

EDGE_FILES = {
    "empty": (b"", "edges: it is empty"),
    "no edges": (b"\n", f"edges: it has no edges; every line is {EDGE_FORM}"),
    "events": (EVENT, f"edges, line 1: 4 columns, 3 expected: {EDGE_FORM}; got '223789 213163 1341100972 MT'"),
    "no weight": (b"1 2 1\n1 2\n", f"edges, line 2: 2 columns, 3 expected: {EDGE_FORM}; got '1 2'"),
    "wrong weight": (b"1 2 much\n", "edges, line 1: the weight is not a whole number: 'much'"),
    "negative follower": (
        b"-1 2 1\n",
        "edges, line 1: the follower is negative ('-1'): it is a whole number of 0 or more",
    ),
}

USAGE = "\n  See: streamfw replay --help"
NO_STORAGE = "No installed plugin offers a storage backend"
SHOWS = "\n    `streamfw plugins` shows what is installed."

OPTIONS = {
    "no such file": (["--events", "nothing"], "nothing: there is no such file"),
    "no such folder": (["--events", "no/events"], "no/events: there is no such file, nor the folder 'no'"),
    "a folder": (["--graph", "."], ".: it is a folder: name the file in it"),
    "a device": (
        ["--graph", os.devnull],
        f"{os.devnull}: it is a pipe or a device, which cannot be read twice: save it as a file first",
    ),
    "limit 0": (["--limit", "0"], "invalid value for '--limit': 0 is not in the range x>=1." + USAGE),
    "unknown feed": (
        ["--feed", "aggregate"],
        "invalid value for '--feed': 'aggregate' is not one of 'flat', 'aggregated', 'notification'." + USAGE,
    ),
    "aggregator of a flat feed": (
        ["--aggregator", "recent_verb"],
        "invalid value for '--aggregator': a flat feed has no groups: use it with --feed aggregated or --feed notification"
        + USAGE,
    ),
    "unknown aggregator": (
        ["--feed", "aggregated", "--aggregator", "recent_verbs"],
        (
            "No installed plugin offers an aggregator backend named 'recent_verbs'.\n"
            f"    Did you mean 'recent_verb'?\n    Available: notification, recent_verb.{SHOWS}"
        ),
    ),
    "verification of an aggregator that ranks": (
        ["--feed", "aggregated", "--aggregator", f"{__name__}:OldestFirst", "--verify", "1"],
        (
            "invalid value for '--verify': brute force cannot foretell what OldestFirst shows, which overrides merge or"
            " rank: use another --aggregator, or no --verify" + USAGE
        ),
    ),
    "nobody is notified": (
        ["--feed", "notification", "--events", "retweets"],
        "retweets: none of its events is a mention (MT) or a reply (RE): nobody is notified",
    ),
    "max-length 0": (["--max-length", "0"], "invalid value for '--max-length': 0 is not in the range x>=1." + USAGE),
    "unknown storage": (
        ["--storage", "memori"],
        f"{NO_STORAGE} named 'memori'.\n    Did you mean 'memory'?\n    Available: memory.{SHOWS}",
    ),
    "missing storage": (
        ["--storage", "redis://ada:secret@host/0"],
        (
            f"{NO_STORAGE} for URLs that start with 'redis://'.\n"
            f'    Install it: pip install "streamfw[redis]"\n    Available: memory.{SHOWS}'
        ),
    ),
    "no storage name": (
        ["--storage", "my storage"],
        (
            "1 problem in the settings:\n    - --storage: must be a URL or the name of a backend, is a text that is no name"
            " (such as 'memory', or 'module:Class' for a class of your own)"
        ),
    ),
    "unknown queue": (
        ["--queue", "thread"],
        (
            "No installed plugin offers a task queue backend named 'thread'.\n"
            f"    Did you mean 'threads'?\n    Available: inline, threads.{SHOWS}"
        ),
    ),
    "json into no folder": (
        ["--json", "no/out.json"],
        "invalid value for '--json': the folder 'no' does not exist: make it first" + USAGE,
    ),
    "json into a folder": (["--json", "."], "invalid value for '--json': . is a folder: name a file in it" + USAGE),
    "json over the input": (
        ["--json", "./log"],
        "invalid value for '--json': log is named by another option too: it would be overwritten" + USAGE,
    ),
    "plot into no folder": (
        ["--plot", "no/out.png"],
        "invalid value for '--plot': the folder 'no' does not exist: make it first" + USAGE,
    ),
    "plot of no format": (
        ["--plot", "out.gif"],
        "invalid value for '--plot': 'out.gif' must end in one of .pdf, .png, .svg" + USAGE,
    ),
}


@pytest.mark.parametrize("name", EVENT_FILES)
def test_wrong_events(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = EVENT_FILES[name]
    Path("events").write_bytes(content)
    refused(["--events", "events"], message, capsys)


@pytest.mark.parametrize("name", EDGE_FILES)
def test_wrong_edges(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = EDGE_FILES[name]
    Path("edges").write_bytes(content)
    refused(["--graph", "edges"], message, capsys)


@pytest.mark.parametrize("name", OPTIONS)
def test_wrong_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(*OPTIONS[name], capsys)


def refused(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2, the message exactly this, and no file is there that was not."""
    before = {path: path.read_bytes() for path in Path().iterdir()}
    defaults = {"--graph": "graph", "--events": "log", "--json": "out.json"}
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert main(["replay", *(part for option in (defaults | given).items() for part in option)]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {message}\n"
    assert captured.out == ""
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_the_graph_may_be_left_out_where_nothing_is_fanned_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--events", "log"]) == 2
    assert capsys.readouterr().err == f"error: missing option '--graph'.{USAGE}\n"
    assert main(["replay", "--events", "log", "--feed", "notification", "--verify", "1"]) == 0
    assert "1 of 1 equal" in capsys.readouterr().out


def test_without_matplotlib_a_plot_is_refused_before_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamfw_core.cli.replay import outputs

    monkeypatch.setattr(outputs, "find_spec", lambda _name: None)
    message = (
        '--plot needs matplotlib, which is not installed. Install it with: python -m pip install "streamfw-core[plot]"'
    )
    refused(["--plot", "out.png"], message, capsys)


def test_an_error_knows_its_file_and_line() -> None:
    Path("events").write_bytes(EVENT * 41 + b"hello\n")
    with pytest.raises(InputFileError) as caught:
        read_events(Path("events"), VERBS)
    assert (caught.value.path, caught.value.line) == ("events", 42)


@pytest.mark.parametrize(
    "content",
    [
        EVENT + b"1 2 1341100973 RT\n",
        EVENT + b"1 2 1341100973 RT",
        b"# comment\n\n" + EVENT.replace(b" ", b"\t").replace(b"\n", b"\r\n") + b"  1  2 1341100973 RT  \r\n\n",
        gzip.compress(EVENT + b"1 2 1341100973 RT\n"),
        gzip.compress(EVENT) + gzip.compress(b"1 2 1341100973 RT\n") + bytes(512),
    ],
    ids=["plain", "no newline at the end", "tabs, blanks, comments, CRLF", "gzip", "gzip in two members, filled up"],
)
def test_the_same_events_in_many_forms(content: bytes) -> None:
    Path("events").write_bytes(content)
    events = read_events(Path("events"), VERBS)
    assert [list(column) for column in (events.actors, events.objects, events.times, events.verbs)] == [
        [223789, 1],
        [213163, 2],
        [1341100972, 1341100973],
        [1, 0],
    ]


def test_events_are_sorted_by_time_and_those_of_one_second_stay_in_order() -> None:
    Path("events").write_bytes(b"1 0 30 RT\n2 0 10 RT\n3 0 30 MT\n4 0 10 RE\n5 0 20 RT\n")
    events = read_events(Path("events"), VERBS, limit=4)
    assert list(events.actors) == [2, 4, 5, 1]
    assert list(events.times) == [10, 10, 20, 30]


def test_lines_are_read_across_pieces() -> None:
    Path("events").write_bytes(PACKED)
    assert list(read_events(Path("events"), VERBS).objects) == list(range(20_000))
    Path("edges").write_bytes(b"".join(b"%d 7 1\n" % number for number in range(30_000)))
    assert [follower for follower, _ in read_edges(Path("edges"))] == list(range(30_000))

"""The small application into which bad inputs are put, and a look at all of its state."""

from __future__ import annotations

import gzip
import io
import shlex
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from streamfw_core.cli.main import main
from streamfw_core.clock import next_stamp
from streamfw_core.messages import Fanout, encode, item
from streamfw_core.plugins import Plugins

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed, verbs
from tests.acceptance.errors import vocabulary

MEMORY = EntryPoint("memory", "streamfw_memory.plugin", "streamfw")
"""The only plugin that is installed here, whatever else is."""

START = datetime(2026, 1, 1, tzinfo=UTC)


class PinFeed(Feed):
    """Refers to activities."""


class InlineFeed(Feed):
    """Keeps activities."""

    activities = None


class OwnFeed(UserBaseFeed):
    name = "own"
    key_format = "own:%(user_id)s"


class PinManager(Manager):
    """Everybody has the same followers."""

    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"pins": PinFeed, "inline": InlineFeed}
    user_feed_class = OwnFeed
    followers: Any = {FanoutPriority.HIGH: [2, 3]}  # noqa: RUF012 - a row may put anything in its place

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return self.followers


class CommandRefused(Exception):
    """A command ended with exit code 2; the message is what it printed."""


class World:
    """One application with two activities that were published, and the names that the code of a row can use."""

    def __init__(self) -> None:
        self.applications: list[Streams] = []
        self.streams = self.application({})
        self.manager = PinManager(streams=self.streams)
        self.manager.add_user_activity(1, Activity(1, Love, 7, time=START))
        self.manager.add_user_activity(1, Activity(1, Love, 8, time=START, extra_context={"board": "surf"}))
        feed = PinFeed(2, streams=self.streams)
        self.names: dict[str, Any] = {
            **{name: getattr(vocabulary, name) for name in vocabulary.__all__},
            "PinFeed": PinFeed,
            "PinManager": PinManager,
            "Streams": self.application,
            "activity": Activity(1, Love, 9, time=START),
            "cursor": feed.page(1).next_cursor,
            "fan_out": self.fan_out,
            "feed": feed,
            "installed": installed,
            "manager": self.manager,
            "plugins": self.streams.plugins,
            "publish": lambda given: self.manager.add_user_activity(1, given),
            "streamfw": command,
            "streams": self.streams,
        }

    def application(self, settings: object) -> Streams:
        """An application whose state is looked at."""
        made = Streams(settings, plugins=Plugins(entry_points=[MEMORY], environ={}))
        self.applications.append(made)
        return made

    def fan_out(self, followers: object) -> None:
        """Do what a worker does, with a manager whose `get_user_follower_ids` returned this."""
        self.manager.followers = followers
        items = [item(Activity(1, Love, 9, time=START))]
        message = Fanout(manager="pin", source=1, stamp=next_stamp(), operation="add", items=items)
        self.streams.execute(encode(message))

    def state(self) -> dict[str, str]:
        """Everything that a bad input could have changed, by where it is; what is empty is left out."""
        found: dict[str, object] = {f"file {path}": path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        # A command registers its own; its process ends with it.
        found["verbs"] = {id: verb for id, verb in verbs._verbs.items() if ".cli." not in verb.__module__}
        for number, application in enumerate(self.applications):
            found[f"managers of application {number}"] = application._managers
            for name, storage in application._storages.items():
                for part in ("_timelines", "_records"):
                    found[f"{part} of {name} of application {number}"] = vars(storage)[part]
        return {name: repr(held) for name, held in found.items() if held or name.startswith("file ")}


def installed(**plugins: type) -> Plugins:
    """The plugins of a machine on which these, and nothing else, are installed."""
    entries = []
    for name, plugin in plugins.items():
        entry = EntryPoint(name, f"{plugin.__module__}:{plugin.__qualname__}", "streamfw")
        # What importlib.metadata does when it reads an installed distribution.
        vars(entry)["dist"] = SimpleNamespace(name=f"streamfw-{name}", version="1.0")
        entries.append(entry)
    return Plugins(entry_points=entries, environ={})


def write_files() -> None:
    """Put input files into the current folder: a good one of each kind, and some with something wrong."""
    events = b"".join(b"1 %d 1341100972 RT\n" % number for number in range(2_000))
    packed = gzip.compress(events, mtime=0)
    files = {
        "graph": b"298960 223789 1\n",
        "log": b"223789 213163 1341100972 MT\n",
        "empty": b"",
        "truncated.gz": packed[:-9],
        "damaged.gz": packed[:-8] + bytes(4) + packed[-4:],
        "log.zip": b"PK\x03\x04",
        "short": b"223789 213163 1341100972 MT\n223789 213163 1341100972\n",
        "likes": b"223789 213163 1341100972 LIKE\n",
        "milliseconds": b"223789 213163 1341100972000 MT\n",
    }
    for name, content in files.items():
        Path(name).write_bytes(content)


def command(line: str) -> None:
    """Run a command line as a shell would."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(shlex.split(line))
    assert out.getvalue() == ""
    assert code == 2, (code, err.getvalue())
    raise CommandRefused(err.getvalue().removesuffix("\n"))

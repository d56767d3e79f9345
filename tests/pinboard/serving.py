"""The example application as the README has it started: a process that serves, with people and pins in it."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.packaging.environments import ROOT
from tests.services.ports import free_port
from tests.services.waiting import wait_for
from tests.services.workers import Worker

COMMAND = "python examples/pinboard/manage.py pinboard"
"""What starts it, once everything is installed."""

EMBEDDED = f'python -m pip install ".[django]" && {COMMAND}'
"""The one line that the README has a newcomer run."""

ON_SERVERS = f'python -m pip install ".[django,redis,celery]" && {COMMAND}'
"""The other one, without the options `--redis` and `--broker`."""

PASSWORD = "pinboard"
"""Of everybody who is there from the beginning."""

SECONDS = 120.0

_MISLEADING = re.compile("DJANGO|PINBOARD|STREAMFW|PYTHONPATH")

_AT_HOME = """
select pin from pins_follow join auth_user on auth_user.id = follower_id join (
    select owner_id as actor, id as pin from pins_pin
    union all select user_id, pin_id from pins_love
    union all select user_id, pin_id from pins_comment
) on actor = followed_id where username = ?
"""


@frozen
class Site:
    """A server that runs.

    :param url: without a slash at the end.
    :param folder: where its database is.
    :param people: how many are there from the beginning.
    """

    url: str
    folder: Path
    people: int
    server: Worker

    def at_home(self, name: str) -> list[int]:
        """The pins of all that somebody's feed Home has, by what the database says."""
        return [pin for (pin,) in self.rows(_AT_HOME, name)]

    def reader(self) -> str:
        """Who has most at home of those who are there from the beginning."""
        names: list[str] = [name for (name,) in self.rows("select username from auth_user order by id limit ?", self.people)]
        return max(names, key=lambda name: len(self.at_home(name)))

    def rows(self, question: str, *values: object) -> list[Any]:
        """What is in the database, whatever feeds say."""
        with closing(sqlite3.connect(self.folder / "pinboard.sqlite3", timeout=SECONDS)) as database:
            return database.execute(question, values).fetchall()


@contextmanager
def serve(
    folder: Path,
    *options: str,
    people: int = 40,
    command: Sequence[str | Path] = (sys.executable, *shlex.split(COMMAND)[1:]),
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    within: float = SECONDS,
) -> Iterator[Site]:
    """Run the command, from the top of the checkout, on a free port, with the database in a new folder in `folder`.

    :param folder: may be relative to `cwd`.
    :param people: how many there are from the beginning.
    :param environment: beside the variables of this process without those that change what Python or Django do.
    :param within: seconds that it may take to start, or to stop.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = folder / "data"
    server = Worker(
        [*command, "--port", str(port), "--data", str(data), "--people", str(people), *options],
        ready=url,
        environment={**dict.fromkeys(filter(_MISLEADING.match, os.environ), ""), **(environment or {})},
        cwd=cwd,
        within=within,
        name="pinboard",
    )
    with server:
        try:
            wait_for(lambda: _answers(server, f"{url}/sign-in/"), f"{server} answers", within=within)
            yield Site(url, cwd / data, people, server)
            server.stop()
        finally:
            print(f"{server} wrote:\n{server.output()}")


def _answers(server: Worker, url: str) -> bool:
    assert server.running, f"{server} ended:\n{server.log()}"
    with suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=SECONDS) as answer:
        return bool(answer.status == 200)
    return False

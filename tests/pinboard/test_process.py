"""`manage.py pinboard` as a process: it starts with what it is told, keeps what people do, and leaves nothing behind."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from streamfw_core import Activity, Feed, Love, Streams
from tests.packaging.environments import ROOT
from tests.pinboard.serving import SECONDS, Site, serve
from tests.services.fixtures import Shared, _found, _newest_redis
from tests.services.program import lives
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Server
from tests.services.waiting import wait_for

MANAGE = ROOT / "examples/pinboard/manage.py"


class HomeFeedOfOthers(Feed):
    """Of another program, which gives its feeds the same names."""

    key_format = "feed:home:%(user_id)s"


class Visitor:
    """Somebody with cookies, whose browser shows nothing."""

    def __init__(self, site: Site, name: str, *, new: bool = True) -> None:
        self.url = site.url
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self.get("/sign-in/")
        page = self.post("/sign-up/" if new else "/sign-in/", username=name, password="pinboard")
        assert "Sign out" in page, page

    def open(self, path: str, data: bytes | None = None) -> Any:
        return self._opener.open(self.url + path, data, SECONDS)

    def get(self, path: str) -> str:
        with self.open(path) as answer:
            found: str = answer.read().decode()
            return found

    def post(self, path: str, **fields: str) -> str:
        [token] = [cookie.value for cookie in self._cookies if cookie.name == "csrftoken"]
        with self.open(path, urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()) as answer:
            found: str = answer.read().decode()
            return found

    def pin(self, what: str) -> str:
        """Returns where it is."""
        found = re.search(r"/pins/\d+/(?=love/)", self.post("/pins/new/", what=what, board="1"))
        assert found is not None
        return found[0]

    def counts(self) -> Iterator[dict[str, int]]:
        """Of one's notifications, as the event stream says them."""
        with self.open("/notifications/events/") as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))


@pytest.fixture(scope="module")
def redis(shared_services: Shared) -> Server:
    return shared_services.get("redis of the pinboard", lambda: Server(_found(_newest_redis())))


def test_accounts_and_feeds_are_there_after_a_stop(tmp_path: Path) -> None:
    with serve(tmp_path, people=8) as site:
        ada, grace = Visitor(site, "ada"), Visitor(site, "grace")
        grace.post("/people/ada/follow/")
        ada.pin("A lighthouse")
        wait_for(lambda: "A lighthouse" in grace.get("/"), "it arrives")
        people = site.rows("select count(*) from auth_user")
        assert people == [(10,)]
    with serve(tmp_path, people=8) as site:
        assert site.rows("select count(*) from auth_user") == people
        assert "A lighthouse" in Visitor(site, "grace", new=False).get("/")
        assert "grace</b> follows you" in Visitor(site, "ada", new=False).get("/notifications/")


def test_it_may_begin_with_nobody(tmp_path: Path) -> None:
    with serve(tmp_path, "--no-seed") as site:
        assert site.rows("select count(*) from auth_user") == [(0,)]
        assert "0 people; feeds are in memory, and threads fan out to them." in site.server.output()
        assert "/ and sign up." in site.server.output()
        Visitor(site, "ada").pin("A lighthouse")


def test_the_guest_whom_it_names_has_something_to_read(tmp_path: Path) -> None:
    with serve(tmp_path, people=30) as site:
        found = re.search(r"sign in as (\w+), password pinboard\.", site.server.output())
        assert found is not None
        guest = Visitor(site, found[1], new=False)
        assert len(re.findall('<article class="pin-card"', guest.get("/"))) == min(20, len(site.at_home(found[1]))) > 5


def test_a_stream_that_is_closed_stops_no_other(tmp_path: Path) -> None:
    with serve(tmp_path, "--no-seed") as site:
        ada, grace = Visitor(site, "ada"), Visitor(site, "grace")
        pin = ada.pin("A lighthouse")
        first, second = ada.counts(), ada.counts()
        assert next(first) == next(second) == {"unseen": 0, "unread": 0}
        first.close()  # type: ignore[attr-defined]
        grace.post(f"{pin}love/")
        assert next(second) == {"unseen": 1, "unread": 1}


def test_a_pin_that_is_just_being_deleted_is_not_found(tmp_path: Path) -> None:
    with serve(tmp_path, "--no-seed") as site, ThreadPoolExecutor(3) as pool:
        ada, grace = Visitor(site, "ada"), Visitor(site, "grace")
        pins = [ada.pin(f"A lighthouse {number}") for number in range(3)]
        with closing(sqlite3.connect(site.folder / "pinboard.sqlite3", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM pins_pin")
            deeds = [
                pool.submit(grace.post, f"{pin}{deed}/", text="Nice")
                for pin, deed in zip(pins, ("love", "comment", "repin"), strict=True)
            ]
            time.sleep(2)  # seconds, in which they see the pin if they look it up before it is their turn to write
            database.execute("COMMIT")
        errors = [deed.exception() for deed in deeds]
        assert [error.code for error in errors if isinstance(error, urllib.error.HTTPError)] == [404] * 3
        assert grace.get("/people/grace/").count('class="pin-card"') == 0


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a terminal: tests that run in the background may have to ignore Ctrl-C, and what they start with them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_it_ends_the_worker_too(
    how: signal.Signals, tmp_path: Path, redis: Server, rabbitmq_server: RabbitMQ
) -> None:
    redis.flush()
    folder = Path(os.path.relpath(tmp_path, ROOT))  # relative to where the server is, and the worker is elsewhere
    with serve(folder, "--redis", redis.url, "--broker", rabbitmq_server.url, people=8) as site:
        assert "8 people; feeds are in Redis, and a worker of Celery fan out to them." in site.server.output()
        ada, grace = Visitor(site, "ada"), Visitor(site, "grace")
        ada.pin("A kite")
        grace.post("/people/ada/follow/")
        wait_for(lambda: "A kite" in grace.get("/"), "what was there is copied", within=SECONDS)
        ada.pin("A lighthouse")
        wait_for(lambda: "A lighthouse" in grace.get("/"), "it arrives: the worker finds followers", within=SECONDS)
        processes = site.server.processes()
        assert any("celery" in " ".join(one.cmdline()) for one in processes)
        if how == signal.SIGINT:
            os.killpg(site.server.pid, how)  # as Ctrl-C does
        else:
            os.kill(site.server.pid, how)
        wait_for(lambda: not any(map(lives, processes)), "all of them have ended", within=SECONDS)
        assert "Traceback" not in site.server.output()


def test_every_server_on_one_redis_wakes_the_streams_of_all(tmp_path: Path, redis: Server) -> None:
    redis.flush()
    with serve(tmp_path, "--redis", redis.url, "--no-seed") as here:
        ada = Visitor(here, "ada")
        with serve(tmp_path, "--redis", redis.url, "--no-seed") as there:
            grace = Visitor(there, "grace")
            stream = ada.counts()
            assert next(stream) == {"unseen": 0, "unread": 0}
            grace.post("/people/ada/follow/")
            assert _until(stream, 1) == {"unseen": 1, "unread": 1}
            redis.restart()  # it forgets everything
            assert _until(stream, 0) == {"unseen": 0, "unread": 0}
            ada.get("/notifications/")
            pin = ada.pin("A lighthouse")
            grace.post(f"{pin}love/")
            assert _until(stream, 1) == {"unseen": 1, "unread": 1}


def test_a_new_database_does_not_show_the_feeds_of_another(tmp_path: Path, redis: Server) -> None:
    redis.flush()
    for number in range(2):
        with serve(tmp_path / str(number), "--redis", redis.url, "--no-seed") as site:
            ada, grace = Visitor(site, "ada"), Visitor(site, "grace")
            grace.post("/people/ada/follow/")
            ada.pin(f"A lighthouse {number}")
            wait_for(lambda: "A lighthouse" in grace.get("/"), "it arrives")  # noqa: B023
            assert grace.get("/").count('class="pin-card"') == 1
            assert ada.get("/notifications/").count('class="line unread"') == 1


def test_what_others_have_on_the_same_redis_stays(tmp_path: Path, redis: Server) -> None:
    redis.flush()
    others = Streams({"storages": {"default": redis.url}})
    theirs = HomeFeedOfOthers("ada", streams=others)
    theirs.add(Activity(actor="ada", verb=Love, object=42))
    redis.ask("SET", "something", "else")
    with serve(tmp_path, "--redis", redis.url, people=8):
        assert theirs.count() == 1
    others.close()
    with redis.client() as client:
        assert client.get("something") == b"else"
        assert {key.partition(b":")[0] for key in client.scan_iter()} == {b"streamfw", b"something", b"pinboard"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--redis", "redis+cluster://localhost"], "--redis: must be one server, redis://HOST:PORT/DB"),
        (["--redis", "redis://localhost/0?prefix=mine:"], "--redis: must be one server, redis://HOST:PORT/DB"),
        (["--people", "3"], "--people 3: a world needs 4 or more"),
        (["--broker", "amqp://localhost//"], "--broker needs --redis too: workers are other processes"),
        (["--prot", "8001"], "unrecognized arguments: --prot"),
    ],
)
def test_options_that_cannot_be_are_refused(options: list[str], said: str, tmp_path: Path) -> None:
    done = _run(tmp_path, *options)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with serve(tmp_path, "--no-seed") as site:
        port = int(site.url.rpartition(":")[2])
        done = _run(tmp_path / "other", "--port", str(port))
        assert done.returncode != 0
        assert f"port {port}: Address already in use; try --port {port + 1}" in done.stderr


def _until(stream: Iterator[dict[str, int]], unseen: int) -> dict[str, int]:
    """The first that says so; streams may say more often than needed how things are."""
    return next(counts for counts in stream if counts["unseen"] == unseen)


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, MANAGE, "pinboard", *options]
    environment = {**os.environ, "PINBOARD_DATA": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)

"""The project as a server and a worker run it, and what a browser does with it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.django.conftest import PROJECT
from tests.services.ports import free_port
from tests.services.redis import Server
from tests.services.waiting import wait_for
from tests.services.workers import Worker

__all__ = ["Site", "serve", "walk"]

SECONDS = 120.0

PEOPLE = """
from django.contrib.auth.models import User
from photos.models import Follow
ada = User.objects.create_user("ada", password="x", is_staff=True, is_superuser=True)
for name in ("grace", "linus"):
    Follow.objects.create(follower=User.objects.create(username=name), followed=ada)
"""


@frozen
class Site:
    """A server that runs.

    :param python: the interpreter of its environment.
    :param environment: the variables of its processes.
    """

    url: str
    python: Path
    environment: Mapping[str, str]

    def get(self, path: str) -> Any:
        return self._answer(path, None)

    def post(self, path: str, **fields: str) -> Any:
        return self._answer(path, urllib.parse.urlencode(fields).encode())

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=SECONDS) as answer:
            found: str = answer.read().decode()
            return found

    def manage(self, *arguments: str) -> str:
        return _run(self.python, self.environment, *arguments)

    def _answer(self, path: str, data: bytes | None) -> Any:
        with urllib.request.urlopen(self.url + path, data, timeout=SECONDS) as answer:
            body = answer.read()
        return json.loads(body) if body else None


@contextmanager
def serve(python: Path, redis: Server, folder: Path) -> Iterator[Site]:
    """The project with tables and people, its server, and a worker of Celery."""
    redis.flush()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMFW"))},
        "DJANGO_SETTINGS_MODULE": "wall.settings",
        "REDIS_URL": redis.url,
        "BROKER_URL": redis.url.replace("/0", "/1"),
        "WALL_DATABASE": str(folder / "wall.sqlite3"),
    }
    _run(python, environment, "check", "--deploy", "--tag", "streamfw", "--fail-level", "WARNING")
    _run(python, environment, "migrate", "--run-syncdb", "--verbosity", "0")
    _run(python, environment, "shell", "--command", PEOPLE)
    port = free_port()
    manage: list[str | Path] = [python, PROJECT / "manage.py"]
    celery: list[str | Path] = [python, "-m", "celery", "-A", "wall", "worker", "-c", "1", "-l", "INFO", "-n", f"wall-{port}@%h"]
    celery += ["-Q", "streamfw.high,streamfw.normal,streamfw.low", "--without-gossip", "--without-mingle"]
    server: list[str | Path] = [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"]
    programs = [
        Worker(celery, ready=" ready.", environment=environment, cwd=PROJECT, within=SECONDS),
        Worker(server, ready="Quit the server", environment=environment, cwd=PROJECT, within=SECONDS, name="server"),
    ]
    with ExitStack() as stack:
        for program in programs:
            stack.enter_context(program)
            stack.callback(_show, program)
        site = Site(f"http://127.0.0.1:{port}/", python, environment)
        wait_for(lambda: site.get("1/wall/"), "the server answers")
        yield site


def _show(program: Worker) -> None:
    print(f"{program} wrote:\n{program.output()}")


def walk(site: Site) -> None:
    """Publish, fan out, read page by page, notify, count, mark; user 1 is Ada, whom 2 and 3 follow."""
    photos = [site.post("1/publish/", title=f"Photo {number}")["photo"] for number in range(3)]
    for follower in (2, 3):
        wait_for(lambda: len(_titles(site, follower)) == 3, f"{follower} sees them")  # noqa: B023
        assert _titles(site, follower) == ["Photo 2", "Photo 1", "Photo 0"]
    assert _titles(site, 1) == []

    for fan in (2, 3):
        site.post(f"{fan}/love/{photos[0]}/")
    bell = site.get("1/bell/")
    assert (bell["unseen_count"], bell["unread_count"]) == (1, 1)
    assert bell["groups"] == [{"titles": ["Photo 0", "Photo 0"], "actors": 2}]
    assert site.post("1/bell/mark/") == {"marked": 1}
    assert (site.get("1/bell/")["unseen_count"], site.get("1/bell/")["unread_count"]) == (0, 1)
    assert site.text("1/page/").startswith("<h1>0 new, 1 unread</h1>")
    site.post("1/bell/mark/", read="yes")
    assert site.get("1/bell/")["unread_count"] == 0

    page = site.text("2/page/")
    assert "added Photo 2" in page
    assert '<a href="?after=' in page
    site.manage("shell", "--command", f"from photos.models import Photo; Photo.objects.get(pk={photos[1]}).delete()")
    assert _titles(site, 2) == ["Photo 2", None, "Photo 0"]
    assert "no dead letters" in site.manage("streamfw", "queue", "dead", "list").lower()


def _titles(site: Site, user: int) -> list[str | None]:
    """Of all pages."""
    titles: list[str | None] = []
    after = ""
    while True:
        page = site.get(f"{user}/wall/?after={urllib.parse.quote(after)}")
        titles += page["titles"]
        if page["next"] is None:
            return titles
        after = page["next"]


def _run(python: Path, environment: Mapping[str, str], *arguments: str) -> str:
    command = [str(python), str(PROJECT / "manage.py"), *arguments]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout

"""`manage.py pinboard`: tables, a world, feeds, a server, and where there is a broker a worker of Celery."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import BaseCommand, CommandError, CommandParser, call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.utils import timezone

from pins import world
from pins.feeds import DigestFeed, HomeFeed, NotificationsFeed, OwnFeed

ONE_SERVER = re.compile(r"rediss?://[^?#]*")
"""What both the storage and the counts of `live` understand."""
PATIENCE = 30.0
"""Seconds in which a worker may end what it is doing."""
VARIABLES = {"data": "PINBOARD_DATA", "redis": "PINBOARD_REDIS", "broker": "PINBOARD_BROKER"}
"""Options that are settings."""


class Command(BaseCommand):
    help = "Make a small social network up, and serve it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where to serve (default: 8000)")
        parser.add_argument("--people", type=int, default=300, help="how many live in it (default: 300)")
        parser.add_argument("--seed", type=int, default=7, help="another number makes another world (default: 7)")
        parser.add_argument("--no-seed", action="store_true", help="begin with nobody")
        parser.add_argument("--data", metavar="FOLDER", help="where the database is (default: data, beside manage.py)")
        parser.add_argument(
            "--redis", metavar="URL", help="where feeds are, such as redis://localhost:6379/0; else in memory"
        )
        parser.add_argument(
            "--broker", metavar="URL", help="of Celery, such as amqp://localhost//; else threads fan out"
        )

    def handle(self, **options: Any) -> None:
        _check(options)
        _begin_anew_with({VARIABLES[name]: options[name] for name in VARIABLES if options[name]})
        for ends in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(ends) is not signal.SIG_IGN:  # as under nohup
                signal.signal(ends, lambda *_: sys.exit())
        server = _server(options["port"])
        settings.DATA.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        if not User.objects.exists():
            for feed in (HomeFeed, DigestFeed, OwnFeed, NotificationsFeed):
                feed.flush()  # what they have is of another database
            world.make_boards()
            if not options["no_seed"]:
                world.seed(options["people"], options["seed"], timezone.now())
        with server, _worker(), suppress(KeyboardInterrupt):
            world.publish()
            self._tell(server.server_port)
            server.serve_forever()

    def _tell(self, port: int) -> None:
        feeds = "in Redis" if settings.REDIS else "in memory"
        by = "a worker of Celery" if settings.BROKER else "threads"
        guest = world.reader()
        how = f"sign in as {guest}, password {world.PASSWORD}" if guest else "sign up"
        self.stdout.write(f"{User.objects.count()} people; feeds are {feeds}, and {by} fan out to them.")
        self.stdout.write(f"Open http://127.0.0.1:{port}/ and {how}. Ctrl-C ends it.")
        self.stdout.flush()


def _check(options: Mapping[str, Any]) -> None:
    """Refuse what settings and servers would refuse in many more words."""
    if options["people"] < 4:
        raise CommandError(f"--people {options['people']}: a world needs 4 or more")
    if options["broker"] and not (options["redis"] or settings.REDIS):
        raise CommandError(
            "--broker needs --redis too: workers are other processes, which do not see this one's memory"
        )
    if (redis := options["redis"] or settings.REDIS) and not ONE_SERVER.fullmatch(redis):
        raise CommandError(
            "--redis: must be one server, redis://HOST:PORT/DB or rediss://, without options after a '?'"
        )
    for option, package in (("redis", "streamfw_redis"), ("broker", "streamfw_celery")):
        if options[option] and find_spec(package) is None:
            raise CommandError(f"--{option} needs {package}: python -m pip install '.[django,redis,celery]'")


def _begin_anew_with(variables: Mapping[str, str]) -> None:
    """Settings are read before options are: where these say something else, the process begins anew."""
    if any(os.environ.get(name) != value for name, value in variables.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **variables})  # noqa: S606


def _server(port: int) -> ThreadedWSGIServer:
    """A server that gives every connection a thread, as an event stream lasts for as long as somebody looks."""
    try:
        server = ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler)
    except OSError as error:
        raise CommandError(f"port {port}: {error.strerror}; try --port {port + 1}") from error
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    return server


@contextmanager
def _worker() -> Iterator[None]:
    """Where there is a broker, a worker of Celery that lives as long as the server does."""
    if not settings.BROKER:
        yield
        return
    celery = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "--app",
        "pinboard.celery",
        "--workdir",
        str(settings.BASE_DIR),
    ]
    queues = "streamfw.high,streamfw.normal,streamfw.low"
    worker = subprocess.Popen(  # noqa: S603
        [*celery, "worker", "--queues", queues, "--concurrency", "2", "--loglevel", "WARNING"],
        env={**os.environ, "PINBOARD_DATA": str(settings.DATA)},  # it may be relative, and the worker is elsewhere
        process_group=0,  # so that Ctrl-C ends this process alone, and this process the worker
    )
    try:
        yield
    finally:
        worker.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(PATIENCE)
        finally:  # also at the second Ctrl-C
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)  # its messages are the broker's still

"""`manage.py pinboard`: tables, a world, feeds, a server, and where there is a broker a worker of Celery."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
from streamfw_core import default_streams

VARIABLES = {"data": "PINBOARD_DATA", "redis": "PINBOARD_REDIS", "broker": "PINBOARD_BROKER"}


class Command(BaseCommand):
    help = "Make a small social network up, and serve it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where to serve; 8000 by default")
        parser.add_argument("--people", type=int, default=300, help="how many live in it; 300 by default, 4 or more")
        parser.add_argument("--seed", type=int, default=7, help="makes up another world")
        parser.add_argument("--no-seed", action="store_true", help="begin with nobody")
        parser.add_argument("--data", metavar="FOLDER", help="where the database is; data/ beside manage.py by default")
        parser.add_argument("--redis", metavar="URL", help="where feeds live, such as redis://localhost:6379/0; else in memory")
        parser.add_argument("--broker", metavar="URL", help="for workers of Celery, such as amqp://localhost//; else threads")

    def handle(self, **options: Any) -> None:
        _start_again_with({VARIABLES[name]: options[name] for name in VARIABLES if options[name]})
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server = self._server(options["port"])
        call_command("migrate", verbosity=0)
        if not User.objects.exists():
            for feed in (HomeFeed, DigestFeed, OwnFeed, NotificationsFeed):
                feed.flush()  # of a database before this one
            world.make_boards()
            if not options["no_seed"]:
                world.seed(options["people"], options["seed"], timezone.now())
        with _worker():
            world.publish()
            default_streams().drain()
            self._tell(server.server_port)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                pass
            finally:
                server.server_close()

    def _server(self, port: int) -> ThreadedWSGIServer:
        try:
            server = ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler)
        except OSError as error:
            raise CommandError(f"cannot serve at port {port}: {error.strerror}. Try another: --port {port + 1}") from error
        server.daemon_threads = True
        server.set_app(StaticFilesHandler(get_wsgi_application()))
        return server

    def _tell(self, port: int) -> None:
        self.stdout.write(f"Feeds in {'Redis' if settings.REDIS else 'memory'}, fan-out by {'Celery' if settings.BROKER else 'threads'}.")
        self.stdout.write(f"Open http://127.0.0.1:{port}/ and sign in as {world.reader()}, password {world.PASSWORD}. Ctrl-C stops it.")
        self.stdout.flush()


def _start_again_with(variables: dict[str, str]) -> None:
    """Settings are read before options are: let this process begin anew where the options say something else."""
    if any(os.environ.get(name) != value for name, value in variables.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **variables})  # noqa: S606


@contextmanager
def _worker() -> Iterator[None]:
    """A worker of Celery beside the server, where there is a broker."""
    if not settings.BROKER:
        yield
        return
    command = [sys.executable, "-m", "celery", "--app", "pinboard.celery", "--workdir", str(settings.BASE_DIR)]
    command += ["worker", "--queues", "streamfw.high,streamfw.normal,streamfw.low", "--concurrency", "2", "--loglevel", "WARNING"]
    worker = subprocess.Popen(command)  # noqa: S603
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()

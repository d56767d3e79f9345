"""The example application starts as the README says it does, on a machine with Python only; and on servers."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.environments import Environment, clean_environment
from tests.pinboard.serving import EMBEDDED, ON_SERVERS, SECONDS, serve
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Server

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(600)]


def start(line: str, checkout: Path, folder: Path, *options: str) -> Environment:
    """Run both halves of the line in a new environment, look at the site, and end it."""
    environment = Environment(folder / "venv")
    variables = {"PATH": os.pathsep.join([str(environment.scripts), os.environ["PATH"]]), "VIRTUAL_ENV": ""}
    install, run = line.split(" && ")
    subprocess.run(["/bin/sh", "-c", install], check=True, cwd=checkout, env=clean_environment(**variables))
    shell = ["/bin/sh", "-c", f'exec {run} "$@"', "sh"]
    with serve(folder, *options, people=5, command=shell, cwd=checkout, environment=variables) as site:
        with urllib.request.urlopen(f"{site.url}/static/pins/pinboard.css", timeout=SECONDS) as style:
            assert style.status == 200
        assert len(site.rows("select * from auth_user")) == 5
        assert site.at_home(site.reader())
    return environment


def test_one_line_starts_it_in_an_empty_environment(checkout: Path, tmp_path: Path) -> None:
    environment = start(EMBEDDED, checkout, tmp_path)

    assert not {"redis", "celery", "kombu"} & set(environment.installed())


def test_another_line_starts_it_on_servers(
    checkout: Path, tmp_path: Path, any_redis: Server, start_rabbitmq: Callable[[], RabbitMQ]
) -> None:
    start(ON_SERVERS, checkout, tmp_path, "--redis", any_redis.url, "--broker", start_rabbitmq().url)
    assert any_redis.ask("DBSIZE") > 0

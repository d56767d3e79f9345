"""What people are told to type is what the tests run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests.packaging.environments import ROOT
from tests.pinboard.serving import COMMAND, EMBEDDED, ON_SERVERS

REDIS, BROKER = "redis://localhost:6379/0", "amqp://localhost//"
PAGES = ["README.md", "docs/pinboard.md", "examples/pinboard/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_shows_the_application_has_the_commands_word_for_word(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if re.match(r"python .*manage\.py pinboard", line)]

    assert found[0] == EMBEDDED
    assert set(found[1:]) <= {f"{ON_SERVERS} --redis {REDIS} --broker {BROKER}"}


def test_the_page_of_the_application_has_the_command_for_servers() -> None:
    page = (ROOT / "docs/pinboard.md").read_text(encoding="utf-8")

    assert f"\n{ON_SERVERS} --redis {REDIS} --broker {BROKER}\n" in page


def test_the_page_of_the_application_has_all_options_of_the_command() -> None:
    listed = re.findall(r"^\| `(--[\w-]+)` \|", (ROOT / "docs/pinboard.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(listed) == options_of("pinboard") - options_of("sqlflush")


def options_of(command: str) -> set[str]:
    """Those that every command of Django has included."""
    _, program, _ = shlex.split(COMMAND)
    asked = [sys.executable, program, command, "--help"]
    done = subprocess.run(asked, check=True, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return set(re.findall(r"--[a-z][\w-]+", done.stdout.partition("\noptions:")[2]))

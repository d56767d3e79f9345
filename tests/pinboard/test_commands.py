"""What people are told to type is what the tests run."""

from __future__ import annotations

import re

import pytest

from tests.packaging.environments import ROOT
from tests.pinboard.serving import EMBEDDED, ON_SERVERS

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

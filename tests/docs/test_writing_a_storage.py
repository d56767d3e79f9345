"""The project that the page builds is the example in the repository."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.docs.pages import DOCS, ROOT

EXAMPLE = ROOT / "examples/streamfw_example_storage"
PAGE = (DOCS / "writing-a-storage.md").read_text(encoding="utf-8")


def file_of_the_page(name: str) -> str:
    """What the blocks say together that begin with this file's name."""
    block = rf"^```\w+\n# {re.escape(name)}(?:, continued)?\n(.*?)^```"
    return "\n\n".join(re.findall(block, PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    "name",
    [
        "src/streamfw_example_storage/plugin.py",
        "src/streamfw_example_storage/storage.py",
        "tests/test_conformance.py",
    ],
)
def test_the_page_shows_the_modules_of_the_example(name: str) -> None:
    assert file_of_the_page(name) == (EXAMPLE / name).read_text(encoding="utf-8")


def test_the_page_shows_the_metadata_that_makes_the_example_a_plugin() -> None:
    shown = tomllib.loads(file_of_the_page("pyproject.toml"))
    real = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))

    assert shown["build-system"] == real["build-system"]
    assert shown["tool"] == real["tool"]
    assert shown["project"].items() <= real["project"].items()

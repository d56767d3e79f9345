"""No fenced block is only looked at: each is executed, parsed, checked by a test, or marked with the reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs import commands
from tests.docs.blocks import EXECUTED, PARSERS, Block, blocks_of, blocks_of_docstrings, fate, named_tests, read_pages
from tests.docs.pages import ROOT, page_id

SKIP = '<!-- skip: next "{}" -->'


@pytest.mark.parametrize("page", read_pages(), ids=page_id)
def test_something_becomes_of_every_block_of_a_page(page: Path) -> None:
    for block in blocks_of(page):
        fate(block)


@pytest.mark.parametrize("block", blocks_of_docstrings(), ids=str)
def test_something_becomes_of_every_block_of_a_docstring(block: Block) -> None:
    fate(block)


@pytest.mark.parametrize(
    "page", [page for page in read_pages() if "```" in page.read_text(encoding="utf-8")], ids=page_id
)
def test_every_fence_is_found(page: Path) -> None:
    fences = re.findall(r"^ *(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks_of(page))


@pytest.mark.parametrize("page", read_pages(), ids=page_id)
def test_every_marker_is_right_before_a_block(page: Path) -> None:
    written = re.findall(r"^ *<!--+\s*(?:skip|checked by)\b", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(written) == len(
        [block for block in blocks_of(page) if block.marker.startswith(("<!-- skip", "<!-- checked"))]
    )


@pytest.mark.parametrize("page", EXECUTED)
def test_what_executes_a_page_exists(page: str) -> None:
    assert (ROOT / page).is_file()
    for test in EXECUTED[page].values():
        assert test in named_tests(ROOT / test.partition("::")[0])


@pytest.mark.parametrize(
    ("language", "marker", "words"),
    [
        ("", "", "neither executed nor parsed"),
        ("text", "", "neither executed nor parsed"),
        ("rust", "", "neither executed nor parsed"),
        ("python", "<!-- skip: start -->", "skip: next"),
        ("python", SKIP.format("no"), "ten letters"),
        ("text", "<!-- checked by me -->", "name the test"),
        ("text", "<!-- checked by tests/docs/test_blocks.py::test_nothing -->", "there is no test"),
        ("text", "<!-- checked by tests/docs/test_none.py::test_nothing -->", "there is no test"),
        ("{note}", "", "Sphinx does not build"),
    ],
)
def test_a_block_that_nothing_becomes_of(language: str, marker: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        fate(Block("README.md", 1, language, "x\n", marker))


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("toml", "a = \n"),
        ("json", "{,}"),
        ("yaml", "a: [\n"),
        ("ini", "a = 1\n"),
        ("sh", "streamfw demo --peeple 3\n"),
        ("console", "$ streamfw dmo\n"),
        ("console", "$ streamfw schema plan extra\n"),
        ("sh", 'pip install "streamfw[cassandr]"\n'),
        ("sh", 'python -m pip install --no-dps "streamfw"\n'),
        ("sh", "pip install ./plugins/streamfw_none\n"),
        ("sh", "python -m nox -s test\n"),
        ("sh", "for name in one; do\n    python benchmarks/$name.py\ndone\n"),
        ("sh", "celery -A proj worker -Q x --hostnme=y\n"),
        ("sh", "frobnicate\n"),
    ],
)
def test_a_block_that_is_wrong(language: str, code: str) -> None:
    with pytest.raises(AssertionError, match="cannot be parsed"):
        fate(Block("README.md", 1, language, code))


@pytest.mark.parametrize(
    ("block", "becomes"),
    [
        (Block("README.md", 1, "python", "x = 1\n"), "executed"),
        (Block("README.md", 1, "python", "x = 1\n", SKIP.format("it needs a server")), "marked"),
        (Block("README.md", 1, "sh", "A=1 streamfw demo --people 3 && python -m nox -s tests # all\n"), "parsed"),
        (Block("README.md", 1, "console", "$ streamfw plugins\nand what it prints\n"), "parsed"),
        (Block("docs/redis.md", 1, "console", "$ redis-cli INFO\n"), "executed"),
        (Block("docs/index.md", 1, "{toctree}", "x\n"), "directive"),
    ],
    ids=str,
)
def test_a_block_that_is_right(block: Block, becomes: str) -> None:
    assert fate(block) == becomes


def test_a_program_that_is_not_known_is_told_from_a_wrong_command() -> None:
    with pytest.raises(commands.UnknownProgramError, match="frobnicate"):
        commands.check("frobnicate\n")


def test_languages_of_data_are_parsed_and_no_others() -> None:
    assert {*PARSERS} == {"ini", "json", "toml", "yaml"}


MAPS: Mapping[str, str] = {
    "README.md": "",
    "CONTRIBUTING.md": "",
    "examples/pinboard/README.md": "examples/pinboard",
    "examples/streamfw_example_queue/README.md": "examples/streamfw_example_queue",
    "examples/streamfw_example_storage/README.md": "examples/streamfw_example_storage",
}
"""Pages with a map of a folder, and which."""


@pytest.mark.parametrize("page", MAPS)
def test_maps_name_what_is_there(page: str) -> None:
    [shown] = [block for block in blocks_of(ROOT / page) if test_maps_name_what_is_there.__name__ in block.marker]
    named = {
        path.rstrip(",")
        for line in shown.code.splitlines()
        if not line.startswith(" ")
        for path in re.split(r"\s{2,}", line)[0].split()
        if path.rstrip(",") != "and"
    }
    assert len(named) >= 3
    for path in named:
        assert (ROOT / MAPS[page] / path).exists(), f"{page} shows {path} on its map, and there is no such thing"


def test_the_map_of_the_repository_is_complete() -> None:
    """Each distribution, and each folder beside; of plugins and examples what is in them."""
    shown = "\n".join(block.code for block in blocks_of(ROOT / "README.md"))
    folders = [path.parent for path in ROOT.glob("*/pyproject.toml")] + [*ROOT.glob("plugins/*/pyproject.toml")]
    folders += [ROOT / name for name in ("examples", "docs", "tests", "benchmarks")]
    for folder in folders:
        path = (folder.parent if folder.suffix else folder).relative_to(ROOT)
        assert re.search(rf"^{re.escape(path.as_posix())}/ ", shown, re.MULTILINE), f"the map of README.md lacks {path}"

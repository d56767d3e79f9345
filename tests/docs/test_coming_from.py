"""Whoever comes from Stream-Framework finds each chapter and each public name of it, and each link leads somewhere.

Its documentation, and the list of its names, are not kept here; two variables of the environment say where they are.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import streamfw_core
from tests.docs.pages import DOCS

PAGE = DOCS / "coming-from-stream-framework.md"
TEXT = PAGE.read_text(encoding="utf-8")

SEED_DOCS = "STREAMFW_SEED_DOCS"
"""Names the documentation of Stream-Framework, as a text."""
SEED_NAMES = "STREAMFW_SEED_NAMES"
"""Names a list of the public names of Stream-Framework, each in backticks."""

NO_CHAPTERS = re.compile(
    r"Build Status|Note|Warning|See also|Defaults to.*|[A-Z]+_[A-Z_]+|The cassandra keyspace .*|In real life .*"
)
"""Lines of that documentation that stand alone, and are no titles."""


def chapters() -> dict[str, str]:
    """Of the table: what each title of theirs is here."""
    [table] = re.findall(r"<!-- table: chapters -->\n((?:\|.*\n)+)", TEXT)
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()[2:]]
    return {title: here for titles, here in rows for title in titles.split(", ")}


def text_named_by(variable: str) -> str:
    path = os.environ.get(variable)
    if not path:
        pytest.skip(f"{variable} names no text, which is not kept here")
    return Path(path).read_text(encoding="utf-8")


def test_every_chapter_has_its_place() -> None:
    titles = titles_of(text_named_by(SEED_DOCS))
    assert len(titles) > 80
    assert titles == {*chapters()}


def titles_of(text: str) -> set[str]:
    """Short lines that stand alone; where the modules begin, only those that name one."""
    prose, _, modules = text.partition("\nStream Framework API Docs\n")
    alone = re.findall(r"(?<=\n\n)([A-Z][^\n]{2,58}(?:[^\s.:,;!)}\]]|newer\)))(?=\n\n)", f"\n\n{prose}\n")
    articles = re.search(r"\nBackground Articles\n(.*?)\nDocumentation\n", text, re.DOTALL)
    titles = {one for one in alone if not NO_CHAPTERS.fullmatch(one)} | {"Stream Framework API Docs"}
    if articles:
        titles -= {*articles[1].splitlines()}
    return titles | set(re.findall(r"^\w+ (?:Module|Package)$", modules, re.MULTILINE))


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)\s]+)\)", "\n".join(chapters().values())))))
def test_links_of_the_table_lead_to_sections(link: str) -> None:
    page, _, anchor = link.partition("#")
    path = DOCS / page if page else PAGE
    assert path.exists()
    assert not anchor or anchor in anchors_of(path)


def anchors_of(path: Path) -> set[str]:
    """What headings of a page become as parts of an address."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,3} (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_public_name_has_its_place() -> None:
    names = names_of(text_named_by(SEED_NAMES))
    assert len(names) > 150
    here = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", TEXT)))) | {*streamfw_core.__all__}
    assert sorted(names - here) == []


def names_of(text: str) -> set[str]:
    """What stands in backticks, without the module before it and the brackets behind."""
    _, _, listed = text.partition("\n- ")
    return {name.removesuffix("()").rpartition(".")[2] for name in re.findall(r"`([\w.]+(?:\(\))?)`", listed)}

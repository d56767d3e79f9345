"""All links of whatever people read: to a file, to a heading of a page, or out into the world.

`python -m tests.docs.links` lists those that lead outside, for whoever wants to follow them: tests use no network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.docs.blocks import read_pages
from tests.docs.pages import DOCS, ROOT, page_id

__all__ = ["Link", "all_links", "anchors", "is_outside", "linked_pages", "links_of", "outside", "problem_with"]

_LOCAL_HOSTS: Final = {"localhost", "127.0.0.1"}
_DEEPEST: Final = 3
"""Levels of headings that Sphinx gives anchors to (`myst_heading_anchors` of docs/conf.py)."""


@frozen
class Link:
    """A link, or an image.

    :param page: where it is.
    :param target: as it is written.
    """

    page: Path
    target: str

    def __str__(self) -> str:
        return f"{page_id(self.page)} -> {self.target}"


def linked_pages() -> list[Path]:
    """What may have links: pages, and fragments of the changelog."""
    return [*read_pages(), *sorted(ROOT.glob("changelog.d/+*.md"))]


def links_of(page: Path) -> list[Link]:
    """Those of the text; code has none."""
    return [Link(page, target) for target in _targets(_tokens(page))]


def all_links() -> list[Link]:
    return [link for page in linked_pages() for link in links_of(page)]


def is_outside(link: Link) -> bool:
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", link.target) is not None


def outside() -> list[Link]:
    return [link for link in all_links() if is_outside(link)]


@cache
def _tokens(page: Path) -> tuple[Token, ...]:
    parser = MarkdownIt("commonmark").enable("table")
    return tuple(parser.parse(page.read_text(encoding="utf-8")))


def _targets(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        for attribute in ("href", "src"):
            if attribute in token.attrs:
                yield str(token.attrs[attribute])
        yield from _targets(token.children or [])


@cache
def anchors(page: Path) -> frozenset[str]:
    """What a link to a page may name after `#`: headings, as GitHub names them, and Sphinx too for pages that it builds.

    Sphinx knows labels besides, `(name)=`, which lead nowhere where a page is read as it is.
    """
    names: Counter[str] = Counter()
    found: set[str] = set()
    tokens = _tokens(page)
    built = page.parent == DOCS
    for token, text in pairwise(tokens):
        if token.type == "heading_open" and not (built and int(token.tag[1:]) > _DEEPEST):
            slug = _slug("".join(part.content for part in text.children or [] if part.type in {"text", "code_inline"}))
            found.add(f"{slug}-{names[slug]}" if names[slug] else slug)
            names[slug] += 1
    return frozenset(found)


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def problem_with(link: Link) -> str | None:
    """Why a link leads nowhere; None: it leads somewhere, as far as can be said without a network."""
    if is_outside(link):
        return _problem_outside(link.target)
    path, _, anchor = link.target.partition("#")
    page = (link.page.parent / path).resolve() if path else link.page
    if not page.exists():
        return f"there is no {path}"
    if not page.is_relative_to(ROOT):
        return "it leads out of the repository"
    if link.page.parent == DOCS and path and page.parent != DOCS and page.suffix == ".md":
        return "Sphinx has only pages of docs/"
    if not anchor:
        return None
    return None if anchor in anchors(page) else f"{page.name} has no #{anchor}"


def _problem_outside(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme == "mailto":
        return None
    if parts.hostname in _LOCAL_HOSTS:
        return None if parts.scheme == "http" else "what runs here speaks http"
    if parts.scheme != "https":
        return f"{parts.scheme}: links lead to https"
    if not re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.hostname or ""):
        return "this is no name of a host"
    return "there is a space in it" if re.search(r"\s|%20", url) else None


if __name__ == "__main__":
    inside = len(all_links()) - len(outside())
    print(*sorted(map(str, outside())), sep="\n")
    print(f"{inside} links within the repository, {len(outside())} out of it")

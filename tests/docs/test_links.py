"""Links lead somewhere: to files and headings that exist, or to well-formed addresses."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.links import Link, all_links, anchors, linked_pages, links_of, outside, problem_with
from tests.docs.pages import DOCS, ROOT, page_id


@pytest.mark.parametrize("page", linked_pages(), ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    problems = {str(link): problem for link in links_of(page) if (problem := problem_with(link)) is not None}
    assert problems == {}


def test_links_are_found() -> None:
    assert len(all_links()) > 300
    assert len(outside()) > 5


@pytest.mark.parametrize(
    ("page", "target", "words"),
    [
        ("README.md", "docs/none.md", "there is no docs/none.md"),
        ("README.md", "docs/contract.md#none", "contract.md has no #none"),
        ("docs/feeds.md", "contract.md#none", "contract.md has no #none"),
        ("README.md", "#who-it-was-for", "README.md has no #who-it-was-for"),
        ("README.md", "../elsewhere.md", "there is no ../elsewhere.md"),
        ("docs/feeds.md", "../README.md", "Sphinx has only pages of docs/"),
        ("README.md", "http://example.org/", "links lead to https"),
        ("README.md", "ftp://example.org/", "links lead to https"),
        ("README.md", "https://example/", "no name of a host"),
    ],
)
def test_a_link_that_leads_nowhere(page: str, target: str, words: str) -> None:
    assert words in (problem_with(Link(ROOT / page, target)) or "nothing is wrong with it")


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("README.md", "docs/contract.md#identity-and-order"),
        ("README.md", "CONTRIBUTING.md"),
        ("docs/feeds.md", "api.md#streamfw_coreerrors"),
        ("docs/feeds.md", "#add"),
        ("docs/feeds.md", "contract.md"),
        ("README.md", "https://python-rq.org/docs/"),
        ("docs/django.md", "http://127.0.0.1:8000/"),
    ],
)
def test_a_link_that_is_right(page: str, target: str) -> None:
    assert problem_with(Link(ROOT / page, target)) is None


def test_anchors_are_named_as_github_names_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `code`, and more\n\n## Twice\n\n## Twice\n\n#### [Linked](x.md): on-line\n")
    assert anchors(page) == {"a-code-and-more", "twice", "twice-1", "linked-on-line"}


def test_a_label_of_sphinx_is_no_anchor(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("(short)=\n\n## A long heading\n")
    assert anchors(page) == {"a-long-heading"}


def test_docstrings_have_no_links_that_sphinx_would_not_make() -> None:
    """Docstrings are reStructuredText where they need to be anything: `[text](page)` would be shown as it is."""
    for path in [*ROOT.glob("streamfw_*/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = re.sub(r"```.*?```|`[^`]*`", "", ast.get_docstring(node) or "", flags=re.DOTALL)
                for url in re.findall(r"\bhttps?://[^\s,;)]+", docstring):
                    assert problem_with(Link(path, url.rstrip("."))) is None, f"{path}: {url}"
                assert not re.search(r"\]\([^)]", docstring), f"{path} has a link of Markdown in a docstring"


def test_pages_that_code_and_readmes_name_exist() -> None:
    code = [*ROOT.glob("streamfw_*/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    texts = [path.read_text(encoding="utf-8") for path in [*linked_pages(), *code]]
    named = {name for text in texts for name in re.findall(r"\bdocs/([\w-]+\.md)\b", text)}
    assert len(named) > 10
    assert named <= {page.name for page in DOCS.glob("*.md")}

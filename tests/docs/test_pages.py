"""The documentation holds: its examples run, and it names all that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.settings import resolve, resolver, sources

import streamfw_core
from streamfw_core import Streams
from tests.docs.blocks import blocks_of, read_pages, runs_with_others
from tests.docs.pages import DOCS, ROOT, page_id, pages, run_examples

README_FILES = [page for page in read_pages() if page not in pages()]


@pytest.mark.parametrize("page", [page for page in read_pages() if runs_with_others(page)], ids=page_id)
def test_examples_run(page: Path) -> None:
    run_examples(page)


@pytest.mark.parametrize("page", README_FILES, ids=page_id)
def test_settings_that_are_shown_are_accepted(page: Path) -> None:
    for block in blocks_of(page):
        for node in ast.parse(block.code if block.language == "python" else "").body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STREAMFW":
                resolve(ast.literal_eval(node.value))


def test_the_first_screen_of_the_readme_runs() -> None:
    readme = ROOT / "README.md"
    assert run_examples(readme) >= 1
    first_screen = "\n".join(readme.read_text(encoding="utf-8").splitlines()[:60])
    assert "```python" in first_screen
    assert "python -m pip install . && python -m streamfw_core demo" in first_screen
    assert "python -m pip install nox && python -m nox -s tests" in first_screen


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=page_id)
def test_every_page_is_in_the_table_of_contents(page: Path) -> None:
    if page.name != "index.md":
        toctrees = re.findall(r"```\{toctree\}(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL)
        assert re.search(rf"^{re.escape(page.stem)}$", "\n".join(toctrees), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(streamfw_core.__all__) - {"__version__"}))
def test_public_names_are_documented(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", code) for code in _code_of_docs()), f"no page of docs/ shows {name}"


@pytest.mark.parametrize("key", [*sources.KEYS, *resolver._FEED_KEYS, sources.NAME, sources.VARIABLE])
def test_settings_are_documented(key: str) -> None:
    assert re.search(rf"`{key}(`|=)", (DOCS / "settings.md").read_text(encoding="utf-8"))


def _code_of_docs() -> list[str]:
    """Code blocks and code in prose."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))
    return re.findall(r"^```python\n.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)


def test_the_settings_page_shows_the_message_as_it_is() -> None:
    with pytest.raises(SettingsError) as error:
        Streams({"storage": {}, "feeds": {"pin": {"max_length": "800", "timeline": "hot"}}})
    assert f"```text\n{error.value}\n```" in (DOCS / "settings.md").read_text(encoding="utf-8")

"""Every public name has a docstring and a place in docs/api.md, and what is exported or shown to users is public."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.docs.public_names import (
    DISTRIBUTIONS,
    INTERNAL,
    defined,
    exporting_packages,
    public_names,
    sections,
    undocumented,
)

PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *ROOT.glob("streamfw_*/README.md"),
    *ROOT.glob("plugins/*/README.md"),
]


def test_every_public_name_is_documented() -> None:
    assert len(public_names()) > 800
    assert [str(name) for name in undocumented()] == []


def test_what_packages_export_is_public() -> None:
    public = {name.path for name in public_names()}
    exported = exporting_packages()
    assert INTERNAL.keys() <= exported.keys()
    for package in exported.keys() - INTERNAL.keys():
        assert package in sections() or exported[package] <= public, (
            f"{package} exports names: give it a section in docs/api.md, or a reason in INTERNAL"
        )


def _imports() -> Iterator[tuple[str, str, str]]:
    """What examples import from our distributions: page, module, name."""
    for page in PAGES:
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            try:
                tree = ast.parse(block)
            except SyntaxError:  # a part of something, marked as not executed
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in DISTRIBUTIONS:
                    yield from ((page.name, str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize(("page", "module", "name"), sorted({*_imports()}))
def test_what_examples_import_is_public(page: str, module: str, name: str) -> None:
    path = defined(module, name).path
    assert path in {public.path for public in public_names()}, (
        f"{page} imports {path}, which has no place in docs/api.md"
    )

"""Who types what the tutorials of small plugins say has a plugin that is installed, found, and passes its tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.docs.projects import Project

BACKENDS = {
    "writing-a-serializer.md": ("zlib", "zlib-small"),
    "writing-a-metrics-backend.md": ("graphite",),
}


@pytest.mark.slow
@pytest.mark.parametrize("page", BACKENDS)
def test_the_project_of_the_page_is_a_plugin_that_passes_its_tests(page: str, tmp_path: Path) -> None:
    project = Project(DOCS / page, tmp_path)
    project.install()

    listed = project.plugins()
    assert [name for name in BACKENDS[page] if re.search(rf"\b{name}\b", listed)] == [*BACKENDS[page]]
    assert re.search(r"^\d+ passed", project.run_tests(), re.MULTILINE)

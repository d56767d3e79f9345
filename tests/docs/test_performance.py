"""The page on performance shows the figures that are in the repository."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

import pytest

from tests.docs.pages import DOCS, ROOT


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("charts")


def test_the_tables_are_made_of_the_figures(charts: ModuleType) -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert charts.page(text) == text, "run: python benchmarks/charts.py"


def test_the_charts_are_made_of_the_figures(charts: ModuleType) -> None:
    for path, drawing in charts.charts().items():
        assert path.read_text(encoding="utf-8") == drawing, "run: python benchmarks/charts.py"


def test_all_figures_are_shown(charts: ModuleType) -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"<!-- table: ([\w.-]+), ([^>]+?) -->", text))
    for file in sorted(charts.RESULTS.glob("*.json")):
        _, tables = charts.read_json(file)
        assert {(file.stem, table.title) for table in tables} <= shown


def test_a_chart_shows_every_point(charts: ModuleType) -> None:
    drawing = charts.chart("Title", "x", "y", [(1_000, 3.25), (10_000, 3.5)])
    assert drawing.startswith("<svg ")
    assert [word in drawing for word in (">1,000<", ">10,000<", ">3.25<", ">3.5<")] == [True] * 4

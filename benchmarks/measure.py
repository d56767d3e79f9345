"""How all benchmarks time and print: interleaved runs, medians, ratios, JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs


@attrs.frozen
class Case:
    """Something to time: `work` does `units` of work at each call; `prepare` comes before each call, untimed.

    :param bare: it does the same work without streamfw, and the others are compared with it.
    """

    name: str
    work: Callable[[], object]
    units: int
    prepare: Callable[[], object] = lambda: None
    bare: bool = False


@attrs.frozen
class Figure:
    """What was measured of a case in each run, in the order of the runs: units per second, or what the table says."""

    name: str
    values: list[float]
    bare: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def ratio(self, other: Figure) -> float:
        """The median of the ratios of each run: what slowed a run down slowed both."""
        return statistics.median(mine / its for mine, its in zip(self.values, other.values, strict=True))


@attrs.frozen
class Table:
    """Figures that belong together.

    :param unit: of the values, such as "deliveries/s".
    """

    title: str
    unit: str
    figures: list[Figure]

    @property
    def bare(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.bare] or self.figures[-1:]


def measure(title: str, unit: str, cases: Sequence[Case], *, runs: int, warm_up: int = 2) -> Table:
    """Time the cases, `runs` times each: one round after the other, so that what slows the machine down slows all of them.

    Each round has an order of its own: what a case leaves to the server would otherwise always be paid by the same one.
    """
    rates: dict[str, list[float]] = {case.name: [] for case in cases}
    for run in range(-warm_up, runs):
        for case in random.sample(cases, len(cases)):
            case.prepare()
            started = time.perf_counter()
            case.work()
            elapsed = time.perf_counter() - started
            if run >= 0:
                rates[case.name].append(round(case.units / elapsed, 1))
    return Table(title, f"{unit}/s", [Figure(case.name, rates[case.name], case.bare) for case in cases])


def show(table: Table) -> None:
    """A table; the last columns compare with the bare things."""
    bare = table.bare
    print(
        f"\n{table.title} ({table.unit}, median of {len(table.figures[0].values)}, lowest - highest, ratio to each bare)"
    )
    for figure in table.figures:
        digits = ",.0f" if table.figures[0].median >= 100 else ",.1f"
        numbers = [format(number, digits) for number in (figure.median, min(figure.values), max(figure.values))]
        ratios = "".join(f" {figure.ratio(other):>7.2f}" for other in bare)
        mark = "*" if figure in bare else " "
        print(f"{mark} {figure.name:<58} {numbers[0]:>11}   {numbers[1]:>11} - {numbers[2]:>11}  {ratios}", flush=True)


def parser(description: str, *, runs: int) -> argparse.ArgumentParser:
    """The command line that all benchmarks share."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--runs", type=int, default=runs, help="runs of each case (default: %(default)s)")
    made.add_argument("--json", type=Path, help="write the figures into this file")
    return made


def write_json(path: Path | None, tables: Sequence[Table], **facts: object) -> None:
    """The figures and the machine, for charts and comparisons; `facts` are more about what ran, such as a version."""
    if path is None:
        return
    results = [
        {**attrs.asdict(table), "figures": [attrs.asdict(figure) for figure in table.figures]} for table in tables
    ]
    text = json.dumps({"machine": {**machine(), **facts}, "tables": results}, indent=1)
    # A line for each figure: the files are small and a change of one is seen as such.
    path.write_text(
        re.sub(r"\[[\d.,\s]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n", encoding="utf-8"
    )


def read_json(path: Path) -> tuple[dict[str, Any], list[Table]]:
    """What `write_json` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    tables = [
        Table(table["title"], table["unit"], [Figure(**figure) for figure in table["figures"]])
        for table in data["tables"]
    ]
    return data["machine"], tables


def machine() -> dict[str, object]:
    """What others need to know of where it ran, and nothing that names it."""
    return {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()}


def _processor() -> str:
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        named = None
    return named[1] if named else platform.machine()

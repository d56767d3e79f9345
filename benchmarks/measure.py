"""How all benchmarks time and print: interleaved runs, medians, ratios, JSON."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs


@attrs.frozen
class Case:
    """Something to time: `work` does `units` of work at each call; `prepare` comes before each call, untimed."""

    name: str
    work: Callable[[], object]
    units: int
    prepare: Callable[[], object] = lambda: None


@attrs.frozen
class Figure:
    """What was measured: units per second, the median of the runs, with the slowest and fastest beside it."""

    name: str
    median: float
    slowest: float
    fastest: float
    runs: int


def measure(cases: list[Case], *, runs: int, warm_up: int = 2) -> list[Figure]:
    """Time the cases in turn, `runs` times each, so that what slows the machine down slows all of them."""
    rates: dict[str, list[float]] = {case.name: [] for case in cases}
    for run in range(-warm_up, runs):
        for case in cases:
            case.prepare()
            started = time.perf_counter()
            case.work()
            elapsed = time.perf_counter() - started
            if run >= 0:
                rates[case.name].append(case.units / elapsed)
    return [Figure(name, statistics.median(found), min(found), max(found), len(found)) for name, found in rates.items()]


def show(title: str, unit: str, figures: list[Figure]) -> None:
    """A table; the last column compares with the last figure, which is the bare thing."""
    base = figures[-1].median
    print(f"\n{title} ({unit} a second, median of {figures[0].runs}, slowest - fastest, ratio to the last)")
    for figure in figures:
        print(
            f"  {figure.name:<44} {figure.median:>12,.0f}   {figure.slowest:>12,.0f} - {figure.fastest:>12,.0f}"
            f"   {figure.median / base:>5.2f}"
        )


def arguments(description: str, *, runs: int) -> argparse.Namespace:
    """The command line that all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=runs, help="runs of each case (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    return parser.parse_args()


def write_json(path: Path | None, results: Mapping[str, list[Figure]]) -> None:
    """The figures and the machine, for charts and comparisons."""
    if path is None:
        return
    machine = {"python": sys.version.split()[0], "platform": platform.platform(), "processor": platform.machine()}
    data = {
        "machine": machine,
        "results": {title: [attrs.asdict(figure) for figure in found] for title, found in results.items()},
    }
    path.write_text(json.dumps(data, indent=2) + "\n")

"""The tables and charts of docs/performance.md, made of the figures in benchmarks/results/.

    python benchmarks/charts.py

In the page, what stands between `<!-- table: FILE, TITLE -->` and `<!-- end -->` is replaced, and so is
`<!-- machine: FILE -->`; the charts are written beside it. tests/docs checks that all of it is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path
from typing import Any

from measure import Figure, Table, read_json

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PAGE = ROOT / "docs/performance.md"
IMAGES = ROOT / "docs/images"

_MARKED = re.compile(r"(<!-- (table|machine): ([\w.-]+)(?:, ([^>]+?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """The page with its figures."""

    def fill(found: re.Match[str]) -> str:
        machine, tables = read_json(RESULTS / f"{found[3]}.json")
        if found[2] == "machine":
            return f"{found[1]}{in_words(machine)}\n{found[5]}"
        table = next(one for one in tables if one.title == found[4])
        return f"{found[1]}{in_markdown(table)}\n{found[5]}"

    return _MARKED.sub(fill, text)


def charts() -> dict[Path, str]:
    """Files and what they hold."""
    _, [followers, lengths] = read_json(RESULTS / "redis_growth.json")
    return {
        IMAGES / "fanout-growth.svg": chart(
            "Fan-out: what one delivery takes", "followers", "microseconds", points(followers, "followers")
        ),
        IMAGES / "write-growth.svg": chart(
            "One write: what it takes, with its round trip",
            "entries in the feed",
            "microseconds",
            points(lengths, "entries"),
        ),
    }


def points(table: Table, word: str) -> list[tuple[int, float]]:
    """Microseconds by the number that the name of a figure begins with."""
    named = [(figure.name.partition(" "), figure) for figure in table.figures]
    return [(int(number.replace(",", "")), 1e6 / figure.median) for (number, _, rest), figure in named if rest == word]


def in_words(machine: dict[str, Any]) -> str:
    return (
        f"{machine['server']} on {machine['cores']} cores of an {machine['processor']}, which the clients share with it;"
        f" Python {machine['python']}, {machine['client']}."
    )


def in_markdown(table: Table) -> str:
    """A row for each figure, and a column for each bare one that the others are compared with."""
    bare = table.bare if len(table.figures) > 1 else []
    letters = {id(figure): letter for figure, letter in zip(bare, "ABCDEF", strict=False)}
    several = len(table.figures[0].values) > 1
    head = ["", table.unit, *(["lowest to highest"] if several else []), *(f"to {letters[id(one)]}" for one in bare)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for figure in table.figures:
        letter = letters.get(id(figure))
        spread = [f"{number(min(figure.values))} to {number(max(figure.values))}"] if several else []
        ratios = ["" if one is figure else ratio(figure, one) for one in bare]
        rows.append([f"{letter}: {figure.name}" if letter else figure.name, number(figure.median), *spread, *ratios])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def number(value: float) -> str:
    """Three digits, as more are noise."""
    if value < 100:
        return f"{value:.1f}"
    digits = -int(log10(value)) + 2
    return f"{round(value, min(digits, 0)):,.0f}"


def ratio(figure: Figure, other: Figure) -> str:
    value = figure.ratio(other)
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def chart(title: str, x: str, y: str, found: Sequence[tuple[int, float]]) -> str:
    """A line over a logarithmic axis; the other begins at 0, so that what is level looks level."""
    width, height, left, right, top, bottom = 640, 320, 70, 30, 50, 60
    inner_width, inner_height = width - left - right, height - top - bottom
    step = nice(max(value for _, value in found) * 1.2 / 4)
    highest = step * 4
    low, high = log10(min(size for size, _ in found)), log10(max(size for size, _ in found))

    def at(size: float, value: float) -> tuple[float, float]:
        across = left + 30 + (inner_width - 60) * (log10(size) - low) / (high - low)
        return round(across, 1), round(top + inner_height * (1 - value / highest), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="28" font-size="16">{escape(title)}</text>',
    ]
    for line in range(5):
        _, down = at(10**low, line * step)
        parts.append(f'<path d="M{left} {down}H{width - right}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{down + 4}" text-anchor="end">{line * step:g}</text>')
    for size, value in found:
        across, down = at(size, value)
        parts.append(f'<text x="{across}" y="{height - bottom + 20}" text-anchor="middle">{size:,}</text>')
        parts.append(f'<circle cx="{across}" cy="{down}" r="4" fill="#2563eb"/>')
        parts.append(f'<text x="{across}" y="{down - 10}" text-anchor="middle" fill="#2563eb">{value:.3g}</text>')
    line_through = " ".join(f"{across},{down}" for across, down in (at(*point) for point in found))
    middle = left + inner_width / 2
    parts += [
        f'<polyline points="{line_through}" fill="none" stroke="#2563eb" stroke-width="2"/>',
        f'<text x="{middle}" y="{height - 16}" text-anchor="middle">{escape(x)}</text>',
        f'<text transform="translate(20 {top + inner_height / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def nice(step: float) -> float:
    """The next larger of 1, 2, 2.5 and 5 times a power of ten."""
    power = 10.0 ** int(log10(step) // 1)
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step)


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    IMAGES.mkdir(exist_ok=True)
    for path, text in charts().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

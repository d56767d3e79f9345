"""Figures that pages repeat are those that were measured, and are in the repository."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from tests.docs.pages import DOCS, ROOT

MEASURED = {
    "../README.md": [
        (r"^\| deliveries on Redis, .*? \| ([\d,]+) \|", "redis_fanout", "fan-out to", "through the manager"),
        (r"^\| deliveries through Celery .*? \| ([\d,]+) \|", "celery_fanout_rabbitmq", "10 activities", "the manager"),
        (r"^\| `feed\[:25\]` on Redis, .*? \| ([\d,]+) \|", "redis_reads", "a page of 25", "feed[:25]"),
        (r"^\| adds to aggregated .*? \| ([\d,]+) \|", "redis_groups", "adds to 1,000", "storage.write"),
        (r"^\| deliveries on Cassandra, .*? \| ([\d,]+) \|", "cassandra_fanout", "fan-out to", "through the manager"),
        (r"takes ([\d.]+) bytes", "redis_fanout", "memory of a feed of 100", "streamfw"),
        (r"Stream-Framework it takes ([\d.]+)\.$", "redis_fanout", "memory of a feed of 100", "the old layout"),
    ],
    "choosing-a-storage.md": [
        (r"^\| deliveries, .*? \| ([\d,]+) \|", "redis_fanout", "fan-out to", "through the manager"),
        (r"^\| deliveries, .*? ([\d,]+) \|$", "cassandra_fanout", "fan-out to", "through the manager"),
        (r"^\| `feed\[:25\]`, .*? \| ([\d,]+) \|", "redis_reads", "a page of 25", "feed[:25]"),
        (r"^\| `feed\[:25\]`, .*? ([\d,]+) \|$", "cassandra_fanout", "a page of 25", "feed[:25]"),
        (r"^\| adds to grouped feeds .*? \| ([\d,]+) \|", "redis_groups", "adds to 1,000", "storage.write"),
        (r"^\| adds to grouped feeds .*? ([\d,]+) \|$", "cassandra_groups", "adds to 1,000", "storage.write"),
        (r"two counts and a mark \| ([\d,]+) \|", "redis_groups", "a notification", "mark_all"),
        (r"\| ([\d,]+), by 8 writers at once \|", "cassandra_groups", "8 writers to 8 feeds", "add, two counts, mark"),
    ],
    "operations.md": [
        (r"made ([\d,]+) deliveries a second", "celery_fanout_rabbitmq", "10 activities", "through the manager"),
        (r"a single node made ([\d,]+) in", "cassandra_fanout", "fan-out to", "through the manager"),
        (r"\[([\d,]+) pages a second\]", "redis_reads", "a page of 25", "feed[:25]"),
    ],
    "priorities.md": [
        (r"within (\d+) ms on RabbitMQ", "celery_priorities_rabbitmq", "seen, p50", "busy"),
        (r"and (\d+) ms on Redis", "celery_priorities_redis", "seen, p50", "busy"),
        (r"without the backlog it was (\d+) and", "celery_priorities_rabbitmq", "seen, p50", "no backlog"),
        (r"without the backlog it was \d+ and (\d+)", "celery_priorities_redis", "seen, p50", "no backlog"),
    ],
}


RATIOS = {
    r"([\d.]+) times a redis-py pipeline": ("redis_fanout", "fan-out to", "through the manager", "pipeline"),
    r"([\d.]+) of a script packed by hand, \d": ("redis_fanout", "fan-out to", "through the manager", "packed by hand"),
    r", (\d+) times Stream-Framework \|\n\| deliveries": ("redis_fanout", "fan-out to", "streamfw, through", "1.4"),
    r"([\d.]+) of bare tasks": ("celery_fanout_rabbitmq", "10 activities", "streamfw, through", "packed by hand"),
    r"([\d.]+) of redis-py asking": ("redis_reads", "a page of 25", "feed[:25]", "EVALSHA"),
    r", (\d+) times Stream-Framework \|\n\| adds": ("redis_reads", "a page of 25", "feed[:25]", "1.4"),
    r"([\d.]+) of a script packed by hand \|": ("redis_groups", "adds to 1,000", "storage.write", "packed by hand"),
    r"([\d.]+) of unlogged batches": ("cassandra_fanout", "fan-out to", "through the manager", "unlogged"),
    r"([\d.]+) times `execute": ("cassandra_fanout", "fan-out to", "through the manager", "execute_concurrent"),
}
"""In the README, of the first figure to the second."""


def tables_of(file: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    found: list[Any] = importlib.import_module("charts").read_json(ROOT / f"benchmarks/results/{file}.json")[1]
    return found


@pytest.mark.parametrize(
    ("page", "words", "file", "table", "figure"),
    [(page, *measured) for page, several in MEASURED.items() for measured in several],
)
def test_a_figure_that_a_page_repeats_is_the_measured_one(
    page: str, words: str, file: str, table: str, figure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [shown] = re.findall(words, (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)

    tables = [each for each in tables_of(file, monkeypatch) if table in each.title]
    [found] = [one for each in tables for one in each.figures if figure in one.name]
    assert float(shown.replace(",", "")) == pytest.approx(found.median, rel=0.01)


@pytest.mark.parametrize("words", RATIOS)
def test_a_ratio_in_the_readme_is_the_measured_one(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file, table, figure, other = RATIOS[words]
    [shown] = re.findall(words, (ROOT / "README.md").read_text(encoding="utf-8"))

    [found] = [each for each in tables_of(file, monkeypatch) if each.title.startswith(table)]
    [mine], [its] = ([one for one in found.figures if name in one.name] for name in (figure, other))
    digits = len(shown.partition(".")[2])
    assert float(shown) == pytest.approx(round(mine.ratio(its), digits))

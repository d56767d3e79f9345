"""Figures that pages repeat are those that were measured, and are in the repository."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.docs.pages import DOCS, ROOT

MEASURED = {
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


@pytest.mark.parametrize(
    ("page", "words", "file", "table", "figure"),
    [(page, *measured) for page, several in MEASURED.items() for measured in several],
)
def test_a_figure_that_a_page_repeats_is_the_measured_one(
    page: str, words: str, file: str, table: str, figure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [shown] = re.findall(words, (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    _, tables = importlib.import_module("charts").read_json(ROOT / f"benchmarks/results/{file}.json")
    [found] = [one for each in tables if table in each.title for one in each.figures if figure in one.name]
    assert float(shown.replace(",", "")) == pytest.approx(found.median, rel=0.01)

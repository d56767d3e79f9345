"""The whole table, by area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.acceptance.errors import (
    activities,
    backends,
    command_line,
    contexts,
    feed_classes,
    feeds,
    ids,
    managers,
    messages,
    queues,
    selections,
    settings,
    verbs,
)
from tests.acceptance.errors.rows import Row

AREAS: dict[str, Sequence[Row]] = {
    "ids": ids.ROWS,
    "verbs": verbs.ROWS,
    "activities": activities.ROWS,
    "extra context": contexts.ROWS,
    "feeds": feeds.ROWS,
    "filters, orders, pages": selections.ROWS,
    "feed classes": feed_classes.ROWS,
    "settings": settings.ROWS,
    "backends and plugins": backends.ROWS,
    "managers": managers.ROWS,
    "fan-out and messages": messages.ROWS,
    "task queues": queues.ROWS,
    "command line": command_line.ROWS,
}


def markdown() -> Iterator[str]:
    """Lines of the table, for people: one section for each area."""
    for area, rows in AREAS.items():
        yield f"## {area[0].upper()}{area[1:]}"
        yield ""
        for row in rows:
            yield f"**{row.name[0].upper()}{row.name[1:]}** (`{row.error.__name__}`)"
            yield ""
            yield "```python"
            yield row.does
            yield "```"
            yield ""
            yield "```text"
            yield row.message
            yield "```"
            yield ""

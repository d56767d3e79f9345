"""What people get wrong, and what they read then: exactly this, and nothing is half-written.

`python -m tests.acceptance.errors` prints the table, and so does `pytest -s` with this file.
"""

from __future__ import annotations

import pytest
from streamfw_core.errors import StreamsError

from streamfw_core import Activity, Love
from tests.acceptance.errors.rows import Row
from tests.acceptance.errors.table import AREAS, markdown
from tests.acceptance.errors.world import START, CommandRefused, World

TABLE = [pytest.param(row, id=f"{area}: {row.name}") for area, rows in AREAS.items() for row in rows]


@pytest.mark.parametrize("row", TABLE)
def test_the_message_is_exactly_this_and_nothing_is_written(row: Row, world: World) -> None:
    before = world.state()
    with pytest.raises(row.error) as caught:
        exec(compile(row.does, row.name, "exec"), dict(world.names))
    assert str(caught.value) == row.message
    assert type(caught.value) is row.error
    assert world.state() == before


def test_every_error_is_one_of_ours() -> None:
    errors = {row.error for rows in AREAS.values() for row in rows} - {CommandRefused}
    assert all(issubclass(error, StreamsError) for error in errors)


def test_there_are_enough_of_them() -> None:
    names = [(area, row.name) for area, rows in AREAS.items() for row in rows]
    assert len(set(names)) == len(names) >= 60
    assert len([area for area, rows in AREAS.items() if len(rows) >= 3]) >= 8


def test_secrets_are_never_in_a_message() -> None:
    rows = [row for rows in AREAS.values() for row in rows if "secret" in row.does]
    assert rows
    assert not [row.name for row in rows if "secret" in row.message or "ada" in row.message]


def test_the_table_is_readable() -> None:
    lines = list(markdown())
    assert sum(line.startswith("## ") for line in lines) == len(AREAS)
    print("\n".join(lines))


@pytest.mark.parametrize(
    "harm",
    [
        "publish(activity)",
        "feed.add(activity)",
        "feed.remove(feed[0])",
        "feed.trim(1)",
        "PinFeed.insert_activity(activity, streams=streams)",
        "register(subclass(Verb, 'Pin', id=8_901, infinitive='pin', past_tense='pinned'))",
        "subclass(PinManager, 'OtherManager', name='other')(streams=streams).streams",
        "PinFeed(1, streams=Streams({})).add(activity)",
        "open('out.json', 'w').close()",
    ],
)
def test_what_is_written_is_seen(harm: str, world: World) -> None:
    before = world.state()
    exec(harm, dict(world.names))
    assert world.state() != before


def test_the_application_works_afterwards(world: World) -> None:
    """The good case that all rows are near to."""
    world.manager.add_user_activity(1, Activity(1, Love, 9, time=START))
    assert world.names["feed"].count() == 3

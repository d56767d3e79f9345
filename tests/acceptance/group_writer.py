"""One of ten writers of one group; run as a program with the path of a SQLite file and the writer's number."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Removal, Write
from streamfw_core.storage.flat_groups import GroupsOnFlat

WRITERS = 10
ACTIVITIES = 1000
BATCH = 10
SPEC = FeedSpec("all", KeyFormat("all:%(user_id)s"), 100, kind="notification")
NOW = 1_770_000_000_000


def actor_of(number: int) -> str:
    return f"actor {number * 7 % 90}"


def member(number: int) -> Entry:
    """Two share a millisecond."""
    return Entry((NOW + number // 2 << 64) | number, NOW * 1000, None, "one group", actor_of(number))


def removed(number: int) -> bool:
    """Half of them, of some actors everything."""
    return number % 4 in (0, 1)


def write_all(storage: Any, writer: int) -> None:
    """Add the activities of one writer, deliver them again, remove half of them, and deliver these once more."""
    own = [member(number) for number in range(writer, ACTIVITIES, WRITERS)]
    gone = [member(number) for number in range(writer, ACTIVITIES, WRITERS) if removed(number)]
    for delivered in (own, own[::-1]):
        for start in range(0, len(delivered), BATCH):
            _write(storage, Write(["all"], puts=delivered[start : start + BATCH]))
    _write(storage, Write(["all"], removes=[Removal(one.id, one.stamp + 1, one.group) for one in gone[::2]]))
    _write(storage, Write(["all"], removes=[Removal(one.id, one.stamp + 1) for one in gone]))
    _write(storage, Write(["all"], puts=gone))


def _write(storage: Any, write: Write) -> None:
    outcome = storage.write(SPEC, [write])
    assert not outcome.failures, outcome.failures


if __name__ == "__main__":
    create = import_module("streamfw_example_storage.storage").create
    storage = GroupsOnFlat(create("writer", {"path": sys.argv[1]}))
    write_all(storage, int(sys.argv[2]))
    storage.close()

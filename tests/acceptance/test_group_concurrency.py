"""Many writers of the same groups at once: nothing is lost, and no reader sees a group missing or twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from streamfw_core.storage import Query, Storage
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.testing.groups.running import together, watched

from streamfw_core import Activity, AggregatedActivity, Love, NotificationFeed, Streams
from tests.acceptance.group_writer import ACTIVITIES, SPEC, WRITERS, actor_of, member, removed, write_all
from tests.core.flat_only import FlatOnly

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "streamfw_example_storage"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FlatStorage(FlatOnly):
    """As the settings make it."""

    def __init__(self, name: str, _: Mapping[str, object]) -> None:
        super().__init__(name)


@pytest.fixture(autouse=True)
def often_interrupted() -> Iterator[None]:
    """Threads take turns a hundred times as often as usual, so that they meet in the middle of things."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 100)
    yield
    sys.setswitchinterval(usual)


# --- ten writers, one group, a thousand activities, redelivered, half of them removed ----------------------------------


def expect_what_is_left(storage: Any) -> None:
    """The group has what was not removed, and counts as many."""
    [group] = storage.read_groups(SPEC, [Query("all")])[0]
    left = [number for number in range(ACTIVITIES) if not removed(number)]
    assert len(left) == ACTIVITIES // 2
    assert group.exact
    assert group.member_count == len(left)
    assert group.actor_count == len({actor_of(number) for number in left})
    assert group.first_id == member(left[0]).id
    assert [entry.id for entry in group.members] == [member(number).id for number in left[: -SPEC.view - 1 : -1]]
    assert storage.stats(SPEC, [Query("all")])[0] == (1, 1, 1)


@pytest.mark.parametrize("fallback", [False, True], ids=["memory", "fallback"])
def test_ten_threads_of_one_group_lose_nothing(fallback: bool) -> None:
    storage: Any = (
        GroupsOnFlat(FlatOnly("flat")) if fallback else import_module("streamfw_memory.storage").MemoryStorage()
    )

    together(*(partial(write_all, storage, writer) for writer in range(WRITERS)))

    expect_what_is_left(storage)


def test_ten_processes_of_one_group_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "feeds.db")
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    sqlite: Storage = import_module("streamfw_example_storage.storage").create("here", {"path": path})
    storage = GroupsOnFlat(sqlite)
    storage.prepare([SPEC])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLE / "src")])}
    command = [sys.executable, "-m", "tests.acceptance.group_writer", path]
    writers = [
        subprocess.Popen([*command, str(writer)], env=environment, stderr=subprocess.PIPE, text=True)
        for writer in range(WRITERS)
    ]

    assert [(writer.communicate(timeout=240)[1], writer.returncode) for writer in writers] == [("", 0)] * WRITERS
    expect_what_is_left(storage)
    storage.close()


# --- eight threads add a thousand activities to the same groups while others remove, mark and read ---------------------


THINGS = 5
ADDERS = 8


class Bell(NotificationFeed):
    max_length = 50


@pytest.fixture(params=["memory", f"{__name__}:FlatStorage"], ids=["memory", "fallback"])
def bell(request: pytest.FixtureRequest) -> Iterator[Bell]:
    with Streams({"storages": {"default": {"backend": request.param}}}) as streams:
        yield Bell("grace", streams=streams)


def like(number: int) -> Activity:
    """The likes of one thing are in one group; some of different things share a millisecond."""
    return Activity(number % 37, Love, number % THINGS, time=NOON + timedelta(milliseconds=number // 2))


def key(thing: int) -> str:
    return f"3-{thing}-2026-03-01"


class Reader:
    """Sees to it that every group is there, once and whole."""

    def __init__(self, feed: Bell) -> None:
        self.feed = feed

    def read(self) -> None:
        self.look(self.feed[:])
        self.look(self.feed.order_by("activity_id")[:][::-1])
        assert self.feed.count() == THINGS
        found = [self.feed.get(key(thing)) for thing in range(THINGS)]
        assert all(found), "a group is not found by its key"
        assert 0 <= self.feed.count_unseen() <= THINGS

    def look(self, groups: list[AggregatedActivity]) -> None:
        assert sorted(one.group for one in groups) == [key(thing) for thing in range(THINGS)]
        ids = [one.serialization_id for one in groups]
        assert ids == sorted(ids, reverse=True)
        for one in groups:
            assert one.activity_ids == sorted({*one.activity_ids})
            assert len(one.activities) == min(one.activity_count, one.max_aggregated_activities_length)
            assert len(one.actor_ids) <= one.actor_count <= min(37, one.activity_count)


def test_readers_see_every_group_once_while_others_add_remove_and_mark(bell: Bell) -> None:
    activities = [like(number) for number in range(1000 + THINGS)]
    lasting, added = activities[:THINGS], activities[THINGS:]
    gone = added[::3]
    bell.add_many(lasting)
    reader = Reader(bell)

    def add(first: int) -> None:
        for activity in added[first::ADDERS]:
            bell.add(activity)
        # Redelivered, in another order.
        bell.add_many(added[first :: ADDERS * 2][::-1])

    def remove(first: int) -> None:
        for number, activity in enumerate(gone[first::2]):
            bell.remove(activity.serialization_id if number % 2 else activity)

    def mark() -> None:
        bell.mark_all(seen=True)
        bell.mark_activity(lasting[0], seen=False, read=True)

    def work() -> None:
        together(*[partial(add, number) for number in range(ADDERS)], *[partial(remove, number) for number in range(2)])

    marks = 0

    def mark_and_work() -> None:
        nonlocal marks
        marks = watched(mark, work)

    reads = watched(reader.read, partial(watched, reader.read, mark_and_work))

    assert reads
    assert marks
    # A removal that came before the add was older than it, and so without effect.
    bell.remove_many(gone)
    expect_counts(bell, [activity for activity in activities if activity not in gone])


def expect_counts(bell: Bell, left: list[Activity]) -> None:
    """The groups of a feed are those of the activities that are left, and what is unseen is what the groups say."""
    for thing in range(THINGS):
        group, members = bell.get(key(thing)), [one for one in left if one.object_id == thing]
        assert group is not None
        assert group.activity_count == len(members)
        assert group.actor_count == len({one.actor_id for one in members})
        newest = sorted((one.serialization_id for one in members), reverse=True)[:15]
        assert [one.serialization_id for one in group.last_activities] == newest
    groups = bell[:]
    assert bell.count_unseen() == sum(not one.is_seen() for one in groups)
    assert bell.count_unread() == sum(not one.is_read() for one in groups)
    bell.mark_all(seen=True, read=True)
    assert (bell.count_unseen(), bell.count_unread()) == (0, 0)
    bell.add(Activity("late", Love, 2, time=NOON - timedelta(hours=1)))
    assert (bell.count_unseen(), bell.count_unread()) == (1, 1)

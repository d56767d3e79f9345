"""Eight processes add to the same groups, remove from them and mark them: nothing is lost, and readers see every group whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from streamfw_core.testing.storages.running import in_processes

from streamfw_core import Activity, AggregatedActivity, Love, NotificationFeed, Streams
from tests.services.redis import Server

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THINGS = 5
PROCESSES = 8
ADDED = 1000


class Bell(NotificationFeed):
    max_length = 50


def like(number: int) -> Activity:
    """The likes of one thing are in one group; some of different things share a millisecond."""
    return Activity(number % 37, Love, number % THINGS, time=NOON + timedelta(milliseconds=number // 2))


def key(thing: int) -> str:
    return f"3-{thing}-2026-03-01"


LASTING = [like(number) for number in range(THINGS)]
COMING = [like(number) for number in range(THINGS, ADDED + THINGS)]
GOING = COMING[::3]


def look(groups: list[AggregatedActivity]) -> None:
    assert sorted(one.group for one in groups) == [key(thing) for thing in range(THINGS)]
    ids = [one.serialization_id for one in groups]
    assert ids == sorted(ids, reverse=True)
    for one in groups:
        assert one.activity_ids == sorted({*one.activity_ids})
        assert len(one.activities) == min(one.activity_count, one.max_aggregated_activities_length)
        assert len(one.actor_ids) <= one.actor_count <= min(37, one.activity_count)


@pytest.fixture(params=[0, 4], ids=["together", "in buckets"])
def settings(request: pytest.FixtureRequest, redis_server: Server) -> dict[str, Any]:
    options = {"url": redis_server.url, "buckets": request.param, "prefix": f"{uuid4().hex}:"}
    return {"storages": {"default": {"backend": "redis", "options": options}}}


def test_processes_that_add_remove_and_mark_the_same_groups_lose_nothing(settings: dict[str, Any]) -> None:
    with Streams(settings) as streams:
        Bell("grace", streams=streams).add_many(LASTING)

    def work(number: int) -> None:
        with Streams(settings) as streams:
            bell = Bell("grace", streams=streams)
            if number < 4:
                add(bell, COMING[number::4])
            elif number < 6:
                for place, activity in enumerate(GOING[number - 4 :: 2]):
                    bell.remove(activity.serialization_id if place % 2 else activity)
            else:
                for place in range(60):
                    bell.mark_all(seen=True)
                    bell.mark_activity(LASTING[place % THINGS], seen=False, read=True)
                    look(bell[:])
                    look(bell.order_by("activity_id")[:][::-1])

    assert in_processes(work, PROCESSES) == []

    with Streams(settings) as streams:
        bell = Bell("grace", streams=streams)
        # A removal that came before the add was older than it, and so without effect.
        bell.remove_many(GOING)
        gone = {one.serialization_id for one in GOING}
        expect(bell, [one for one in (*LASTING, *COMING) if one.serialization_id not in gone])


def add(bell: Bell, activities: list[Activity]) -> None:
    for activity in activities:
        bell.add(activity)
    # Redelivered, in another order.
    bell.add_many(activities[::-2])


def expect(bell: Bell, left: list[Activity]) -> None:
    """The groups of a feed are those of the activities that are left, and what is unseen is what the groups say."""
    for thing in range(THINGS):
        group, members = bell.get(key(thing)), [one for one in left if one.object_id == thing]
        assert group is not None
        assert (group.activity_count, group.actor_count) == (len(members), len({one.actor_id for one in members}))
        newest = sorted((one.serialization_id for one in members), reverse=True)[:15]
        assert [one.serialization_id for one in group.last_activities] == newest
    groups = bell[:]
    assert bell.count_unseen() == sum(not one.is_seen() for one in groups)
    assert bell.count_unread() == sum(not one.is_read() for one in groups)
    bell.mark_all(seen=True, read=True)
    assert (bell.count_unseen(), bell.count_unread()) == (0, 0)
    bell.add(Activity("late", Love, 2, time=NOON - timedelta(hours=1)))
    assert (bell.count_unseen(), bell.count_unread()) == (1, 1)

"""Eight processes add to the same groups, remove from them and mark them: nothing is lost, and readers see every group whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from streamfw_core.testing.storages.running import in_processes

from streamfw_core import Activity, AggregatedActivity, Love, NotificationFeed, Streams
from tests.cassandra.feeds import options_on
from tests.services.cassandra import Cassandra

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACTORS = 37
PROCESSES = 8
ADDED = 400
LOOKS = 10


class Bell(NotificationFeed):
    max_length = 500


@pytest.fixture
def settings(shared_cassandra: Cassandra, keyspace: str) -> dict[str, Any]:
    options = options_on(shared_cassandra, keyspace)
    return {"storages": {"default": {"backend": "cassandra", "options": options}}}


@pytest.mark.slow
@pytest.mark.parametrize("things", [1, 5, 100], ids=["one group", "some groups", "many groups"])
def test_processes_that_add_remove_and_mark_the_same_groups_lose_nothing(settings: dict[str, Any], things: int) -> None:
    likes = Likes(things)
    with Streams(settings) as streams:
        streams.prepare(Bell)
        Bell(likes.owner, streams=streams).add_many(likes.lasting)

    def work(number: int) -> None:
        with Streams(settings) as streams:
            bell = Bell(likes.owner, streams=streams)
            if number < 4:
                likes.add(bell, likes.coming[number::4])
            elif number < 6:
                for place, activity in enumerate(likes.going[number - 4 :: 2]):
                    bell.remove(activity.serialization_id if place % 2 else activity)
            else:
                for place in range(LOOKS):
                    bell.mark_all(seen=True)
                    bell.mark_activity(likes.lasting[place % things], seen=False, read=True)
                    likes.look(bell[:])
                    likes.look(bell.order_by("activity_id")[:][::-1])

    assert in_processes(work, PROCESSES) == []

    with Streams(settings) as streams:
        bell = Bell(likes.owner, streams=streams)
        # A removal that came before the add was older than it, and so without effect.
        bell.remove_many(likes.going)
        gone = {one.serialization_id for one in likes.going}
        likes.expect(bell, [one for one in (*likes.lasting, *likes.coming) if one.serialization_id not in gone])


class Likes:
    """Likes of so many things; those of one are in one group, and some of different things share a millisecond."""

    def __init__(self, things: int) -> None:
        self.things = things
        self.owner = f"grace {uuid4().hex}"
        self.lasting = [self.like(number) for number in range(things)]
        self.coming = [self.like(number) for number in range(things, ADDED + things)]
        self.going = self.coming[::3]

    def like(self, number: int) -> Activity:
        return Activity(number % ACTORS, Love, number % self.things, time=NOON + timedelta(milliseconds=number // 2))

    def key(self, thing: int) -> str:
        return f"3-{thing}-2026-03-01"

    def add(self, bell: Bell, activities: list[Activity]) -> None:
        for start in range(0, len(activities), 10):
            bell.add(activities[start])
            bell.add_many(activities[start + 1 : start + 10])
        # Redelivered, in another order.
        bell.add_many(activities[::-2])

    def look(self, groups: list[AggregatedActivity]) -> None:
        assert sorted(one.group for one in groups) == sorted(self.key(thing) for thing in range(self.things))
        ids = [one.serialization_id for one in groups]
        assert ids == sorted(ids, reverse=True)
        for one in groups:
            assert one.activity_ids == sorted({*one.activity_ids})
            assert len(one.activities) == min(one.activity_count, one.max_aggregated_activities_length)
            assert len(one.actor_ids) <= one.actor_count <= min(ACTORS, one.activity_count)

    def expect(self, bell: Bell, left: list[Activity]) -> None:
        """The groups of a feed are those of the activities that are left, and what is unseen is what the groups say."""
        for thing in range(self.things):
            group, members = bell.get(self.key(thing)), [one for one in left if one.object_id == thing]
            assert group is not None
            assert (group.activity_count, group.actor_count) == (
                len(members),
                len({one.actor_id for one in members}),
            )
            newest = sorted((one.serialization_id for one in members), reverse=True)[:15]
            assert [one.serialization_id for one in group.last_activities] == newest
        groups = bell[:]
        assert bell.count_unseen() == sum(not one.is_seen() for one in groups)
        assert bell.count_unread() == sum(not one.is_read() for one in groups)
        bell.mark_all(seen=True, read=True)
        assert (bell.count_unseen(), bell.count_unread()) == (0, 0)
        bell.add(Activity("late", Love, 0, time=NOON - timedelta(hours=1)))
        assert (bell.count_unseen(), bell.count_unread()) == (1, 1)

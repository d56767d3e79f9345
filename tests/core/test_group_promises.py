"""What streamfw promises of aggregated and notification feeds: C12 to C19, on groups of the storage's own and without.

`docs/contract.md` links here. Long random histories are in the conformance kit and in `test_flat_groups_histories`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, ClassVar

import pytest
from streamfw_core.queues.protocol import FanoutPriority, Handler, OnDead
from streamfw_core.storage import Scope
from streamfw_core.testing import promise

from streamfw_core import Activity, AggregatedActivity, AggregatedFeed, Love, Manager, NotificationFeed, Streams
from tests.core.flat_only import FlatOnly

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FlatStorage(FlatOnly):
    """As the settings make it."""

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)


class Things(AggregatedFeed):
    """Groups by verb, object and day; refers to activities."""

    aggregator = "notification"
    max_length = 500


class CompleteThings(Things):
    """Keeps activities."""

    activities = None


class Bell(NotificationFeed):
    max_length = 500


class LateQueue:
    """Delivers when a test says so."""

    scope = Scope.PROCESS

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        self.name = name
        self.messages: list[bytes] = []

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self.handler = handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self.messages.append(message)

    def deliver(self) -> list[bytes]:
        delivered = []
        while self.messages:
            delivered.append(self.messages.pop(0))
            self.handler(delivered[-1])
        return delivered

    def drain(self, timeout: float | None = None) -> None:
        self.deliver()

    def close(self) -> None:
        self.messages.clear()


class Fans(Manager):
    feed_classes: ClassVar = {"things": Things, "complete": CompleteThings, "bell": Bell}

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Any]]:
        return {FanoutPriority.HIGH: ["grace", "linus"]}


@pytest.fixture(params=["memory", f"{__name__}:FlatStorage"], ids=["memory", "fallback"])
def streams(request: pytest.FixtureRequest) -> Iterator[Streams]:
    with Streams({"storages": {"default": {"backend": request.param}}, "task_queue": f"{__name__}:LateQueue"}) as made:
        yield made


@pytest.fixture
def feed(streams: Streams) -> Things:
    return Things("grace", streams=streams)


@pytest.fixture
def bell(streams: Streams) -> Bell:
    return Bell("grace", streams=streams)


def love(thing: Any, actor: Any = "ada", *, minute: int = 0) -> Activity:
    return Activity(actor, Love, thing, time=NOON + timedelta(minutes=minute))


def key(thing: Any) -> str:
    return f"3-{thing}-2026-03-01"


def counted(groups: Iterable[AggregatedActivity]) -> dict[str, tuple[int, int, int]]:
    return {one.group: (one.activity_count, one.actor_count, one.other_actor_count) for one in groups}


def recomputed(activities: Iterable[Activity]) -> dict[str, tuple[int, int, int]]:
    members: dict[str, dict[int, Any]] = {}
    for activity in activities:
        members.setdefault(key(activity.object_id), {})[activity.serialization_id] = activity.actor_id
    return {
        group: (len(actors), len(set(actors.values())), max(0, len(set(actors.values())) - 2))
        for group, actors in members.items()
    }


def at_once(*calls: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(calls)) as pool:
        for result in [pool.submit(call) for call in calls]:
            result.result()


def tens(activities: list[Activity]) -> list[list[Activity]]:
    return [activities[start : start + 10] for start in range(0, len(activities), 10)]


# --- aggregated feeds --------------------------------------------------------------------------------------------


@promise("C12", "C14")
def test_ten_writers_of_one_group_make_one_group_and_lose_nothing(feed: Things) -> None:
    activities = [love(42, actor % 70, minute=actor % 600) for actor in range(1000)]
    different = {activity.serialization_id: activity for activity in activities}

    def write(seed: int) -> None:
        mine = tens(activities[seed * 100 : seed * 100 + 100])
        for part in [*mine, *random.Random(seed).sample(mine, len(mine))]:  # each is delivered twice
            feed.add_many(part)

    at_once(*(lambda seed=seed: write(seed) for seed in range(10)))
    assert counted(feed) == recomputed(different.values())
    assert feed.count() == 1


@promise("C12", "C17")
def test_who_adds_and_who_removes_at_once_lose_nothing(feed: Things) -> None:
    early = [love(number % 3, number % 11, minute=number) for number in range(200)]
    late = [love(number % 3, number % 11, minute=number) for number in range(200, 400)]
    feed.add_many(early)

    at_once(
        lambda: [feed.add_many(part) for part in tens(late)],
        lambda: [feed.remove_many(part) for part in tens(early[:100])],
        lambda: [feed.remove_many(part) for part in tens(early[100:])],
    )
    assert counted(feed) == recomputed(late)


@promise("C13")
def test_groups_updated_in_one_millisecond_stay_apart(feed: Things) -> None:
    ties = [love(thing, actor) for thing in range(40) for actor in ("ada", "alan")]
    feed.add_many(random.Random(1).sample(ties, len(ties)))
    assert counted(feed[:]) == recomputed(ties)

    visited: list[str] = []
    cursor: str | None = None
    while True:
        page = feed.page(7, after=cursor)
        visited += [one.group for one in page]
        if (cursor := page.next_cursor) is None:
            break
    assert len(visited) == len(set(visited)) == 40
    for place in (0, 19, 39):
        below = feed.filter(activity_id__lt=feed[place])
        assert [one.group for one in below] == visited[place + 1 :]


@promise("C14")
@pytest.mark.parametrize("feed_class", [Things, CompleteThings], ids=["references", "payloads"])
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_what_counting_the_members_gives(streams: Streams, feed_class: type[Things], seed: int) -> None:
    feed, chance = feed_class("grace", streams=streams), random.Random(seed)
    everything = [love(number % 4, number % 9, minute=number) for number in range(150)]
    present: dict[int, Activity] = {}
    for _ in range(60):
        some = chance.sample(everything, 7)
        ids = {activity.serialization_id: activity for activity in some}
        if chance.random() < 0.6:
            assert feed.add_many(some) == len(ids.keys() - present.keys())
            present |= ids
        else:
            assert feed.remove_many(some) == len(ids.keys() & present.keys())
            present = {id: activity for id, activity in present.items() if id not in ids}
        assert counted(feed[:]) == recomputed(present.values())
    assert any(one.minimized_activities for one in feed)
    assert all(len(one.activities) <= 15 and one.counts_exact for one in feed)


@promise("C14")
def test_counts_are_right_after_repeated_and_reordered_deliveries(streams: Streams) -> None:
    manager, queue = Fans(streams=streams), streams.queue
    assert isinstance(queue, LateQueue)
    published = [love(number % 2, number % 5, minute=number) for number in range(12)]
    for activity in published:
        manager.add_user_activity("ada", activity)
    delivered = queue.deliver()
    for activity in published[::3]:
        manager.remove_user_activity("ada", activity)
    delivered += queue.deliver()
    for message in random.Random(7).sample(delivered * 2, 2 * len(delivered)):
        queue.handler(message)
    queue.deliver()
    expected = recomputed(activity for activity in published if activity not in published[::3])
    for follower in ("grace", "linus"):
        for feed in manager.get_feeds(follower).values():
            assert counted(feed) == expected


class ShortFeed(AggregatedFeed):
    aggregator = "notification"
    exact_members = 20
    max_length = 1


@promise("C14")
def test_a_group_too_large_to_count_says_so(streams: Streams) -> None:
    feed = ShortFeed("grace", streams=streams)
    feed.add_many(love(42, actor, minute=actor) for actor in range(20))
    assert feed[0].counts_exact
    assert counted(feed) == {key(42): (20, 20, 18)}
    feed.add_many(love(42, actor, minute=actor) for actor in range(20, 200))
    assert not feed[0].counts_exact
    assert feed[0].last_activity == love(42, 199, minute=199)
    assert feed[0].activity_count >= 20


@promise("C15")
def test_a_group_is_found_however_far_down_it_is(feed: Things) -> None:
    feed.add_many(love(thing, minute=thing) for thing in range(300))
    assert feed.index_of(love(0)) == 299
    found = feed.get(key(0))
    assert found is not None
    assert found.activity_count == 1
    feed.add(love(0, "alan", minute=400))
    assert [one.group for one in feed[:2]] == [key(0), key(299)]
    assert counted(feed)[key(0)] == (2, 2, 0)
    assert feed.count() == 300
    assert feed.remove(love(0)) == 1
    assert feed.get("3-no such thing") is None


@promise("C16")
def test_readers_see_every_group_once_while_all_of_them_move(feed: Things) -> None:
    groups = {key(thing) for thing in range(6)}
    feed.add_many(love(thing) for thing in range(6))
    done = Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for minute in range(1, 80):
            thing = chance.randrange(6)
            feed.add(love(thing, seed, minute=minute))
            if chance.random() < 0.5:
                feed.remove(love(thing, seed, minute=minute))

    def read() -> None:
        while not done.is_set():
            seen = [one.group for one in feed[:]]
            assert len(seen) == len(set(seen))
            assert set(seen) == groups
            assert feed.count() == 6
            one = feed.get(key(3))
            assert one is not None
            assert one.activity_count >= 1

    def write_all() -> None:
        try:
            at_once(lambda: write(1), lambda: write(2))
        finally:
            done.set()

    at_once(write_all, read, read)


@promise("C17")
def test_removing_members_removes_those_and_the_group_with_the_last(feed: Things) -> None:
    feed.add_many(love(thing, actor, minute=thing) for thing in (1, 2) for actor in ("ada", "alan", "grace"))
    assert feed.remove_many([love(1, "ada", minute=1), love(2, "nobody", minute=2)]) == 1
    assert counted(feed) == {key(1): (2, 2, 0), key(2): (3, 3, 1)}
    assert feed.remove(love(1, "alan", minute=1).serialization_id) == 1
    remaining = feed.get(key(1))
    assert remaining is not None
    assert remaining.activities == [love(1, "grace", minute=1)]
    assert feed.remove(love(1, "grace", minute=1)) == 1
    assert feed.get(key(1)) is None
    assert counted(feed) == {key(2): (3, 3, 1)}
    assert feed.remove_many_aggregated(feed[:]) == 3
    assert feed.count() == 0


@promise("C17")
def test_removing_from_a_group_gives_it_back_its_place(feed: Things) -> None:
    feed.add_many([love(1, minute=1), love(2, minute=2), love(1, "alan", minute=3)])
    assert [one.group for one in feed] == [key(1), key(2)]
    feed.remove(love(1, "alan", minute=3))
    assert [one.group for one in feed] == [key(2), key(1)]


# --- notification feeds ------------------------------------------------------------------------------------------


class Model:
    """Which members each group has, and which of them had arrived at its last marks."""

    def __init__(self) -> None:
        self.members: dict[str, dict[int, Activity]] = {}
        self.covered: dict[str, dict[str, set[int]]] = {"seen": {}, "read": {}}

    def add(self, activity: Activity) -> None:
        self.members.setdefault(key(activity.object_id), {})[activity.serialization_id] = activity

    def remove(self, activity: Activity) -> None:
        group, id = key(activity.object_id), activity.serialization_id
        if self.members.get(group, {}).pop(id, None) is not None and not self.members[group]:
            self.cut(group)
        for covered in self.covered.values():
            covered.get(group, set()).discard(id)

    def cut(self, group: str) -> None:
        del self.members[group]
        for covered in self.covered.values():
            covered.pop(group, None)

    def trim(self, length: int) -> None:
        for group in sorted(self.members, key=lambda group: max(self.members[group]), reverse=True)[length:]:
            self.cut(group)

    def open(self, how: str) -> set[str]:
        """The groups that are unseen, or unread."""
        return {group for group, ids in self.members.items() if ids.keys() - self.covered[how].get(group, set())}

    def mark(self, groups: Iterable[str], *, seen: bool, read: bool) -> int:
        wanted = [how for how, given in (("seen", seen), ("read", read)) if given]
        groups = self.members.keys() & set(groups)
        changed = {group for how in wanted for group in self.open(how) & groups}
        for how in wanted:
            self.covered[how] |= {group: {*self.members[group]} for group in groups}
        return len(changed)


@promise("C18")
@pytest.mark.parametrize("seed", range(6))
def test_unseen_and_unread_are_what_counting_gives_whatever_happened(bell: Bell, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    everything = [love(number % 6, number % 4, minute=number) for number in range(60)]
    for _ in range(120):
        some = chance.sample(everything, 4)
        marks = {"seen": chance.random() < 0.7, "read": chance.random() < 0.5}
        match chance.choice(["add", "add", "add", "remove", "mark", "mark all", "trim", "delete"]):
            case "add":
                bell.add_many(some)
                for activity in some:
                    model.add(activity)
            case "remove":
                bell.remove_many(some)
                for activity in some:
                    model.remove(activity)
            case "mark":
                present = [activity for activity in some if activity in bell]
                groups = {key(activity.object_id) for activity in present}
                assert bell.mark_activities(present, **marks) == model.mark(groups, **marks)
            case "mark all":
                assert bell.mark_all(**marks) == model.mark(model.members, **marks)
            case "trim":
                bell.trim(4)
                model.trim(4)
            case "delete" if chance.random() < 0.3:
                bell.delete()
                model.trim(0)
        shown = bell[:]
        assert {one.group for one in shown if not one.is_seen()} == model.open("seen")
        assert {one.group for one in shown if not one.is_read()} == model.open("read")
        assert (bell.count_unseen(), bell.count_unread()) == (len(model.open("seen")), len(model.open("read")))


@promise("C18", "C19")
def test_who_adds_removes_and_marks_at_once_leaves_counts_that_are_right(bell: Bell) -> None:
    activities = [love(number % 5, number, minute=number) for number in range(200)]
    at_once(
        lambda: [bell.add_many(part) for part in tens(activities[:100])],
        lambda: [bell.add_many(part) for part in tens(activities[100:])],
        lambda: [bell.remove_many(part) for part in tens(activities[:50])],
        lambda: [bell.mark_all(read=bool(number % 2)) for number in range(20)],
        lambda: [bell.mark_activities(bell[:2]) for _ in range(20)],
    )
    shown = bell[:]
    assert bell.count_unseen() == sum(not one.is_seen() for one in shown)
    assert bell.count_unread() == sum(not one.is_read() for one in shown)
    bell.mark_all(read=True)
    assert bell.get_notification_data() == {"unseen_count": 0, "unread_count": 0}
    assert bell.add(love(0, "late")) == 1
    assert bell.get_notification_data() == {"unseen_count": 1, "unread_count": 1}


@promise("C19")
def test_a_mark_covers_what_had_arrived_and_nothing_else(bell: Bell) -> None:
    bell.add_many([love(1, minute=5), love(2, minute=6)])
    assert bell.mark_all(read=True) == 2
    bell.add(love(1, minute=5))  # the same again
    assert bell.count_unseen() == 0
    bell.add(love(1, "alan", minute=1))  # older than the mark and than all there is, and arrived later
    assert [(one.group, one.is_seen(), one.is_read()) for one in bell] == [(key(2), True, True), (key(1), False, False)]
    assert bell.mark_activity(love(1, "alan", minute=1))
    assert (bell.count_unseen(), bell.count_unread()) == (0, 1)


@promise("C19")
def test_what_is_removed_and_added_anew_has_arrived_later(bell: Bell) -> None:
    bell.add_many([love(1), love(1, "alan")])
    bell.mark_all()
    bell.remove(love(1))
    assert bell.count_unseen() == 0
    bell.add(love(1))
    assert bell.count_unseen() == 1


@promise("C19")
def test_a_delivery_under_way_is_not_covered_by_a_mark(streams: Streams) -> None:
    manager, queue = Fans(streams=streams), streams.queue
    assert isinstance(queue, LateQueue)
    bell = Bell("grace", streams=streams)
    manager.add_user_activity("ada", love(1))
    delivered = queue.deliver()
    manager.add_user_activity("ada", love(1, "alan", minute=1))  # published before the mark, delivered after it
    assert bell.mark_all() == 1
    for message in delivered:
        queue.handler(message)
    assert bell.count_unseen() == 0
    queue.deliver()
    assert bell.count_unseen() == 1

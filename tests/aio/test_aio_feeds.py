"""Feeds and managers, awaited: what they return is what the sync ones return, and nothing blocks the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, assert_type

import pytest
from streamfw_core.aio import in_aio, in_thread, wait
from streamfw_core.aio.bridge import give_way
from streamfw_core.errors import NotInFeed, SliceError, StorageError
from streamfw_core.plugins import Plugins
from streamfw_core.queues import FanoutPriority, correlated, current_task
from streamfw_core.storage import Capabilities, FeedSpec, Outcome, Page, Query, Scope, Write
from streamfw_core.testing.adopted import adopt
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, AggregatedActivity, Feed, FeedPage, NotificationFeed, Streams
from tests.core.kit.plain_storage import PlainStorage
from tests.core.world import HomeFeed, WorldManager, activity


class NoticeFeed(NotificationFeed):
    pass


class Loud:
    """A storage that says in which thread it is called, and waits there until the loop has had its turn."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.turn = threading.Event()

    def called(self) -> None:
        self.threads.add(threading.get_ident())
        assert self.turn.wait(30), "the loop was blocked by who waits for it"


class LoudStorage(PlainStorage):
    def __init__(self) -> None:
        super().__init__("loud")
        self.loud = Loud()

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        self.loud.called()
        return super().read(spec, queries)

    def load(self, namespace: str, ids: Sequence[int]) -> Any:
        self.loud.called()
        return super().load(namespace, ids)

    def store(self, namespace: str, records: Any, *, update: bool = False) -> Any:
        self.loud.called()
        return super().store(namespace, records, update=update)


def streams_on(**storages: Any) -> Streams:
    """An application on storages that were made."""
    described = {"storages": {name: adopt(storage) for name, storage in storages.items()}}
    streams = Streams(described, plugins=Plugins(entry_points=(), environ={}))
    for name in storages:
        streams.storage(name)  # keeps it
    return streams


async def test_types(feed: NoticeFeed, manager: WorldManager, one: Activity) -> None:
    """For mypy: what is awaited is what the sync method returns."""
    assert_type(await feed.aio[:25], list[Any])
    assert_type(await feed.aio.add(one), int | None)
    assert_type(await feed.aio.page(10, after=None), FeedPage)
    assert_type(await feed.aio.get("key"), AggregatedActivity | None)
    assert_type(await feed.aio.mark_all(seen=True), int)
    assert_type(await feed.aio.count_unseen(), int)
    assert_type([one async for one in feed.aio], list[Any])
    assert_type(await manager.aio.add_user_activity(1, one), None)
    assert_type(await manager.aio.follow_feed(feed, [one]), int | None)
    assert_type(await feed.aio.run(len, "four"), int)


test_types.__test__ = False  # type: ignore[attr-defined]


def test_a_feed_returns_what_it_returns_without_a_loop() -> None:
    async def main() -> None:
        async with Streams({}).aio as streams:
            feed = HomeFeed(1, streams=streams)
            activities = [activity(number) for number in range(8)]
            assert await feed.aio.add(activities[0]) == 1
            assert await feed.aio.add_many(activities) == 7
            assert await feed.aio[:3] == feed[:3] == activities[:4:-1]
            assert await feed.aio[0] == feed[0]
            assert await feed.filter(activity_id__lt=activities[3]).aio[:] == activities[2::-1]
            assert await feed.order_by("activity_id").aio[:2] == activities[:2]
            assert await feed.aio.page(3) == feed.page(3)
            assert (await feed.aio.count(), await feed.aio.index_of(activities[0])) == (8, 7)
            assert await feed.aio.contains(activities[3])
            assert await feed.aio.remove(activities[3]) == 1
            assert await feed.aio.remove_many(activities[4:6]) == 2
            assert not await feed.aio.contains(activities[3])
            await feed.aio.trim(2)
            assert [one async for one in feed.aio] == [*feed] == activities[:5:-1]
            await feed.aio.remove_activity(activities[7])
            assert await feed.aio[:] == [activities[6]]
            await feed.aio.insert_activities(activities)
            await feed.aio.insert_activity(activities[7])
            assert await feed.aio[:] == activities[:5:-1]
            await feed.aio.delete()
            await HomeFeed(2, streams=streams).aio.add(activities[0])
            await feed.aio.flush()
            assert await HomeFeed(2, streams=streams).aio.count() == 0

    asyncio.run(main())


def test_a_notification_feed_is_counted_and_marked() -> None:
    async def main() -> None:
        feed = NoticeFeed(1, streams=Streams({}))
        await feed.aio.add_many([activity(number, actor=number) for number in range(3)])
        assert await feed.aio.get_notification_data() == {"unseen_count": 3, "unread_count": 3}
        groups = await feed.aio[:]
        assert await feed.aio.mark_activity(groups[0], read=True)
        assert await feed.aio.mark_activities(groups[:2]) == 1
        assert (await feed.aio.count_unseen(), await feed.aio.count_unread()) == (1, 2)
        assert await feed.aio.mark_all(read=True) == 2
        found = await feed.aio.get(groups[0].group)
        assert found is not None
        assert found.activities == groups[0].activities
        assert await feed.aio.remove_many_aggregated(groups[:1]) == 1
        assert await feed.aio.add_many_aggregated(groups) == 1

    asyncio.run(main())


def test_a_walk_visits_everything_once_whatever_is_added_meanwhile() -> None:
    async def main() -> None:
        class LongFeed(Feed):
            max_length = 10_000

        feed = LongFeed(1, streams=Streams({}))
        activities = [activity(number) for number in range(250)]
        await feed.aio.add_many(activities)
        seen = []
        async for one in feed.aio:
            seen.append(one)
            await feed.aio.add(activity(1000 + len(seen)))
        assert seen == activities[::-1]

    asyncio.run(main())


def test_errors_are_those_of_the_feed() -> None:
    async def main() -> None:
        feed = HomeFeed(1, streams=Streams({}))
        with pytest.raises(SliceError, match="shows 0"):
            await feed.aio[0]
        with pytest.raises(NotInFeed):
            await feed.aio.index_of(activity())

    asyncio.run(main())


def test_what_a_subclass_made_of_a_method_is_what_is_awaited() -> None:
    class CountingFeed(Feed):
        added: ClassVar[list[Activity]] = []

        def add(self, activity: Activity) -> int | None:
            self.added.append(activity)
            return super().add(activity)

        def oldest(self, number: int) -> list[Any]:
            return self.order_by("activity_id")[:number]

    async def main() -> None:
        feed = CountingFeed(1, streams=Streams({}))
        await feed.aio.add(activity(1))
        await feed.aio.add(activity(2))
        assert feed.added == [activity(1), activity(2)]
        assert await feed.aio.run(feed.oldest, 1) == [activity(1)]

    asyncio.run(main())


@pytest.mark.parametrize("storages", [("loud", "loud"), ("fast", "loud"), ("loud", "fast")])
def test_a_storage_that_would_block_is_called_in_a_thread(storages: tuple[str, str]) -> None:
    loud = LoudStorage()
    streams = streams_on(loud=loud, fast=MemoryStorage("fast"))

    class MixedFeed(Feed):
        timeline, activities = storages

    async def main() -> None:
        async def turn() -> None:
            await asyncio.sleep(0.01)
            loud.loud.turn.set()

        feed = MixedFeed(1, streams=streams)
        added, _ = await asyncio.gather(feed.aio.add(activity()), turn())
        loud.loud.turn.clear()
        found, _ = await asyncio.gather(feed.aio[:25], turn())
        assert (added, found) == (1, [activity()])

    asyncio.run(main())
    assert loud.loud.threads
    assert threading.get_ident() not in loud.loud.threads


def test_a_storage_that_waits_is_called_on_the_loop() -> None:
    called: list[tuple[int, bool]] = []

    class Noting(MemoryStorage):
        def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
            called.append((threading.get_ident(), in_aio()))
            return super().read(spec, queries)

    async def main() -> None:
        await HomeFeed(1, streams=streams_on(default=Noting("default"))).aio[:25]

    asyncio.run(main())
    assert called == [(threading.get_ident(), True)]


def test_a_manager_publishes_follows_and_removes() -> None:
    async def main() -> None:
        manager = WorldManager(streams=Streams({}))
        manager.followers["1"] = {FanoutPriority.HIGH: [2, 3]}
        first, second = activity(1), activity(2)
        await manager.aio.add_user_activity(1, first)
        await manager.aio.batch_import(1, [second])
        assert await manager.get_feeds(2)["home"].aio[:] == [second, first]
        await manager.aio.follow_user(4, 1)
        await manager.aio.follow_many_users(5, [1])
        assert await manager.get_feeds(4)["inline"].aio[:] == [second, first]
        await manager.aio.update_user_activity(1, activity(1, text="new"))
        await manager.aio.update_user_activities(1, [activity(2, text="new")])
        assert [one.extra_context for one in await manager.get_feeds(2)["inline"].aio[:]] == [{"text": "new"}] * 2
        await manager.aio.unfollow_user(4, 1)
        await manager.aio.unfollow_many_users(5, [1])
        await manager.aio.remove_user_activity(1, second)
        assert await manager.get_feeds(4)["home"].aio[:] == []
        assert await manager.get_user_feed(1).aio[:] == [activity(1, text="new")]
        home = manager.get_feeds(7)["home"]
        assert await manager.aio.follow_feed(home, [first]) == 1
        assert await manager.aio.unfollow_feed(home, manager.get_user_feed(1)) == 1

    asyncio.run(main())


def test_followers_may_be_awaited_or_asked_for_in_a_thread() -> None:
    class Asking(WorldManager):
        def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterable[Any]]:
            async def of_a_database() -> list[int]:
                await asyncio.sleep(0.01)
                return [2]

            def of_another() -> list[int]:
                return [3] if not in_aio() else []

            return {FanoutPriority.HIGH: wait(of_a_database()), FanoutPriority.LOW: in_thread(of_another)}

    async def main() -> None:
        manager = Asking(streams=Streams({}))
        await manager.aio.add_user_activity(1, activity())
        for follower in (2, 3):
            assert await manager.get_feeds(follower)["home"].aio[:] == [activity()]

    asyncio.run(main())


def test_hooks_know_the_task_that_published() -> None:
    heard: list[tuple[str, int]] = []

    class HearingFeed(Feed):
        def on_update_feed(self, new: Sequence[Activity], deleted: Sequence[int]) -> None:
            wait(asyncio.sleep(0))
            task = current_task()
            assert task is not None
            heard.append((task.correlation_id, len(new)))

    class HearingManager(WorldManager):
        feed_classes: ClassVar = {"home": HearingFeed}

    async def publish(manager: WorldManager, name: str, number: int) -> None:
        with correlated(name):
            await manager.aio.add_user_activity(1, activity(number))

    async def main() -> None:
        manager = HearingManager(streams=Streams({}))
        manager.followers["1"] = {FanoutPriority.HIGH: [2, 3]}
        await asyncio.gather(publish(manager, "one", 1), publish(manager, "two", 2))

    asyncio.run(main())
    assert sorted(heard) == [("one", 1), ("one", 1), ("two", 1), ("two", 1)]


class SlowQueue:
    """A task queue whose broker answers when the loop has had its turn."""

    scope = Scope.PROCESS
    name = "slow"

    def __init__(self) -> None:
        self.turn = threading.Event()
        self.sent: list[bytes] = []

    def bind(self, handler: Any, on_dead: Any) -> None: ...

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        assert self.turn.wait(30), "the loop was blocked by who waits for it"
        self.sent.append(message)

    def drain(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("outbox", [None, "default"])
def test_a_task_queue_that_blocks_is_sent_to_from_a_thread(outbox: str | None) -> None:
    queue, storage = SlowQueue(), MemoryStorage("default")
    settings = {"storages": {"default": adopt(storage)}, "task_queue": {**adopt(queue), "outbox": outbox}}
    streams = Streams(settings, plugins=Plugins(entry_points=(), environ={}))

    async def main() -> None:
        async def turn() -> None:
            await asyncio.sleep(0.01)
            queue.turn.set()

        manager = WorldManager(streams=streams)
        await asyncio.gather(manager.aio.add_user_activity(1, activity()), turn())
        assert await manager.get_user_feed(1).aio[:] == [activity()]

    asyncio.run(main())
    assert len(queue.sent) == 1


def test_the_queue_of_threads_is_drained_without_blocking() -> None:
    async def main() -> None:
        async with Streams({"task_queue": "threads"}).aio as streams:
            manager = WorldManager(streams=streams)
            manager.followers["1"] = {FanoutPriority.HIGH: [2]}
            await manager.aio.add_user_activity(1, activity())
            await streams.aio.drain()
            assert await manager.get_feeds(2)["home"].aio[:] == [activity()]

    asyncio.run(main())


class FailingStorage(MemoryStorage):
    """Feeds of followers cannot be written, which takes a while to find out."""

    capabilities = Capabilities(add_counts=True, aio=True)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        if spec.name == "home":
            for _ in range(3):
                give_way()
            raise StorageError("no room", storage="default")
        return super().write(spec, writes, report=report)


def test_what_two_tasks_give_up_at_the_same_time_is_told_of_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    streams = Streams(
        {
            "storages": {"default": adopt(storage := FailingStorage("default"))},
            "task_queue": {"backend": "inline", "options": {"pause": 0}},
        }
    )
    monkeypatch.setattr(streams, "given_up", told.append)

    async def main() -> None:
        manager = WorldManager(streams=streams)
        manager.followers["1"] = {FanoutPriority.HIGH: [2]}
        both = (manager.aio.add_user_activity(1, activity(number)) for number in range(2))
        errors = await asyncio.gather(*both, return_exceptions=True)
        assert len([error for error in errors if isinstance(error, Exception)]) == 2

    asyncio.run(main())
    assert len(told) == 2
    assert storage.name == "default"


def test_an_application_prepares_in_a_thread_and_closes() -> None:
    closed: list[bool] = []

    class Closing(MemoryStorage):
        def close(self) -> None:
            closed.append(True)

    async def main() -> None:
        async with streams_on(default=Closing("default")).aio as streams:
            await streams.aio.prepare(HomeFeed)
            await HomeFeed(1, streams=streams).aio.add(activity())
            assert not closed

    asyncio.run(main())
    assert closed == [True]

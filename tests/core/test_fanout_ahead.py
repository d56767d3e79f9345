"""Fan-out in the caller on a storage that begins a write and ends it later: the next chunk is begun in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from streamfw_core.errors import FanoutFailed, StorageError, WriteFailed
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.queues.tasks import current_task
from streamfw_core.storage import FeedSpec, Outcome, Write

from streamfw_core import FanoutPriority, Streams
from tests.core.kit.plain_storage import PlainStorage
from tests.core.world import HomeFeed, WorldManager, activity


class Ahead(PlainStorage):
    """Says what is begun and ended, by the first owner; some feeds fail so many times, and some writes as a whole."""

    def __init__(self) -> None:
        super().__init__("ahead")
        self.events: list[str] = []
        self.failing: dict[str, int] = {}
        self.down: set[str] = set()
        self.waiting = 0

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        first = writes[0].owners[0]
        self.events.append(f"begin {first}")
        if first in self.down:
            raise StorageError(f"no way to {first}")
        self.waiting += 1

        def end() -> Outcome:
            self.waiting -= 1
            self.events.append(f"end {first}")
            return self.write(spec, writes, report=report)

        return end

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        failed = [owner for owner in writes[0].owners if self.failing.get(owner, 0)]
        for owner in failed:
            self.failing[owner] -= 1
        good = writes[0]._replace(owners=[owner for owner in writes[0].owners if owner not in failed])
        super().write(spec, [good], report=report)
        return Outcome(failures={owner: StorageError(f"no answer for {owner}") for owner in failed})


class HomeManager(WorldManager):
    feed_classes = {"home": HomeFeed}  # noqa: RUF012
    fanout_chunk_size = 2


def manager_of(storage: Ahead, queue: object = "inline", pause: float = 0.0) -> HomeManager:
    streams = Streams({"task_queue": {"backend": queue, "options": {"pause": pause}}})
    streams._storages["default"] = storage
    manager = HomeManager(streams=streams)
    manager.followers["1"] = {FanoutPriority.HIGH: range(10, 16)}
    return manager


@pytest.fixture
def storage() -> Ahead:
    return Ahead()


@pytest.fixture
def manager(storage: Ahead) -> HomeManager:
    return manager_of(storage)


def served(manager: HomeManager) -> list[int]:
    return [user for user in range(10, 16) if manager.shown(user)["home"]]


def test_each_chunk_is_begun_before_the_one_before_it_is_ended(manager: HomeManager, storage: Ahead) -> None:
    manager.add_user_activity(1, activity(1))
    assert storage.events == ["begin 10", "begin 12", "end 10", "begin 14", "end 12", "end 14"]
    assert served(manager) == [*range(10, 16)]


def test_a_queue_that_does_more_than_the_inline_one_is_given_every_message(storage: Ahead) -> None:
    manager = manager_of(storage, f"{__name__}:CountingQueue")
    manager.add_user_activity(1, activity(1))
    assert CountingQueue.messages == 4
    assert storage.events == []


class CountingQueue(InlineQueue):
    messages = 0

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        CountingQueue.messages += 1
        super().enqueue(message, priority)


def test_a_feed_that_fails_is_tried_again_alone_and_as_often_as_ever(manager: HomeManager, storage: Ahead) -> None:
    storage.failing = {"12": 2}
    manager.add_user_activity(1, activity(1))
    assert served(manager) == [*range(10, 16)]
    storage.failing = {"12": 3}
    with pytest.raises(FanoutFailed, match="1 part of a fan-out was given up, of manager") as raised:
        manager.add_user_activity(1, activity(2))
    (error,) = raised.value.errors
    assert isinstance(error, WriteFailed)
    assert [*error.failures] == ["12"]
    assert [len(manager.shown(user)["home"]) for user in range(10, 16)] == [2, 2, 1, 2, 2, 2]


def test_a_write_that_cannot_be_begun_is_tried_again_and_costs_no_other(manager: HomeManager, storage: Ahead) -> None:
    storage.down = {"12", "14"}
    manager.add_user_activity(1, activity(1))  # the second attempt waits for its write
    assert storage.events == ["begin 10", "begin 12", "end 10", "begin 14"]
    assert served(manager) == [*range(10, 16)]


def test_what_ends_a_fanout_leaves_no_write_behind(
    manager: HomeManager, storage: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(user_id: object) -> dict[FanoutPriority, Iterator[int]]:
        def ids() -> Iterator[int]:
            yield from range(10, 14)
            raise LookupError("no more followers")

        return {FanoutPriority.HIGH: ids()}

    monkeypatch.setattr(manager, "get_user_follower_ids", interrupted)
    storage.failing = {"12": 99}
    with pytest.raises(LookupError, match="no more followers"):
        manager.add_user_activity(1, activity(1))
    assert storage.waiting == 0
    assert served(manager) == [10, 11, 13]


def test_hooks_know_whose_task_they_are_in(
    manager: HomeManager, storage: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(manager.streams, "notify", lambda hook, **_: seen.append((hook, current_task())))
    manager.add_user_activity(1, activity(1))
    tasks = [task for hook, task in seen if hook == "streamfw_feeds_updated"]
    assert [(task.kind, task.feed) for task in tasks] == [("deliver", "home")] * 3
    assert len({task.correlation_id for task in tasks}) == 1
    assert current_task() is None

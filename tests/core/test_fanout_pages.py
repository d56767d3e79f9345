"""Followers in pages: each page is a task of its own, and nobody is missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from attrs import evolve
from streamfw_core.errors import FollowerIdsError, NotFannedOut, QueueUnavailable
from streamfw_core.messages import Deliver, Fanout, decode
from streamfw_core.queues import OnDead, correlated, current_task
from streamfw_core.storage.protocol import Scope
from streamfw_core.testing.adopted import adopt
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, FanoutPriority, Feed, FollowerPage, Love, Manager, Streams, UserBaseFeed

FOLLOWERS = 95
PAGE = 20


class PagedFeed(Feed):
    key_format = "paged:%(user_id)s"


class PagedOwnFeed(UserBaseFeed):
    key_format = "paged-own:%(user_id)s"


class PagedManager(Manager):
    feed_classes: ClassVar = {"paged": PagedFeed}
    user_feed_class = PagedOwnFeed
    fanout_chunk_size = 8

    def get_user_follower_page(self, user_id: object, after: int | str | None) -> FollowerPage:
        first = int(after or 0)
        last = min(first + PAGE, FOLLOWERS)
        # The first two pages are urgent, the rest is not.
        priority = FanoutPriority.HIGH if first < 2 * PAGE else FanoutPriority.LOW
        return FollowerPage({priority: range(first, last)}, last if last < FOLLOWERS else None)


class Broker:
    """A queue whose messages leave the process: here they wait in a list."""

    name = "broker"
    scope = Scope.SHARED

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, FanoutPriority]] = []
        self.down = False
        self._handler: Callable[[bytes], None] | None = None

    def bind(self, handler: Callable[[bytes], None], on_dead: OnDead) -> None:
        self._handler = handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        if self.down:
            raise QueueUnavailable("the broker is down", queue=self.name)
        self.waiting.append((message, priority))

    def work(self) -> list[tuple[str, FanoutPriority]]:
        """Execute what waits, and what comes of it; returns the kinds and priorities in order."""
        assert self._handler is not None
        done = []
        while self.waiting:
            message, priority = self.waiting.pop(0)
            done.append((decode(message).kind, priority))
            self._handler(message)
        return done

    def drain(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


class SharedMemory(MemoryStorage):
    """The storage in memory, said to be shared, as `Broker` does not really leave the process."""

    capabilities = evolve(MemoryStorage.capabilities, scope=Scope.SHARED)

    def __init__(self, name: str, options: object = None) -> None:
        super().__init__(name)


def application(broker: Broker | str, **queue: object) -> Streams:
    described = {"backend": broker} if isinstance(broker, str) else adopt(broker)
    return Streams(
        {
            "storages": {"default": {"backend": f"{__name__}:SharedMemory"}},
            "task_queue": {**described, **queue},
        }
    )


def love(number: int = 1) -> Activity:
    return Activity(actor="ada", verb=Love, object=number)


@pytest.mark.parametrize("queue", ["inline", "threads"])
def test_pages_reach_every_follower_in_this_process(queue: str) -> None:
    streams = application(queue)
    manager = PagedManager(streams=streams)
    manager.add_user_activity("ada", love())
    streams.drain(20)
    assert all(len(PagedFeed(owner, streams=streams)[:5]) == 1 for owner in range(FOLLOWERS))
    streams.close()


def test_each_page_is_a_task_of_the_priority_of_the_page_before() -> None:
    broker = Broker()
    streams = application(broker)
    PagedManager(streams=streams).add_user_activity("ada", love())
    assert len(broker.waiting) == 1
    done = broker.work()
    assert [priority.value for kind, priority in done if kind == "fanout"] == ["high", "high", "high", "low", "low"]
    assert all(len(PagedFeed(owner, streams=streams)[:5]) == 1 for owner in range(FOLLOWERS))


def test_a_page_that_leads_to_itself_is_refused() -> None:
    class Circling(PagedManager):
        name = "circling"

        def get_user_follower_page(self, user_id: object, after: int | str | None) -> FollowerPage:
            return FollowerPage({FanoutPriority.HIGH: [1]}, 7)

    manager = Circling(streams=application("inline"))
    with pytest.raises(FollowerIdsError, match="it would never end"):
        manager.add_user_activity("ada", love())


@pytest.mark.parametrize("page", [None, {FanoutPriority.HIGH: [1]}, FollowerPage({FanoutPriority.HIGH: [1]}, 1.5)])  # type: ignore[arg-type]
def test_what_is_no_page_is_refused(page: object) -> None:
    class Wrong(PagedManager):
        name = "wrong"

        def get_user_follower_page(self, user_id: object, after: int | str | None) -> FollowerPage:
            return page  # type: ignore[return-value]

    manager = Wrong(streams=application("inline"))
    with pytest.raises(FollowerIdsError, match="get_user_follower_page"):
        manager.add_user_activity("ada", love())


def test_a_correlation_id_is_kept_from_publish_to_write() -> None:
    broker, seen = Broker(), []

    class Listening(PagedFeed):
        name = "listening"
        key_format = "listening:%(user_id)s"

        def on_update_feed(self, new: object, deleted: object) -> None:
            task = current_task()
            assert task is not None
            seen.append((task.correlation_id, task.kind, task.manager, task.feed))

    class ListeningManager(PagedManager):
        name = "listening"
        feed_classes: ClassVar = {"listening": Listening}

    manager = ListeningManager(streams=application(broker))
    with correlated("request 7"):
        manager.add_user_activity("ada", love())
    broker.work()
    assert set(seen) == {("request 7", "deliver", "listening", "listening")}
    assert len(seen) == FOLLOWERS
    assert current_task() is None


def test_without_one_every_publish_has_its_own_correlation_id() -> None:
    broker = Broker()
    manager = PagedManager(streams=application(broker))
    manager.add_user_activity("ada", love(1))
    manager.add_user_activity("ada", love(2))
    roots = [decode(message) for message, _ in broker.waiting]
    assert all(isinstance(root, Fanout) for root in roots)
    assert len({root.correlation_id for root in roots} - {""}) == 2


def test_a_publisher_learns_that_the_broker_is_down_and_what_was_done() -> None:
    broker = Broker()
    streams = application(broker)
    manager = PagedManager(streams=streams)
    broker.down = True
    with pytest.raises(NotFannedOut, match="no follower's feed will change") as caught:
        manager.add_user_activity("ada", love())
    assert caught.value.activity_ids == (love().serialization_id,) or len(caught.value.activity_ids) == 1
    assert caught.value.operation == "add"
    assert len(manager.get_user_feed("ada")[:5]) == 1
    with pytest.raises(NotFannedOut, match="nothing of this follow"):
        manager.follow_user("bob", "ada")


def test_the_outbox_keeps_what_the_broker_did_not_take() -> None:
    broker = Broker()
    streams = application(broker, outbox="default")
    manager = PagedManager(streams=streams)
    assert streams.outbox is not None
    manager.add_user_activity("ada", love(1))
    assert [*streams.outbox.pending()] == []
    broker.down = True
    manager.add_user_activity("ada", love(2))
    manager.add_user_activity("ada", love(3))
    assert len([*streams.outbox.pending()]) == 2
    assert [*streams.outbox.pending(older_than=60)] == []
    with pytest.raises(QueueUnavailable):
        streams.outbox.sweep(broker)
    assert len([*streams.outbox.pending()]) == 2
    broker.down = False
    assert streams.outbox.sweep(broker) == 2
    assert [*streams.outbox.pending()] == []
    assert streams.outbox.sweep(broker) == 0
    broker.work()
    assert all(len(PagedFeed(owner, streams=streams)[:5]) == 3 for owner in range(FOLLOWERS))


def test_a_publisher_that_dies_before_it_enqueues_leaves_its_intent() -> None:
    broker = Broker()
    streams = application(broker, outbox="default")
    manager = PagedManager(streams=streams)

    class Killed(BaseException): ...

    def die(message: bytes, priority: FanoutPriority) -> None:
        raise Killed

    enqueue, broker.enqueue = broker.enqueue, die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        manager.add_user_activity("ada", love())
    broker.enqueue = enqueue  # type: ignore[method-assign]
    assert streams.outbox is not None
    assert streams.outbox.sweep(broker) == 1
    assert {kind for kind, _ in broker.work()} == {"fanout", "deliver"}


def test_deliveries_do_not_go_through_the_outbox() -> None:
    broker = Broker()
    streams = application(broker, outbox="default")
    PagedManager(streams=streams).add_user_activity("ada", love())
    written = []
    assert streams.outbox is not None
    streams.outbox.put = lambda *args: written.append(args)  # type: ignore[method-assign, assignment]
    broker.work()
    assert written == []


def test_messages_of_before_correlation_ids_are_read() -> None:
    data = (
        b'{"kind":"deliver","manager":"m","source":1,"stamp":2,"v":1,"operation":"add","items":[["5"]],'
        b'"feed":"f","owners":[1]}'
    )
    message = decode(data)
    assert isinstance(message, Deliver)
    assert message.correlation_id == ""

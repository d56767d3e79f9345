"""Publishing, fan-out and following, with messages delivered late, twice and in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from streamfw_core.errors import (
    ActivityTypeError,
    DuplicateManager,
    EncodeError,
    FanoutFailed,
    FeedConflict,
    FollowerIdsError,
    IdError,
    ManagerNotFound,
    MessageError,
    WriteFailed,
)
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.storage import FeedSpec, Outcome, Write

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams
from tests.core.world import (
    GroupsFeed,
    HomeFeed,
    InlineFeed,
    OwnFeed,
    Recorder,
    WorldManager,
    activity,
    recording_streams,
)


@pytest.fixture
def manager() -> WorldManager:
    """User 1 has the followers 10 to 19, through the inline queue."""
    manager = WorldManager(streams=Streams({}))
    manager.followers["1"] = {FanoutPriority.HIGH: range(10, 20)}
    return manager


@pytest.fixture
def late() -> tuple[WorldManager, Recorder]:
    """The same, with a queue that delivers when the test says so."""
    streams, queue = recording_streams()
    manager = WorldManager(streams=streams)
    manager.followers["1"] = {FanoutPriority.HIGH: range(10, 20)}
    manager.fanout_chunk_size = 3
    return manager, queue


def test_publishing_reaches_the_own_feed_and_every_follower(manager: WorldManager) -> None:
    manager.add_user_activity(1, activity(1))
    assert manager.get_user_feed(1)[:] == [activity(1)]
    for user in range(10, 20):
        assert manager.shown(user) == {"home": [activity(1)], "inline": [activity(1)]}
    assert manager.shown(20) == {"home": [], "inline": []}


def test_removing_takes_it_out_everywhere_by_facts_or_by_id(manager: WorldManager) -> None:
    for number in (1, 2, 3):
        manager.add_user_activity(1, activity(number))
    manager.remove_user_activity(1, activity(1))
    manager.remove_user_activity(1, activity(2).serialization_id)
    assert manager.get_user_feed(1)[:] == [activity(3)]
    assert manager.shown(12) == {"home": [activity(3)], "inline": [activity(3)]}
    assert len(manager.get_feeds(12)["home"]) == 1


def test_what_was_removed_can_be_published_anew(manager: WorldManager) -> None:
    manager.add_user_activity(1, activity(1))
    manager.remove_user_activity(1, activity(1))
    manager.add_user_activity(1, activity(1))
    assert manager.get_user_feed(1)[:] == [activity(1)]
    assert manager.shown(12) == {"home": [activity(1)], "inline": [activity(1)]}


@pytest.mark.parametrize("seed", range(20))
def test_late_repeated_and_reordered_messages_end_in_the_same_feeds(
    late: tuple[WorldManager, Recorder], seed: int
) -> None:
    manager, queue = late
    chance = random.Random(seed)
    expected: dict[int, Activity] = {}
    for _ in range(30):
        number, what = chance.randrange(8), chance.choice(["add", "add", "remove", "update"])
        if what == "add":
            new = activity(number, version=chance.randrange(1000))
            manager.add_user_activity(1, new)
            expected[number] = new
        elif what == "remove":
            manager.remove_user_activity(1, activity(number))
            expected.pop(number, None)
        else:
            new = activity(number, version=chance.randrange(1000))
            manager.update_user_activity(1, new)
            if number in expected:
                expected[number] = new
    deliveries = queue.split()
    deliveries += chance.sample(deliveries, len(deliveries) // 2)
    chance.shuffle(deliveries)
    for message in deliveries:
        queue.handler(message)
    newest_first = [expected[number] for number in sorted(expected, reverse=True)]
    assert manager.get_user_feed(1)[:] == newest_first
    for user in (10, 13, 19):
        assert manager.shown(user) == {"home": newest_first, "inline": newest_first}


def test_an_update_changes_what_is_shown_and_adds_to_no_feed(manager: WorldManager) -> None:
    manager.add_user_activity(1, activity(1, text="draft"))
    manager.get_feeds(12)["home"].remove(activity(1))
    manager.get_feeds(12)["inline"].remove(activity(1))
    manager.update_user_activity(1, activity(1, text="final"))
    manager.update_user_activities(1, [activity(2, text="never published")])
    assert manager.get_user_feed(1)[:] == [activity(1, text="final")]
    assert manager.shown(11) == {"home": [activity(1, text="final")], "inline": [activity(1, text="final")]}
    assert manager.shown(12) == {"home": [], "inline": []}


def test_an_update_of_what_was_removed_shows_nothing(manager: WorldManager) -> None:
    manager.add_user_activity(1, activity(1))
    manager.remove_user_activity(1, activity(1))
    manager.update_user_activity(1, activity(1, text="too late"))
    assert manager.get_user_feed(1)[:] == []
    assert manager.shown(11) == {"home": [], "inline": []}


def test_a_batch_is_imported_with_or_without_fan_out(manager: WorldManager) -> None:
    manager.batch_import(1, (activity(number) for number in range(7)), chunk_size=3)
    manager.batch_import(2, [activity(number, actor=2) for number in range(7)], fanout=False)
    assert [one.object_id for one in manager.get_user_feed(1)[:]] == [6, 5, 4, 3, 2, 1, 0]
    assert len(manager.get_user_feed(2)) == 7
    assert [one.object_id for one in manager.shown(15)["inline"]] == [6, 5, 4, 3, 2, 1, 0]


def test_following_brings_the_newest_activities_and_unfollowing_takes_them_back(manager: WorldManager) -> None:
    manager.follow_activity_limit = 5
    manager.batch_import(3, [activity(number, actor=3) for number in range(9)])
    manager.add_user_activity(4, activity(100, actor=4))
    manager.follow_many_users(50, [3, 4])
    for shown in manager.shown(50).values():
        assert [one.object_id for one in shown] == [100, 8, 7, 6, 5, 4]
    manager.unfollow_user(50, 3, async_=False)
    for shown in manager.shown(50).values():
        assert [one.object_id for one in shown] == [100]
    manager.follow_user(50, 3, async_=False)
    for shown in manager.shown(50).values():
        assert [one.object_id for one in shown] == [100, 8, 7, 6, 5, 4]


def test_a_fan_out_that_comes_after_the_unfollow_shows_nothing(late: tuple[WorldManager, Recorder]) -> None:
    manager, queue = late
    manager.add_user_activity(1, activity(1))
    deliveries = queue.split()
    manager.unfollow_user(12, 1, async_=False)
    manager.add_user_activity(1, activity(2))
    for message in deliveries:
        queue.handler(message)
    assert manager.shown(12) == {"home": [], "inline": []}
    assert manager.shown(13)["home"] == [activity(1)]


def test_an_old_unfollow_that_is_delivered_again_does_not_undo_a_new_follow(
    late: tuple[WorldManager, Recorder],
) -> None:
    manager, queue = late
    manager.add_user_activity(1, activity(1))
    queue.deliver_all()
    manager.unfollow_user(12, 1)
    unfollow = queue.messages[0][0]
    manager.follow_user(12, 1)
    queue.deliver_all()
    queue.handler(unfollow)
    assert manager.shown(12) == {"home": [activity(1)], "inline": [activity(1)]}


def test_what_is_removed_while_it_is_copied_to_a_new_follower_does_not_stay(manager: WorldManager) -> None:
    class RemovingFeed(OwnFeed):
        """Removes the activity after it was read for the copy."""

        name = "own"
        key_format = "own:%(user_id)s"

        def page(self, size: int = 25, *, after: str | None = None) -> Any:
            page = super().page(size, after=after)
            if page.items:
                racing.remove_user_activity(3, activity(1, actor=3))
            return page

    class RacingManager(WorldManager):
        name = "world"
        user_feed_class = RemovingFeed

    racing = RacingManager(streams=Streams({}))
    racing.add_user_activity(3, activity(1, actor=3))
    racing.follow_user(50, 3)
    assert racing.shown(50) == {"home": [], "inline": []}


def test_messages_older_than_tombstones_are_checked_against_the_activities(
    late: tuple[WorldManager, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, queue = late
    manager.add_user_activity(1, activity(1))
    manager.add_user_activity(1, activity(2))
    deliveries = queue.split()
    manager.remove_user_activity(1, activity(1))
    # All that was remembered of the removal has expired by now.
    for timelines in manager.streams.storage("default")._timelines.values():  # type: ignore[attr-defined]
        timelines.memory.notes.clear()
    monkeypatch.setattr("streamfw_core.fanout.time.time", lambda: 2e9)
    for message in deliveries:
        queue.handler(message)
    assert manager.shown(12) == {"home": [activity(2)], "inline": [activity(2)]}
    assert len(manager.get_feeds(12)["home"]) == 1


class GroupedManager(WorldManager):
    feed_classes: ClassVar = {"home": HomeFeed, "groups": GroupsFeed}


def test_an_unfollow_takes_out_what_is_older_than_tombstones(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = GroupedManager(streams=Streams({}))
    manager.followers["1"] = {FanoutPriority.HIGH: [12]}
    for number in (1, 2):
        manager.add_user_activity(1, activity(number))
    manager.add_user_activity(2, activity(3, actor=2))
    manager.follow_user(12, 2)
    monkeypatch.setattr("streamfw_core.fanout.time.time", lambda: 2e9)
    manager.unfollow_user(12, 1)
    assert manager.shown(12)["home"] == [activity(3, actor=2)]
    assert [group.activities for group in manager.get_feeds(12)["groups"][:]] == [[activity(3, actor=2)]]


def test_one_pass_over_the_followers_serves_all_feed_classes_in_chunks(late: tuple[WorldManager, Recorder]) -> None:
    manager, queue = late
    passes = []

    def ids(start: int) -> Iterator[int]:
        passes.append(start)
        yield from range(start, start + 7)

    manager.followers["1"] = {FanoutPriority.HIGH: ids(100), FanoutPriority.LOW: ids(200)}
    manager.add_user_activity(1, activity(1))
    queue.split()
    priorities = [priority for _, priority in queue.messages]
    assert passes == [100, 200]
    assert priorities == [FanoutPriority.HIGH] * 6 + [FanoutPriority.LOW] * 6
    queue.deliver_all()
    assert manager.shown(106)["home"] == manager.shown(206)["inline"] == [activity(1)]


def test_a_chunk_is_one_call_of_the_storage(manager: WorldManager, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = manager.streams.storage("default")
    calls: list[int] = []
    write = storage.write

    def counting(spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        calls.append(sum(len(one.owners) for one in writes))
        return write(spec, writes, report=report)

    monkeypatch.setattr(storage, "write", counting)
    manager.add_user_activity(1, activity(1))
    assert calls == [1, 10, 10]


def test_integers_texts_and_uuids_are_followers(manager: WorldManager) -> None:
    from uuid import UUID

    people = [7, "ada", UUID(int=5), 2**70, "a:b/ç%"]
    manager.followers["1"] = {FanoutPriority.HIGH: people}
    manager.add_user_activity(1, activity(1))
    for person in [*people, "7", str(UUID(int=5)), str(2**70)]:
        assert manager.shown(person)["home"] == [activity(1)], person


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1, 2], "returned [1, 2] (list): return ids by priority, such as {FanoutPriority.HIGH: ids}"),
        ({"urgent": [1]}, "has the priority 'urgent': use FanoutPriority.HIGH, NORMAL or LOW"),
        ({FanoutPriority.LOW: "ab"}, "has 'ab' (str) under low: several ids (any iterable) are expected"),
    ],
)
def test_follower_ids_of_another_shape_are_refused(manager: WorldManager, returned: Any, message: str) -> None:
    manager.followers["1"] = returned
    with pytest.raises(FollowerIdsError) as raised:
        manager.add_user_activity(1, activity(1))
    assert message in str(raised.value)


def test_a_follower_id_that_is_none_is_refused_by_name(manager: WorldManager) -> None:
    manager.followers["1"] = {FanoutPriority.HIGH: [True]}
    with pytest.raises(FollowerIdsError, match="a follower id must be an int, a str or a UUID, got True"):
        manager.add_user_activity(1, activity(1))


class Flaky:
    """Lets some feeds fail so many times; everything else goes to the storage."""

    def __init__(self, storage: Any, failing: dict[str, int]) -> None:
        self.storage = storage
        self.failing = failing
        self.attempts: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        failures: dict[str, Exception] = {}
        good = []
        for write in writes:
            self.attempts.append(list(write.owners))
            for owner in write.owners:
                if self.failing.get(owner, 0) > 0:
                    self.failing[owner] -= 1
                    failures[owner] = OSError(f"no answer for {owner}")
            good.append(write._replace(owners=[owner for owner in write.owners if owner not in failures]))
        outcome: Outcome = self.storage.write(spec, good, report=report)
        return Outcome(added=outcome.added, removed=outcome.removed, failures=failures, changes=outcome.changes)


def flaky(manager: WorldManager, **failing: int) -> Flaky:
    streams = manager.streams
    storage = Flaky(streams.storage("default"), {owner[1:]: times for owner, times in failing.items()})
    streams._storages["default"] = storage
    streams._bindings.clear()
    return storage


def test_a_feed_that_fails_is_tried_again_alone(manager: WorldManager) -> None:
    storage = flaky(manager, u12=1)
    manager.add_user_activity(1, activity(1))
    assert manager.shown(12) == {"home": [activity(1)], "inline": [activity(1)]}
    assert ["12"] in storage.attempts


def test_a_feed_that_fails_for_good_is_reported_with_its_ids_and_all_others_are_served(manager: WorldManager) -> None:
    manager.fanout_chunk_size = 4
    flaky(manager, u12=100)
    with pytest.raises(FanoutFailed, match=r"2 parts .* of manager .world. for user 1, first: WriteFailed: ") as raised:
        manager.add_user_activity(1, activity(1))
    errors = raised.value.errors
    assert all(isinstance(error, WriteFailed) for error in errors)
    assert [list(error.failures) for error in errors if isinstance(error, WriteFailed)] == [["12"], ["12"]]
    assert isinstance(errors[0], WriteFailed)
    assert errors[0].activity_ids == (activity(1).serialization_id,)
    for user in (10, 11, 13, 14, 19):
        assert manager.shown(user) == {"home": [activity(1)], "inline": [activity(1)]}


def test_through_threads_the_failure_is_reported_by_drain() -> None:
    manager = WorldManager(streams=Streams({"task_queue": {"backend": "threads", "options": {"pause": 0}}}))
    manager.followers["1"] = {FanoutPriority.HIGH: range(10, 20)}
    flaky(manager, u12=100)
    manager.add_user_activity(1, activity(1))
    with pytest.raises(FanoutFailed, match="gave up 2 messages") as raised:
        manager.streams.drain(10)
    assert len(raised.value.errors) == 2
    manager.streams.close()
    assert manager.shown(13)["home"] == [activity(1)]


@pytest.mark.parametrize("bad", [object(), {"x": object()}, "text"])
def test_what_cannot_be_published_changes_nothing(manager: WorldManager, bad: Any) -> None:
    with pytest.raises((ActivityTypeError, EncodeError)):
        manager.batch_import(1, [activity(1), Activity(1, Love, 2, extra_context={"bad": object()})])
    with pytest.raises(ActivityTypeError):
        manager.add_user_activity(1, bad)
    with pytest.raises(IdError):
        manager.add_user_activity(True, activity(1))
    assert manager.get_user_feed(1)[:] == []
    assert manager.shown(12) == {"home": [], "inline": []}
    assert HomeFeed.binding(manager.streams).load([activity(1).serialization_id]) == {}


class Listening(HomeFeed):
    name = "listening"
    key_format = "listening:%(user_id)s"
    heard: ClassVar[list[tuple[Any, list[Activity], list[int]]]] = []

    def on_update_feed(self, new: Sequence[Activity], deleted: Sequence[int]) -> None:
        self.heard.append((self.user_id, list(new), list(deleted)))
        if self.user_id == 13:
            raise RuntimeError("a hook of the application")


class ListeningManager(WorldManager):
    feed_classes: ClassVar = {"listening": Listening}


def test_the_hook_of_a_feed_hears_once_what_really_changed(caplog: pytest.LogCaptureFixture) -> None:
    Listening.heard.clear()
    manager = ListeningManager(streams=Streams({}))
    manager.followers["1"] = {FanoutPriority.HIGH: [12, 13, 14]}
    manager.add_user_activity(1, activity(1))
    manager.add_user_activity(1, activity(1))
    manager.unfollow_user(14, 1)
    manager.follow_user(15, 1)
    manager.remove_user_activity(1, activity(1))
    id = activity(1).serialization_id
    assert Listening.heard == [
        (12, [activity(1)], []),
        (13, [activity(1)], []),
        (14, [activity(1)], []),
        (14, [], [id]),
        (15, [activity(1)], []),
        (12, [], [id]),
        (13, [], [id]),
    ]
    assert "Listening.on_update_feed of feed 'listening:13' failed; the feed was written" in caplog.text


def test_plugins_hear_of_publishing_and_of_chunks(manager: WorldManager) -> None:
    from streamfw_core.plugins import hookimpl

    heard: list[Any] = []

    class Plugin:
        @hookimpl
        def streamfw_activity_published(self, manager: Any, activities: Any) -> None:
            heard.append(("published", type(manager).__name__, list(activities)))

        @hookimpl
        def streamfw_activity_removed(self, activities: Any) -> None:
            heard.append(("removed", list(activities)))

        @hookimpl
        def streamfw_feeds_updated(self, feed: Any, owners: Any, operation: Any) -> None:
            heard.append((operation, feed.name, list(owners)))
            raise RuntimeError("must not be the publisher's")

    manager.streams.plugins.register(Plugin(), name="listening")
    manager.followers["1"] = {FanoutPriority.HIGH: [10, 11]}
    manager.add_user_activity(1, activity(1))
    manager.remove_user_activity(1, activity(1))
    assert heard == [
        ("add", "home", [10, 11]),
        ("add", "inline", [10, 11]),
        ("published", "WorldManager", [activity(1)]),
        ("remove", "home", [10, 11]),
        ("remove", "inline", [10, 11]),
        ("removed", [activity(1).serialization_id]),
    ]


def test_a_worker_finds_the_manager_that_the_settings_list() -> None:
    settings = {
        "managers": {"people": "tests.core.test_manager:ListeningManager"},
        "task_queue": {"backend": "tests.core.world:Recorder"},
    }
    publisher, worker = Streams(settings), Streams(settings)
    ListeningManager(streams=publisher).add_user_activity(1, activity(1))
    assert isinstance(publisher.queue, Recorder)
    message = publisher.queue.messages[0][0]
    assert b'"manager":"people"' in message
    worker.execute(message)
    assert isinstance(worker.manager("people"), ListeningManager)


def test_an_unknown_manager_and_a_foreign_message_are_refused_for_good(manager: WorldManager) -> None:
    execute = manager.streams.execute
    message = b'{"kind":"unfollow","manager":"nobody","source":1,"stamp":1,"targets":[2],"v":1}'
    with pytest.raises(MessageFailed) as raised:
        execute(message)
    assert isinstance(raised.value.__cause__, ManagerNotFound)
    assert not raised.value.retriable
    assert "no manager is named 'nobody' (known: world)" in str(raised.value)
    for data, reason in [
        (b"\x80\x04]\x94.", "not a task message of streamfw"),
        (b"", "not a task message of streamfw"),
        (b"[" * 100_000, "not a task message of streamfw"),
        (message.replace(b'"v":1', b'"v":9'), "task message of version 9, and this release reads version 1"),
        (b'{"kind":"later","v":2}', "task message of version 2"),
        (message.replace(b'"stamp":1', b'"stamp":"x"'), "does not fit its form"),
    ]:
        with pytest.raises(MessageFailed, match=reason) as raised:
            execute(data)
        assert isinstance(raised.value.__cause__, MessageError)


def test_two_managers_of_one_name_are_refused() -> None:
    streams = Streams({})

    class Other(Manager):
        name = "world"
        feed_classes: ClassVar = {"home": HomeFeed}
        user_feed_class = OwnFeed

    WorldManager(streams=streams, name="world").get_feeds(1)
    with pytest.raises(DuplicateManager, match=r"manager name 'world' of .*Other is taken by .*WorldManager"):
        Other(streams=streams).get_feeds(1)


def test_a_manager_that_does_not_say_who_follows_whom_says_what_to_define() -> None:
    manager = Manager(streams=Streams({}))
    with pytest.raises(NotImplementedError, match="define get_user_follower_ids"):
        manager.add_user_activity(1, activity(1))
    assert manager.get_user_feed(1)[:] == []
    manager.batch_import(1, [activity(1)], fanout=False)
    assert manager.get_user_feed(1)[:] == [activity(1)]


def test_a_message_for_a_feed_that_the_manager_no_longer_has_is_given_up(manager: WorldManager) -> None:
    with pytest.raises(FeedConflict, match="WorldManager has no feed class named 'gone'"):
        manager.feed_class("gone")


def test_feeds_that_a_manager_gives_belong_to_its_application(manager: WorldManager) -> None:
    assert {alias: type(feed) for alias, feed in manager.get_feeds(3).items()} == {
        "home": HomeFeed,
        "inline": InlineFeed,
    }
    with pytest.raises(KeyError, match="no alias 'hom' in feed_classes, which has: home, inline"):
        manager.get_feeds(3)["hom"]
    other = WorldManager(streams=Streams({}))
    manager.add_user_activity(1, activity(1))
    assert other.get_user_feed(1)[:] == []
    feed: Feed = manager.get_feeds(30)["home"]
    assert manager.follow_feed(feed, [activity(1), activity(2)]) == 2
    assert manager.unfollow_feed(feed, manager.get_user_feed(1)) == 1
    assert feed[:] == [activity(2)]

"""The application object: how feed classes find their storages, and what may not meet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from streamfw_core.errors import BackendNotFound, FeedConflict, ManagerNotFound, SettingsError
from streamfw_core.keys import KeyFormat
from streamfw_core.metrics import Metrics
from streamfw_core.plugins import Plugins
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.storage import Scope

import streamfw_core
from streamfw_core import (
    Activity,
    FanoutPriority,
    Feed,
    Manager,
    Streams,
    UserBaseFeed,
    default_streams,
    set_default_streams,
)
from tests.core.world import HomeFeed, InlineFeed, activity


@pytest.fixture
def fresh_default() -> Iterator[None]:
    set_default_streams(None)
    yield
    set_default_streams(None)


@pytest.mark.usefixtures("fresh_default")
def test_a_feed_without_an_application_uses_the_default_one() -> None:
    assert HomeFeed(13).add(activity(1)) == 1
    assert HomeFeed(13, streams=default_streams())[:] == [activity(1)]
    assert HomeFeed(13, streams=Streams({}))[:] == []


@pytest.mark.usefixtures("fresh_default")
def test_the_default_application_is_the_one_that_was_set() -> None:
    streams = Streams({})
    set_default_streams(streams)
    HomeFeed(13).add(activity(1))
    assert HomeFeed(13, streams=streams)[:] == [activity(1)]


@pytest.mark.usefixtures("fresh_default")
def test_applications_are_used_side_by_side() -> None:
    manager = FollowedByTwo()  # without an application of its own, as programs have them at the top of a module
    tenants = [Streams({}) for _ in range(2)]
    for number, tenant in enumerate(tenants):
        with tenant.as_default():
            assert default_streams() is tenant
            manager.add_user_activity(1, activity(number))
    assert [HomeFeed(2, streams=tenant)[:] for tenant in tenants] == [[activity(0)], [activity(1)]]
    assert HomeFeed(2)[:] == []


@pytest.mark.usefixtures("fresh_default")
def test_a_message_is_executed_with_its_application_as_the_default_one() -> None:
    tenants = [Streams({"task_queue": {"backend": "threads", "options": {"workers": 2}}}) for _ in range(2)]
    manager = FollowedByTwo()
    try:
        for tenant in tenants:
            with tenant.as_default():
                manager.add_user_activity(1, activity(1))
            tenant.drain()
        assert manager.asked_by == tenants
    finally:
        for tenant in tenants:
            tenant.close()


@pytest.mark.usefixtures("fresh_default")
def test_an_application_is_the_default_one_of_its_own_thread_only() -> None:
    seen: list[Streams] = []
    with Streams({}).as_default() as outer, Streams({}).as_default() as inner:
        thread = threading.Thread(target=lambda: seen.append(default_streams()))
        thread.start()
        thread.join()
        assert default_streams() is inner
    assert seen[0] not in {outer, inner}
    assert default_streams() is seen[0]


class FollowedByTwo(Manager):
    """Everybody is followed by 2, and it is noted who asked."""

    feed_classes: ClassVar = {"home": HomeFeed}

    def __init__(self) -> None:
        super().__init__()
        self.asked_by: list[Streams] = []

    def get_user_follower_ids(self, user_id: object) -> dict[FanoutPriority, list[int]]:
        self.asked_by.append(default_streams())
        return {FanoutPriority.HIGH: [2]}


def test_the_settings_override_the_class() -> None:
    streams = Streams(
        {
            "storages": {"one": "memory://", "two": "memory://"},
            "feeds": {
                "home": {"timeline": "one", "activities": "two", "max_length": 3, "serializer": "json"},
                "inline": {"timeline": "two"},
            },
        }
    )
    home, inline = streams.bind(HomeFeed), streams.bind(InlineFeed)
    assert (home.timelines.name, home.activities and home.activities.name, home.spec.keep) == ("one", "two", 3)
    assert type(home.serializer).__name__ == "JsonSerializer"
    assert (inline.timelines.name, inline.activities, inline.spec.inline) == ("two", None, True)
    feed = HomeFeed(1, streams=streams)
    feed.add_many(activity(number) for number in range(5))
    assert [one.object_id for one in feed[:]] == [4, 3, 2]


def test_activities_may_be_turned_off_in_the_settings() -> None:
    streams = Streams({"feeds": {"home": {"activities": None}}})
    assert streams.bind(HomeFeed).spec.inline


def test_a_class_may_name_its_storages_itself() -> None:
    class Archive(Feed):
        timeline = "archive"

    streams = Streams({"storages": {"default": "memory://", "archive": "memory://"}})
    binding = streams.bind(Archive)
    assert binding.timelines is binding.activities is streams.storage("archive")
    with pytest.raises(
        SettingsError, match=r"feeds.archive.timeline: there is no storage 'archive', which Archive.timeline names"
    ):
        Streams({}).bind(Archive)


def test_without_a_default_storage_a_feed_must_name_one() -> None:
    streams = Streams({"storages": {"a": "memory://", "b": "memory://"}})
    with pytest.raises(SettingsError, match=r"feeds.home.timeline: no storage is named, and none is the default"):
        streams.bind(HomeFeed)


@pytest.mark.parametrize("length", [0, -1, True, "9", 2.5])
def test_a_feed_keeps_at_least_one_activity(length: Any) -> None:
    short = type("ShortFeed", (Feed,), {"max_length": length})
    with pytest.raises(SettingsError, match=r"feeds.short.max_length: ShortFeed.max_length is"):
        Streams({}).bind(short)


def test_feeds_are_named_after_their_class() -> None:
    class UserPinFeed(Feed): ...

    class HTTPLogFeed(Feed): ...

    class Named(UserPinFeed):
        name = "given"

    class Child(Named): ...

    assert [cls.name for cls in (UserPinFeed, HTTPLogFeed, Named, Child)] == ["user_pin", "http_log", "given", "child"]
    assert UserPinFeed.key_format == "feed:user_pin:%(user_id)s"
    assert Child.key_format == "feed:child:%(user_id)s"


def test_two_classes_of_one_name_are_refused() -> None:
    class Home(Feed):
        name = "home"
        key_format = "other:%(user_id)s"

    streams = Streams({})
    streams.bind(HomeFeed)
    with pytest.raises(FeedConflict, match="are both named 'home': set name"):
        streams.bind(Home)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("feed:a:%(user_id)s", "feed:b:%(user_id)s", False),
        ("feed:a:%(user_id)s", "feed:a:{user_id}", True),
        ("feed:%(user_id)s", "feed:1%(user_id)s", True),
        ("feed:%(user_id)s", "feed:normal:%(user_id)s", False),
        ("%(user_id)s:feed", "%(user_id)s:other:feed", False),
        ("%(user_id)s:feed", "%(user_id)s-x:feed", True),
        ("a%(user_id)s", "%(user_id)sb", True),
        ("a:%(user_id)s", "%(user_id)s:b", False),
        ("%(user_id)s", "x/%(user_id)s", False),
        ("%(user_id)s", "x%%(user_id)s", True),
    ],
)
def test_key_formats_that_could_meet_are_known(one: str, other: str, meet: bool) -> None:
    assert KeyFormat(one).clashes(KeyFormat(other)) is meet
    assert KeyFormat(other).clashes(KeyFormat(one)) is meet


def test_feed_classes_that_could_share_a_key_are_refused_on_one_storage_only() -> None:
    class Near(Feed):
        key_format = "feed:near%(user_id)s"

    class Nearer(Feed):
        key_format = "feed:nearer%(user_id)s"

    streams = Streams({})
    streams.bind(Near)
    with pytest.raises(FeedConflict, match="could share a key on storage 'default'"):
        streams.bind(Nearer)
    apart = Streams({"storages": {"default": "memory://", "b": "memory://"}, "feeds": {"nearer": {"timeline": "b"}}})
    apart.bind(Near)
    apart.bind(Nearer)


@pytest.mark.parametrize("key_format", ["feed", "feed:%(owner)s", "%(user_id)s:%(user_id)s", "%(user_id)s{user_id}"])
def test_a_key_format_has_one_place_for_the_owner(key_format: str) -> None:
    with pytest.raises(FeedConflict, match=r"places for the owner and needs exactly one"):
        KeyFormat(key_format)


def test_other_activities_need_a_namespace_of_their_own() -> None:
    class Pin(Activity): ...

    class PinFeed(Feed):
        activity_class = Pin

    class JsonFeed(Feed):
        serializer = "json"

    class ApartFeed(Feed):
        activity_class = Pin
        activity_namespace = "pins"

    class KeyFeed(Feed):
        activity_namespace = "feed:apart:%(user_id)s"

    streams = Streams({})
    streams.bind(HomeFeed)
    streams.bind(ApartFeed)
    with pytest.raises(
        FeedConflict,
        match=r"share the activity namespace 'activities' .* \(Pin and Activity\): set activity_class = Pin on HomeFeed,"
        r" or set activity_namespace = '...' on one of them",
    ):
        streams.bind(PinFeed)
    with pytest.raises(
        FeedConflict, match=r"\(Activity by JsonSerializer and Activity by \w+\): set activity_namespace = '...' on"
    ):
        streams.bind(JsonFeed)
    with pytest.raises(FeedConflict, match="is the key_format of the other"):
        streams.bind(KeyFeed)


def test_a_class_that_is_defined_again_takes_the_place_of_the_old_one() -> None:
    def define() -> type[Feed]:
        class ReloadedFeed(Feed): ...

        return ReloadedFeed

    streams = Streams({})
    define()(1, streams=streams).add(activity(1))
    assert define()(1, streams=streams)[:] == [activity(1)]


class SharedQueue(InlineQueue):
    scope = Scope.SHARED

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)


def test_memory_under_a_queue_of_other_processes_is_refused() -> None:
    streams = Streams({"task_queue": {"backend": f"{__name__}:SharedQueue"}})
    streams.bind(HomeFeed)
    with pytest.raises(SettingsError, match=r"feeds.home: storage 'default' exists only in this process"):
        _ = streams.queue
    with pytest.raises(SettingsError, match=r"feeds.inline: storage 'default' exists only in this process"):
        streams.bind(InlineFeed)


@pytest.mark.parametrize(("key", "value"), [("aggregator", "recent_verb"), ("time_zone", "Europe/Amsterdam")])
def test_a_flat_feed_has_no_aggregator(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"feeds\.home\.{key}: HomeFeed is a flat feed and has no groups"):
        Streams({"feeds": {"home": {key: value}}}).bind(HomeFeed)


def test_an_unknown_storage_backend_is_named_with_what_to_install() -> None:
    streams = Streams({"storages": {"default": "cassandra://localhost"}}, plugins=Plugins(entry_points=(), environ={}))
    with pytest.raises(BackendNotFound, match=r'pip install "streamfw\[cassandra\]"'):
        streams.bind(HomeFeed)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.at_all:Manager", "No module named 'nowhere'"),
        ("tests.core.world:Missing", "has no attribute 'Missing'"),
    ],
)
def test_a_listed_manager_that_cannot_be_imported_is_named_with_its_path(path: str, reason: str) -> None:
    streams = Streams({"managers": {"pins": path}})
    with pytest.raises(ManagerNotFound) as raised:
        streams.manager("pins")
    assert f"manager 'pins' is listed in the settings as {path!r}, which cannot be imported" in str(raised.value)
    assert reason in str(raised.value)


@pytest.mark.parametrize("attribute", ["HomeFeed", "activity"])
def test_what_is_listed_as_a_manager_and_is_none_is_refused(attribute: str) -> None:
    streams = Streams({"managers": {"home": f"{__name__}:{attribute}"}})
    with pytest.raises(ManagerNotFound, match=rf":{attribute}', which is not a Manager but .*; name a subclass of"):
        streams.manager("home")


class Counting(Metrics):
    calls: ClassVar[list[tuple[str, int]]] = []

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        self.calls.append(("read", activities_count))

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        self.calls.append(("write", activities_count))

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        self.calls.append(("remove", activities_count))

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self.calls.append(("missing", activities_count))


def test_metrics_are_told_once_per_batch() -> None:
    Counting.calls.clear()
    streams = Streams({"metrics": {"backend": f"{__name__}:Counting"}})
    feed = HomeFeed(1, streams=streams)
    feed.add_many(activity(number) for number in range(5))
    HomeFeed.remove_activity(activity(4), streams=streams)
    assert len(feed[:3]) == 2
    feed.remove_many([activity(1), activity(2)])
    assert Counting.calls == [("write", 5), ("read", 2), ("missing", 1), ("remove", 2)]


def test_preparing_makes_the_schema_once_per_storage() -> None:
    Streams({}).prepare(HomeFeed, InlineFeed)


def test_threads_that_bind_at_once_get_one_binding() -> None:
    streams = Streams({})
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(streams.bind(HomeFeed))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(binding) for binding in found}) == 1


def test_an_application_closes_what_it_opened() -> None:
    with Streams({"task_queue": "threads"}) as streams:
        HomeFeed(1, streams=streams).add(activity(1))
        streams.drain()
    assert HomeFeed(1, streams=streams)[:] == [activity(1)]


def test_every_exported_name_is_there() -> None:
    for name in streamfw_core.__all__:
        assert getattr(streamfw_core, name) is not None
    assert set(streamfw_core.__all__) <= set(dir(streamfw_core))
    with pytest.raises(AttributeError, match="has no attribute 'Fed'"):
        _ = streamfw_core.Fed


def test_the_own_feed_keeps_a_million() -> None:
    assert Streams({}).bind(UserBaseFeed).spec.keep == 1_000_000


def test_a_feed_object_has_the_length_that_is_in_force() -> None:
    class LongFeed(Feed):
        max_length = 3

    longer = Streams({"feeds": {"long": {"max_length": 8}}})
    assert LongFeed(13, streams=Streams({})).max_length == 3
    assert LongFeed(13, streams=longer).max_length == 8
    assert LongFeed(13, streams=longer).filter(activity_id__gt=1).max_length == 8
    assert LongFeed.max_length == 3


def test_an_application_is_shown_by_its_backends_and_where_they_are_from_without_secrets() -> None:
    assert repr(Streams({})) == "<Streams: storages default (memory); task queue inline; settings from defaults>"
    described = {
        "storages": {"hot": "redis://:s3cret@localhost/0", "cold": {"backend": "memory"}},
        "default_storage": "hot",
        "task_queue": {"backend": "threads", "options": {"workers": 2}},
    }
    assert repr(Streams(described)) == (
        "<Streams: storages hot (redis), cold (memory); task queue threads; settings from mapping>"
    )


def test_settings_under_the_name_of_a_feed_class_are_refused_rather_than_ignored() -> None:
    class LovelyPinFeed(Feed): ...

    class RenamedFeed(Feed):
        name = "RenamedFeed"

    streams = Streams({"feeds": {"LovelyPinFeed": {"max_length": 8}, "RenamedFeed": {"max_length": 8}}})
    with pytest.raises(
        SettingsError, match=r"feeds\.LovelyPinFeed: .* is 'lovely_pin' \(did you mean 'lovely_pin'\?\)"
    ):
        LovelyPinFeed(13, streams=streams)
    assert RenamedFeed(13, streams=streams).max_length == 8

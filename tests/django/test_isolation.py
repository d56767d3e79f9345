"""Each test has feeds of its own: in memory, or on the server of the settings under a prefix that is emptied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.test import SimpleTestCase, TestCase, override_settings
from photos.feeds import OwnFeed, WallFeed, photo_manager
from streamfw_core.errors import ArgumentError
from streamfw_django import ModelActivity
from streamfw_django.testing import IsolatedFeeds, isolated_feeds

from streamfw_core import Love, Streams, default_streams
from tests.services.redis import Server

ACTIVITY = ModelActivity(1, Love, 2)


class EachTest(IsolatedFeeds, SimpleTestCase):
    def test_one_finds_nothing(self) -> None:
        assert WallFeed(1).add(ACTIVITY) == 1
        assert default_streams() is self.streams

    def test_the_other_finds_nothing_either(self) -> None:
        assert WallFeed(1).add(ACTIVITY) == 1


class WithData(IsolatedFeeds, TestCase):
    ada: ClassVar[User]

    @classmethod
    def setUpTestData(cls) -> None:
        cls.ada = User.objects.create(username="ada")
        OwnFeed(cls.ada.pk).add(ModelActivity(cls.ada, Love, 1))

    def test_what_the_class_publishes_goes_elsewhere(self) -> None:
        assert OwnFeed(self.ada.pk)[:] == []


def test_a_place_that_there_is_not_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"isolated_feeds\(\) takes 'memory' or 'prefix', got 'redis'"), isolated_feeds(
        "redis"  # type: ignore[arg-type]
    ):
        pass
    with pytest.raises(ArgumentError, match=r"Wrong\.feeds_in takes 'memory' or 'prefix', got 'redis'"):

        class Wrong(IsolatedFeeds, SimpleTestCase):
            feeds_in = "redis"  # type: ignore[assignment]


def test_a_test_case_that_hides_the_isolation_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"class Hidden\(IsolatedFeeds, TestCase\)"):

        class Hidden(TestCase, IsolatedFeeds): ...


def test_a_test_case_of_a_project_may_come_before_one_that_isolates() -> None:
    class Isolated(IsolatedFeeds, TestCase): ...

    class Project(TestCase): ...

    class Both(Project, Isolated): ...

    assert Both.__mro__.index(IsolatedFeeds) < Both.__mro__.index(TestCase)


@pytest.fixture
def on_redis(redis_server: Server) -> Iterator[Any]:
    settings = {
        "storages": {"default": redis_server.url},
        "feeds": {"wall": {"max_length": 3}},
        "task_queue": {"backend": "kombu", "options": {"url": "memory://"}},
    }
    with override_settings(STREAMFW=settings), redis_server.client() as client:
        redis_server.flush()
        yield client


def test_a_server_is_not_needed(on_redis: Any) -> None:
    with isolated_feeds() as streams:
        WallFeed(1).add_many(ModelActivity(1, Love, number) for number in range(5))
        photo_manager.add_user_activity(1, ACTIVITY)
        assert WallFeed(1).count() == 3  # what the settings say of the feed holds
        assert streams.storage("default").capabilities.scope.name == "PROCESS"
    assert on_redis.keys() == []


def test_a_prefix_of_their_own_on_the_server(on_redis: Any) -> None:
    WallFeed(1).add(ACTIVITY)
    before = {*on_redis.keys()}
    with isolated_feeds("prefix"):
        assert WallFeed(1)[:] == []
        WallFeed(1).add(ModelActivity(1, Love, 3))
        photo_manager.add_user_activity(1, ACTIVITY)
        assert OwnFeed(1)[:] == [ACTIVITY]
        assert all(b"test-" in key for key in {*on_redis.keys()} - before)
        assert {*on_redis.keys()} > before
    assert {*on_redis.keys()} == before
    assert WallFeed(1)[:] == [ACTIVITY]
    default_streams().close()


def test_what_was_the_default_before_is_it_again() -> None:
    outer = default_streams()
    with isolated_feeds() as inner:
        assert default_streams() is inner
        with isolated_feeds() as innermost:
            assert default_streams() is innermost
        assert default_streams() is inner
    assert default_streams() is outer


def test_the_fixture_of_pytest(isolated_feeds: Streams) -> None:
    assert WallFeed(1).add(ACTIVITY) == 1
    assert default_streams() is isolated_feeds


def test_changed_settings_make_another_application() -> None:
    before = default_streams()
    with override_settings(STREAMFW={"feeds": {"wall": {"max_length": 2}}}):
        WallFeed(1).add_many(ModelActivity(1, Love, number) for number in range(5))
        assert WallFeed(1).count() == 2
    assert default_streams() is not before
    assert WallFeed(1).count() == 0

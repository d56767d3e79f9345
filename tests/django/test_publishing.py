"""Publishing waits for the commit."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase, TransactionTestCase
from photos.feeds import OwnFeed, PhotoManager, WallFeed, photo_manager
from photos.models import Follow, Photo
from streamfw_core.errors import ArgumentError
from streamfw_django import ModelActivity, publish_on_commit
from streamfw_django.testing import IsolatedFeeds

from streamfw_core import Add, FanoutPriority, Manager


class AtOnce(Manager):
    feed_classes: ClassVar = {"wall": WallFeed}
    user_feed_class = OwnFeed

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return {FanoutPriority.HIGH: [*Follow.objects.filter(followed=user_id).values_list("follower_id", flat=True)]}


class OtherDatabase(PhotoManager):
    on_commit_using = "other"


class Failing(PhotoManager):
    on_commit_robust = True

    def _publish(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("no storage")


def _people() -> tuple[User, User]:
    ada, grace = User.objects.create(username="ada"), User.objects.create(username="grace")
    Follow.objects.create(follower=grace, followed=ada)
    return ada, grace


class InTestCase(IsolatedFeeds, TestCase):
    """Within the transactions that Django's TestCase keeps around each test."""

    databases: ClassVar = {"default", "other"}

    def setUp(self) -> None:
        super().setUp()
        self.ada, self.grace = _people()
        self.photo = Photo.objects.create(owner=self.ada, title="Sea")
        self.activity = ModelActivity(self.ada, Add, self.photo)

    def test_callbacks_can_be_captured(self) -> None:
        with self.captureOnCommitCallbacks() as callbacks:
            photo_manager.add_user_activity(self.ada.pk, self.activity)
        assert len(callbacks) == 1
        assert WallFeed(self.grace.pk)[:] == []
        callbacks[0]()
        assert WallFeed(self.grace.pk)[:] == [self.activity]

    def test_callbacks_can_be_executed(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            photo_manager.add_user_activity(self.ada.pk, self.activity)
        assert WallFeed(self.grace.pk)[:] == [self.activity]
        with self.captureOnCommitCallbacks(execute=True):
            photo_manager.remove_user_activity(self.ada.pk, self.activity)
        assert WallFeed(self.grace.pk)[:] == []

    def test_everything_that_a_manager_publishes_waits(self) -> None:
        with self.captureOnCommitCallbacks() as callbacks:
            photo_manager.batch_import(self.ada.pk, [self.activity])
            photo_manager.update_user_activity(self.ada.pk, self.activity)
            photo_manager.follow_user(self.grace.pk, self.ada.pk)
            photo_manager.unfollow_user(self.grace.pk, self.ada.pk)
            photo_manager.remove_user_activity(self.ada.pk, self.activity)
        assert len(callbacks) == 5
        assert OwnFeed(self.ada.pk).count() == 0
        for callback in callbacks:
            callback()

    def test_any_manager_publishes_on_commit(self) -> None:
        for manager in (AtOnce(), photo_manager):
            with self.captureOnCommitCallbacks(execute=True):
                publish_on_commit(manager, self.ada.pk, self.activity)
                assert OwnFeed(self.ada.pk)[:] == []
            assert OwnFeed(self.ada.pk)[:] == WallFeed(self.grace.pk)[:] == [self.activity]
            OwnFeed(self.ada.pk).delete()
            WallFeed(self.grace.pk).delete()

    def test_it_waits_for_the_database_that_is_named(self) -> None:
        with (
            self.captureOnCommitCallbacks(using="default") as not_here,
            self.captureOnCommitCallbacks(using="other") as here,
        ):
            OtherDatabase(name="other").add_user_activity(self.ada.pk, self.activity)
            publish_on_commit(AtOnce(), self.ada.pk, self.activity, using="other")
        assert (len(not_here), len(here)) == (0, 2)
        assert WallFeed(self.grace.pk)[:] == []
        here[0]()
        assert WallFeed(self.grace.pk)[:] == [self.activity]

    def test_what_fails_after_the_commit_may_be_logged(self) -> None:
        with self.assertLogs("django.test", "ERROR") as logs, self.captureOnCommitCallbacks(execute=True):
            Failing(name="failing").add_user_activity(self.ada.pk, self.activity)
            photo_manager.add_user_activity(self.ada.pk, self.activity)
        assert "no storage" in logs.output[0]
        assert WallFeed(self.grace.pk)[:] == [self.activity]

    def test_what_cannot_be_published_is_said_when_it_is(self) -> None:
        with pytest.raises(ArgumentError), self.captureOnCommitCallbacks(execute=True):
            photo_manager.batch_import(self.ada.pk, "no activities")  # type: ignore[arg-type]


class WithTransactions(IsolatedFeeds, TransactionTestCase):
    """With real transactions."""

    def test_followers_see_it_when_it_is_committed(self) -> None:
        ada, grace = _people()
        with transaction.atomic():
            with transaction.atomic():
                photo = Photo.objects.create(owner=ada, title="Sea")
                photo_manager.add_user_activity(ada.pk, ModelActivity(ada, Add, photo))
            assert WallFeed(grace.pk).count() == 0
        assert [one.object for one in WallFeed(grace.pk)[:]] == [photo]

    def test_nobody_sees_what_was_rolled_back(self) -> None:
        ada, grace = _people()
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            photo = Photo.objects.create(owner=ada, title="Sea")
            photo_manager.add_user_activity(ada.pk, ModelActivity(ada, Add, photo))
            publish_on_commit(AtOnce(), ada.pk, ModelActivity(ada, Add, photo))
            raise ZeroDivisionError
        assert WallFeed(grace.pk).count() == OwnFeed(ada.pk).count() == 0

    def test_outside_of_a_transaction_it_is_done_at_once(self) -> None:
        ada, grace = _people()
        photo = Photo.objects.create(owner=ada, title="Sea")
        photo_manager.add_user_activity(ada.pk, ModelActivity(ada, Add, photo))
        assert WallFeed(grace.pk).count() == 1

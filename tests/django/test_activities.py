"""Activities of model instances, which come back as instances."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Count
from django.test import TestCase
from photos.feeds import BellFeed, DigestFeed, WallFeed
from photos.models import Album, Favourite, Panorama, Photo, Seat, Tag
from streamfw_core.errors import ArgumentError, IdError, MissingObject
from streamfw_django import ModelActivity, actors_of, objects_of, prefetch, reference_of, targets_of
from streamfw_django.testing import IsolatedFeeds

from streamfw_core import Activity, Add, Love


class ModelActivities(IsolatedFeeds, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ada = User.objects.create(username="ada")
        self.photo = Photo.objects.create(owner=self.ada, title="Sea")
        self.album = Album.objects.create(title="Summer")

    def published(self, *activities: ModelActivity) -> list[Any]:
        """Activities as a feed gives them back."""
        feed = WallFeed(1)
        feed.add_many(activities)
        return feed[: len(activities)]

    def test_ids_are_the_model_and_its_key(self) -> None:
        activity = ModelActivity(self.ada, Love, self.photo, self.album)
        assert activity.actor_id == f"auth.user:{self.ada.pk}"
        assert activity.object_id == f"photos.photo:{self.photo.pk}"
        assert activity.target_id == f"photos.album:{self.album.pk}"
        assert (activity.actor, activity.object, activity.target) == (self.ada, self.photo, self.album)

    def test_the_same_facts_have_the_same_id_read_or_made(self) -> None:
        made = ModelActivity(self.ada, Love, self.photo, self.album)
        [read] = self.published(made)
        assert read == made
        assert read.serialization_id == made.serialization_id
        assert type(read) is ModelActivity
        assert read.stored_state() == made.stored_state()

    def test_instances_come_back_by_a_query_each(self) -> None:
        [read] = self.published(ModelActivity(self.ada, Love, self.photo, self.album))
        with self.assertNumQueries(3):
            assert (read.actor, read.object, read.target) == (self.ada, self.photo, self.album)
        with self.assertNumQueries(0):
            assert (read.actor, read.object, read.target) == (self.ada, self.photo, self.album)

    def test_a_proxy_is_its_model_and_a_child_its_own(self) -> None:
        favourite = Favourite.objects.get(pk=self.photo.pk)
        panorama = Panorama.objects.create(owner=self.ada, title="Hills")
        assert reference_of(favourite) == reference_of(self.photo)
        assert reference_of(panorama) == f"photos.panorama:{panorama.pk}"
        [read] = self.published(ModelActivity(self.ada, Love, panorama))
        assert type(read.object) is Panorama

    def test_a_key_may_be_composite(self) -> None:
        seats = [Seat.objects.create(row="a:1", number=number) for number in range(2)]
        read = self.published(*(ModelActivity(self.ada, Love, seat) for seat in seats))
        assert {one.object for one in read} == {*seats}
        again = [*WallFeed(1)[:]]
        with self.assertNumQueries(1):
            prefetch(again, roles=["object"])
            assert {one.object for one in again} == {*seats}

    def test_what_was_deleted_is_none(self) -> None:
        read, other = self.published(
            ModelActivity(self.ada, Love, self.photo, self.album), ModelActivity(self.ada, Add, self.photo)
        )
        self.photo.delete()
        self.album.delete()
        for activity in (read, other):
            assert activity.object is None
            assert activity.target is None
        assert read.actor == self.ada

    def test_what_cannot_exist_any_more_is_none(self) -> None:
        gone = ["photos.vanished:1", "vanished.photo:1", "photos.photo:x", "photos.album:13"]
        activities = self.published(*(ModelActivity(self.ada, Love, id) for id in gone))
        assert [one.object for one in activities] == [None] * len(gone)
        again = [*WallFeed(1)[:]]
        with self.assertNumQueries(1):
            prefetch(again)
            assert [one.object for one in again] == [None] * len(gone)

    def test_other_ids_are_as_ever(self) -> None:
        [read] = self.published(ModelActivity(13, Love, "http://example.org/1", uuid.UUID(int=7)))
        for role in ("actor", "object", "target"):
            with pytest.raises(MissingObject):
                getattr(read, role)
        assert prefetch([read]) == [read]
        read.actor = 13
        assert read.actor == 13
        assert read.target_id == uuid.UUID(int=7)

    def test_an_instance_must_have_a_key(self) -> None:
        with pytest.raises(IdError, match="save it before"):
            ModelActivity(self.ada, Love, Photo(title="Unsaved"))

    def test_an_instance_must_be_the_one_that_it_is_about(self) -> None:
        [read] = self.published(ModelActivity(self.ada, Love, self.photo))
        with pytest.raises(IdError):
            read.object = Photo.objects.create(owner=self.ada, title="Another")
        read.object = self.photo
        with self.assertNumQueries(0):
            assert read.object is self.photo


class Prefetching(IsolatedFeeds, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.users = [User.objects.create(username=f"user {number}") for number in range(7)]
        self.photos = [Photo.objects.create(owner=user, title=f"Photo of {user}") for user in self.users]
        self.album = Album.objects.create(title="All")
        self.tag = Tag.objects.create(word="sea")
        for photo in self.photos:
            photo.tags.add(self.tag)
        self.activities = [
            ModelActivity(user, Love, photo, self.album)
            for user, photo in zip(self.users, self.photos, strict=True)
        ]

    def test_a_page_takes_one_query_for_each_model(self) -> None:
        feed = WallFeed(1)
        feed.add_many(self.activities)
        page = feed[:25]
        with self.assertNumQueries(3):
            prefetch(page)
        with self.assertNumQueries(0):
            assert {one.actor for one in page} == {*self.users}
            assert {one.object for one in page} == {*self.photos}
            assert {one.target for one in page} == {self.album}

    def test_querysets_say_how_instances_are_asked_for(self) -> None:
        feed = WallFeed(1)
        feed.add_many(self.activities)
        with self.assertNumQueries(4):
            page = prefetch(
                feed.page(25),
                Photo.objects.select_related("owner").prefetch_related("tags"),
                User.objects.annotate(photos=Count("photo")),
            )
        with self.assertNumQueries(0):
            assert [[*one.object.tags.all()] for one in page] == [[self.tag]] * 7
            assert [one.object.owner == one.actor for one in page] == [True] * 7
            assert [one.actor.photos for one in page] == [1] * 7

    def test_what_a_queryset_leaves_out_is_none(self) -> None:
        feed = WallFeed(1)
        feed.add_many(self.activities)
        page = prefetch(feed[:], Photo.objects.exclude(pk=self.photos[3].pk))
        assert [one.object is None for one in page].count(True) == 1

    def test_only_the_roles_that_are_used_are_asked_for(self) -> None:
        feed = WallFeed(1)
        feed.add_many(self.activities)
        with self.assertNumQueries(1):
            prefetch(feed[:], roles=["object"])

    def test_deleted_instances_take_no_further_query(self) -> None:
        feed = WallFeed(1)
        feed.add_many(self.activities)
        Photo.objects.all().delete()
        page = prefetch(feed[:])
        with self.assertNumQueries(0):
            assert [one.object for one in page] == [None] * 7

    def test_groups_have_the_instances_of_their_activities(self) -> None:
        for feed in (DigestFeed(1), BellFeed(1)):
            feed.add_many(self.activities)
            groups = feed[:]
            with self.assertNumQueries(3):
                prefetch(groups)
            with self.assertNumQueries(0):
                for group in groups:
                    assert {*actors_of(group)} <= {*self.users}
                    assert [one.object for one in group.last_activities] == objects_of(group)
                    assert targets_of(group) == [self.album]
            assert sum(len(actors_of(group)) for group in groups) == 7

    def test_groups_leave_out_who_was_deleted(self) -> None:
        feed = DigestFeed(1)
        feed.add_many(self.activities)
        User.objects.filter(pk=self.users[2].pk).delete()
        [group] = prefetch(feed[:])
        assert (len(actors_of(group)), group.actor_count) == (6, 7)
        assert self.users[2] not in actors_of(group)

    def test_activities_of_other_classes_are_left_as_they_are(self) -> None:
        plain = Activity(1, Love, 2)
        assert prefetch([plain, self.activities[0]]) == [plain, self.activities[0]]

    def test_it_takes_querysets(self) -> None:
        with pytest.raises(ArgumentError, match="select_related"):
            prefetch([], Photo)

"""The examples in the docstrings of streamfw-django run."""

from __future__ import annotations

from types import SimpleNamespace

from django.contrib.auth.models import User
from django.test import TestCase
from photos.feeds import WallFeed
from photos.models import Photo
from streamfw_django import ModelActivity
from streamfw_django.testing import IsolatedFeeds

from streamfw_core import Add, Streams
from tests.docs.blocks import blocks_of_docstrings
from tests.docs.docstrings import assumed, run


class Examples(IsolatedFeeds, TestCase):
    def test_examples_run(self) -> None:
        ada = User.objects.create(username="ada")
        photo = Photo.objects.create(owner=ada, title="Sea")
        feed = WallFeed(1)
        feed.add(ModelActivity(ada, Add, photo))
        names = {"User": User, "Photo": Photo, "photo": photo, "feed": feed, "TestCase": TestCase, "WallFeed": WallFeed}
        request = SimpleNamespace(user=ada, GET={})
        examples = [block for block in blocks_of_docstrings() if block.where.startswith("streamfw_django")]
        assert len(examples) >= 6
        for block in examples:
            with self.subTest(block.where), Streams({}) as others:
                run(block, {**assumed(others), **names, "request": request})

"""The page of the admin: for staff who may, and it shows what is there, changes nothing, and lets no markup through."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import TestCase
from photos.feeds import BellFeed, WallFeed
from photos.models import Photo
from streamfw_django import ModelActivity
from streamfw_django.testing import IsolatedFeeds

from streamfw_core import Add, Love

PAGE = "/admin/streamfw_django/userfeed/"


class Looking(IsolatedFeeds, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.staff = User.objects.create_user("staff", password="x", is_staff=True)
        self.staff.user_permissions.add(Permission.objects.get(codename="view_userfeed"))
        self.client.force_login(self.staff)
        self.photo = Photo.objects.create(owner=self.staff, title="<script>alert(1)</script>")

    def look(self, feed: str, owner: object, **more: str) -> str:
        answer = self.client.get(PAGE, {"feed": feed, "owner": str(owner), **more})
        assert answer.status_code == 200
        text: str = answer.content.decode()
        return text

    def test_it_is_for_staff_with_the_permission(self) -> None:
        asked: dict[str, Any] = {"feed": "wall", "owner": "1"}
        assert self.client.get(PAGE, asked).status_code == 200
        for user, code in (
            (User.objects.create_user("visitor"), 302),
            (User.objects.create_user("other staff", is_staff=True), 403),
            (User.objects.create_user("root", is_staff=True, is_superuser=True), 200),
        ):
            self.client.force_login(user)
            assert self.client.get(PAGE, asked).status_code == code
        self.client.logout()
        assert self.client.get(PAGE, asked).status_code == 302

    def test_it_is_in_the_index_of_those_who_may(self) -> None:
        assert PAGE in self.client.get("/admin/").content.decode()
        self.client.force_login(User.objects.create_user("other staff", is_staff=True))
        assert PAGE not in self.client.get("/admin/").content.decode()

    def test_it_shows_activities_and_escapes_them(self) -> None:
        WallFeed(7).add(ModelActivity(self.staff, Add, self.photo, extra_context={"b": "<b>"}))
        WallFeed(7).add(ModelActivity("<i>", Love, "photos.photo:999"))
        text = self.look("wall", 7)
        assert "2 entries" in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "photos.photo:999 (deleted)" in text
        assert "&lt;i&gt;" in text
        assert not re.search("<script>alert|<i>|<b>", text)

    def test_it_shows_notifications_and_marks_nothing(self) -> None:
        feed = BellFeed("who<b>")
        feed.add(ModelActivity(self.staff, Love, self.photo))
        text = self.look("bell", "who<b>")
        assert "1 entries, 1 unseen, 1 unread" in text
        assert "unseen, unread</th>" in text
        assert "<b>" not in text
        assert (feed.count_unseen(), feed.count_unread()) == (1, 1)

    def test_it_has_pages(self) -> None:
        WallFeed(7).add_many(ModelActivity(self.staff, Add, f"thing {number:02}") for number in range(30))
        seen: list[str] = []
        link = "?feed=wall&owner=7"
        while link:
            text = self.client.get(PAGE + link).content.decode()
            seen += re.findall(r"thing \d\d", text)
            found = re.search(r'href="(\?feed=[^"]*)"', text)
            link = found[1].replace("&amp;", "&") if found else ""
        assert len(seen) == len({*seen}) == 30

    def test_it_says_what_is_wrong_with_what_was_asked(self) -> None:
        assert "Select a valid choice" in self.look("nothing", 1)
        assert "This field is required" in self.look("wall", "")
        assert "is not a page cursor" not in self.look("wall", 1, after="garbage")

    def test_an_owner_whom_nobody_knows_is_asked_after(self) -> None:
        assert "Nothing is in it; is the id that of a user?" in self.look("wall", "nobody")

    def test_it_changes_nothing(self) -> None:
        assert self.client.post(PAGE, {"feed": "wall", "owner": "1"}).status_code == 403
        for address in ("add/", "1/change/", "1/delete/"):
            assert self.client.get(PAGE + address).status_code == 404


class WithoutTable(TestCase):
    """The model has none, and nothing asks for it."""

    def test_dumpdata_leaves_it_out(self) -> None:
        out = io.StringIO()
        call_command("dumpdata", "--all", stdout=out)
        assert not [one for one in json.loads(out.getvalue()) if one["model"].startswith("streamfw_django")]

    def test_migrations_are_complete(self) -> None:
        call_command("makemigrations", "streamfw_django", "--check", "--dry-run", verbosity=0)

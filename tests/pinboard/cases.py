"""What the pinboard does, page by page: cases that Django's own test runner runs, see test_pages.py.

Feeds are in memory and fan out in the caller, so what is published is there when the request is answered.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock, patch

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client, SimpleTestCase, TestCase, override_settings
from pins import deeds, live, world
from pins.feeds import DigestFeed, HomeFeed, NotificationsFeed, OwnFeed
from pins.models import Board, Comment, Follow, Love, Pin
from redis.exceptions import RedisError
from streamfw_django import prefetch
from streamfw_django.testing import IsolatedFeeds, isolated_feeds

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Browser(Client):
    """Of somebody who is signed in."""

    def __init__(self, case: TestCase, user: User) -> None:
        super().__init__()
        self.case, self.user = case, user
        self.force_login(user)

    def do(self, path: str, **fields: str) -> Any:
        """Post a form; what waits for the commit is done. The answer is the page that one ends on."""
        with self.case.captureOnCommitCallbacks(execute=True):
            return self.post(path, fields, follow=True)

    def text(self, path: str) -> str:
        """What a page says."""
        return text_of(self.get(path))

    def pin(self, what: str, board: str = "Gardens") -> Pin:
        self.do("/pins/new/", what=what, board=str(Board.objects.get(name=board).pk))
        made: Pin = Pin.objects.get(owner=self.user, what=what)
        return made


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    main = answer.content.decode().partition("<main")[2].partition(">")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", main)).split())


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])  # others are slow on purpose
class Case(IsolatedFeeds, TestCase):
    def setUp(self) -> None:
        super().setUp()
        world.make_boards()
        self.ada, self.bela, self.chen = self.people("Ada", "Bela", "Chen")

    def people(self, *names: str) -> list[Browser]:
        return [Browser(self, User.objects.create_user(name, password="pinboard")) for name in names]

    def counts(self, browser: Browser) -> tuple[int, int]:
        data = NotificationsFeed(browser.user.pk).get_notification_data()
        return data["unseen_count"], data["unread_count"]


class SigningUp(Case):
    def test_who_signs_up_is_signed_in(self) -> None:
        somebody = Client()
        answer = somebody.post("/sign-up/", {"username": "Dora", "password": "pinboard"}, follow=True)
        self.assertContains(answer, "Follow some people")
        self.assertContains(answer, "Dora")
        somebody.post("/sign-out/")
        self.assertRedirects(somebody.get("/"), "/sign-in/?next=/")
        answer = somebody.post("/sign-in/", {"username": "Dora", "password": "pinboard"}, follow=True)
        self.assertContains(answer, "<h1>Home</h1>")

    def test_a_name_that_is_taken_is_refused(self) -> None:
        answer = Client().post("/sign-up/", {"username": "Ada", "password": "pinboard"})
        self.assertContains(answer, "already exists")
        self.assertEqual(User.objects.filter(username="Ada").count(), 1)

    def test_a_wrong_password_is_refused(self) -> None:
        self.assertContains(Client().post("/sign-in/", {"username": "Ada", "password": "pinbord"}), "correct")

    def test_pages_are_for_those_who_are_signed_in(self) -> None:
        pin = self.ada.pin("Moss")
        pages = ("/", "/digest/", "/people/", "/people/Ada/", "/notifications/", "/notifications/events/")
        for path in (*pages, "/pins/new/", f"/pins/{pin.pk}/"):
            self.assertRedirects(Client().get(path), f"/sign-in/?next={path}")
        for path in ("love", "comment", "repin", "delete"):
            Client().post(f"/pins/{pin.pk}/{path}/", {"text": "x"})
        self.assertEqual([*Pin.objects.all()], [pin])
        self.assertFalse(Love.objects.exists() or Comment.objects.exists())

    def test_who_is_not_signed_in_does_nothing(self) -> None:
        self.bela.do(f"/pins/{self.ada.pin('Moss').pk}/love/")
        of_love = NotificationsFeed(self.ada.user.pk)[0].group
        gardens = str(Board.objects.get(name="Gardens").pk)
        posts = {
            "/people/Ada/follow/": {},
            "/pins/new/": {"what": "Fern", "board": gardens},
            "/notifications/": {},
            "/notifications/open/": {"group": of_love},
        }
        for path, fields in posts.items():
            self.assertRedirects(Client().post(path, fields), f"/sign-in/?next={path}")
        self.assertFalse(Follow.objects.exists() or Pin.objects.filter(what="Fern").exists())
        self.assertEqual(self.counts(self.ada), (1, 1))

    def test_what_another_site_posts_is_refused(self) -> None:
        deceived = Client(enforce_csrf_checks=True)
        deceived.force_login(self.bela.user)
        pin = self.ada.pin("Moss")
        mine = self.bela.pin("Fern")
        of_pin = [f"/pins/{pin.pk}/{deed}/" for deed in ("love", "comment", "repin")]
        others = ["/people/Ada/follow/", "/pins/new/", "/notifications/", "/notifications/open/", "/sign-out/"]
        for path in (*of_pin, f"/pins/{mine.pk}/delete/", *others, "/sign-up/", "/sign-in/"):
            answer = deceived.post(path, {"text": "x", "what": "x", "username": "Dora", "password": "pinboard"})
            self.assertEqual(answer.status_code, 403, path)

    def test_signing_in_leads_to_no_other_site(self) -> None:
        fields = {"username": "Ada", "password": "pinboard"}
        for to, found in (("/digest/", "/digest/"), ("https://elsewhere.invalid/", "/"), ("//elsewhere.invalid/", "/")):
            self.assertRedirects(Client().post("/sign-in/", {**fields, "next": to}), found)

    def test_names_that_mean_something_in_addresses_are_refused(self) -> None:
        for name in (".", ".."):
            answer = Client().post("/sign-up/", {"username": name, "password": "pinboard"})
            self.assertContains(answer, "Choose another name")

    def test_deeds_are_posted(self) -> None:
        pin = self.ada.pin("Moss")
        for path in (f"/pins/{pin.pk}/{deed}/" for deed in ("love", "comment", "repin", "delete")):
            self.assertEqual(self.ada.get(path).status_code, 405)
        self.assertEqual(self.bela.get("/people/Ada/follow/").status_code, 405)


class Pinning(Case):
    def test_followers_see_a_pin(self) -> None:
        self.bela.do("/people/Ada/follow/")
        self.ada.pin("Moss")
        self.assertIn("Moss Ada pinned this on Gardens just now", self.bela.text("/"))
        self.assertIn("Ada pinned Moss on Gardens", self.bela.text("/digest/"))
        self.assertIn("Moss Ada pinned this on Gardens", self.chen.text("/people/Ada/"))
        self.assertNotIn("Moss", self.chen.text("/"))

    def test_the_digest_counts_what_one_person_pins_on_one_board(self) -> None:
        self.bela.do("/people/Ada/follow/")
        for what in ("Moss", "Fig tree", "Bee hotel"):
            self.ada.pin(what)
        self.ada.pin("Orion", "Night skies")
        self.assertIn("Ada pinned 3 things on Gardens", self.bela.text("/digest/"))
        self.assertIn("Ada pinned Orion on Night skies", self.bela.text("/digest/"))

    def test_nothing_is_no_pin(self) -> None:
        answer = self.ada.do("/pins/new/", what="  ", board=str(Board.objects.get(name="Gardens").pk))
        self.assertContains(answer, "This field is required.")
        self.assertFalse(Pin.objects.exists())
        self.assertEqual(OwnFeed(self.ada.user.pk).count(), 0)

    def test_the_same_again_is_the_same_pin(self) -> None:
        self.ada.pin("Moss")
        self.ada.pin("Moss")
        self.assertEqual(OwnFeed(self.ada.user.pk).count(), 1)

    def test_what_people_write_is_shown_as_they_wrote_it(self) -> None:
        self.bela.do("/people/Ada/follow/")
        pin = self.ada.pin("<b>Moss</b>")
        self.ada.do(f"/pins/{pin.pk}/comment/", text="<script>")
        for path in ("/", "/digest/", f"/pins/{pin.pk}/"):
            self.assertNotIn("<b>Moss", self.bela.get(path).content.decode())
            self.assertNotIn("<script>", self.bela.get(path).content.decode().partition("<main")[2])

    def test_what_is_pinned_again_is_told_to_whose_it_was(self) -> None:
        moss = self.ada.pin("Moss")
        self.assertIn("Moss is on your board Gardens", text_of(self.bela.do(f"/pins/{moss.pk}/repin/")))
        self.bela.do(f"/pins/{moss.pk}/repin/")
        copy = Pin.objects.get(owner=self.bela.user)
        self.assertEqual((copy.source, copy.board, copy.what), (moss, moss.board, "Moss"))
        self.assertIn("found with Ada", self.bela.text(f"/pins/{copy.pk}/"))
        self.assertEqual(self.counts(self.ada), (1, 1))
        self.assertIn("Bela pinned your Moss", self.ada.text("/notifications/"))

    def test_nobody_pins_their_own_again(self) -> None:
        moss = self.ada.pin("Moss")
        self.ada.do(f"/pins/{moss.pk}/repin/")
        self.assertEqual(Pin.objects.count(), 1)
        self.assertEqual(self.counts(self.ada), (0, 0))

    def test_a_pin_that_is_deleted_disappears_from_every_feed(self) -> None:
        self.bela.do("/people/Ada/follow/")
        self.chen.do("/people/Bela/follow/")
        self.ada.do("/notifications/")
        orion = self.bela.pin("Orion", "Night skies")
        self.ada.do(f"/pins/{orion.pk}/repin/")
        copy = Pin.objects.get(owner=self.ada.user)
        self.bela.do(f"/pins/{copy.pk}/love/")
        self.bela.do(f"/pins/{copy.pk}/comment/", text="My favourite")
        self.chen.do(f"/pins/{copy.pk}/repin/")
        self.assertIn("Orion", self.chen.text("/digest/"))
        self.assertEqual(self.counts(self.bela), (2, 2))  # Chen follows, Ada pinned

        self.assertEqual(self.bela.post(f"/pins/{copy.pk}/delete/").status_code, 404)
        self.assertIn("Orion is gone, from every feed", text_of(self.ada.do(f"/pins/{copy.pk}/delete/")))
        for browser, path in (
            (self.bela, "/"),
            (self.bela, "/digest/"),
            (self.ada, "/people/Ada/"),
            (self.ada, "/notifications/"),
        ):
            self.assertNotIn("Orion", browser.text(path).replace("Orion is gone", ""))
        self.assertNotIn("My favourite", self.chen.text("/"))
        self.assertIn("Bela pinned Orion on Night skies", self.chen.text("/digest/"))
        self.assertNotIn("love", self.chen.text("/digest/"))
        self.assertEqual(self.counts(self.ada)[1], 0)
        self.assertEqual(self.counts(self.bela), (1, 1))
        self.assertEqual(Pin.objects.get(owner=self.chen.user).source, None)


class Following(Case):
    def test_the_past_comes_along_and_goes_again(self) -> None:
        self.ada.pin("Moss")
        self.assertIn("Unfollow", text_of(self.bela.do("/people/Ada/follow/")))
        self.assertIn("Moss", self.bela.text("/"))
        self.assertIn("Moss", self.bela.text("/digest/"))
        self.assertNotIn("Unfollow", text_of(self.bela.do("/people/Ada/follow/", undo="1")))
        self.assertNotIn("Moss", self.bela.text("/"))
        self.assertNotIn("Moss", self.bela.text("/digest/"))

    def test_who_is_followed_is_told_until_that_is_over(self) -> None:
        self.bela.do("/people/Ada/follow/")
        self.bela.do("/people/Ada/follow/")
        self.chen.do("/people/Ada/follow/")
        self.assertIn("Chen and Bela follow you", self.ada.text("/notifications/"))
        self.bela.do("/people/Ada/follow/", undo="1")
        self.assertIn("Chen follows you", self.ada.text("/notifications/"))

    def test_nobody_follows_themselves(self) -> None:
        self.ada.do("/people/Ada/follow/")
        self.assertFalse(Follow.objects.exists())
        with self.assertRaises(IntegrityError), transaction.atomic():
            Follow.objects.create(follower=self.ada.user, followed=self.ada.user)

    def test_people_are_found_by_a_part_of_their_name(self) -> None:
        self.assertIn("Bela 0 followers", self.ada.text("/people/?q=eL"))
        self.assertNotIn("Chen", self.ada.text("/people/?q=eL"))
        self.assertIn("Nobody has such a name", self.ada.text("/people/?q=%25"))

    def test_a_page_of_people_follows_another(self) -> None:
        self.people(*(f"Dora {number}" for number in range(40)))
        self.assertIn("Page 1 of 2 After", self.ada.text("/people/?q=Dora"))
        self.assertEqual(self.ada.text("/people/?q=Dora&page=2").count("0 followers"), 10)


class Loving(Case):
    def test_love_is_told_once_and_taken_back(self) -> None:
        moss = self.ada.pin("Moss")
        self.assertIn("Unlove", text_of(self.bela.do(f"/pins/{moss.pk}/love/")))
        self.bela.do(f"/pins/{moss.pk}/love/")
        self.assertEqual(self.counts(self.ada), (1, 1))
        self.assertIn("Bela loves your Moss", self.ada.text("/notifications/"))
        self.chen.do(f"/pins/{moss.pk}/love/")
        self.assertIn("Chen and Bela love your Moss", self.ada.text("/notifications/"))
        for browser in (self.bela, self.chen):
            self.assertIn("Love", text_of(browser.do(f"/pins/{moss.pk}/love/", undo="1")))
        self.assertEqual(self.counts(self.ada), (0, 0))
        self.assertIn("Nothing happened yet", self.ada.text("/notifications/"))

    def test_the_digest_names_one_and_counts_the_others(self) -> None:
        moss = self.ada.pin("Moss")
        fans = self.people(*(f"Fan {number}" for number in range(5)))
        for fan in fans:
            self.chen.do(f"/people/{fan.user.username}/follow/")
            fan.do(f"/pins/{moss.pk}/love/")
        self.assertIn("Fan 4 and 4 others love Moss", self.chen.text("/digest/"))
        self.assertEqual(self.chen.text("/").count("loves Ada"), 5)

    def test_nobody_is_told_of_their_own_doings(self) -> None:
        moss = self.ada.pin("Moss")
        self.ada.do(f"/pins/{moss.pk}/love/")
        self.ada.do(f"/pins/{moss.pk}/comment/", text="Mine")
        self.assertEqual(self.counts(self.ada), (0, 0))

    def test_comments_are_shown_and_told(self) -> None:
        moss = self.ada.pin("Moss")
        self.chen.do("/people/Bela/follow/")
        self.assertIn("Bela So green!", text_of(self.bela.do(f"/pins/{moss.pk}/comment/", text="So green!")))
        self.assertIn("Bela commented on your Moss: So green!", self.ada.text("/notifications/"))
        self.assertIn("Moss Bela says So green!", self.chen.text("/"))
        self.assertIn("Bela commented on Moss: So green!", self.chen.text("/digest/"))
        self.assertContains(self.bela.do(f"/pins/{moss.pk}/comment/", text=" "), "This field is required.")
        self.assertEqual(Comment.objects.count(), 1)


class Notified(Case):
    def setUp(self) -> None:
        super().setUp()
        self.moss = self.ada.pin("Moss")
        self.bela.do(f"/pins/{self.moss.pk}/love/")
        self.chen.do("/people/Ada/follow/")

    def test_opening_the_list_has_seen_all_and_read_nothing(self) -> None:
        self.assertContains(self.ada.get("/"), ">2</output>")
        self.assertContains(self.ada.get("/notifications/"), "hidden>0</output>")
        self.assertEqual(self.counts(self.ada), (0, 2))
        self.assertEqual(self.ada.get("/notifications/").content.count(b'class="line unread"'), 2)

    def test_opening_one_has_read_it(self) -> None:
        of_love = NotificationsFeed(self.ada.user.pk)[1].group
        self.assertIn("Moss Pinned by Ada", text_of(self.ada.do("/notifications/open/", group=of_love)))
        self.assertEqual(self.counts(self.ada), (1, 1))
        of_follow = NotificationsFeed(self.ada.user.pk)[0].group
        self.assertIn("Chen", text_of(self.ada.do("/notifications/open/", group=of_follow)))
        self.assertEqual(self.counts(self.ada), (0, 0))
        self.assertIn("Notifications", text_of(self.ada.do("/notifications/open/", group="of nothing")))

    def test_nobody_is_told_of_a_pin_that_is_gone(self) -> None:
        Pin.objects.all().delete()  # and feeds have not learnt it yet
        self.assertNotIn("Moss", self.ada.text("/notifications/"))
        self.assertNotIn("None", self.ada.text("/notifications/"))
        self.assertIn("Chen follows you", self.ada.text("/notifications/"))

    def test_a_page_after_the_last_says_that_that_is_all(self) -> None:
        cursor = NotificationsFeed(self.ada.user.pk).page(1).next_cursor
        self.chen.do("/people/Ada/follow/", undo="1")
        self.bela.do(f"/pins/{self.moss.pk}/love/", undo="1")
        self.assertIn("That is all.", self.ada.text(f"/notifications/?after={cursor}"))

    def test_all_are_read_at_once(self) -> None:
        self.assertNotIn("Mark all read", text_of(self.ada.do("/notifications/")))
        self.assertEqual(self.counts(self.ada), (0, 0))

    def test_a_stream_says_the_counts_at_the_start_and_after_each_change(self) -> None:
        answer = self.ada.get("/notifications/events/")
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        stream = iter(answer.streaming_content)
        self.assertEqual(next(stream), b'event: counts\ndata: {"unseen": 2, "unread": 2}\n\n')
        self.chen.do(f"/pins/{self.moss.pk}/love/", undo="1")  # she never did: no change
        self.chen.do(f"/pins/{self.moss.pk}/comment/", text="So green!")
        self.assertEqual(next(stream), b'event: counts\ndata: {"unseen": 3, "unread": 3}\n\n')
        self.ada.get("/notifications/")
        self.assertEqual(next(stream), b'event: counts\ndata: {"unseen": 0, "unread": 3}\n\n')
        self.chen.do("/people/Ada/follow/", undo="1")
        self.bela.do(f"/pins/{self.moss.pk}/love/", undo="1")
        self.assertEqual(next(stream), b'event: counts\ndata: {"unseen": 0, "unread": 1}\n\n')
        answer.close()
        self.assertEqual(live.streams._of, {})


@override_settings(REDIS="redis://localhost/0")
class Telling(SimpleTestCase):
    """Of counts, over Redis, when that fails."""

    def test_what_is_written_stays_written_when_nobody_can_be_told(self) -> None:
        with patch.object(live, "_redis") as redis, self.assertLogs(live.logger) as logs:
            redis().publish.side_effect = RedisError("it hangs")
            live.changed(13)
        self.assertIn("counts of user 13 have changed: it hangs", logs.output[0])

    def test_whoever_listens_goes_on_after_any_error(self) -> None:
        tries = [RedisError("gone"), ValueError("not understood"), KeyboardInterrupt]
        with (
            patch.multiple(live, _redis=Mock(side_effect=tries), RECONNECT_AFTER=0),
            self.assertLogs(live.logger) as logs,
            self.assertRaises(KeyboardInterrupt),
        ):
            live._listen()
        self.assertEqual([line.rpartition(": ")[2] for line in logs.output], ["gone", "not understood"])


class Scrolling(Case):
    def test_every_activity_is_shown_once(self) -> None:
        self.bela.do("/people/Ada/follow/")
        gardens = Board.objects.get(name="Gardens")
        with self.captureOnCommitCallbacks(execute=True):
            for number in range(47):
                deeds.pin(self.ada.user, gardens, f"Stone {number}")
        shown: list[str] = []
        sizes = []
        path: str | None = "/"
        while path:
            page = self.bela.get(path).content.decode()
            found = re.findall(r'data-activity="(\d+)"', page)
            sizes.append(len(found))
            shown += found
            older = re.search(r'<a rel="next" href="([^"]+)">Older</a>', page)
            path = f"/{html.unescape(older[1])}" if older else None
            if sizes == [20]:
                self.ada.pin("Meanwhile")
            self.assertEqual("That is all." in page, path is None)
        self.assertEqual(sizes, [20, 20, 7])
        self.assertEqual(len({*shown}), 47)

    def test_what_is_no_cursor_is_the_first_page(self) -> None:
        self.bela.do("/people/Ada/follow/")
        self.ada.pin("Moss")
        self.assertIn("Moss", self.bela.text("/?after=nonsense"))

    def test_a_page_takes_as_many_queries_as_another(self) -> None:
        boards = [*Board.objects.all()]
        for browser in (self.bela, self.chen):
            self.ada.do(f"/people/{browser.user.username}/follow/")
        for number in range(1, 13):
            mine = self.ada.pin(f"Stone {number}", boards[number % 4].name)
            for browser in (self.bela, self.chen):
                made = browser.pin(f"Stone {number}", boards[number % 4].name)
                self.ada.do(f"/pins/{made.pk}/comment/", text="Nice")
                browser.do(f"/pins/{mine.pk}/comment/", text="Nice")
            if number in {3, 12}:
                # Session and who it is of; then for all that a page shows one for each model: users, boards and pins.
                # A profile begins with whose it is, and notifications have no boards.
                for path, queries in (("/", 5), ("/digest/", 5), ("/people/Ada/", 6), ("/notifications/", 4)):
                    with self.subTest(path=path, number=number), self.assertNumQueries(queries):
                        self.ada.get(path)


class AWorld(Case):
    def setUp(self) -> None:
        super().setUp()
        User.objects.all().delete()
        world.seed(40, 7, NOW)

    def test_feeds_are_what_the_database_says(self) -> None:
        self.publish()
        for user in User.objects.all():
            followed = Follow.objects.filter(follower=user).values("followed")
            at_home = {one.activity for one in self._deeds(owner__in=followed, user__in=followed)}
            self.assertEqual({*HomeFeed(user.pk)}, at_home)
            self.assertEqual(sum(group.activity_count for group in DigestFeed(user.pk)), len(at_home))
            self.assertEqual({*OwnFeed(user.pk)}, {one.activity for one in self._deeds(owner=user, user=user)})
            told = {one.activity for one in self._deeds(None, pin__owner=user) if one.user != user}
            told |= {one.copied for one in Pin.objects.filter(source__owner=user).exclude(owner=user)}
            told |= {one.activity for one in Follow.objects.filter(followed=user)}
            groups = prefetch(NotificationsFeed(user.pk))
            self.assertEqual(sum(group.activity_count for group in groups), len(told))

    def test_publishing_again_changes_nothing(self) -> None:
        self.publish()
        somebody = world.reader()
        assert somebody is not None
        NotificationsFeed(somebody.pk).mark_all(seen=True, read=True)
        before = self._shown(somebody)
        self.publish()
        self.assertEqual(self._shown(somebody), before)
        self.assertGreater(len(before[0]), 20)

    def test_feeds_that_are_lost_are_made_again(self) -> None:
        self.publish()
        somebody = world.reader()
        assert somebody is not None
        before = self._shown(somebody)[:3]
        with isolated_feeds():
            self.assertEqual(HomeFeed(somebody.pk).count(), 0)
            self.publish()
            self.assertEqual(self._shown(somebody)[:3], before)

    def test_the_same_seed_makes_the_same_world(self) -> None:
        def rows() -> list[Any]:
            pins = Pin.objects.order_by("created_at").values_list("owner__username", "what", "source__owner__username")
            loves = Love.objects.order_by("created_at").values_list("user__username", "pin__what", "created_at")
            return [
                *pins,
                *loves,
                *Follow.objects.order_by("pk").values_list("follower__username", "followed__username"),
            ]

        before = rows()
        User.objects.all().delete()
        world.seed(40, 7, NOW)
        self.assertEqual(rows(), before)
        User.objects.all().delete()
        world.seed(40, 8, NOW)
        self.assertNotEqual(rows(), before)

    def test_everybody_may_be_signed_in_as(self) -> None:
        self.assertTrue(all(Client().login(username=one, password="pinboard") for one in ("Ada", "Bela 2")))

    def test_every_page_of_it_can_be_looked_at(self) -> None:
        self.publish()
        for user in User.objects.order_by("pk")[:6]:
            browser = Browser(self, user)
            paths = ["/", "/digest/", "/people/", "/notifications/", f"/people/{user.username}/"]
            for path in [*paths, *(f"/pins/{pin.pk}/" for pin in user.pins.all()[:2])]:
                self.assertEqual(browser.get(path).status_code, 200)

    def publish(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            world.publish()

    def _shown(self, user: User) -> tuple[Any, ...]:
        bell = NotificationsFeed(user.pk)
        groups = [(one.group, one.activity_count) for one in DigestFeed(user.pk)]
        notified = [(one.group, one.activity_count) for one in bell]
        return [*HomeFeed(user.pk)], groups, notified, bell.get_notification_data()

    @staticmethod
    def _deeds(pins: str | None = "owner", **conditions: Any) -> Iterable[Any]:
        """Rows of the three kinds, those whose field is so; pins have an `owner`, what is said about them a `user`."""
        of_pins = {name: value for name, value in conditions.items() if name.startswith("owner")}
        of_others = {name: value for name, value in conditions.items() if not name.startswith("owner")}
        if pins is not None:
            yield from Pin.objects.filter(**of_pins)
        yield from Love.objects.filter(**of_others)
        yield from Comment.objects.filter(**of_others)

"""Pages of feeds by number and by cursor, and what templates show of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.paginator import EmptyPage, InvalidPage
from django.template import Context, Template
from django.test import TestCase
from photos.feeds import BellFeed, DigestFeed, WallFeed
from photos.models import Photo
from streamfw_core.errors import ArgumentError, FeedConflict
from streamfw_django import CursorPaginator, FeedPaginator, InvalidCursor, ModelActivity
from streamfw_django.testing import IsolatedFeeds

from streamfw_core import Add, Love

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def rendered(text: str, **variables: Any) -> str:
    return str(Template("{% load streamfw %}" + text).render(Context(variables)))


class WithPhotos(IsolatedFeeds, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ada = User.objects.create(username="ada <script>")
        self.photos = [Photo.objects.create(owner=self.ada, title=f"Photo {number}") for number in range(7)]
        self.feed = WallFeed(1)
        self.feed.add_many(
            ModelActivity(self.ada, Add, photo, time=NOON + timedelta(minutes=number))
            for number, photo in enumerate(self.photos)
        )

    def titles(self, page: Any) -> list[str]:
        return [one.object.title for one in page]


class ByNumber(WithPhotos):
    def test_pages_are_those_of_django(self) -> None:
        paginator = FeedPaginator(self.feed, 3)
        assert (paginator.count, paginator.num_pages) == (7, 3)
        page = paginator.get_page("2")
        assert self.titles(page) == ["Photo 3", "Photo 2", "Photo 1"]
        assert (page.has_next(), page.has_previous(), page.start_index()) == (True, True, 4)
        assert self.titles(paginator.get_page(99)) == ["Photo 0"]
        with pytest.raises(EmptyPage):
            paginator.page(4)

    def test_a_page_takes_one_query_for_each_model(self) -> None:
        page = FeedPaginator(self.feed, 3, Photo.objects.select_related("owner")).page(1)
        with self.assertNumQueries(0):
            assert [one.object.owner == one.actor for one in page] == [True] * 3


class ByCursor(WithPhotos):
    def test_the_pages_have_every_activity_once(self) -> None:
        pages = [*CursorPaginator(self.feed, 3)]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [title for page in pages for title in self.titles(page)] == [f"Photo {n}" for n in range(6, -1, -1)]
        assert [page.has_next() for page in pages] == [True, True, False]
        assert [page.has_previous() for page in pages] == [False, True, True]

    def test_what_is_added_meanwhile_shifts_nothing(self) -> None:
        paginator = CursorPaginator(self.feed, 3)
        first = paginator.page()
        self.feed.add(ModelActivity(self.ada, Love, self.photos[0]))
        assert self.titles(paginator.page(first.next_cursor)) == ["Photo 3", "Photo 2", "Photo 1"]

    def test_a_page_takes_one_query_for_each_model(self) -> None:
        with self.assertNumQueries(2):
            page = CursorPaginator(self.feed, 3, Photo.objects.select_related("owner")).page("")
        with self.assertNumQueries(0):
            assert [one.object.owner == one.actor for one in page] == [True] * 3
        assert page[0] == page[:1][0]
        assert page.has_other_pages()

    def test_groups_have_pages_too(self) -> None:
        feed = DigestFeed(1)
        feed.add_many(ModelActivity(self.ada, Add, self.photos[n], time=NOON - timedelta(days=n)) for n in range(5))
        assert [len(page) for page in CursorPaginator(feed, 2)] == [2, 2, 1]

    def test_what_is_no_cursor_is_the_first_page_or_an_error(self) -> None:
        paginator = CursorPaginator(self.feed, 3)
        assert self.titles(paginator.get_page("garbage")) == self.titles(paginator.page())
        with pytest.raises(InvalidCursor, match="is not a page cursor") as caught:
            paginator.page("garbage")
        assert isinstance(caught.value, InvalidPage)


class InTemplates(WithPhotos):
    def test_a_feed_by_its_name(self) -> None:
        for user in (User(pk=1), 1, "1"):
            assert rendered('{% feed "wall" user as wall %}{{ wall.key }}', user=user) == self.feed.key
        with pytest.raises(FeedConflict, match="did you mean 'wall'"):
            rendered('{% feed "wal" 1 as wall %}')

    def test_counts(self) -> None:
        bell = BellFeed(1)
        bell.add(ModelActivity(self.ada, Love, self.photos[0]))
        shown = "{% unseen_count bell %} {% unread_count bell %}"
        assert rendered(shown, bell=bell) == "1 1"
        bell.mark_all(seen=True)
        assert rendered(shown, bell=bell) == "0 1"

    def test_nobody_has_nothing_in_any_feed(self) -> None:
        shown = rendered(
            '{% feed "bell" user as bell %}{% unseen_count bell %} {% unread_count bell %}'
            "{% feed_page bell 3 as page %}{% render_activities page %}{% if page.has_next %}more{% endif %}",
            user=AnonymousUser(),
        )
        assert shown == "0 0"

    def test_counts_are_those_of_notification_feeds(self) -> None:
        for tag in ("unseen_count", "unread_count"):
            with pytest.raises(ArgumentError, match="feed 'wall' is no notification feed"):
                rendered(f"{{% {tag} wall %}}", wall=self.feed)
            with pytest.raises(ArgumentError, match=r"'' \(str\) is no feed"):
                rendered(f"{{% {tag} misspelt %}}")

    def test_a_loop_with_a_template_for_each_verb(self) -> None:
        self.feed.add(ModelActivity(self.ada, Love, self.photos[0]))
        shown = rendered("{% feed_page wall 3 after as page %}{% render_activities page %}", wall=self.feed, somebody="B")
        assert "<p>ada &lt;script&gt; loves Photo 0 at B's</p>" in shown
        assert shown.count('<p class="activity">ada &lt;script&gt; added Photo') == 2
        assert "<script>" not in shown

    def test_groups_and_notifications(self) -> None:
        fans = [User.objects.create(username=f"fan {number}") for number in range(4)]
        for feed in (DigestFeed(1), BellFeed(1)):
            feed.add_many(
                ModelActivity(fan, Love, self.photos[0], time=NOON + timedelta(seconds=number))
                for number, fan in enumerate(fans)
            )
            shown = rendered("{% render_activities feed %}", feed=feed[:])
            assert 'class="group unseen unread"' in shown
            assert "fan 3, fan 2 (+2) loved Photo 0" in shown
        bell = BellFeed(1)
        bell.mark_all(seen=True, read=True)
        assert 'class="group"' in rendered("{% render_activities feed %}", feed=bell[:])

    def test_what_was_deleted_and_what_is_no_instance_are_shown_by_their_ids(self) -> None:
        feed = WallFeed(2)
        feed.add(ModelActivity(self.ada, Add, self.photos[0], "a place"))
        Photo.objects.all().delete()
        feed.add(ModelActivity("somebody", Add, 7))
        shown = rendered("{% render_activities feed %}", feed=feed[:])
        assert f"added {feed[1].object_id} &rarr; a place" in shown
        assert "somebody added 7" in shown

    def test_people_of_a_group(self) -> None:
        feed = BellFeed(1)
        feed.add(ModelActivity(self.ada, Love, self.photos[0], self.photos[1]))
        shown = "{{ group|actors|length }}{{ group|objects|join:'' }}{{ group|targets|join:'' }}"
        assert rendered(shown, group=feed[0]) == "1Photo 0Photo 1"

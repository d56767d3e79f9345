"""The example application in browsers: two people, one page each, and what the one does shows at the other's."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.pinboard.serving import Site
from tests.pinboard.stories import meet_and_part
from tests.pinboard.visiting import Visitor
from tests.services.waiting import wait_for

Visit = Callable[..., Visitor]


def test_two_people_meet_and_part(visit: Visit) -> None:
    meet_and_part(visit(), visit())


def test_what_somebody_pinned_before_comes_with_following_and_goes_with_unfollowing(visit: Visit) -> None:
    vera, walt = visit().sign_up("vera"), visit().sign_up("walt")
    vera.pin("A kite of paper")
    vera.pin("A kite of silk")
    walt.follow("vera")
    walt.wait_for_card("/", "A kite of paper")
    walt.wait_for_card("/", "A kite of silk")

    walt.open("/people/vera/")
    walt.press("Unfollow")

    walt.wait_for_card("/", "A kite of silk", count=0)
    walt.wait_for_card("/", "A kite of paper", count=0)


def test_nobody_hears_of_their_own_doings(visit: Visit) -> None:
    solo = visit().sign_up("solo")
    solo.pin("My own moss")
    solo.press("Love")
    expect(solo.button("Unlove")).to_be_visible()

    solo.open("/notifications/")

    expect(solo.page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(solo.page.locator(".unread")).to_have_count(0)


def test_only_the_owner_can_delete(visit: Visit) -> None:
    owner, other = visit().sign_up("owner"), visit().sign_up("other")
    owner.pin("A thing to keep")
    other.open(owner.page.url)

    expect(owner.button("Delete")).to_be_visible()
    expect(other.button("Delete")).to_have_count(0)


def test_who_signs_out_has_to_sign_in_again(visit: Visit) -> None:
    gone = visit().sign_up("gone")
    gone.press("Sign out")
    expect(gone.button("Sign in")).to_be_visible()

    gone.open("/notifications/")

    expect(gone.button("Sign in")).to_be_visible()
    gone.sign_in("gone", "secret of gone")


def test_what_no_page_may_do_is_noted(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("/sign-in/")
    page.evaluate("fetch('http://elsewhere.invalid/').catch(() => {})")
    page.evaluate("fetch('/no-such-page/')")
    page.evaluate("setTimeout(() => { throw new Error('a fault') })")
    wait_for(lambda: page.evaluate("1") and len(visitor.faults) >= 4, "all of it is noted")

    noted = " ".join(visitor.faults)
    visitor.faults.clear()
    for fault in ("another host: http://elsewhere.invalid/", "404: ", "error on the console", "a fault"):
        assert fault in noted


# --- a long feed ---

PAGE = 20


def test_scrolling_to_the_end_shows_everything_once(visit: Visit, site: Site) -> None:
    name = site.reader()
    assert len(site.at_home(name)) > 2 * PAGE
    scrolling = visit().sign_in(name)
    assert len(scrolling.cards()) == PAGE
    scrolling.scroll_to_the_end()

    activities, pins = zip(*scrolling.cards(), strict=True)
    assert len({*activities}) == len(activities)
    assert sorted(pins) == sorted(site.at_home(name))
    times = scrolling.page.locator("article.pin-card time").evaluate_all("all => all.map(one => Date.parse(one.dateTime))")
    assert times == sorted(times, reverse=True)


def test_where_the_next_page_does_not_come_the_link_to_it_stays(visit: Visit, site: Site) -> None:
    scrolling = visit().sign_in(site.reader())
    scrolling.page.route("**/?after=*", lambda route: route.abort())
    with scrolling.page.expect_event("requestfailed"):
        scrolling.page.mouse.wheel(0, 20_000)
    older = scrolling.page.get_by_role("link", name="Older", exact=True)
    expect(older).to_be_visible()
    assert [fault for fault in scrolling.faults if "Failed to load resource" not in fault] == []

    scrolling.faults.clear()  # the browser itself says on the console what failed
    scrolling.page.unroute("**/?after=*")
    older.click()
    expect(scrolling.page).to_have_url(re.compile("after="))
    assert len(scrolling.cards()) == PAGE


def test_what_comes_while_somebody_scrolls_moves_nothing(visit: Visit, site: Site) -> None:
    scrolling, busy = visit().sign_up("scrolling"), visit().sign_up("busy")
    followed = (
        "select followed.username from pins_follow join auth_user as followed on followed.id = followed_id"
        " join auth_user as follower on follower.id = follower_id where follower.username = ?"
    )
    for name in ("busy", *(name for (name,) in site.rows(followed, site.reader()))):
        scrolling.follow(name)
    scrolling.wait_for_card("/", "", count=PAGE)
    before = scrolling.cards()
    assert len(site.at_home("scrolling")) > 2 * PAGE
    for number in range(3):
        busy.pin(f"News {number}")
    visit().sign_in("scrolling", "secret of scrolling").wait_for_card("/", "News", count=3)

    scrolling.scroll_to_the_end()

    after = scrolling.cards()
    assert after[:PAGE] == before
    assert len(after) == len({*after}) == len(site.at_home("scrolling")) - 3
    scrolling.page.reload()
    expect(scrolling.card("News")).to_have_count(3)

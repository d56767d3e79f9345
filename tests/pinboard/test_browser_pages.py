"""Every page of the example application: for people with a keyboard, without JavaScript, in the dark, on a small screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.pinboard.looks import READABLE, colours, contrasts, overhang
from tests.pinboard.serving import Site
from tests.pinboard.visiting import Visitor

Visit = Callable[..., Visitor]

PAGES = ["/", "/digest/", "/people/", "/people/{name}/", "/pins/new/", "/pins/{pin}/", "/notifications/"]
FOR_GUESTS = ["/sign-in/", "/sign-up/"]


@pytest.fixture
def name(site: Site) -> str:
    """Of somebody who finds something on every page."""
    return site.reader()


@pytest.fixture
def paths(site: Site, name: str) -> list[str]:
    """Of all that this person can see."""
    [(pin,)] = site.rows("select pin_id from pins_comment order by id limit 1")
    return [path.format(name=name, pin=pin) for path in PAGES]


# --- the keyboard ---


def tab_to(visitor: Visitor, wanted: Locator) -> None:
    """Press Tab until that has the focus, and is seen to have it."""
    for _ in range(200):
        visitor.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            ring = wanted.evaluate("element => getComputedStyle(element).outlineStyle")
            assert ring != "none", f"nobody sees that {wanted} has the focus"
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


def test_a_keyboard_is_enough_to_love_a_pin(visit: Visit) -> None:
    owner, fan = visit().sign_up("owner.of.keys"), visit().sign_up("fan.of.keys")
    owner.pin("A ring of keys")
    fan.follow("owner.of.keys")
    fan.wait_for_card("/", "A ring of keys")

    tab_to(fan, fan.card("A ring of keys").get_by_role("link").first)
    fan.page.keyboard.press("Enter")
    expect(fan.page.get_by_role("heading", name="A ring of keys", level=1)).to_be_visible()
    tab_to(fan, fan.button("Love"))
    fan.page.keyboard.press("Enter")
    expect(fan.button("Unlove")).to_be_visible()
    tab_to(fan, fan.page.get_by_role("textbox", name="Comment"))
    fan.page.keyboard.type("They jingle.")
    fan.page.keyboard.press("Enter")
    expect(fan.page.get_by_text("They jingle.")).to_be_visible()

    expect(owner.unseen).to_have_text("3")


def test_a_keyboard_is_enough_to_sign_in_and_out(visit: Visit, name: str) -> None:
    visitor = visit()
    visitor.open("/sign-in/")
    expect(visitor.page.get_by_label("Name")).to_be_focused()
    visitor.page.keyboard.type(name)
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.type("pinboard")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    tab_to(visitor, visitor.button("Sign out"))
    visitor.page.keyboard.press("Space")

    expect(visitor.button("Sign in")).to_be_visible()


def test_the_first_tab_leads_past_the_header(visit: Visit, name: str, paths: list[str]) -> None:
    visitor = visit().sign_in(name)
    for path in paths:
        page = visitor.open(path)
        page.evaluate("document.activeElement.blur()")  # the new pin's form has the focus
        skip = page.locator("a.skip")
        expect(skip).not_to_be_in_viewport()
        page.keyboard.press("Tab")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")

        assert page.evaluate("document.querySelector('main').contains(document.activeElement)"), path


# --- without JavaScript ---


def test_without_javascript_everything_works_but_what_moves(visit: Visit, site: Site, name: str, paths: list[str]) -> None:
    visitor = visit(java_script_enabled=False).sign_in(name)
    for path in paths:
        visitor.open(path)
        expect(visitor.page.locator("h1")).to_have_count(1)

    visitor.open("/")
    older = visitor.page.get_by_role("link", name="Older", exact=True)
    seen = visitor.cards()
    while older.count():
        older.click()
        expect(visitor.page.get_by_role("heading", name="Home", level=1)).to_be_visible()
        seen += visitor.cards()
    assert len(seen) == len({*seen}) == len(site.at_home(name))
    expect(visitor.page.get_by_text("That is all.")).to_be_visible()


def test_without_javascript_one_can_pin_love_and_read(visit: Visit) -> None:
    plain, fan = visit(java_script_enabled=False).sign_up("plain"), visit(java_script_enabled=False).sign_up("plain.fan")
    plain.pin("A plain thing")
    fan.follow("plain")
    fan.wait_for_card("/", "A plain thing")
    fan.open_pin("A plain thing")
    fan.press("Love")
    expect(fan.button("Unlove")).to_be_visible()
    plain.open("/")
    expect(plain.unseen).to_have_text("2")

    plain.open("/notifications/")
    expect(plain.page.locator(".unread")).to_have_count(2)
    expect(plain.unseen).to_be_hidden()
    plain.press("Mark all read")
    expect(plain.page.locator(".unread")).to_have_count(0)


# --- looks ---


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str, visit: Visit, name: str, paths: list[str]) -> None:
    visitor = visit(color_scheme=scheme)
    hard: list[tuple[str, str, float]] = []

    def look(path: str) -> None:
        texts = contrasts(visitor.open(path))
        assert len(texts) > 3, path
        hard.extend((path, text, contrast) for text, contrast in texts if contrast < READABLE)

    for path in FOR_GUESTS:
        look(path)
    visitor.sign_in(name)
    for path in paths:
        look(path)
    assert hard == []


def test_light_and_dark_are_different(visit: Visit) -> None:
    light, dark = visit(color_scheme="light"), visit(color_scheme="dark")
    text, ground = colours(light.open("/sign-in/"))
    other_text, other_ground = colours(dark.open("/sign-in/"))

    assert text != other_text
    assert ground != other_ground


@pytest.mark.parametrize("width", [320, 390])
def test_a_narrow_screen_needs_no_scrolling_to_the_side(width: int, visit: Visit, name: str, paths: list[str]) -> None:
    visitor = visit(viewport={"width": width, "height": 700})
    visitor.sign_in(name)
    wide = {path: overhang(visitor.open(path)) for path in paths}
    visitor.press("Sign out")
    wide |= {path: overhang(visitor.open(path)) for path in FOR_GUESTS}

    assert wide == dict.fromkeys(wide, 0)


def test_every_page_says_what_it_is(visit: Visit, name: str, paths: list[str]) -> None:
    visitor = visit().sign_in(name)
    titles = []
    for path in paths:
        page = visitor.open(path)
        titles.append(page.title())
        assert page.locator("html").get_attribute("lang") == "en"
        expect(page.locator("h1")).to_have_count(1)
        nameless = page.locator("a, button, input:not([type=hidden]), select").evaluate_all(
            "all => all.filter(one => !(one.textContent.trim() || one.ariaLabel || one.labels?.length)).map(one => one.outerHTML)"
        )
        assert nameless == [], path
        assert page.locator("img:not([alt])").count() == 0, path
    assert len({*titles}) == len(titles)

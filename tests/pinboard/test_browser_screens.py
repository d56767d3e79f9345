"""The pictures of docs/pinboard.md: taken here, and what the application looks like now."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
from attrs import frozen
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, expect

from tests.packaging.environments import ROOT
from tests.pinboard.at_noon import NOON
from tests.pinboard.serving import Site, serve
from tests.pinboard.visiting import Visitor

Visit = Callable[..., Visitor]

VARIABLE = "STREAMFW_SCREENS"
"""Set to 1, the pictures are written into the documentation; else what is there is compared with them."""

FOLDER = ROOT / "docs" / "images"
LARGEST = 200_000  # bytes
LIKE = 6.0
"""The mean difference, of 255, of pictures shrunk to `THUMBNAIL` that show the same: another font changes less.

A page that has lost its lines is further away, see `test_a_page_without_its_content_is_not_like_it`.
"""
THUMBNAIL = (24, 16)
SCALE = 1.5
TITLE = 200
"""Pixels of a picture above the content: the header and the title."""

_AGES = """
(now) => {
  const ago = (count, unit) => `${Math.round(count)} ${unit}${Math.round(count) === 1 ? "" : "s"} ago`;
  for (const time of document.querySelectorAll("time")) {
    const minutes = Math.max(1, (now - Date.parse(time.dateTime)) / 60_000);
    time.textContent =
      minutes < 60 ? ago(minutes, "minute") : minutes < 1440 ? ago(minutes / 60, "hour") : ago(minutes / 1440, "day");
  }
}
"""


@frozen
class Screen:
    """A picture: of which page, and how."""

    name: str
    path: str
    scheme: str
    width: int
    height: int
    shown: str
    count: int
    """How many of what is `shown` the page has, whether one sees them at once or not."""


SCREENS = [
    Screen("pinboard-home", "/", "light", 960, 640, ".pin-card", 20),
    Screen("pinboard-digest", "/digest/", "dark", 960, 560, ".line", 20),
    Screen("pinboard-notifications", "/notifications/", "light", 960, 460, ".line", 10),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One that nobody has changed, and that was made up at noon."""
    at_noon = (sys.executable, ROOT / "tests/pinboard/at_noon.py", "pinboard")
    with serve(tmp_path_factory.mktemp("screens"), command=at_noon, people=60) as started:
        yield started


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_the_documentation_shows_what_it_looks_like(screen: Screen, visit: Visit, site: Site) -> None:
    window = {"width": screen.width, "height": screen.height}
    visitor = visit(color_scheme=screen.scheme, viewport=window, device_scale_factor=SCALE)
    if screen.path == "/notifications/":
        visitor.sign_in(most_loved(site))
        read_one(visitor)
    else:
        visitor.sign_in(site.reader())
    page = visitor.open(screen.path)
    expect(page.locator(screen.shown)).to_have_count(screen.count)
    taken = take(page)
    file = FOLDER / f"{screen.name}.png"
    if os.environ.get(VARIABLE) == "1":
        taken.save(file, optimize=True)

    assert file.is_file(), f"{file} is not there: take it with {VARIABLE}=1"
    assert file.stat().st_size < LARGEST
    with Image.open(file) as committed:
        assert committed.size == taken.size == (screen.width * SCALE, screen.height * SCALE)
        difference = unlike(committed, taken)
    assert difference < LIKE, f"{file} is not what the page looks like now: take it anew with {VARIABLE}=1"


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_page_without_its_content_is_not_like_it(screen: Screen) -> None:
    with Image.open(FOLDER / f"{screen.name}.png") as committed:
        assert unlike(committed, without_content(committed)) > LIKE


@pytest.mark.parametrize(("one", "other"), [*permutations(SCREENS, 2)], ids=lambda screen: screen.name)
def test_another_page_is_not_like_it(one: Screen, other: Screen) -> None:
    with Image.open(FOLDER / f"{one.name}.png") as committed, Image.open(FOLDER / f"{other.name}.png") as taken:
        assert unlike(committed, taken) > LIKE


def without_content(picture: Image.Image) -> Image.Image:
    """Its header and title, and below them nothing but the ground, which is what its lower left corner shows."""
    blank = picture.convert("RGB")
    corner = blank.crop((0, blank.height - 1, 1, blank.height))
    blank.paste(corner.resize((blank.width, blank.height - TITLE)), (0, TITLE))
    return blank


def most_loved(site: Site) -> str:
    """Whose pins others said most about."""
    [(name,)] = site.rows(
        "select username from auth_user join pins_pin on owner_id = auth_user.id join ("
        " select pin_id, user_id from pins_love union all select pin_id, user_id from pins_comment"
        ") on pin_id = pins_pin.id and user_id != owner_id group by username order by count(*) desc, username limit 1"
    )
    return str(name)


def read_one(visitor: Visitor) -> None:
    """So that there are both, those that were read and those that were not."""
    visitor.open("/notifications/")
    visitor.page.locator(".line").nth(1).get_by_role("button").click()
    expect(visitor.page.get_by_role("heading", name="Notifications")).to_have_count(0)


def take(page: Page) -> Image.Image:
    """What is seen of the page, with the ages that everything had when the site was made, in few colours."""
    page.evaluate(_AGES, NOON.timestamp() * 1000)
    picture = page.screenshot(animations="disabled", scale="device")
    return Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)


def unlike(one: Image.Image, other: Image.Image) -> float:
    """0 to 255."""
    small = [picture.convert("RGB").resize(THUMBNAIL, Image.Resampling.BOX) for picture in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3

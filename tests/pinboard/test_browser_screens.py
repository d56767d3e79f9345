"""The pictures of docs/pinboard.md: taken here, and what the application looks like now."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from attrs import frozen
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, expect

from tests.packaging.environments import ROOT
from tests.pinboard.serving import Site, serve
from tests.pinboard.visiting import Visitor

Visit = Callable[..., Visitor]

VARIABLE = "STREAMFW_SCREENS"
"""Set to 1, the pictures are written into the documentation; else what is there is compared with them."""

FOLDER = ROOT / "docs" / "images"
LARGEST = 200_000  # bytes
LIKE = 16.0
"""The mean difference, of 255, of pictures shrunk to `THUMBNAIL` that show the same: another font changes less."""
THUMBNAIL = (24, 16)
SCALE = 1.5

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


SCREENS = [
    Screen("pinboard-home", "/", "light", 960, 640),
    Screen("pinboard-digest", "/digest/", "dark", 960, 560),
    Screen("pinboard-notifications", "/notifications/", "light", 960, 460),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One that nobody has changed."""
    with serve(tmp_path_factory.mktemp("screens"), people=60) as started:
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
    taken = take(visitor.open(screen.path), site)
    file = FOLDER / f"{screen.name}.png"
    if os.environ.get(VARIABLE):
        taken.save(file, optimize=True)

    assert file.is_file(), f"{file} is not there: take it with {VARIABLE}=1"
    assert file.stat().st_size < LARGEST
    with Image.open(file) as committed:
        assert committed.size == taken.size == (screen.width * SCALE, screen.height * SCALE)
        assert len(committed.convert("RGB").getcolors(1 << 24) or ()) > 50  # it is not blank
        difference = unlike(committed, taken)
    assert difference < LIKE, f"{file} is not what the page looks like now: take it anew with {VARIABLE}=1"


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


def take(page: Page, site: Site) -> Image.Image:
    """What is seen of the page, with the ages that everything had when the site was made, in few colours."""
    [(youngest,)] = site.rows("select max(created_at) from pins_pin")
    made = datetime.fromisoformat(youngest).replace(tzinfo=UTC)
    page.evaluate(_AGES, made.timestamp() * 1000)
    picture = page.screenshot(animations="disabled", scale="device")
    return Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)


def unlike(one: Image.Image, other: Image.Image) -> float:
    """0 to 255."""
    small = [picture.convert("RGB").resize(THUMBNAIL, Image.Resampling.BOX) for picture in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3

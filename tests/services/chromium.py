"""Chromium, which Playwright drives: the system's, so that nothing has to be downloaded beside packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most of those who import the fixtures want no browser, and some have no Playwright
    from playwright.sync_api import Browser

VARIABLE = "STREAMFW_CHROMIUM"
"""Names the program of another Chromium, or of Chrome, than the one on PATH."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")

# Pages look the same on every machine with the same fonts.
_ARGUMENTS = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--disable-gpu"]


def find_chromium() -> Path | None:
    """What `VARIABLE` names, or what is on PATH."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise FileNotFoundError(f"{named} is not a browser that can be run; look at {VARIABLE}")
        return Path(named)
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


@contextmanager
def launched(program: Path) -> Iterator[Browser]:
    """A browser without a window; its contexts are people, who share nothing.

    As long as it is there, this thread has a running event loop, so nothing else can run one: end it early.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()

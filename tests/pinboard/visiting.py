"""People at their browsers."""

from __future__ import annotations

from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.pinboard.serving import PASSWORD, Site
from tests.services.waiting import wait_for

PATIENCE = 60_000
"""Milliseconds, on a busy machine: what is expected of a page may take so long, and nothing has to."""

expect.set_options(timeout=PATIENCE)


class Visitor:
    """Somebody with a browser of their own, who notes what no page may do: fail, complain, or ask another host.

    :param options: of the browser's context, such as `color_scheme`.
    """

    def __init__(self, browser: Browser, site: Site, **options: Any) -> None:
        self.site = site
        self.faults: list[str] = []
        self.context = browser.new_context(base_url=site.url, **options)
        self.context.set_default_timeout(PATIENCE)
        self.context.on("request", self._look_at_request)
        self.context.on("response", self._look_at_response)
        self.context.on("console", self._look_at_message)
        self.context.on("weberror", lambda error: self.faults.append(f"error on {error.page}: {error.error}"))
        self.page = self.context.new_page()

    def sign_up(self, name: str) -> Self:
        return self._enter("sign-up", "Sign up", name, f"secret of {name}")

    def sign_in(self, name: str, password: str = PASSWORD) -> Self:
        return self._enter("sign-in", "Sign in", name, password)

    def open(self, path: str) -> Page:
        self.page.goto(path)
        return self.page

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).first.click()

    def card(self, what: str) -> Locator:
        """The pins of the page with that text."""
        return self.page.locator("article.pin-card").filter(has_text=what)

    @property
    def unseen(self) -> Locator:
        """How many notifications are new, in the header."""
        return self.page.locator("#unseen")

    def pin(self, what: str, board: str | int = 0) -> None:
        """:param board: its name, or its place in the list."""
        self.open("/pins/new/")
        self.page.get_by_label("What").fill(what)
        choose = {"index": board} if isinstance(board, int) else {"label": board}
        self.page.get_by_label("Board").select_option(**choose)
        self.press("Pin it")
        expect(self.page.get_by_text(what).first).to_be_visible()

    def follow(self, name: str) -> None:
        self.open(f"/people/{name}/")
        self.press("Follow")
        expect(self.button("Unfollow")).to_be_visible()

    def open_pin(self, what: str) -> None:
        """From the page with its card."""
        self.open("/") if self.card(what).count() == 0 else None
        self.card(what).first.get_by_role("link").first.click()
        expect(self.page.get_by_role("heading", name=what, level=1)).to_be_visible()

    def wait_for_card(self, path: str, what: str, *, count: int = 1) -> None:
        """Look again and again until the page has so many cards with that text: delivery is in the background."""
        self._wait_for(path, "article.pin-card", what, count)

    def wait_for_line(self, path: str, text: str, *, count: int = 1) -> None:
        """The same of the lines of digests and notifications."""
        self._wait_for(path, ".line", text, count)

    def cards(self) -> list[tuple[str, int]]:
        """Of each card of the page, in order, which activity it is of, and of which pin."""
        found = self.page.locator("article.pin-card").evaluate_all(
            "cards => cards.map(card => [card.dataset.activity, card.querySelector('a[href^=\"/pins/\"]').pathname])"
        )
        return [(activity, int(path.split("/")[2])) for activity, path in found]

    def scroll_to_the_end(self) -> None:
        """As a thumb does it, until there is nothing more to come."""
        end = self.page.get_by_text("That is all.")

        def has_come() -> bool:
            self.page.mouse.wheel(0, 20_000)
            self.page.wait_for_timeout(50)  # milliseconds
            return end.count() > 0

        wait_for(has_come, "the end of the feed", within=PATIENCE / 1000)

    def stay(self) -> None:
        """Leave a mark on the page, which no other page has, nor this one when it is loaded again."""
        self.page.evaluate("window.stayed = true")

    def has_stayed(self) -> None:
        assert self.page.evaluate("window.stayed === true"), f"{self.page.url} was loaded again"

    def close(self) -> None:
        self.context.close()

    def _enter(self, path: str, button: str, name: str, password: str) -> Self:
        self.open(f"/{path}/")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.press(button)
        expect(self.page.get_by_role("heading", name="Home", level=1)).to_be_visible()
        return self

    def _wait_for(self, path: str, kind: str, text: str, count: int) -> None:
        def is_there() -> bool:
            self.open(path)
            return self.page.locator(kind).filter(has_text=text).count() == count

        wait_for(is_there, f"{count} times {text!r} on {path}", within=PATIENCE / 1000)

    def _look_at_request(self, request: Request) -> None:
        if not request.url.startswith((self.site.url + "/", "data:")):
            self.faults.append(f"asked another host: {request.url}")

    def _look_at_response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def _look_at_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type} on the console: {message.text}")

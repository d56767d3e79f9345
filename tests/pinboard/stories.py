"""What people do on the site, wherever its feeds live and whoever delivers."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.pinboard.visiting import Visitor

__all__ = ["meet_and_part"]

PIN = "A lighthouse in fog"


def meet_and_part(ada: Visitor, grace: Visitor) -> None:
    """Follow, pin, love, comment, pin again, read, unlove, unfollow, delete; what Ada is told, she is told as it happens."""
    ada.sign_up("ada.visits")
    grace.sign_up("grace.visits")
    expect(ada.unseen).to_be_hidden()

    ada.stay()
    grace.follow("ada.visits")
    expect(ada.unseen).to_have_text("1")
    ada.has_stayed()

    ada.pin(PIN, board="Maps")
    grace.wait_for_card("/", PIN)
    grace.wait_for_line("/digest/", f"ada.visits pinned {PIN} on Maps")

    ada.open("/")
    ada.stay()
    love_and_comment_and_pin_again(ada, grace)
    ada.has_stayed()
    read_notifications(ada)

    grace.open_pin(PIN)
    grace.press("Unlove")
    expect(grace.button("Love")).to_be_visible()
    ada.wait_for_line("/notifications/", f"grace.visits loves your {PIN}", count=0)
    ada.wait_for_line("/notifications/", "grace.visits follows you")

    grace.open("/people/ada.visits/")
    grace.press("Unfollow")
    expect(grace.button("Follow")).to_be_visible()
    grace.wait_for_card("/", PIN, count=0)
    ada.wait_for_line("/notifications/", "grace.visits follows you", count=0)

    grace.follow("ada.visits")
    grace.wait_for_card("/", PIN)
    ada.wait_for_card("/people/ada.visits/", PIN)
    ada.open_pin(PIN)
    ada.press("Delete")
    expect(ada.page.get_by_role("heading", name="ada.visits", level=1)).to_be_visible()
    grace.wait_for_card("/", PIN, count=0)
    grace.wait_for_line("/digest/", f"ada.visits pinned {PIN} on Maps", count=0)
    ada.wait_for_card("/people/ada.visits/", PIN, count=0)
    grace.wait_for_card("/people/grace.visits/", PIN)  # her own pin of it is hers


def love_and_comment_and_pin_again(ada: Visitor, grace: Visitor) -> None:
    grace.open_pin(PIN)
    grace.press("Love")
    expect(grace.button("Unlove")).to_be_visible()
    expect(ada.unseen).to_have_text("2")
    grace.page.get_by_role("textbox", name="Comment").fill("I can hear the horn.")
    grace.press("Comment")
    expect(grace.page.get_by_text("I can hear the horn.")).to_be_visible()
    expect(ada.unseen).to_have_text("3")
    grace.press("Pin it")
    expect(grace.button("Delete")).to_be_visible()  # the one that she has now
    expect(ada.unseen).to_have_text("4")


def read_notifications(ada: Visitor) -> None:
    """Opening the list makes them seen, in every tab, and the button makes them read."""
    tab = ada.context.new_page()
    tab.goto("/notifications/")
    told = ["follows you", f"loves your {PIN}", f"commented on your {PIN}", f"pinned your {PIN}"]
    for line in told:
        expect(tab.locator(".unread").filter(has_text=f"grace.visits {line}")).to_have_count(1)
    expect(tab.locator("#unseen")).to_be_hidden()
    expect(ada.unseen).to_be_hidden()
    tab.get_by_role("button", name="Mark all read").click()
    expect(tab.locator(".unread")).to_have_count(0)
    expect(tab.locator(".line")).to_have_count(len(told))
    tab.close()

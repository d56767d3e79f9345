"""A small network behind HTTP, whatever serves it: its feeds, and what a client may expect of it.

| request | what it does |
|---|---|
| `POST /users/{user}/loves/{thing}` | publishes; with `?of=OWNER` the owner of the thing is notified |
| `DELETE /users/{user}/loves/{thing}` | takes that back |
| `GET /users/{user}/feed?size=&after=` | a page of what the people did whom the user follows |
| `GET /users/{user}/notifications` | the counts, and the groups |
| `POST /users/{user}/notifications/seen` | marks all as seen; `POST .../read` as read |
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self

import httpx2
from streamfw_core.feeds import FeedPage

from streamfw_core import Activity, Feed, Love, NotificationFeed, UserBaseFeed
from tests.services.waiting import wait_for

FOLLOWERS: Final = 50

THEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Of all loves, so that one is taken back by what is known of it."""


class HomeFeed(Feed):
    name: ClassVar[str] = "http_home"
    key_format: ClassVar[str] = "feed:http_home:%(user_id)s"


class OwnFeed(UserBaseFeed):
    name: ClassVar[str] = "http_own"
    key_format: ClassVar[str] = "feed:http_own:%(user_id)s"


class BellFeed(NotificationFeed):
    name: ClassVar[str] = "http_bell"
    key_format: ClassVar[str] = "feed:http_bell:%(user_id)s"


def followers_of(user: object) -> list[str]:
    return [f"{user}-follower-{number}" for number in range(FOLLOWERS)]


def love(user: str, thing: int) -> Activity:
    return Activity(user, Love, thing, time=THEN)


def page_shown(page: FeedPage) -> dict[str, Any]:
    return {"things": [one.object_id for one in page], "next": page.next_cursor}


def bell_shown(bell: NotificationFeed) -> dict[str, Any]:
    groups = [{"actors": group.actor_ids, "things": group.object_ids} for group in bell[:10]]
    return {**bell.get_notification_data(), "groups": groups}


class Visitor:
    """Somebody who uses the network through its server."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=30)
        self.name = f"visitor-{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def loves(self, thing: int, *, of: str | None = None) -> None:
        params = {} if of is None else {"of": of}
        assert self._client.post(f"/users/{self.name}/loves/{thing}", params=params).status_code == 201

    def unloves(self, thing: int) -> None:
        assert self._client.delete(f"/users/{self.name}/loves/{thing}").status_code == 204

    def feed(self, user: str, **params: Any) -> Any:
        answer = self._client.get(f"/users/{user}/feed", params=params)
        return answer.json() if answer.status_code == 200 else answer.status_code

    def bell(self, user: str) -> Any:
        return self._client.get(f"/users/{user}/notifications").json()

    def marks(self, user: str, what: str) -> None:
        assert self._client.post(f"/users/{user}/notifications/{what}").status_code == 204


def check_network(url: str) -> None:
    """Publish, fan out, read, notify, mark and take back, and see what is promised."""
    with Visitor(url) as visitor, Visitor(url) as other:
        check_fan_out(visitor)
        check_notifications(visitor, other)


def check_fan_out(visitor: Visitor) -> None:
    followers = followers_of(visitor.name)

    with ThreadPoolExecutor(8) as threads:  # so that requests meet in the server
        [*threads.map(visitor.loves, range(40))]
    for follower in followers:
        wait_for(lambda: len(visitor.feed(follower)["things"]) == 40, f"{follower} sees all")  # noqa: B023

    seen: list[int] = []
    page = visitor.feed(followers[0], size=7)
    seen += page["things"]
    while page["next"] is not None:
        page = visitor.feed(followers[0], size=7, after=page["next"])
        seen += page["things"]
    assert sorted(seen) == [*range(40)]
    assert visitor.feed(followers[0], after="nonsense") == 400
    visitor.unloves(17)
    assert 17 not in visitor.feed(followers[-1])["things"]


def check_notifications(visitor: Visitor, other: Visitor) -> None:
    owner = f"owner of {visitor.name}"
    for who in (visitor, other):
        who.loves(40, of=owner)
    assert visitor.bell(owner)["unseen_count"] == 1
    (group,) = visitor.bell(owner)["groups"]
    assert (sorted(group["actors"]), group["things"]) == (sorted([visitor.name, other.name]), [40])
    visitor.marks(owner, "seen")
    assert (visitor.bell(owner)["unseen_count"], visitor.bell(owner)["unread_count"]) == (0, 1)
    visitor.marks(owner, "read")
    assert visitor.bell(owner)["unread_count"] == 0

"""`{% load streamfw %}`: feeds, pages, counts, and a loop that renders activities with a template for each verb."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from streamfw_core.errors import ArgumentError, FeedConflict, given
from streamfw_core.plugins.suggest import did_you_mean

from streamfw_core import AggregatedActivity, Feed, NotificationActivity, NotificationFeed
from streamfw_django.discovery import known_feeds
from streamfw_django.paginator import CursorPage, CursorPaginator
from streamfw_django.prefetching import actors_of, objects_of, targets_of

register = template.Library()

register.filter("actors", actors_of)
register.filter("objects", objects_of)
register.filter("targets", targets_of)


@register.simple_tag
def feed(name: str, user: Any) -> Feed | None:
    """`{% feed "wall" user as wall %}`: the feed of a user (or a user's id) by the name of its class.

    :returns: None for nobody, such as who is not logged in; the other tags take that for a feed without anything.
    :raises FeedConflict: no feed class of the installed apps has this name.
    """
    known = known_feeds()
    if name not in known:
        hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(known))}"
        raise FeedConflict(f"no feed class of the installed apps is named {name!r}; {hint}")
    owner = getattr(user, "pk", user)
    return None if owner is None else known[name](owner)


@register.simple_tag
def feed_page(feed: Feed | None, size: int = 25, after: str | None = None) -> CursorPage | None:
    """`{% feed_page wall 25 request.GET.after as page %}`: a page with its instances, and `page.next_cursor`."""
    return None if feed is None else CursorPaginator(feed, size).get_page(after)


@register.simple_tag
def unseen_count(feed: NotificationFeed | None) -> int:
    """`{% unseen_count bell %}`: how many groups have something that was not seen.

    :raises ArgumentError: another feed.
    """
    return 0 if feed is None else _notifying(feed).count_unseen()


@register.simple_tag
def unread_count(feed: NotificationFeed | None) -> int:
    """`{% unread_count bell %}`: how many groups have something that was not read.

    :raises ArgumentError: another feed.
    """
    return 0 if feed is None else _notifying(feed).count_unread()


@register.simple_tag(takes_context=True)
def render_activities(
    context: template.Context, activities: Iterable[Any] | None, folder: str = "streamfw"
) -> SafeString:
    """`{% render_activities page %}`: each activity or group with the first template that exists.

    For an activity whose verb is "love": `streamfw/activity_love.html`, `streamfw/activity.html`.
    For a group: `streamfw/group_love.html`, `streamfw/group.html`;
    for a group of a notification feed these too, after `streamfw/notification_love.html` and `streamfw/notification.html`.
    They have all variables around them, and `activity` or `group`.
    """
    rendered = []
    for one in activities or ():
        name = "group" if isinstance(one, AggregatedActivity) else "activity"
        found = context.template.engine.select_template(_names(one, folder))
        with context.push(**{name: one}):
            rendered.append(found.render(context))
    return mark_safe("".join(rendered))  # noqa: S308 - each template has escaped what it shows


def _notifying(feed: object) -> NotificationFeed:
    if isinstance(feed, NotificationFeed):
        return feed
    what = f"feed {feed.name!r} is no notification feed" if isinstance(feed, Feed) else f"{given(feed)} is no feed"
    raise ArgumentError(f"{what}, and has no counts of what is not seen or read: give one of a subclass of NotificationFeed")


def _names(one: Any, folder: str) -> list[str]:
    kinds = ["activity"]
    if isinstance(one, AggregatedActivity):
        kinds = ["notification", "group"] if isinstance(one, NotificationActivity) else ["group"]
    verb = slugify(one.verb.infinitive)
    return [name for kind in kinds for name in (f"{folder}/{kind}_{verb}.html", f"{folder}/{kind}.html")]

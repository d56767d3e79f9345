"""What people do: a row in the database, what followers see of it, and who is notified.

All of it is one transaction. Feeds learn what was committed, and nothing else.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from streamfw_django import ModelActivity

from pins.feeds import NotificationsFeed, pin_manager
from pins.models import Board, Comment, Follow, Love, Pin


@transaction.atomic
def pin(user: User, board: Board, what: str, source: Pin | None = None) -> Pin:
    """Pin something on a board, or what somebody else has pinned; what is there already stays as it is."""
    made: Pin
    made, is_new = Pin.objects.get_or_create(owner=user, board=board, what=what, defaults={"source": source})
    if is_new:
        pin_manager.add_user_activity(user.pk, made.activity)
        if source is not None:
            _notify(source.owner, made.copied)
    return made


@transaction.atomic
def delete(pin: Pin) -> None:
    """Take a pin away, with all that was said about it."""
    for deed in (pin, *pin.loves.select_related("user"), *pin.comments.select_related("user")):
        activity = deed.activity
        pin_manager.remove_user_activity(activity.actor.pk, activity)
        _take_back(pin.owner, activity)
    for copy in (pin, *pin.copies.select_related("owner", "source__owner")):
        if copy.source is not None:
            _take_back(copy.source.owner, copy.copied)
    pin.delete()


@transaction.atomic
def love(user: User, pin: Pin) -> None:
    love, is_new = Love.objects.get_or_create(user=user, pin=pin)
    if is_new:
        pin_manager.add_user_activity(user.pk, love.activity)
        _notify(pin.owner, love.activity)


@transaction.atomic
def unlove(user: User, pin: Pin) -> None:
    for love in Love.objects.filter(user=user, pin=pin):
        pin_manager.remove_user_activity(user.pk, love.activity)
        _take_back(pin.owner, love.activity)
        love.delete()


@transaction.atomic
def comment(user: User, pin: Pin, text: str) -> None:
    comment = Comment.objects.create(user=user, pin=pin, text=text)
    pin_manager.add_user_activity(user.pk, comment.activity)
    _notify(pin.owner, comment.activity)


@transaction.atomic
def follow(user: User, other: User) -> None:
    """From now on, and with what the other did before."""
    follow, is_new = Follow.objects.get_or_create(follower=user, followed=other)
    if is_new:
        pin_manager.follow_user(user.pk, other.pk)
        _notify(other, follow.activity)


@transaction.atomic
def unfollow(user: User, other: User) -> None:
    for follow in Follow.objects.filter(follower=user, followed=other):
        pin_manager.unfollow_user(user.pk, other.pk)
        _take_back(other, follow.activity)
        follow.delete()


def _notify(owner: User, activity: ModelActivity) -> None:
    """Tell somebody, but nobody of what they did themselves."""
    if activity.actor != owner:
        transaction.on_commit(lambda: NotificationsFeed(owner.pk).add(activity))


def _take_back(owner: User, activity: ModelActivity) -> None:
    transaction.on_commit(lambda: NotificationsFeed(owner.pk).remove(activity))

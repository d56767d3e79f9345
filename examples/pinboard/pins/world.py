"""A world to begin with: the people, follows and happenings that `streamfw demo` makes up, as rows; and feeds made of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F
from streamfw_core.cli.world import World, make_world

from pins.feeds import NotificationsFeed, pin_manager
from pins.models import Board, Comment, Follow, Love, Pin

ATTENTION = 6
"""With every sixth pin, people turn to that one."""
PASSWORD = "pinboard"  # noqa: S105 - everybody's


@transaction.atomic
def seed(people: int, seed: int, now: datetime) -> None:
    """Fill an empty database. The same seed makes the same world, whose last deed was half a minute before `now`."""
    world = make_world(seed, people, happenings_per_person=8)
    password = make_password(PASSWORD)  # slow on purpose, so once for all
    users = _made(User, {one.id: User(username=one.name, password=password) for one in world.people.values()})
    boards = make_boards(world)
    _make_follows(world, users, now)
    pins: list[Pin] = []
    loves: list[Love] = []
    comments: list[Comment] = []
    famous: dict[int, Pin] = {}  # of each thing, the pin that everybody talks about
    for one in world.happenings:
        user, thing, at = users[one.actor.id], one.pin, now - timedelta(seconds=one.seconds_ago)
        pin = famous.get(thing.id)
        if one.verb == "pin":
            # Numbered here, as those who pin it again refer to it.
            made = Pin(pk=len(pins) + 1, owner=user, board=boards[thing.board.id], what=thing.name, created_at=at)
            made.source = pin
            pins.append(made)
            if pin is None or len(pins) % ATTENTION == 0:
                famous[thing.id] = made
        elif pin is not None and one.verb == "love":
            loves.append(Love(user=user, pin=pin, created_at=at))
        elif pin is not None:
            comments.append(Comment(user=user, pin=pin, text=one.text, created_at=at))
    for model, rows in ((Pin, pins), (Love, loves), (Comment, comments)):
        model.objects.bulk_create(rows)


def make_boards(world: World | None = None) -> dict[int, Board]:
    """The boards of any world."""
    boards = (world or make_world(0, 4)).boards.values()
    return {one.id: Board.objects.get_or_create(name=one.name)[0] for one in boards}


def _made(model: Any, rows: dict[int, Any]) -> dict[int, Any]:
    return dict(zip(rows, model.objects.bulk_create(rows.values()), strict=True))


def _make_follows(world: World, users: dict[int, User], now: datetime) -> None:
    long_ago = now - timedelta(days=7)
    pairs = [(users[id], users[one.id]) for id, followed in world.followed.items() for one in followed]
    Follow.objects.bulk_create(
        Follow(follower=follower, followed=followed, created_at=long_ago + timedelta(minutes=number))
        for number, (follower, followed) in enumerate(pairs)
    )


def publish() -> None:
    """Put all that is in the database into the feeds; what a feed has already stays as it is.

    It only adds: what the database no longer has stays too, unless the feed classes are flushed before.
    Flushing forgets what was seen and read, of which the database knows nothing.
    """
    pins = Pin.objects.select_related("owner", "board", "source__owner")
    loves, comments = (model.objects.select_related("user", "pin__owner") for model in (Love, Comment))
    follows = Follow.objects.select_related("follower", "followed")
    by_actor: dict[int, list[Any]] = defaultdict(list)
    for deed in (*pins, *loves, *comments):
        by_actor[deed.activity.actor.pk].append(deed.activity)
    for actor, activities in by_actor.items():
        pin_manager.batch_import(actor, activities)
    by_owner: dict[int, list[Any]] = defaultdict(list)
    for owner, activity in _notifications(pins, [*loves, *comments], follows):
        if owner != activity.actor:
            by_owner[owner.pk].append(activity)
    for owner_id, activities in by_owner.items():
        NotificationsFeed(owner_id).add_many(activities)


def _notifications(pins: Iterable[Pin], said: Iterable[Any], follows: Iterable[Follow]) -> Iterator[tuple[User, Any]]:
    """Whom to tell what."""
    yield from ((pin.source.owner, pin.copied) for pin in pins if pin.source)
    yield from ((deed.pin.owner, deed.activity) for deed in said)
    yield from ((follow.followed, follow.activity) for follow in follows)


def reader() -> User | None:
    """One whom a guest may sign in as: with much to read at home, and with people who talk about their pins."""
    people = User.objects.exclude(username__contains=" ").annotate(
        at_home=Count("following__followed__pins", distinct=True),
        told=Count("pins__loves", distinct=True) + Count("pins__comments", distinct=True),
    )
    return people.order_by((F("at_home") * F("told")).desc(), "pk").first()

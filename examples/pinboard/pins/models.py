"""Who follows whom, and what was pinned, loved and commented on: the truth, of which feeds are views.

What people do is a row, and the row says which activity it is: the same one whenever it is asked,
so that it can be taken out of feeds without an id kept anywhere, and published again without harm.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone
from streamfw_django import ModelActivity

from pins import verbs


class Board(models.Model):
    """A subject, of which everybody pins things."""

    name = models.CharField(max_length=50, unique=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return str(self.name)


class PinQuerySet(models.QuerySet):
    def seen_by(self, user: Any) -> Any:
        """With all that a card of a pin shows, to this person."""
        loved = Love.objects.filter(pin=OuterRef("pk"), user=user.pk)
        return self.select_related("owner", "board").annotate(
            love_count=Count("loves", distinct=True),
            comment_count=Count("comments", distinct=True),
            is_loved=Exists(loved),
        )


class Pin(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="pins")
    board = models.ForeignKey(Board, models.PROTECT, related_name="pins")
    what = models.CharField(max_length=80)
    source = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="copies")
    """Whose pin this was before it was pinned again."""
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = PinQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("owner", "board", "what"), name="pinned_once"),
            models.CheckConstraint(condition=~Q(what=""), name="pin_of_something"),
        )

    def __str__(self) -> str:
        return str(self.what)

    @property
    def activity(self) -> ModelActivity:
        """What followers of the owner get."""
        return ModelActivity(self.owner, verbs.Pin, self, self.board, self.created_at)

    @property
    def copied(self) -> ModelActivity:
        """What the owner of the source gets, where there is one."""
        return ModelActivity(self.owner, verbs.Pin, self.source, None, self.created_at)


class Love(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="loves")
    pin = models.ForeignKey(Pin, models.CASCADE, related_name="loves")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "pin"), name="loved_once"),)

    @property
    def activity(self) -> ModelActivity:
        return ModelActivity(self.user, verbs.Love, self.pin, None, self.created_at)


class Comment(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="comments")
    pin = models.ForeignKey(Pin, models.CASCADE, related_name="comments")
    text = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("created_at",)
        constraints = (models.CheckConstraint(condition=~Q(text=""), name="comment_says_something"),)

    @property
    def activity(self) -> ModelActivity:
        return ModelActivity(self.user, verbs.Comment, self.pin, None, self.created_at, {"text": self.text})


class Follow(models.Model):
    follower = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="following")
    followed = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("follower", "followed"), name="followed_once"),
            models.CheckConstraint(condition=~Q(follower=F("followed")), name="nobody_follows_themselves"),
        )

    @property
    def activity(self) -> ModelActivity:
        """What the one who is followed gets."""
        return ModelActivity(self.follower, verbs.Follow, self.followed, None, self.created_at)

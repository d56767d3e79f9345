from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Follow(models.Model):
    follower = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="following")
    followed = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="followers")


class Tag(models.Model):
    word = models.CharField(max_length=50)


class Photo(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    title = models.CharField(max_length=100)
    tags = models.ManyToManyField(Tag)

    def __str__(self) -> str:
        return str(self.title)


class Panorama(Photo):
    """Its primary key is a relation."""


class Album(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=100)

    def __str__(self) -> str:
        return str(self.title)


class Favourite(Photo):
    class Meta:
        proxy = True


class Seat(models.Model):
    pk = models.CompositePrimaryKey("row", "number")
    row = models.CharField(max_length=5)
    number = models.IntegerField()

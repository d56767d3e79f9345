"""What the permission to look into feeds, and their page in the admin, hang on: a model without a table."""

from __future__ import annotations

from typing import Any

from django.db import models

__all__ = ["UserFeed"]


class _Nothing(models.Manager):
    """There is no table: `dumpdata` and the like must not ask for it."""

    def get_queryset(self) -> Any:
        return super().get_queryset().none()


class UserFeed(models.Model):
    """The feeds of users, which are not in the database."""

    objects = _Nothing()

    class Meta:
        managed = False
        base_manager_name = "objects"
        default_permissions = ("view",)
        verbose_name = "feed"
        verbose_name_plural = "feeds of users"

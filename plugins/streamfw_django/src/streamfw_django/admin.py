"""A page of the admin to look into the feed of a user. It changes nothing, and marks nothing as seen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from streamfw_core.errors import IdError, StreamsError
from streamfw_core.ids import encode_owner

from streamfw_core import AggregatedActivity, Feed, NotificationFeed
from streamfw_django.discovery import known_feeds
from streamfw_django.models import UserFeed
from streamfw_django.paginator import CursorPaginator

__all__ = ["UserFeedAdmin"]

PER_PAGE = 25


class _Look(forms.Form):
    """Which feed of whom."""

    feed = forms.ChoiceField()
    owner = forms.CharField(max_length=200, label="Id of the user")
    after = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["feed"].choices = [(name, name) for name in sorted(known_feeds())]

    def clean_owner(self) -> str:
        owner: str = self.cleaned_data["owner"]
        try:
            encode_owner(owner)
        except IdError as error:
            raise forms.ValidationError(str(error)) from error
        return owner

    def chosen(self) -> Feed:
        return known_feeds()[self.cleaned_data["feed"]](self.cleaned_data["owner"])


@admin.register(UserFeed)
class UserFeedAdmin(admin.ModelAdmin):
    """For staff with the permission `streamfw_django.view_userfeed`."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="streamfw_django_userfeed_changelist")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        form = _Look(request.GET if "feed" in request.GET else None)
        context = {
            **self.admin_site.each_context(request),
            "title": "Feeds of users",
            "opts": self.model._meta,
            "form": form,
            **(_shown(form) if form.is_valid() else {}),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/streamfw_django/userfeed/look.html", context)


def _shown(form: _Look) -> dict[str, Any]:
    """What the page says of a feed; of one that cannot be read, why."""
    try:
        # What cannot be decoded is to be counted here, not to hide the rest.
        feed = form.chosen().skipping_broken()
        page = CursorPaginator(feed, PER_PAGE).get_page(form.cleaned_data["after"])
        counts = {"entries": feed.count()}
        if isinstance(feed, NotificationFeed):
            counts |= {"unseen": feed.count_unseen(), "unread": feed.count_unread()}
        return {"feed": feed, "page": page, "rows": [*map(_row, page)], "counts": counts}
    except StreamsError as error:
        return {"failure": str(error)}


def _row(one: Any) -> dict[str, Any]:
    if isinstance(one, AggregatedActivity):
        return {"id": one.serialization_id, "group": one, "activities": [*map(_row, one.last_activities)]}
    parts = {role: _part(one, role) for role in ("actor", "object", "target")}
    return {"id": one.serialization_id, "time": one.time, "verb": one.verb.infinitive, "extra": one.extra_context, **parts}


def _part(activity: Any, role: str) -> str:
    """An id, and the instance where there is one."""
    id = getattr(activity, f"{role}_id")
    if id is None:
        return ""
    try:
        instance = getattr(activity, role)
    except AttributeError:
        return str(id)
    return f"{id} ({'deleted' if instance is None else instance})"

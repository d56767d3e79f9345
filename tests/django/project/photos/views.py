from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST
from streamfw_django import CursorPaginator, ModelActivity, prefetch

from photos.feeds import BellFeed, WallFeed, photo_manager
from photos.models import Photo
from streamfw_core import Add, Love


@require_POST
def publish(request: HttpRequest, user_id: int) -> HttpResponse:
    owner = get_object_or_404(User, pk=user_id)
    with transaction.atomic():
        photo = Photo.objects.create(owner=owner, title=request.POST["title"])
        photo_manager.add_user_activity(owner.pk, ModelActivity(owner, Add, photo))
    return JsonResponse({"photo": photo.pk})


@require_POST
def love(request: HttpRequest, user_id: int, photo_id: int) -> HttpResponse:
    """The owner of the photo is told."""
    fan, photo = get_object_or_404(User, pk=user_id), get_object_or_404(Photo, pk=photo_id)
    BellFeed(photo.owner_id).add(ModelActivity(fan, Love, photo))
    return HttpResponse(status=204)


def wall(request: HttpRequest, user_id: int) -> HttpResponse:
    paginator = CursorPaginator(WallFeed(user_id), 2, Photo.objects.select_related("owner"))
    page = paginator.page(request.GET.get("after"))
    return JsonResponse({"titles": [_title(one) for one in page], "next": page.next_cursor})


def bell(request: HttpRequest, user_id: int) -> HttpResponse:
    feed = BellFeed(user_id)
    groups = prefetch(feed[:10])
    shown = [{"titles": [_title(one) for one in group.last_activities], "actors": group.actor_count} for group in groups]
    return JsonResponse({"groups": shown, **feed.get_notification_data()})


@require_POST
def mark(request: HttpRequest, user_id: int) -> HttpResponse:
    return JsonResponse({"marked": BellFeed(user_id).mark_all(seen=True, read="read" in request.POST)})


def page(request: HttpRequest, user_id: int) -> HttpResponse:
    return render(request, "photos/page.html", {"somebody": get_object_or_404(User, pk=user_id)})


def _title(activity: Any) -> str | None:
    return None if activity.object is None else str(activity.object)

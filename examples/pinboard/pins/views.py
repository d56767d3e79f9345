from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Exists, OuterRef
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import CreateView
from streamfw_django import CursorPaginator

from pins import deeds, live
from pins.feeds import DigestFeed, HomeFeed, NotificationsFeed, OwnFeed
from pins.forms import CommentForm, PinForm, SignUpForm
from pins.models import Follow, Pin

PAGE = 20


class SignUp(CreateView):
    form_class = SignUpForm
    template_name = "pins/sign_up.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        response = super().form_valid(form)
        login(self.request, self.object)
        return response


# --- feeds ---


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "pins/home.html", {"page": _page(request, HomeFeed(request.user.pk))})


@login_required
@require_GET
def digest(request: HttpRequest) -> HttpResponse:
    return render(request, "pins/digest.html", {"page": _page(request, DigestFeed(request.user.pk))})


@login_required
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()
    found = _people_as_seen_by(request.user).filter(username__icontains=words).order_by("-follower_count", "pk")
    page = Paginator(found, 30).get_page(request.GET.get("page"))
    return render(request, "pins/people.html", {"page": page, "words": words})


@login_required
@require_GET
def person(request: HttpRequest, name: str) -> HttpResponse:
    somebody = get_object_or_404(_people_as_seen_by(request.user), username=name)
    page = _page(request, OwnFeed(somebody.pk))
    return render(request, "pins/person.html", {"somebody": somebody, "page": page})


def _page(request: HttpRequest, feed: Any) -> Any:
    """The page of a feed at the request's cursor, with the pins and people in it: three queries, however many."""
    return CursorPaginator(feed, PAGE, Pin.objects.seen_by(request.user)).get_page(request.GET.get("after"))


def _people_as_seen_by(user: Any) -> Any:
    return User.objects.annotate(
        follower_count=Count("followers", distinct=True),
        is_followed=Exists(Follow.objects.filter(follower=user.pk, followed=OuterRef("pk"))),
    )


# --- deeds ---
# A pin is looked up in the transaction that writes about it: somebody may just be deleting it.


@login_required
@require_POST
def follow(request: HttpRequest, name: str) -> HttpResponse:
    """Follow somebody, or with `undo` no longer."""
    somebody = get_object_or_404(User, username=name)
    if "undo" in request.POST:
        deeds.unfollow(request.user, somebody)
    elif somebody != request.user:
        deeds.follow(request.user, somebody)
    return redirect("person", name)


@login_required
def new_pin(request: HttpRequest) -> HttpResponse:
    form = PinForm(request.POST or None)
    if form.is_valid():
        made = deeds.pin(request.user, form.cleaned_data["board"], form.cleaned_data["what"])
        return redirect("pin", made.pk)
    return render(request, "pins/new_pin.html", {"form": form})


@login_required
@require_GET
def pin(request: HttpRequest, pk: int) -> HttpResponse:
    return _show(request, pk, CommentForm())


@login_required
@require_POST
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    form = CommentForm(request.POST)
    if not form.is_valid():
        return _show(request, pk, form)
    with transaction.atomic():
        deeds.comment(request.user, get_object_or_404(Pin, pk=pk), form.cleaned_data["text"])
    return redirect("pin", pk)


def _show(request: HttpRequest, pk: int, form: CommentForm) -> HttpResponse:
    pin = get_object_or_404(Pin.objects.seen_by(request.user).select_related("source__owner"), pk=pk)
    return render(request, "pins/pin.html", {"pin": pin, "comments": pin.comments.select_related("user"), "form": form})


@login_required
@require_POST
def love(request: HttpRequest, pk: int) -> HttpResponse:
    """Love a pin, or with `undo` no longer."""
    with transaction.atomic():
        pin = get_object_or_404(Pin, pk=pk)
        if "undo" in request.POST:
            deeds.unlove(request.user, pin)
        else:
            deeds.love(request.user, pin)
    return redirect("pin", pk)


@login_required
@require_POST
def repin(request: HttpRequest, pk: int) -> HttpResponse:
    with transaction.atomic():
        source = get_object_or_404(Pin, pk=pk)
        made = deeds.pin(request.user, source.board, source.what, source)
    messages.success(request, f"{made} is on your board {made.board}.")
    return redirect("pin", made.pk)


@login_required
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    pin = get_object_or_404(Pin, pk=pk, owner=request.user)
    deeds.delete(pin)
    messages.success(request, f"{pin} is gone, from every feed.")
    return redirect("person", request.user.username)


# --- notifications ---


@login_required
def notifications(request: HttpRequest) -> HttpResponse:
    """Opening the list has seen all; posting to it has read all."""
    feed = NotificationsFeed(request.user.pk)
    if request.method == "POST":
        feed.mark_all(seen=True, read=True)
        return redirect("notifications")
    feed.mark_all()  # before the page is read: what comes in between is shown, and stays unseen
    return render(request, "pins/notifications.html", {"page": _page(request, feed), "unread": feed.count_unread()})


@login_required
@require_POST
def open_notification(request: HttpRequest) -> HttpResponse:
    """Mark one as read, and show what it is about."""
    feed = NotificationsFeed(request.user.pk)
    group = feed.get(request.POST.get("group", ""))
    if group is None:
        return redirect("notifications")
    feed.mark_activity(group, read=True)
    about = group.last_activity.object
    if isinstance(about, Pin):
        return redirect("pin", about.pk)
    return redirect("person", group.last_activity.actor.username)


@login_required
@require_GET
@never_cache
def events(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(live.counts(NotificationsFeed(request.user.pk)), content_type="text/event-stream")

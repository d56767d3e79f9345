"""`{% load pins %}`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from streamfw_django import actors_of

from pins.models import Pin
from pins.pictures import picture as drawn
from streamfw_core import AggregatedActivity

register = template.Library()


@register.simple_tag
def picture(pin: Pin | None) -> SafeString:
    """`{% picture pin %}`: SVG, to look at only; nothing of a pin that is gone."""
    return mark_safe(drawn(pin.board_id, pin.what) if pin else "")  # noqa: S308 - it has no text of anybody's


@register.simple_tag
def ago(time: datetime) -> SafeString:
    """`{% ago activity.time %}`: how long ago, roughly, and on a closer look when."""
    is_new = timezone.now() - time < timedelta(minutes=1)
    words = "just now" if is_new else f"{timesince(time, depth=1)} ago"
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', time.isoformat(timespec="seconds"), words)


@register.filter
def who(group: AggregatedActivity) -> str:
    """Who did it, in words: Ada; Ada and Bela; Ada, Bela and Chen; Ada and 7 others."""
    names = [str(actor) for actor in actors_of(group)]
    if not names:
        return "Somebody"
    if group.actor_count > 3:
        return f"{names[0]} and {group.actor_count - 1} others"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

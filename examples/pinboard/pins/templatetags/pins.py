from __future__ import annotations

from django import template
from streamfw_django import actors_of

from streamfw_core import AggregatedActivity

register = template.Library()


@register.filter
def who(group: AggregatedActivity) -> str:
    """"Ada", "Ada and Bela", "Ada, Bela and Chen", "Ada and 7 others"."""
    names = [actor.username for actor in actors_of(group)]
    if group.actor_count > 3 or len(names) < group.actor_count:
        return f"{names[0] if names else 'Somebody'} and {group.actor_count - 1} others"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

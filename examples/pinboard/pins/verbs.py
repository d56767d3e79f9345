"""What people do here."""

from streamfw_core import Comment, Follow, Love, Verb, register

__all__ = ["Comment", "Follow", "Love", "Pin"]


@register
class Pin(Verb):
    id = 5
    infinitive = "pin"
    past_tense = "pinned"

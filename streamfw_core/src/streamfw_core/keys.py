"""Key formats: how the key of a feed is made from its owner, and whether two feeds could ever share one."""

from __future__ import annotations

import re
from typing import Final

from attrs import field, frozen

from streamfw_core.errors import ArgumentError, FeedConflict, given

__all__ = ["KeyFormat"]

PLACEHOLDERS: Final = ("%(user_id)s", "{user_id}")
_OWNER = re.compile(r"[A-Za-z0-9_.~%-]*\Z").match


@frozen
class KeyFormat:
    """A text with one place for the owner, written `%(user_id)s` or `{user_id}`.

    :raises FeedConflict: no such place, or more than one.
    :raises ArgumentError: no text.
    """

    text: str
    prefix: str = field(init=False, eq=False)
    suffix: str = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ArgumentError(f"key_format must be a text such as 'feed:normal:%(user_id)s', got {given(self.text)}")
        parts = [self.text]
        for placeholder in PLACEHOLDERS:
            parts = [piece for part in parts for piece in part.split(placeholder)]
        if len(parts) != 2:
            raise FeedConflict(
                f"key_format {self.text!r} has {len(parts) - 1} places for the owner and needs exactly one,"
                " as in 'feed:normal:%(user_id)s'; without it all users would share one feed"
            )
        object.__setattr__(self, "prefix", parts[0])
        object.__setattr__(self, "suffix", parts[1])

    def key(self, owner: str) -> str:
        """The key of a feed; `owner` is percent-encoded, as `ids.encode_owner` returns it."""
        return f"{self.prefix}{owner}{self.suffix}"

    def clashes(self, other: KeyFormat) -> bool:
        """Whether some owner of one has the same key as some owner of the other.

        It is so when the longer prefix continues the shorter one with characters that an owner can have,
        and the suffixes likewise.
        """
        return _meets(self.prefix, other.prefix) and _meets(self.suffix[::-1], other.suffix[::-1])


def _meets(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and _OWNER(long[len(short) :]) is not None

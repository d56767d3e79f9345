"""Ids: of people and things, of feed owners, and of activities.

People and things are identified by the text of their id: 13 and "13" are one owner, in every process.
An activity's `serialization_id` is 48 bits of milliseconds since 1970 and 64 bits of a digest of its facts
(BLAKE2b, RFC 7693), so that it sorts by time, is the same wherever it is computed, and needs no counter.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TypeAlias
from urllib.parse import quote, unquote
from uuid import UUID

from streamfw_core.errors import IdError, TimeError, given, shown

__all__ = [
    "MAX_ID",
    "Id",
    "decode_owner",
    "digest_of",
    "encode_owner",
    "make_id",
    "milliseconds",
    "text_of_id",
]

Id: TypeAlias = int | str | UUID
"""What may identify a person or a thing."""

MAX_ID = 2**128 - 1
"""The largest activity id: 16 bytes in every storage."""

DIGEST_BITS = 64
MAX_MILLISECONDS = 2**48 - 1
MAX_ID_BYTES = 16_384
"""Longer texts are refused as ids: nothing that names a person is that long."""
PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-"
"""What an owner is encoded with (RFC 3986, unreserved)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PLAIN = re.compile(rf"[{PLAIN.decode()}]+\Z").match


def text_of_id(value: object, what: str = "id") -> str:
    """The text by which an id is known: `13` and `"13"` have the same one.

    :param what: how an error names it, such as `"actor"`.
    :raises IdError: not an int, str or UUID; a bool; empty; not encodable as UTF-8; longer than 16,384 bytes.
    """
    if type(value) is int:
        if -(2**63) <= value < 2**64:
            return str(value)
        if value.bit_length() > 8192:
            raise IdError(
                f"{what} is an integer of {value.bit_length():,} bits: use one of up to 8,192, a str or a UUID"
            )
        return str(value)
    if isinstance(value, str):
        return _checked_text(value, what)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return text_of_id(int(value), what)
    # An object of an ORM; its class may have such an attribute too.
    keyed = not isinstance(value, type) and getattr(value, "pk", None) is not None
    hint = ": pass its primary key, which it has as .pk" if keyed else ""
    raise IdError(f"{what} must be an int, a str or a UUID, got {given(value)}{hint}")


def _checked_text(value: str, what: str) -> str:
    if not value:
        raise IdError(f"{what} is an empty string: an id has at least one character")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise IdError(
            f"{what} {shown(value)} has a lone surrogate at {error.start}, which UTF-8 cannot express:"
            ' clean it with value.encode("utf-8", "replace").decode()'
        ) from None
    if size > MAX_ID_BYTES:
        raise IdError(f"{what} is a text of {size:,} bytes: an id has at most {MAX_ID_BYTES:,}, so use a digest of it")
    return str.__str__(value)


def encode_owner(owner: object) -> str:
    """A feed owner as storages get it: percent-encoded ASCII without any separator (RFC 3986, unreserved only).

    No owner can thus spell a key of another feed.

    :raises IdError: see `text_of_id`.
    """
    if type(owner) is int and -(2**63) <= owner < 2**64:
        return str(owner)
    text = text_of_id(owner, "feed owner")
    return text if _PLAIN(text) else quote(text, safe="")


def decode_owner(encoded: str) -> str:
    """The text that `encode_owner` encoded."""
    return unquote(encoded)


def milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970 of a time; a naive one is taken as UTC.

    :raises TimeError: before 1970-01-01, which an id that sorts by time cannot express, or in a zone without an offset.
    """
    try:
        value = ((time if time.tzinfo is not None else time.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
    except (TypeError, ValueError) as error:
        raise TimeError(
            f"time has a tzinfo that gives no offset, a {type(time.tzinfo).__qualname__}:"
            " use zoneinfo.ZoneInfo or datetime.UTC"
        ) from error
    if not 0 <= value <= MAX_MILLISECONDS:
        raise TimeError(f"time {time.isoformat()} is before 1970-01-01T00:00:00Z: activities start there")
    return value


def digest_of(*texts: str | None) -> int:
    """64 bits that stand for a sequence of texts; None is different from every text."""
    digest = blake2b(digest_size=DIGEST_BITS // 8)
    for text in texts:
        if text is None:
            digest.update(b"-")
        else:
            data = text.encode()
            digest.update(b"%d:" % len(data))
            digest.update(data)
    return int.from_bytes(digest.digest(), "big")


def make_id(time: datetime, actor: Id, verb_id: int, object: Id, target: Id | None) -> int:
    """The `serialization_id` of an activity: `milliseconds << 64 | digest(actor, verb, object, target)`."""
    digest = digest_of(
        text_of_id(actor, "actor"),
        str(verb_id),
        text_of_id(object, "object"),
        None if target is None else text_of_id(target, "target"),
    )
    return milliseconds(time) << DIGEST_BITS | digest


def check_activity_id(value: object) -> int:
    """An activity id given by somebody: an integer below 2**128.

    :raises IdError: anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID:
        return int(value)
    raise IdError(f"an activity id is an integer from 0 to 2**128 - 1, got {given(value)}")

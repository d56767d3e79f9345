"""Datetimes and times with their zones, as lists of text and numbers: `[iso text, fold, zone]`.

A zone is None, or `[offset in microseconds, key]`.
A `ZoneInfo` comes back as the `ZoneInfo` of its key,
since Python holds times of different zones for unequal in an hour that occurs twice (PEP 495);
on a machine without that key, or where its rules have changed meanwhile, the offset keeps the instant.
Any other tzinfo comes back as its offset.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["pack_datetime", "pack_time", "unpack_datetime", "unpack_time"]

_MICROSECOND = timedelta(microseconds=1)

_is_key = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*\Z").match
"""Names in the IANA database; no dots, so that no name leads out of its folder."""


def pack_datetime(value: datetime) -> list[Any]:
    packed = [value.replace(tzinfo=None).isoformat(), value.fold, _pack_zone(value)]
    if packed[2] is not None and type(value.tzinfo) is not ZoneInfo and unpack_datetime(packed) != value:
        raise _refused(value, "occurs twice in its zone, and is equal to no time with a fixed offset")
    return packed


def unpack_datetime(plain: Any) -> datetime:
    text, fold, zone = plain
    value = datetime.fromisoformat(text).replace(tzinfo=None, fold=fold)
    if zone is None:
        return value
    offset, key = zone
    if key is not None and (found := _zone(key)) is not None:
        zoned = value.replace(tzinfo=found)
        if zoned.utcoffset() == offset * _MICROSECOND:
            return zoned
    return value.replace(tzinfo=timezone(offset * _MICROSECOND))


def pack_time(value: time) -> list[Any]:
    return [value.replace(tzinfo=None).isoformat(), value.fold, _pack_zone(value)]


def unpack_time(plain: Any) -> time:
    text, fold, zone = plain
    value = time.fromisoformat(text).replace(tzinfo=None, fold=fold)
    if zone is None:
        return value
    offset, key = zone
    found = None if key is None else _zone(key)
    if found is None and offset is None:
        raise ValueError(f"the time zone {key} is not known here: python -m pip install --upgrade tzdata")
    return value.replace(tzinfo=found or timezone(offset * _MICROSECOND))


def _pack_zone(value: datetime | time) -> list[Any] | None:
    zone = value.tzinfo
    if zone is None:
        return None
    try:
        offset = value.utcoffset()
    except (TypeError, ValueError) as error:
        raise _refused(value, f"gives no offset ({error})") from error
    key = zone.key if type(zone) is ZoneInfo and zone.key and _is_key(zone.key) else None
    if offset is None and key is None:
        raise _refused(value, "gives no offset")
    return [None if offset is None else offset // _MICROSECOND, key]


def _zone(key: Any) -> tzinfo | None:
    if not _is_key(key):
        raise ValueError("not the name of a time zone")
    return ZoneInfo(key) if _is_known(key) else None


@lru_cache(maxsize=1024)
def _is_known(key: str) -> bool:
    # A miss searches the file system and the package tzdata, so it is remembered; ZoneInfo remembers hits.
    try:
        ZoneInfo(key)
    except (LookupError, OSError, ValueError):
        return False
    return True


def _refused(value: datetime | time, why: str) -> Exception:
    from streamfw_core.serializers.wire import Refused

    return Refused(
        f"is a {type(value).__name__} with the tzinfo {type(value.tzinfo).__qualname__}, which {why}:"
        " use zoneinfo.ZoneInfo or datetime.UTC"
    )

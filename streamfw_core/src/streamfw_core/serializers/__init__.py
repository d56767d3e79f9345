"""Serializers: activities to bytes and back.

A feed chooses its serializer by name (`"msgpack"`, the default, or `"json"`),
or by the path of a class that follows `streamfw_core.serializers.protocol.Serializer`.

What comes back equal, with its type, in `extra_context` and in attributes that a subclass added:

- None, bool, int of any size, float (nan, the infinities and -0.0 too), str, bytes, Decimal and UUID;
- datetime (naive or aware, with microseconds and fold), date, time and timedelta;
  a `ZoneInfo` comes back by its key, any other tzinfo as its offset;
- list, tuple, set, frozenset and dict of all these, up to 64 deep.

Keys of `extra_context` are text; those of a dict inside it may be anything above that is hashable.
All else is refused with an `EncodeError` that says where it stands:
subclasses and enum members, which would come back as something else,
and objects, of which only an id should be stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_core.serializers.json import JsonSerializer
    from streamfw_core.serializers.msgpack import MsgpackSerializer
    from streamfw_core.serializers.protocol import Serializer

__all__ = ["JsonSerializer", "MsgpackSerializer", "Serializer"]

_HOMES = {"JsonSerializer": "json", "MsgpackSerializer": "msgpack", "Serializer": "protocol"}


def __getattr__(name: str) -> object:
    # Lazy, so that who needs one format does not pay for both.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

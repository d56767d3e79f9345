"""Activities as JSON: for people and programs that look into the storage.

What JSON has no word for is a mapping with one key, `{"!decimal": "1.50"}`; see `wire.TYPES` for the names.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw
from msgspec.json import Decoder, Encoder

from streamfw_core.serializers import wire
from streamfw_core.serializers.rows import GENERAL, SIMPLE, Format, RowSerializer

__all__ = ["JsonSerializer"]


class _Writer(wire.Writer):
    native = frozenset({bool, type(None)})

    def fits_as_key(self, key: object) -> bool:
        return type(key) is str and not key.startswith("!")

    def extended(self, row: wire.WireType, value: Any, depth: int) -> Any:
        return {f"!{row.name}": self.packed(row, value, depth)}


def _typed(plain: Any) -> Any:
    kind = type(plain)
    if kind is list:
        return [_typed(item) for item in plain]
    if kind is not dict:
        return plain
    if len(plain) == 1:
        ((key, value),) = plain.items()
        if key.startswith("!"):
            row = wire.BY_NAME.get(key[1:])
            if row is None:
                raise ValueError(f"{key[:60]!r} is not known: upgrade streamfw-core where it is read")
            return row.unpack(_typed(value) if row.holds_values else value)
    return {key: _typed(value) for key, value in plain.items()}


_decode_simple = Decoder(SIMPLE).decode
_decode_general = Decoder(GENERAL).decode


def _simple(data: bytes) -> tuple[Any, ...]:
    row: tuple[Any, ...] = _decode_simple(data)
    # Without this no name can be in it, and nothing needs to be looked for.
    if b'"!' in data:
        return (*row[:6], _typed_values(row[6]))
    return row


def _general(data: bytes) -> tuple[Any, ...]:
    form, *facts, context, fields = _decode_general(data)
    return (form, *map(_typed, facts), _typed_values(context), _typed_values(fields))


def _typed_values(plain: dict[str, Any]) -> dict[str, Any]:
    # Of `extra_context` itself, where a name that starts with "!" is just a name.
    return {name: _typed(value) for name, value in plain.items()}


_decode_raw = Decoder(list[Raw]).decode
_decode_plain = Decoder().decode


def _form(data: bytes) -> Any:
    return _decode_plain(_decode_raw(data)[0])


class JsonSerializer(RowSerializer):
    """Activities as JSON text in UTF-8."""

    format = Format(
        writer=_Writer(),
        encode=Encoder().encode,
        simple=_simple,
        general=_general,
        form=_form,
        is_general=lambda data: data.startswith(b"[2,"),
    )

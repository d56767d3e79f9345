"""Activities as MessagePack: small and fast, the default."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import Raw
from msgspec.msgpack import Decoder, Encoder, Ext

from streamfw_core.serializers import wire
from streamfw_core.serializers.rows import GENERAL, SIMPLE, Format, RowSerializer

__all__ = ["MsgpackSerializer"]

_encode = Encoder().encode
_KEYS = frozenset({str, bytes, bool, float, type(None)})


class _Writer(wire.Writer):
    native = frozenset({bytes, bool, float, type(None)})

    def fits_as_key(self, key: object) -> bool:
        return type(key) in _KEYS or (type(key) is int and -(2**63) <= key < 2**64)

    def extended(self, row: wire.WireType, value: Any, depth: int) -> Any:
        if row is wire.DATETIME and wire.is_utc(value):
            return value
        if row.to_bytes is not None:
            return Ext(row.code, row.to_bytes(value))
        return Ext(row.code, _encode(self.packed(row, value, depth)))


@cache
def _hook(depth: int) -> Any:
    """Reads extension types that stand in so many others."""

    def read(code: int, data: memoryview) -> Any:
        row = wire.BY_CODE.get(code)
        if row is None:
            raise ValueError(f"extension type {code} is not known: upgrade streamfw-core where it is read")
        if row.from_bytes is not None:
            return row.from_bytes(bytes(data))
        if depth == wire.MAX_DEPTH:
            raise ValueError(f"values stand in each other more than {wire.MAX_DEPTH} deep")
        return row.unpack(_plain_decoder(depth + 1).decode(data))

    return read


@cache
def _plain_decoder(depth: int) -> Decoder[Any]:
    return Decoder(ext_hook=_hook(depth))


_decode_raw = Decoder(list[Raw]).decode
_decode_plain = Decoder().decode


def _form(data: bytes) -> Any:
    return _decode_plain(_decode_raw(data)[0])


class MsgpackSerializer(RowSerializer):
    """Activities as MessagePack."""

    format = Format(
        writer=_Writer(),
        encode=_encode,
        # The decoders' own methods, so that a row costs no call of a Python function.
        simple=Decoder(SIMPLE, ext_hook=_hook(0)).decode,
        general=Decoder(GENERAL, ext_hook=_hook(0)).decode,
        form=_form,
        is_general=lambda data: data[1:2] == b"\x02",
    )

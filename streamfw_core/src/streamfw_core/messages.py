"""Task messages: versioned JSON that names a manager, a feed and an operation, and carries ids and activities as data.

Nothing in a message is a path to code, and no code is ever unpickled from it.

| kind | what it asks for | size |
|---|---|---|
| `fanout` | find the followers of `source` and split the operation into `deliver` messages | the activities |
| `deliver` | apply the operation to the feeds of `owners` of one feed class | the activities and up to a chunk of ids |
| `follow` | copy what `targets` published into the feeds of `source` | ids |
| `unfollow` | take what `targets` published out of the feeds of `source` | ids |

Owners travel as they are (integers and texts); activity ids as decimal texts, since JSON numbers end at 2**53 in many readers.
Where metrics make traces, `trace` has what they need to go on with one (`traceparent` of W3C); otherwise there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeGuard

import msgspec

from streamfw_core.errors import MessageError, given
from streamfw_core.ids import MAX_ID, MAX_ID_BYTES, PLAIN, encode_owner, text_of_id

if TYPE_CHECKING:
    from streamfw_core.activity import Activity
    from streamfw_core.serializers.json import JsonSerializer

__all__ = ["VERSION", "Deliver", "Fanout", "Follow", "Item", "Message", "Unfollow", "decode", "encode"]

VERSION: Final = 1

Operation: TypeAlias = Literal["add", "remove", "update"]
Owner: TypeAlias = int | str
Word: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One activity: its id, and the activity as the JSON serializer writes it (null for a removal)."""

    id: str
    activity: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def activity_id(self) -> int:
        return int(self.id)

    @property
    def has_activity(self) -> bool:
        return bytes(self.activity) != b"null"


class _Base(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True):
    manager: str
    source: Owner
    stamp: int
    correlation_id: str = ""
    trace: Any = msgspec.UNSET
    """See `carrier_of`: a trace that is none must not keep an activity from anybody, so no type is asked for here."""
    v: int = VERSION

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)


class Fanout(_Base, frozen=True, tag="fanout", kw_only=True):
    """Find the followers of `source`, from the page of `cursor` on, and deliver to each."""

    operation: Operation
    items: list[Item]
    cursor: Owner | None = None


class Deliver(_Base, frozen=True, tag="deliver", kw_only=True):
    """Apply an operation to the feeds of `owners`."""

    operation: Operation
    items: list[Item]
    feed: str
    owners: list[Owner]


class Follow(_Base, frozen=True, tag="follow", kw_only=True):
    """Copy the newest `limit` activities of each of `targets` into the feeds of `source`."""

    targets: list[Owner]
    limit: int


class Unfollow(_Base, frozen=True, tag="unfollow", kw_only=True):
    """Take what `targets` published before `stamp` out of the feeds of `source`."""

    targets: list[Owner]


Message: TypeAlias = Fanout | Deliver | Follow | Unfollow

LONGEST_CARRIER: Final = 8
LONGEST_CARRIED: Final = 512

encode = msgspec.json.Encoder().encode
"""The bytes of a message."""

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Fanout | Deliver | Follow | Unfollow)


class _Version(msgspec.Struct):
    v: int


def item(activity: Activity) -> Item:
    """An activity as messages carry it.

    :raises EncodeError: see `streamfw_core.serializers`.
    """
    data = _serializer(type(activity)).dumps(activity)
    return Item(str(activity.serialization_id), msgspec.Raw(data))


def activity_of(item: Item, activity_class: type[Activity]) -> Activity:
    """The activity that an item carries.

    :raises DecodeError: it carries none of this class.
    """
    return _serializer(activity_class).loads(bytes(item.activity), item.activity_id)


_serializers: dict[type[Activity], JsonSerializer] = {}


def _serializer(activity_class: type[Activity]) -> JsonSerializer:
    if activity_class not in _serializers:
        from streamfw_core.serializers.json import JsonSerializer

        _serializers[activity_class] = JsonSerializer(activity_class)
    return _serializers[activity_class]


def decode(data: bytes) -> Message:
    """The message that bytes hold.

    :raises MessageError: they hold none of ours, or one of another version.
    """
    if not isinstance(data, bytes | bytearray | memoryview | str):
        raise MessageError(f"a task message is bytes, got {given(data)}: pass what the queue was given, as it is")
    try:
        message = _decoder.decode(data)
        for item in getattr(message, "items", ()):
            _check_id(item.id)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MessageError(_why(data, error)) from error
    if message.v != VERSION:
        raise MessageError(_wrong_version(message.v))
    return message


def about(data: bytes) -> str:
    """What a message is about, in a few words for logs: `fanout of manager 'pins' for user 13`."""
    try:
        message = decode(data)
    except MessageError:
        return "what is no message"
    feed = f" to feed {message.feed!r}" if isinstance(message, Deliver) else ""
    return f"{message.kind}{feed} of manager {message.manager!r} for user {message.source!r}"


def trace_of(carrier: Mapping[str, str]) -> Any:
    """What a message has as `trace`: nothing at all where there is no trace."""
    return {**carrier} if carrier else msgspec.UNSET


def carrier_of(message: Message) -> Mapping[str, str]:
    """What is in the `trace` of a message that may be used: short ASCII texts; anything else is left out."""
    trace = message.trace
    if not isinstance(trace, dict) or len(trace) > LONGEST_CARRIER:
        return {}
    return {name: text for name, text in trace.items() if _is_carried(name) and _is_carried(text)}


def _is_carried(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_CARRIED and text.isascii() and text.isprintable()


def _check_id(text: str) -> None:
    if not (text.isascii() and text.isdigit() and len(text) < 40 and int(text) <= MAX_ID):
        raise ValueError(f"activity id {text[:60]!r}")


def wire_owner(owner: Any, what: str = "user id") -> Owner:
    """An owner as messages carry it.

    :param what: how an error names it.
    :raises IdError: not an id.
    """
    if type(owner) is int and -(2**63) <= owner < 2**63:
        return owner
    return text_of_id(owner, what)


def wire_owners(owners: list[Any], what: str = "user id") -> list[Owner]:
    """Many owners as messages carry them."""
    if words := _words(owners):
        return words
    return [*owners] if _are_plain(owners) else [wire_owner(owner, what) for owner in owners]


def feed_owners(owners: list[Owner]) -> list[str]:
    """Owners of a message as storages get them (see `encode_owner`), each once."""
    words = _words(owners)
    if words:
        # JSON has integers as str() writes them, and is written in a fraction of the time.
        encoded = encode(words)[1:-1].decode().split(",")
    elif _are_plain(owners):
        encoded = owners
    else:
        encoded = [*map(encode_owner, owners)]
    return encoded if len({*(words or encoded)}) == len(encoded) else [*dict.fromkeys(encoded)]


def _words(owners: list[Any]) -> list[Any] | None:
    """The owners if all are integers of 64 bits: nearly always so, and then what is done with thousands takes no loop."""
    try:
        return msgspec.convert(owners, list[Word])
    except (msgspec.ValidationError, UnicodeError):  # the latter for a text with a lone surrogate
        return None


def _are_plain(owners: list[Any]) -> TypeGuard[list[str]]:
    """Whether all are texts that `encode_owner` leaves as they are."""
    if {*map(type, owners)} != {str} or not all(owners) or len(max(owners, key=len)) > MAX_ID_BYTES:
        return False
    text = "".join(owners)
    return text.isascii() and not text.encode().translate(None, PLAIN)


def _why(data: bytes, error: Exception) -> str:
    try:
        version = msgspec.json.decode(data, type=_Version).v
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return f"not a task message of streamfw ({error}): {data[:80]!r}"
    if version != VERSION:
        return _wrong_version(version)
    return f"a task message that does not fit its form: {error}"


def _wrong_version(version: int) -> str:
    return (
        f"task message of version {version}, and this release reads version {VERSION}:"
        " run the workers with the release that wrote it, or let the queue drain before upgrading"
    )

"""An activity as a row, which is the same in all formats; only how a row becomes bytes differs.

A row starts with the number of its form, so that what another version wrote is known as such:

1. `[1, actor, verb, object, target, time, extra_context]`, which the decoder checks in C:
   the ids are integers or texts, and the time is naive or UTC;
2. `[2, actor, verb, object, target, time, extra_context, attributes that a subclass added]` for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Annotated, Any, ClassVar, Literal, NoReturn
from uuid import UUID

from attrs import frozen
from msgspec import Meta

from streamfw_core.activity import FACTS, Activity
from streamfw_core.errors import (
    ActivityTypeError,
    DecodeError,
    EncodeError,
    Problem,
    SettingsError,
    VerbNotFound,
)
from streamfw_core.ids import text_of_id
from streamfw_core.serializers.wire import Refused, Writer, checked_text

# The registry itself: a call for each row would be a tenth of the time it takes to read one.
from streamfw_core.verbs import _verbs, get_verb_by_id

__all__ = ["GENERAL", "SIMPLE", "Format", "RowSerializer"]

_Text = Annotated[str, Meta(min_length=1, max_length=16_384)]
_Id = int | _Text

SIMPLE: Any = tuple[Literal[1], _Id, int, _Id, _Id | None, datetime, dict[str, Any]]
GENERAL: Any = tuple[Literal[2], Any, int, Any, Any, Any, dict[str, Any], dict[str, Any]]

SIMPLE_FORM, GENERAL_FORM = 1, 2

_new: Callable[[type[Activity]], Activity] = object.__new__


@frozen
class Format:
    """How rows become bytes. What reads may raise any Exception at bytes that are none of its own."""

    writer: Writer
    encode: Callable[[tuple[Any, ...]], bytes]
    simple: Callable[[bytes], Any]
    """Reads a row of the type SIMPLE."""
    general: Callable[[bytes], Any]
    """Reads a row of the type GENERAL."""
    form: Callable[[bytes], Any]
    """Reads the first item of any list."""
    is_general: Callable[[bytes], bool]
    """A quick look whether these bytes may be a row of the type GENERAL."""


class RowSerializer:
    """Writes and reads activities of one class; a subclass has the format.

    :param activity_class: the class of all activities, written and read.
    :param options: must be empty, there are none yet.
    :raises ActivityTypeError: not a subclass of `Activity`, or one with `__slots__`, which are not stored.
    """

    format: ClassVar[Format]
    """How a row becomes bytes."""

    def __init__(self, activity_class: type[Activity] = Activity, options: Mapping[str, object] | None = None) -> None:
        _check_class(activity_class)
        if options:
            name = type(self).__name__
            raise SettingsError([Problem(str(option), f"{name} has no such option", "remove it") for option in options])
        self.activity_class = activity_class
        self._simple = self.format.simple
        # Otherwise `from_stored` is asked, as the class may do more there, or compute its own id.
        self._direct = (
            activity_class.from_stored.__func__ is Activity.from_stored.__func__  # type: ignore[attr-defined]
            and activity_class.serialization_id is Activity.serialization_id
            and activity_class.__new__ is object.__new__
        )

    def dumps(self, activity: Activity) -> bytes:
        """See `streamfw_core.serializers.protocol.Serializer`."""
        if type(activity) is not self.activity_class:
            raise ActivityTypeError(
                f"this feed keeps activities of the class {self.activity_class.__qualname__},"
                f" got {type(activity).__qualname__}: make one of these, or set the feed's activity_class"
            )
        state = activity.stored_state()
        fields = {name: value for name, value in state.items() if name not in FACTS and name != "extra_context"}
        actor, object, target = (_exact_id(state[name]) for name in ("actor_id", "object_id", "target_id"))
        context = self._named(state["extra_context"], lambda name: f"extra_context[{name!r}]", "extra_context")
        time = _exact_time(state["time"])
        verb = state["verb"].id
        if (
            not fields
            and (time.tzinfo is UTC or time.tzinfo is None)
            and not time.fold
            and _is_simple(actor)
            and _is_simple(object)
            and (target is None or _is_simple(target))
        ):
            return self.format.encode((1, actor, verb, object, target, time, context))
        facts = {"actor_id": actor, "object_id": object, "target_id": target, "time": time}
        actor, object, target, time = self._named(facts, str, "the activity").values()
        for name in fields:
            if name in _RESERVED:
                raise EncodeError(f"the attribute {name} hides Activity.{name}: give it another name", path=name)
        return self.format.encode(
            (2, actor, verb, object, target, time, context, self._named(fields, str, "the activity"))
        )

    def loads(self, data: bytes, activity_id: int) -> Activity:
        """See `streamfw_core.serializers.protocol.Serializer`."""
        if self._direct:
            try:
                row = self._simple(data)
                _verbs[row[2]]
            except Exception:  # noqa: BLE001, S110 - hostile bytes find errors of every kind, named below
                pass
            else:
                activity = _new(self.activity_class)
                activity._id = activity_id
                activity._row = row
                return activity
        return self._loads_general(data, activity_id)

    def loads_all(self, ids: Sequence[int], payloads: Sequence[bytes]) -> list[Activity]:
        """See `streamfw_core.serializers.protocol.BatchSerializer`."""
        if self._direct:
            try:
                return self._loads_simple(ids, payloads)
            except Exception:  # noqa: BLE001, S110 - a general row, or hostile bytes: found one by one
                pass
        return [self.loads(data, activity_id) for activity_id, data in zip(ids, payloads, strict=True)]

    def _loads_simple(self, ids: Sequence[int], payloads: Sequence[bytes]) -> list[Activity]:
        """As `loads`, but whatever can loops in C: a third of the time."""
        rows = list(map(self._simple, payloads))
        activities = list(map(_new, repeat(self.activity_class, len(rows))))
        verbs = _verbs
        for activity, activity_id, row in zip(activities, ids, rows, strict=True):
            verbs[row[2]]
            activity._id = activity_id
            activity._row = row
        return activities

    def _loads_general(self, data: bytes, activity_id: int) -> Activity:
        try:
            return self.activity_class.from_stored(activity_id, self._state(data))
        except Exception as error:  # noqa: BLE001 - hostile bytes find errors of every kind
            self._explain(data, activity_id, error)

    def _state(self, data: bytes) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.format.is_general(data):
            _, actor, verb, object, target, time, context, fields = self.format.general(data)
        else:
            _, actor, verb, object, target, time, context = self.format.simple(data)
        if type(actor) is not UUID:
            text_of_id(actor, "actor")
        if type(object) is not UUID:
            text_of_id(object, "object")
        if target is not None and type(target) is not UUID:
            text_of_id(target, "target")
        if not isinstance(time, datetime):
            raise TypeError(f"time is a {type(time).__name__}")
        for name in fields:
            if name in _RESERVED or name[:1] in ("_", ""):
                raise ValueError(f"there is an attribute {name[:60]!r}, which no activity may have")
        return {
            **fields,
            "actor_id": actor,
            "verb": get_verb_by_id(verb),
            "object_id": object,
            "target_id": target,
            "time": time,
            "extra_context": context,
        }

    def _explain(self, data: bytes, activity_id: int, error: Exception) -> NoReturn:
        where = f"activity {activity_id} cannot be read"
        if isinstance(error, VerbNotFound):
            raise DecodeError(f"{where}: {error}", activity_id=activity_id) from error
        form = self._form(data)
        if form not in (None, SIMPLE_FORM, GENERAL_FORM):
            reason = f"it is in form {form}, and this release reads 1 and 2: upgrade streamfw-core here"
        else:
            what = f"these {len(data)} bytes are" if isinstance(data, bytes) else f"a {type(data).__name__} is"
            reason = (
                f"{what} not what {type(self).__name__} writes for {self.activity_class.__qualname__}"
                f" ({str(error)[:200]}); was the serializer of the feed changed while it had entries?"
            )
        raise DecodeError(f"{where}: {reason}", activity_id=activity_id) from error

    def _form(self, data: bytes) -> int | None:
        """The number at the start of a row, whatever follows it."""
        try:
            form = self.format.form(data)
        except Exception:  # noqa: BLE001 - then there is no form to speak of
            return None
        return form if type(form) is int and 0 < form < 1000 else None

    def _named(self, values: Mapping[str, Any], path: Callable[[str], str], whole: str) -> dict[str, Any]:
        """Named values as the format takes them; an error names the path of the value."""
        plain = {}
        for name, value in values.items():
            if type(name) is not str:
                raise EncodeError(
                    f"a key of {whole} is of the type {type(name).__qualname__}: use text,"
                    " or put a dict inside, whose keys may be anything hashable",
                    path=whole,
                )
            try:
                plain[checked_text(name)] = self.format.writer.plain(value)
            except Refused as refused:
                full = path(name) + refused.path
                shown = full if len(full) <= 200 else f"{full[:120]}...{full[-60:]}"
                raise EncodeError(f"{shown} {refused.explained()}", path=full) from None
        return plain


_RESERVED = frozenset(dir(Activity))
"""Names that an attribute from bytes must not hide: the methods of activities among them."""


def _check_class(activity_class: type[Activity]) -> None:
    if not (isinstance(activity_class, type) and issubclass(activity_class, Activity)):
        raise ActivityTypeError(f"a serializer writes a subclass of Activity, got {activity_class!r}")
    for base in activity_class.__mro__:
        slots = base.__dict__.get("__slots__", ())
        lost = [name for name in ([slots] if isinstance(slots, str) else slots) if not name.startswith("_")]
        if lost and issubclass(base, Activity) and base is not Activity:
            raise ActivityTypeError(
                f"{base.__qualname__} has __slots__ ({', '.join(lost)}), which are not stored: use plain attributes"
            )


def _exact_id(value: Any) -> Any:
    """The id without the subclass it may have (a driver's UUID, a marked-safe text); it is equal."""
    if value is None or type(value) in (int, str, UUID):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    return UUID(int=value.int)


def _exact_time(value: datetime) -> datetime:
    """The time without the subclass it may have (another library's, a test's frozen clock)."""
    if type(value) is datetime:
        return value
    exact = datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.tzinfo,
        fold=value.fold,
    )
    if exact != value:
        name = type(value).__qualname__
        raise EncodeError(f"time is a {name}, more exact than a datetime: pass a datetime to the activity", path="time")
    return exact


def _is_simple(value: Any) -> bool:
    return type(value) is str or (type(value) is int and -(2**63) <= value < 2**64)

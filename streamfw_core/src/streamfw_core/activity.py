"""Activities: who did what to which thing, where to, and when."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias
from uuid import UUID

from streamfw_core import ids
from streamfw_core.errors import (
    ActivityNotFound,
    ActivityTypeError,
    FactChanged,
    IdError,
    MissingObject,
    TimeError,
    given,
    shown,
)
from streamfw_core.ids import Id
from streamfw_core.verbs import Verb, get_verb_by_id, verb_of

__all__ = ["Activity", "BaseActivity", "DehydratedActivity"]

FACTS: Final = ("actor_id", "verb", "object_id", "target_id", "time")
"""What an activity's id is made of; these never change."""

Row: TypeAlias = tuple[int, Id, int, Id, Id | None, datetime, dict[str, Any]]
"""What is stored of every activity: 1, actor, verb id, object, target, time, extra context.

It is what serializers write, with the number of its form first, so that an activity is made of what was read as it is.
"""

FORM: Final = 1
_ACTOR: Final = 1
_VERB: Final = 2
_OBJECT: Final = 3
_TARGET: Final = 4
_TIME: Final = 5
_CONTEXT: Final = 6


if TYPE_CHECKING:
    _fact = property
else:

    class _fact(property):  # noqa: N801  # a property to everybody else
        """A property that says why it cannot be set."""

        def __set__(self, activity: Any, value: Any) -> None:
            raise FactChanged(
                f"activity.{self.fget.__name__} is part of the activity's id and cannot be changed: make a new activity"
            )


class BaseActivity:
    """What all kinds of activities have in common."""

    __slots__ = ()

    dehydrated = False
    """Whether only the id is known, as of a `DehydratedActivity`."""


class Activity(BaseActivity):
    """Who (actor) did what (verb) to which thing (object), optionally where to (target), when, and with what context.

    ```python
    Activity(actor=13, verb=Love, object=42, extra_context={"board": "surf"})  # -> Activity(actor=13, ...)
    ```

    :param actor: the id of who did it (int, str or UUID), or an object that has an `id`.
    :param verb: a registered `Verb` class, an instance of one, or its id.
    :param object: the id of the thing, or an object that has an `id`.
    :param target: the id of where it was added to, or an object that has an `id`; or None.
    :param time: when; a naive time is taken as UTC, and now is the default.
        The id has milliseconds, the activity keeps microseconds.
    :param extra_context: whatever else the application wants back, see `streamfw_core.serializers` for the types.
    :raises IdError, VerbError, VerbNotFound, TimeError, ActivityTypeError: what cannot be one of these.

    The objects that were passed are at `actor`, `object` and `target`; only their ids are stored.
    Two activities are equal when all that is stored of them is.
    Subclass it to add methods, or attributes that `__init__` sets: they are stored too, if their names do not start with `_`.
    """

    # A subclass has a __dict__ for what it adds; this class has none, and is made faster for it.
    __slots__ = ("__weakref__", "_id", "_objects", "_row")

    _id: int
    _row: Row
    _objects: dict[str, Any]

    def __init__(
        self,
        actor: Any,
        verb: type[Verb] | Verb | int,
        object: Any,
        target: Any = None,
        time: datetime | None = None,
        extra_context: Mapping[str, Any] | None = None,
    ) -> None:
        objects: dict[str, Any] = {}
        actor_id = _id_of(actor, "actor", objects)
        object_id = _id_of(object, "object", objects)
        target_id = None if target is None else _id_of(target, "target", objects)
        verb = verb_of(verb)
        if time is None:
            time = datetime.now(UTC)
        elif not isinstance(time, datetime):
            raise TimeError(f"time must be a datetime, got {given(time)}")
        context = {} if extra_context is None else _context_of(extra_context)
        self._id = ids.make_id(time, actor_id, verb.id, object_id, target_id)
        self._row = (FORM, actor_id, verb.id, object_id, target_id, time, context)
        self._objects = objects

    @classmethod
    def from_stored(cls, activity_id: int, state: dict[str, Any]) -> Self:
        """An activity from what a serializer read back: its id, and all attributes as `stored_state` gave them.

        `__init__` is not called, as subclasses may give it another signature.
        """
        added = dict(state)
        actor_id, verb, object_id, target_id, time = (added.pop(name) for name in FACTS)
        if cls.serialization_id is not Activity.serialization_id:
            # The id is the class's own, which may be computed from this one.
            activity_id = ids.make_id(time, actor_id, verb.id, object_id, target_id)
        activity = cls.__new__(cls)
        activity._id = activity_id
        activity._row = (FORM, actor_id, verb.id, object_id, target_id, time, added.pop("extra_context"))
        for name, value in added.items():
            setattr(activity, name, value)
        return activity

    def stored_state(self) -> dict[str, Any]:
        """Every attribute that is stored, by name: the facts, `extra_context`, and those that a subclass added."""
        _, actor_id, _, object_id, target_id, time, extra_context = self._row
        return {
            "actor_id": actor_id,
            "verb": self.verb,
            "object_id": object_id,
            "target_id": target_id,
            "time": time,
            "extra_context": extra_context,
            **self.added_fields(),
        }

    def added_fields(self) -> dict[str, Any]:
        """The stored attributes that a subclass added."""
        return {name: value for name, value in getattr(self, "__dict__", {}).items() if name[0] != "_"}

    @_fact
    def actor_id(self) -> Id:
        """The id of who did it."""
        return self._row[_ACTOR]

    @_fact
    def verb(self) -> type[Verb]:
        """What was done."""
        return get_verb_by_id(self._row[_VERB])

    @_fact
    def object_id(self) -> Id:
        """The id of the thing."""
        return self._row[_OBJECT]

    @_fact
    def target_id(self) -> Id | None:
        """The id of where it was added to, if anywhere."""
        return self._row[_TARGET]

    @_fact
    def time(self) -> datetime:
        """When, as it was given: naive or aware, with microseconds."""
        return self._row[_TIME]

    @property
    def extra_context(self) -> dict[str, Any]:
        """What else the application wants back; a dict of this activity's own."""
        return self._row[_CONTEXT]

    @extra_context.setter
    def extra_context(self, value: Mapping[str, Any]) -> None:
        form, actor_id, verb_id, object_id, target_id, time, _ = self._row
        self._row = (form, actor_id, verb_id, object_id, target_id, time, _context_of(value))

    @property
    def serialization_id(self) -> int:
        """48 bits of milliseconds since 1970, then 64 bits of a digest of actor, verb, object and target.

        The same facts give the same id in every process, and it never changes.
        A subclass may compute its own, below 2**128; feeds are sorted by it.
        """
        return self._id

    @property
    def actor(self) -> Any:
        """The object that was passed as actor. :raises MissingObject: only its id is known."""
        return self._object("actor")

    @actor.setter
    def actor(self, value: Any) -> None:
        self._set_object("actor", value)

    @property
    def object(self) -> Any:
        """The object that was passed as object. :raises MissingObject: only its id is known."""
        return self._object("object")

    @object.setter
    def object(self, value: Any) -> None:
        self._set_object("object", value)

    @property
    def target(self) -> Any:
        """The object that was passed as target. :raises MissingObject: only its id is known."""
        return self._object("target")

    @target.setter
    def target(self, value: Any) -> None:
        self._set_object("target", value)

    def get_dehydrated(self) -> DehydratedActivity:
        """The reference to this activity that a timeline keeps."""
        return DehydratedActivity(self.serialization_id)

    def _object(self, name: str) -> Any:
        try:
            return self._objects[name]
        except (AttributeError, KeyError):
            if name == "target" and self.target_id is None:
                return None
            raise MissingObject(
                f"activity.{name} is not known, only its id is: use activity.{name}_id, or set activity.{name} to the object"
            ) from None

    def _set_object(self, name: str, value: Any) -> None:
        known = getattr(self, f"{name}_id")
        its_id = getattr(value, "id", value)
        if known is None or ids.text_of_id(its_id, name) != ids.text_of_id(known, name):
            raise IdError(
                f"activity.{name}_id is {known!r}, so activity.{name} cannot be an object with the id {shown(its_id)}"
            )
        self._objects = {**getattr(self, "_objects", {}), name: value}

    def __eq__(self, other: builtins.object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._row == other._row and self.added_fields() == other.added_fields()

    def __hash__(self) -> int:
        return hash(self.serialization_id)

    def __repr__(self) -> str:
        target = "" if self.target_id is None else f", target={self.target_id!r}"
        return (
            f"{type(self).__name__}(actor={self.actor_id!r}, verb={self.verb.__name__}, object={self.object_id!r}{target},"
            f" time={self.time.isoformat()})"
        )


class DehydratedActivity(BaseActivity):
    """A reference to an activity: its id, and nothing else."""

    dehydrated = True

    def __init__(self, serialization_id: int) -> None:
        self.serialization_id = ids.check_activity_id(serialization_id)
        """The id of the activity."""

    def get_hydrated(self, activities: Mapping[int, Activity]) -> Activity:
        """The activity itself, out of a mapping id -> activity.

        :raises ActivityNotFound: it is not there.
        """
        try:
            return activities[self.serialization_id]
        except KeyError:
            raise ActivityNotFound(
                f"activity {self.serialization_id} is not among the {len(activities)} given"
            ) from None

    def __eq__(self, other: builtins.object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.serialization_id == other.serialization_id)

    def __hash__(self) -> int:
        return hash(self.serialization_id)

    def __repr__(self) -> str:
        return f"DehydratedActivity({self.serialization_id})"


def _context_of(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ActivityTypeError(f"extra_context must be a mapping with text keys, got {given(value)}")
    return dict(value)


def _id_of(value: Any, what: str, objects: dict[str, Any]) -> Id:
    """The id of a person or thing given as an id or as an object with one, which is then remembered."""
    if type(value) is int or isinstance(value, str | UUID):
        return value
    if hasattr(value, "id") and not isinstance(value, type):
        objects[what] = value
        if value.id is None:
            raise IdError(f"{what} {shown(value)} has the id None: save it before making an activity of it")
        value = value.id
    ids.text_of_id(value, what)
    return value  # type: ignore[no-any-return]

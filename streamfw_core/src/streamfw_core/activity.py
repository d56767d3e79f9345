"""Activities: who did what to which thing, where to, and when."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from streamfw_core import ids
from streamfw_core.errors import ActivityNotFound, ActivityTypeError, IdError, MissingObject, TimeError
from streamfw_core.ids import Id
from streamfw_core.verbs import Verb, verb_of

__all__ = ["Activity", "BaseActivity", "DehydratedActivity"]

FACTS = frozenset({"actor_id", "verb", "object_id", "target_id", "time"})
"""What an activity's id is made of; these never change."""

_KNOWN = FACTS | {"extra_context"}


class BaseActivity:
    """What all kinds of activities have in common."""

    dehydrated = False


class Activity(BaseActivity):
    """Who (actor) did what (verb) to which thing (object), optionally where to (target), when, and with what context.

    ```python
    Activity(actor=13, verb=Love, object=42, extra_context={"board": "surf"})
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

    actor_id: Id
    verb: type[Verb]
    object_id: Id
    target_id: Id | None
    time: datetime
    extra_context: dict[str, Any]
    _id: int
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
            raise TimeError(f"time must be a datetime, got {time!r} ({type(time).__name__})")
        if extra_context is None:
            extra_context = {}
        elif not isinstance(extra_context, Mapping):
            raise ActivityTypeError(
                f"extra_context must be a mapping with text keys, got {extra_context!r} ({type(extra_context).__name__})"
            )
        self.__dict__.update(
            actor_id=actor_id,
            verb=verb,
            object_id=object_id,
            target_id=target_id,
            time=time,
            extra_context=dict(extra_context),
            _id=ids.make_id(time, actor_id, verb.id, object_id, target_id),
            _objects=objects,
        )

    @classmethod
    def from_stored(cls, activity_id: int, state: dict[str, Any]) -> Self:
        """An activity from what a serializer read back: its id, and all attributes as `stored_state` gave them.

        `__init__` is not called, as subclasses may give it another signature.
        """
        activity = cls.__new__(cls)
        if cls.serialization_id is not Activity.serialization_id:
            # The id is the class's own, which may be computed from this one.
            facts = (state["actor_id"], state["verb"].id, state["object_id"], state["target_id"])
            activity_id = ids.make_id(state["time"], *facts)
        state["_id"] = activity_id
        state["_objects"] = {}
        _set(activity, "__dict__", state)
        return activity

    def stored_state(self) -> dict[str, Any]:
        """Every attribute that is stored, by name: the facts, `extra_context`, and those that a subclass added."""
        return {name: value for name, value in self.__dict__.items() if name[0] != "_"}

    def added_fields(self) -> dict[str, Any]:
        """The stored attributes that a subclass added."""
        return {name: value for name, value in self.__dict__.items() if name[0] != "_" and name not in _KNOWN}

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
        except KeyError:
            if name == "target" and self.target_id is None:
                return None
            raise MissingObject(
                f"activity.{name} is not known, only its id is: use activity.{name}_id, or set activity.{name} to the object"
            ) from None

    def _set_object(self, name: str, value: Any) -> None:
        known = self.__dict__[f"{name}_id"]
        given = getattr(value, "id", value)
        if known is None or ids.text_of_id(given, name) != ids.text_of_id(known, name):
            raise IdError(
                f"activity.{name}_id is {known!r}, so activity.{name} cannot be an object with the id {given!r}"
            )
        self._objects[name] = value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FACTS:
            raise AttributeError(
                f"activity.{name} is part of the activity's id and cannot be changed: make a new activity"
            )
        _set(self, name, value)

    def __eq__(self, other: builtins.object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._id == other._id and self.stored_state() == other.stored_state()

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


_set = object.__setattr__


def _id_of(value: Any, what: str, objects: dict[str, Any]) -> Id:
    """The id of a person or thing given as an id or as an object with one, which is then remembered."""
    if type(value) is int or isinstance(value, str | UUID):
        return value
    if hasattr(value, "id") and not isinstance(value, type):
        objects[what] = value
        if value.id is None:
            raise IdError(f"{what} {value!r} has the id None: save it before making an activity of it")
        value = value.id
    ids.text_of_id(value, what)
    return value  # type: ignore[no-any-return]

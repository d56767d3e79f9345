"""Activities: facts that never change, objects that are only known where they were passed."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from streamfw_core.activity import Activity, BaseActivity, DehydratedActivity
from streamfw_core.errors import ActivityNotFound, ActivityTypeError, IdError, MissingObject, TimeError
from streamfw_core.ids import make_id
from streamfw_core.verbs import Add, Comment, Love

T = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Person:
    def __init__(self, id: Any) -> None:
        self.id = id


def make(**changes: Any) -> Activity:
    facts: dict[str, Any] = {"actor": 13, "verb": Love, "object": 42, "time": T}
    return Activity(**{**facts, **changes})


# --- ids -----------------------------------------------------------------------------------------------------


def test_its_id_is_made_of_its_facts() -> None:
    activity = make(target=7)
    assert activity.serialization_id == make_id(T, 13, Love.id, 42, 7)


def test_two_actors_in_one_millisecond_are_two_activities() -> None:
    one, other = make(actor=13), make(actor=14)
    assert one.serialization_id != other.serialization_id
    assert one.serialization_id >> 64 == other.serialization_id >> 64
    assert one != other


@pytest.mark.parametrize("id", [13, -13, 2**100, "anna", "日本", UUID(int=5)])
@pytest.mark.parametrize("name", ["actor", "object", "target"])
def test_ids_are_integers_texts_or_uuids_and_keep_their_type(name: str, id: Any) -> None:
    activity = make(**{name: id})
    kept = getattr(activity, f"{name}_id")
    assert kept == id
    assert type(kept) is type(id)


@pytest.mark.parametrize("id", [True, False, 1.5, b"13", (1,), [1], {}, ""])
@pytest.mark.parametrize("name", ["actor", "object", "target"])
def test_what_is_no_id_is_refused_by_name(name: str, id: Any) -> None:
    with pytest.raises(IdError, match=name):
        make(**{name: id})


@pytest.mark.parametrize("name", ["actor", "object"])
def test_none_is_no_actor_and_no_object(name: str) -> None:
    with pytest.raises(IdError, match=f"{name} must be an int, a str or a UUID"):
        make(**{name: None})


def test_an_object_that_was_not_saved_is_refused() -> None:
    with pytest.raises(IdError, match="has the id None: save it before"):
        make(object=Person(None))


@pytest.mark.parametrize("id", [True, 1.5, b"13", ""])
def test_an_object_whose_id_is_none_of_these_is_refused(id: Any) -> None:
    with pytest.raises(IdError, match="actor"):
        make(actor=Person(id))


def test_a_class_is_no_object() -> None:
    with pytest.raises(IdError, match="object"):
        make(object=Person)


def test_a_custom_id_is_the_one_that_counts() -> None:
    class Numbered(Activity):
        @property
        def serialization_id(self) -> int:
            return super().serialization_id | 1

    activity = Numbered(13, Love, 42, time=T)
    assert activity.serialization_id == make().serialization_id | 1
    assert activity.get_dehydrated().serialization_id == activity.serialization_id
    again = Numbered.from_stored(activity.serialization_id, activity.stored_state())
    assert again.serialization_id == activity.serialization_id
    assert again == activity


# --- objects -------------------------------------------------------------------------------------------------


def test_the_objects_that_were_passed_are_kept() -> None:
    anna, pin, board = Person(13), Person("p1"), Person(uuid4())
    activity = make(actor=anna, object=pin, target=board)
    assert (activity.actor, activity.object, activity.target) == (anna, pin, board)
    assert (activity.actor_id, activity.object_id, activity.target_id) == (13, "p1", board.id)


@pytest.mark.parametrize("name", ["actor", "object", "target"])
def test_an_object_of_which_only_the_id_is_known_is_a_typed_error(name: str) -> None:
    activity = make(target=7)
    with pytest.raises(MissingObject, match=f"use activity.{name}_id, or set activity.{name}"):
        getattr(activity, name)
    assert not hasattr(activity, name), "templates and getattr() with a default see a missing attribute"


def test_no_target_is_none() -> None:
    assert make().target is None
    assert make().target_id is None


@pytest.mark.parametrize("name", ["actor", "object", "target"])
def test_an_object_can_be_set_when_its_id_fits(name: str) -> None:
    activity = make(target=7)
    right = Person(getattr(activity, f"{name}_id"))
    setattr(activity, name, right)
    assert getattr(activity, name) is right
    with pytest.raises(IdError, match="cannot be an object with the id 99"):
        setattr(activity, name, Person(99))
    assert getattr(activity, name) is right


def test_an_object_with_the_id_as_text_fits() -> None:
    activity = make()
    activity.actor = Person("13")
    assert activity.actor.id == "13"


def test_no_target_takes_no_object() -> None:
    activity = make()
    with pytest.raises(IdError):
        activity.target = Person(7)


def test_objects_do_not_make_activities_different() -> None:
    assert make(actor=Person(13)) == make(actor=13)


# --- facts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["actor_id", "verb", "object_id", "target_id", "time"])
def test_facts_cannot_be_changed(name: str) -> None:
    activity = make()
    before = activity.stored_state()
    with pytest.raises(AttributeError, match="make a new activity"):
        setattr(activity, name, 5)
    assert activity.stored_state() == before


def test_the_id_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        make().serialization_id = 5  # type: ignore[misc]


def test_the_context_may_change_and_is_the_activitys_own() -> None:
    given = {"a": 1}
    activity = make(extra_context=given)
    activity.extra_context["b"] = 2
    assert given == {"a": 1}
    assert activity.serialization_id == make().serialization_id


def test_two_activities_do_not_share_a_context() -> None:
    one, other = make(), make()
    one.extra_context["a"] = 1
    assert other.extra_context == {}


@pytest.mark.parametrize("context", [{"a": 1}, MappingProxyType({"a": 1})])
def test_any_mapping_is_a_context(context: Mapping[str, Any]) -> None:
    assert make(extra_context=context).extra_context == {"a": 1}


@pytest.mark.parametrize("context", [[], "text", 5, [("a", 1)]])
def test_what_is_no_mapping_is_no_context(context: Any) -> None:
    with pytest.raises(ActivityTypeError, match="extra_context must be a mapping"):
        make(extra_context=context)


# --- time ----------------------------------------------------------------------------------------------------


def test_now_is_the_default_and_aware() -> None:
    before = datetime.now(UTC)
    time = Activity(1, Love, 2).time
    assert before <= time <= datetime.now(UTC)
    assert time.tzinfo is UTC


def test_a_naive_time_is_kept_and_taken_as_utc() -> None:
    activity = make(time=T.replace(tzinfo=None))
    assert activity.time.tzinfo is None
    assert activity.serialization_id == make().serialization_id


def test_a_time_elsewhere_is_kept_and_sorts_by_its_instant() -> None:
    there = T.astimezone(timezone(timedelta(hours=9)))
    activity = make(time=there)
    assert activity.time.utcoffset() == timedelta(hours=9)
    assert activity.serialization_id == make().serialization_id


def test_microseconds_are_kept() -> None:
    assert make().time.microsecond == 123456


@pytest.mark.parametrize("time", [date(2026, 1, 1), 1_700_000_000, "2026-01-01", 1.5])
def test_what_is_no_datetime_is_refused(time: Any) -> None:
    with pytest.raises(TimeError, match="must be a datetime"):
        make(time=time)


def test_a_time_before_1970_is_refused() -> None:
    with pytest.raises(TimeError, match="1970"):
        make(time=datetime(1969, 12, 31, tzinfo=UTC))


# --- equality, copies, texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"actor": 14}, {"verb": Add}, {"object": 43}, {"target": 7}, {"extra_context": {"a": 1}}]
)
def test_activities_are_equal_when_all_that_is_stored_is(changes: dict[str, Any]) -> None:
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != make(**changes)


def test_a_subclass_is_not_equal_to_its_base() -> None:
    class Special(Activity):
        pass

    assert Special(13, Love, 42, time=T) != make()
    assert make() != SimpleNamespace(**make().stored_state())
    assert make() != 5


def test_an_activity_can_be_copied() -> None:
    activity = make(target=7, extra_context={"a": [1]})
    deep = copy.deepcopy(activity)
    assert copy.copy(activity) == deep == activity
    deep.extra_context["a"].append(2)
    assert activity.extra_context == {"a": [1]}


def test_users_may_pickle_activities_themselves() -> None:
    activity = make(target=7)
    assert pickle.loads(pickle.dumps(activity)) == activity


def test_its_repr_says_who_did_what() -> None:
    assert repr(make()) == "Activity(actor=13, verb=Love, object=42, time=2026-03-01T12:00:00.123456+00:00)"
    assert "target='b'" in repr(make(target="b"))


# --- what is stored ------------------------------------------------------------------------------------------


class Scored(Activity):
    def __init__(self, actor: Any, verb: Any, object: Any, score: int, **rest: Any) -> None:
        super().__init__(actor, verb, object, **rest)
        self.score = score
        self._cache = "not stored"


def test_attributes_of_a_subclass_are_stored_unless_private() -> None:
    activity = Scored(13, Comment, 42, 5, time=T)
    assert activity.added_fields() == {"score": 5}
    assert activity.stored_state() == {
        "actor_id": 13,
        "verb": Comment,
        "object_id": 42,
        "target_id": None,
        "time": T,
        "extra_context": {},
        "score": 5,
    }


def test_from_stored_needs_no_init() -> None:
    activity = Scored(13, Comment, 42, 5, time=T)
    again = Scored.from_stored(activity.serialization_id, activity.stored_state())
    assert type(again) is Scored
    assert again == activity
    with pytest.raises(MissingObject):
        _ = again.actor


def test_an_unhashed_score_makes_activities_different() -> None:
    assert Scored(13, Comment, 42, 5, time=T) != Scored(13, Comment, 42, 6, time=T)


# --- references ----------------------------------------------------------------------------------------------


def test_a_dehydrated_activity_becomes_whole_again() -> None:
    activity = make()
    reference = activity.get_dehydrated()
    assert isinstance(reference, DehydratedActivity)
    assert isinstance(reference, BaseActivity)
    assert reference.dehydrated
    assert not activity.dehydrated
    assert reference.serialization_id == activity.serialization_id
    assert reference.get_hydrated({activity.serialization_id: activity}) is activity


def test_a_reference_to_what_is_gone_is_a_typed_error() -> None:
    with pytest.raises(ActivityNotFound, match="not among the 1 given") as raised:
        DehydratedActivity(5).get_hydrated({6: make()})
    assert isinstance(raised.value, LookupError)


def test_references_are_equal_by_id_and_never_equal_to_activities() -> None:
    activity = make()
    reference = activity.get_dehydrated()
    assert reference == DehydratedActivity(activity.serialization_id)
    assert len({reference, DehydratedActivity(activity.serialization_id)}) == 1
    assert reference != activity
    assert repr(DehydratedActivity(5)) == "DehydratedActivity(5)"


@pytest.mark.parametrize("id", [-1, 2**128, "5", True, None])
def test_a_reference_takes_activity_ids_only(id: Any) -> None:
    with pytest.raises(IdError):
        DehydratedActivity(id)


# --- imports -------------------------------------------------------------------------------------------------


def test_importing_activities_imports_no_wire_format() -> None:
    program = (
        "import sys, streamfw_core.activity; print([n for n in ('msgspec', 'cattrs', 'pluggy') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

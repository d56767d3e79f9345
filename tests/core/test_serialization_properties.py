"""Whatever can be stored comes back equal with its types, and whatever bytes are read, nothing but a `DecodeError` leaves."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from streamfw_core.activity import Activity
from streamfw_core.errors import DecodeError
from streamfw_core.serializers import JsonSerializer, MsgpackSerializer, wire
from streamfw_core.serializers.rows import RowSerializer
from streamfw_core.verbs import Add, Comment, Follow, Love

both = pytest.mark.parametrize("serializer_class", [MsgpackSerializer, JsonSerializer])
Made = type[MsgpackSerializer] | type[JsonSerializer]

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
EPOCH, END = datetime(1970, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - bounds of naive times

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.one_of(st.integers(-(2**200), 2**200), texts.filter(bool), st.uuids())
offsets: st.SearchStrategy[Any] = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(
    timezone
)
zones: st.SearchStrategy[Any] = st.one_of(st.none(), st.just(UTC), st.sampled_from(ZONES).map(ZoneInfo), offsets)


def folded(times: Any) -> Any:
    return st.builds(lambda value, fold: value.replace(fold=fold), times, st.sampled_from([0, 1]))


datetimes = folded(st.datetimes(EPOCH, END, timezones=zones, allow_imaginary=True))
any_datetimes = folded(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones, allow_imaginary=True)  # noqa: DTZ001
)
ambiguous = st.builds(
    lambda minutes, micro, fold: datetime(
        2026, 10, 25, 2, minutes, 0, micro, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold
    ),
    st.integers(0, 59),
    st.integers(0, 999_999),
    st.sampled_from([0, 1]),
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**4000), 2**4000),
    st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 0, -1, 255, 256]),
    st.floats(),
    texts,
    texts.map(lambda text: f"!{text}"),
    st.binary(max_size=20),
    st.decimals(),
    st.sampled_from([Decimal("-0E+3"), Decimal("1.50"), Decimal("NaN123"), Decimal("-Infinity"), Decimal("1E-999999")]),
    st.uuids(),
    any_datetimes,
    ambiguous,
    st.dates(),
    folded(st.times(timezones=zones)),
    st.timedeltas(),
)
keys = st.recursive(
    scalars.filter(lambda value: not (isinstance(value, Decimal) and value.is_snan())),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(texts.map(lambda text: f"!{text}"), inner, max_size=2),
        st.dictionaries(keys, inner, max_size=3),
        st.sets(keys, max_size=3),
        st.frozensets(keys, max_size=3),
    ),
    max_leaves=12,
)
contexts = st.dictionaries(texts, values, max_size=4)
attributes = st.dictionaries(st.sampled_from(["score", "tags", "naïve", "x"]), values, max_size=3)


class Custom(Activity):
    """One that takes something else, and keeps it."""

    def __init__(self, extra: dict[str, Any], *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        for name, value in extra.items():
            setattr(self, name, value)


facts = st.fixed_dictionaries(
    {
        "actor": ids,
        "verb": st.sampled_from([Follow, Comment, Love, Add]),
        "object": ids,
        "target": st.none() | ids,
        "time": datetimes | ambiguous,
        "extra_context": contexts,
    }
)


def exact(value: Any) -> Any:  # noqa: PLR0911 - one for each kind of value
    """Something that is equal for values which are the same to the last bit, types included."""
    kind = type(value)
    if kind is float:
        return kind, "nan" if math.isnan(value) else struct.pack("d", value)
    if kind is Decimal:
        return kind, value.as_tuple()
    if kind in (datetime, time):
        zone = value.tzinfo
        named = zone.key if isinstance(zone, ZoneInfo) else None
        return kind, value.replace(tzinfo=None).isoformat(), value.fold, type(zone), named, value.utcoffset()
    if kind in (list, tuple):
        return kind, [exact(item) for item in value]
    if kind in (set, frozenset):
        return kind, sorted(repr(exact(item)) for item in value)
    if kind is dict:
        return kind, sorted((repr(exact(key)), repr(exact(item))) for key, item in value.items())
    return kind, value


@both
@given(facts)
@settings(max_examples=300)
def test_an_activity_comes_back_equal_with_its_types(serializer_class: Made, facts: dict[str, Any]) -> None:
    serializer = serializer_class()
    activity = Activity(**facts)
    data = serializer.dumps(activity)
    assert type(data) is bytes
    again = serializer.loads(data, activity.serialization_id)
    assert type(again) is Activity
    assert exact(again.stored_state()) == exact(activity.stored_state())
    assert again.serialization_id == activity.serialization_id
    assert again._id == activity._id
    if "nan" not in repr(facts).lower():
        assert again == activity


@both
@given(facts, attributes)
def test_a_subclass_comes_back_with_its_attributes(
    serializer_class: Made, facts: dict[str, Any], extra: dict[str, Any]
) -> None:
    serializer = serializer_class(Custom)
    activity = Custom(extra, **facts)
    again = serializer.loads(serializer.dumps(activity), activity.serialization_id)
    assert type(again) is Custom
    assert exact(again.stored_state()) == exact(activity.stored_state())


@both
@given(st.lists(facts, max_size=5), attributes)
def test_a_page_reads_as_its_activities_do(
    serializer_class: Made, page: list[dict[str, Any]], extra: dict[str, Any]
) -> None:
    serializer = serializer_class(Custom)
    activities = [Custom(extra, **facts) for facts in page]
    stored = [(activity.serialization_id, serializer.dumps(activity)) for activity in activities]
    read = serializer.loads_all([id for id, _ in stored], [data for _, data in stored])
    assert [exact(one.stored_state()) for one in read] == [
        exact(serializer.loads(data, id).stored_state()) for id, data in stored
    ]


@given(ambiguous)
def test_times_in_a_repeated_hour_are_equal_again(time: datetime) -> None:
    for serializer in (MsgpackSerializer(), JsonSerializer()):
        activity = Activity(1, Love, 2, time=time, extra_context={"at": time})
        assert serializer.loads(serializer.dumps(activity), activity.serialization_id) == activity


# --- hostile bytes -------------------------------------------------------------------------------------------


def sound(serializer: RowSerializer, data: bytes) -> None:
    """It reads as an activity that can be used, or is a `DecodeError`."""
    try:
        activity = serializer.loads(data, 5)
    except DecodeError as error:
        assert error.activity_id == 5  # noqa: PT017 - no error is as good
        assert str(error).startswith("activity 5 cannot be read: ")  # noqa: PT017
        with pytest.raises(DecodeError):
            serializer.loads_all([5], [data])
        return
    assert type(activity) is serializer.activity_class
    assert type(activity.actor_id) in (int, str, UUID)
    assert type(activity.object_id) in (int, str, UUID)
    assert activity.target_id is None or type(activity.target_id) in (int, str, UUID)
    assert type(activity.time) is datetime
    assert type(activity.extra_context) is dict
    assert all(type(key) is str for key in activity.extra_context)
    assert activity.serialization_id == 5
    repr(activity)
    assert exact(serializer.loads_all([5], [data])[0].stored_state()) == exact(activity.stored_state())


@st.composite
def damaged(draw: Any, serializer_class: Made) -> bytes:
    """What was valid until some bytes were changed, cut out, doubled or put in."""
    data = bytearray(serializer_class(Custom).dumps(Custom(draw(attributes), **draw(facts))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 8)))
        data[at:end] = draw(st.binary(max_size=8) | st.just(bytes(data[at:end] * 2)))
    return bytes(data)


@both
@given(st.binary(max_size=200))
@settings(max_examples=500)
@example(b"")
@example(b"\x00")
def test_random_bytes(serializer_class: Made, data: bytes) -> None:
    sound(serializer_class(), data)


@both
@given(st.data())
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_damaged_bytes(serializer_class: Made, data: st.DataObject) -> None:
    sound(serializer_class(Custom), data.draw(damaged(serializer_class)))


@both
@given(facts, attributes)
@settings(max_examples=25)
def test_truncated_bytes(serializer_class: Made, facts: dict[str, Any], extra: dict[str, Any]) -> None:
    serializer = serializer_class(Custom)
    whole = serializer.dumps(Custom(extra, **facts))
    for end in range(min(len(whole), 400)):
        with pytest.raises(DecodeError):
            serializer.loads(whole[:end], 5)
    with pytest.raises(DecodeError):
        serializer.loads(whole + b"\x01", 5)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=3)
        | st.builds(
            lambda name, value: {f"!{name}": value},
            st.sampled_from(
                [
                    "int",
                    "float",
                    "bytes",
                    "decimal",
                    "uuid",
                    "datetime",
                    "date",
                    "time",
                    "timedelta",
                    "tuple",
                    "set",
                    "frozenset",
                    "dict",
                    "no",
                ]
            ),
            inner,
        )
    ),
    max_leaves=10,
)


@given(json_values)
@settings(max_examples=500)
def test_any_value_under_any_name_of_the_table(value: Any) -> None:
    import msgspec

    for row in ([1, 1, 3, 2, None, "2026-01-01T00:00:00Z", {"a": value}], [2, 1, 3, 2, None, value, {"a": value}, {}]):
        sound(JsonSerializer(), msgspec.json.encode(row))
        sound(JsonSerializer(Custom), msgspec.json.encode([2, value, 3, value, value, "x", {}, {"score": value}]))


msgpack_values: st.SearchStrategy[Any] = st.deferred(
    lambda: st.one_of(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | texts | st.binary(max_size=20),
        st.lists(msgpack_values, max_size=3),
        st.dictionaries(texts | st.integers(0, 5), msgpack_values, max_size=3),
        st.builds(extension, st.integers(-128, 127) | st.integers(0, 14), st.binary(max_size=20)),
        st.builds(lambda code, value: extension(code, packed(value)), st.integers(0, 14), msgpack_values),
    )
)


def packed(value: Any) -> bytes:
    import msgspec

    return msgspec.msgpack.encode(value)


def extension(code: int, data: bytes) -> Any:
    import msgspec

    return msgspec.msgpack.Ext(code, data)


@given(msgpack_values)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_in_any_extension_type(value: Any) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for row in (
        [1, 1, 3, 2, None, now, {"a": value}],
        [2, value, 3, 2, None, now, {"a": value}, {}],
        [2, 1, 3, 2, value, value, {}, {"score": value}],
    ):
        sound(MsgpackSerializer(Custom), packed(row))


def test_the_strategies_reach_every_type_of_the_table() -> None:
    covered = {int, float, bytes, Decimal, UUID, datetime, date, time, timedelta, tuple, set, frozenset, dict}
    assert {row.type for row in wire.TYPES} == covered, "a new type needs a strategy above"

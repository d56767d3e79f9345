"""What each serializer writes, refuses and reads: the cases that a reader wants to see one by one."""

from __future__ import annotations

import enum
import subprocess
import sys
import threading
import time as clock
import tracemalloc
from collections import OrderedDict, namedtuple
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from streamfw_core.activity import Activity
from streamfw_core.errors import ActivityTypeError, DecodeError, EncodeError, SettingsError, VerbNotFound
from streamfw_core.serializers import JsonSerializer, MsgpackSerializer, wire, zones
from streamfw_core.serializers.protocol import BatchSerializer
from streamfw_core.serializers.rows import RowSerializer
from streamfw_core.verbs import Love, Verb

from streamfw_core import verbs

T = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(params=[MsgpackSerializer, JsonSerializer])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def serializer(make: Any) -> RowSerializer:
    made: RowSerializer = make()
    return made


def activity(**context: Any) -> Activity:
    return Activity(13, Love, 42, time=T, extra_context=context)


def again(serializer: RowSerializer, one: Activity) -> Activity:
    return serializer.loads(serializer.dumps(one), one.serialization_id)


# --- what is stored is a promise -----------------------------------------------------------------------------


def test_what_is_written_stays_readable() -> None:
    one = Activity(13, Love, "pin", time=T, extra_context={"a": [1, Decimal("1.50")]})
    other = Activity(UUID(int=5), Love, 2**70, 7, datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1))
    expected = {
        JsonSerializer: (
            b'[1,13,3,"pin",null,"2026-03-01T12:00:00.123456Z",{"a":[1,{"!decimal":"1.50"}]}]',
            (
                b'[2,{"!uuid":"00000000-0000-0000-0000-000000000005"},3,{"!int":"400000000000000000"},7,'
                b'{"!datetime":["2026-10-25T02:30:00",1,[3600000000,"Europe/Berlin"]]},{},{}]'
            ),
        ),
        MsgpackSerializer: (
            bytes.fromhex("97010d03a370696ec0d7ff1d6f280069a42a4081a1619201c70504a4312e3530"),
            bytes.fromhex(
                "9802d8050000000000000000000000000000000503c7090140000000000000000007c72a0693b3323"
                "032362d31302d32355430323a33303a30300192ced693a400ad4575726f70652f4265726c696e8080"
            ),
        ),
    }
    for kind, payloads in expected.items():
        serializer = kind()
        for stored, data in zip((one, other), payloads, strict=True):
            assert serializer.dumps(stored) == data
            assert serializer.loads(data, stored.serialization_id) == stored


def test_the_names_and_numbers_of_types_never_change() -> None:
    assert [(row.code, row.name) for row in wire.TYPES] == [
        (1, "int"),
        (2, "float"),
        (3, "bytes"),
        (4, "decimal"),
        (5, "uuid"),
        (6, "datetime"),
        (7, "date"),
        (8, "time"),
        (9, "timedelta"),
        (10, "tuple"),
        (11, "set"),
        (12, "frozenset"),
        (13, "dict"),
    ]


# --- classes -------------------------------------------------------------------------------------------------


class Scored(Activity):
    def __init__(self, score: int, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.score = score
        self._cache = object()


class OwnId(Activity):
    @property
    def serialization_id(self) -> int:
        return super().serialization_id ^ 0xFF


class OwnReading(Scored):
    @classmethod
    def from_stored(cls, activity_id: int, state: dict[str, Any]) -> OwnReading:
        made = super().from_stored(activity_id, state)
        made._cache = "made again"
        return made


def test_a_subclass_with_its_own_init_comes_back(make: Any) -> None:
    serializer = make(Scored)
    one = Scored(5, 13, Love, 42, time=T)
    read = again(serializer, one)
    assert type(read) is Scored
    assert read == one
    assert read.score == 5
    assert not hasattr(read, "_cache")


def test_a_subclass_with_its_own_id_keeps_it(make: Any) -> None:
    serializer = make(OwnId)
    one = OwnId(13, Love, 42, time=T)
    read = again(serializer, one)
    assert read.serialization_id == one.serialization_id
    assert read == one
    assert serializer.loads_all([one.serialization_id], [serializer.dumps(one)]) == [one]


def test_a_subclass_may_do_more_when_it_is_read(make: Any) -> None:
    serializer = make(OwnReading)
    one = OwnReading(5, 13, Love, 42, time=T)
    assert vars(again(serializer, one))["_cache"] == "made again"


def test_only_activities_of_exactly_the_feeds_class_are_written(make: Any) -> None:
    with pytest.raises(ActivityTypeError, match="keeps activities of the class Activity, got Scored"):
        make().dumps(Scored(5, 13, Love, 42))
    with pytest.raises(ActivityTypeError, match="keeps activities of the class Scored, got Activity"):
        make(Scored).dumps(activity())


@pytest.mark.parametrize("value", [None, 5, "text", activity().get_dehydrated(), {"actor_id": 1}])
def test_what_is_no_activity_is_not_written(serializer: RowSerializer, value: Any) -> None:
    with pytest.raises(ActivityTypeError, match=f"got {type(value).__name__}"):
        serializer.dumps(value)


@pytest.mark.parametrize("value", [None, int, "Activity", Activity(1, Love, 2)])
def test_the_class_must_be_one_of_activities(make: Any, value: Any) -> None:
    with pytest.raises(ActivityTypeError, match="writes a subclass of Activity"):
        make(value)


def test_a_class_whose_slots_would_be_lost_is_refused(make: Any) -> None:
    class Slotted(Activity):
        __slots__ = ("score",)

    with pytest.raises(ActivityTypeError, match=r"__slots__ \(score\), which are not stored"):
        make(Slotted)


def test_unknown_options_are_refused_all_at_once(make: Any) -> None:
    make(Activity, {})
    with pytest.raises(SettingsError) as raised:
        make(Activity, {"level": 5, "indent": 2})
    assert [problem.path for problem in raised.value.problems] == ["level", "indent"]


def test_the_serializers_read_pages(serializer: RowSerializer) -> None:
    assert isinstance(serializer, BatchSerializer)


# --- what is refused, and where ------------------------------------------------------------------------------


class Level(enum.IntEnum):
    HIGH = 1


class Name(str):
    __slots__ = ()


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("not to be shown")


Point = namedtuple("Point", "x y")  # noqa: PYI024 - the untyped kind is common


class Timeless(tzinfo):
    def utcoffset(self, _: Any) -> None:
        return None

    def tzname(self, _: Any) -> None:
        return None

    def dst(self, _: Any) -> None:
        return None


class Foreign(tzinfo):
    """A zone of another library, with the rules of Berlin."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None if when is None else when.replace(tzinfo=BERLIN).utcoffset()

    def tzname(self, _: Any) -> str:
        return "foreign"

    def dst(self, _: Any) -> None:
        return None


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def circle() -> list[Any]:
    value: list[Any] = []
    value.append({"again": value})
    return value


REFUSED: list[tuple[Any, str, str]] = [
    (Odd(), "", "which cannot be stored: store its id"),
    (object, "", "which cannot be stored"),
    (1j, "", "complex, which cannot be stored"),
    (range(3), "", "range, which cannot be stored"),
    (bytearray(b"x"), "", "store bytes"),
    (memoryview(b"x"), "", "store bytes"),
    (Level.HIGH, "", "enum"),
    (Name("x"), "", "would come back as str"),
    (OrderedDict(a=1), "", "would come back as dict"),
    (Point(1, 2), "", "would come back as tuple"),
    ("a\ud800", "", "lone surrogate at 1"),
    ({"a\ud800": 1}, "['a\\ud800']", "lone surrogate"),
    ({1: {"b": [0, (1, Odd())]}}, "[1]['b'][1][1]", "cannot be stored"),
    ({(1, Odd()): 1}, " key <tuple>[1]", "cannot be stored"),
    ([{Level.HIGH}], "[0]{...}", "enum"),
    ([frozenset([Level.HIGH])], "[0]{...}", "enum"),
    ({10**5000: Odd()}, "[<int>]", "cannot be stored"),
    (datetime(2026, 1, 1, tzinfo=Timeless()), "", "which gives no offset"),
    (time(1, 2, tzinfo=Timeless()), "", "which gives no offset"),
    (time(1, 2, tzinfo=Foreign()), "", "which gives no offset"),
    (datetime(2026, 10, 25, 2, 30, tzinfo=Foreign()), "", "occurs twice in its zone"),
]


@pytest.mark.parametrize(("value", "path", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_would_not_come_back_is_refused_with_its_path(
    serializer: RowSerializer, value: Any, path: str, reason: str
) -> None:
    with pytest.raises(EncodeError) as raised:
        serializer.dumps(activity(a=[0, value]))
    assert raised.value.path == f"extra_context['a'][1]{path}"
    assert str(raised.value).startswith(raised.value.path)
    assert reason in str(raised.value)
    assert isinstance(raised.value, TypeError)


def test_an_attribute_is_refused_by_its_name(make: Any) -> None:
    one = Scored(5, 13, Love, 42)
    vars(one)["extra"] = {"x": [Odd()]}
    with pytest.raises(EncodeError) as raised:
        make(Scored).dumps(one)
    assert raised.value.path == "extra['x'][0]"


def test_an_attribute_that_hides_a_method_is_refused(make: Any) -> None:
    one = Scored(5, 13, Love, 42)
    one.dehydrated = True
    with pytest.raises(EncodeError, match=r"hides Activity\.dehydrated"):
        make(Scored).dumps(one)


def test_an_activity_of_no_subclass_takes_no_attributes() -> None:
    with pytest.raises(AttributeError):
        activity().score = 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", [1, None, b"a", ("a",), Name("a")])
def test_the_keys_of_the_context_itself_are_text(serializer: RowSerializer, key: Any) -> None:
    with pytest.raises(EncodeError, match="a key of extra_context is of the type") as raised:
        serializer.dumps(Activity(13, Love, 42, extra_context={key: 1}))
    assert raised.value.path == "extra_context"


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"k": v}, lambda v: (v,), lambda v: {1: v}])
def test_nesting_is_bounded_where_it_is_written(serializer: RowSerializer, wrap: Any) -> None:
    fits = wrap(nested(64)) if wrap(0) == 0 else wrap(nested(63))
    one = activity(a=fits)
    assert again(serializer, one) == one
    with pytest.raises(EncodeError, match="more than 64 containers deep"):
        serializer.dumps(activity(a=[fits]))


def test_sixty_four_tuples_sets_and_mappings_come_back(serializer: RowSerializer) -> None:
    value: Any = ()
    for step in range(63):
        value = (lambda v: (v,), lambda v: frozenset([v]))[step % 2](value)
    other: Any = {}
    for step in range(63):
        other = {("key", step): other}
    one = activity(a=value, b=other)
    assert again(serializer, one) == one


def test_a_value_that_contains_itself_is_refused_as_that(serializer: RowSerializer) -> None:
    with pytest.raises(EncodeError, match="contains itself"):
        serializer.dumps(activity(a=circle()))


def test_a_value_may_stand_in_two_places(serializer: RowSerializer) -> None:
    shared = [1]
    one = again(serializer, activity(a=[shared, shared], b=shared))
    assert one.extra_context == {"a": [[1], [1]], "b": [1]}
    one.extra_context["b"].append(2)
    assert one.extra_context["a"] == [[1], [1]]


def test_writing_does_not_change_the_activity(serializer: RowSerializer) -> None:
    context = {"a": [{"!x": (1, {2})}], "t": T}
    one = activity(**context)
    serializer.dumps(one)
    assert one.extra_context == context


# --- ids and times of drivers and other libraries ------------------------------------------------------------


class DriverUUID(UUID):
    pass


class Frozen(datetime):
    pass


class Nano(datetime):
    """More exact than a datetime, as some libraries have it."""

    def __eq__(self, other: object) -> bool:
        return type(other) is Nano

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(("id", "plain"), [(Name("anna"), "anna"), (DriverUUID(int=5), UUID(int=5)), (Level.HIGH, 1)])
def test_ids_of_drivers_come_back_as_what_they_are_made_of(serializer: RowSerializer, id: Any, plain: Any) -> None:
    one = Activity(id, Love, 42, id, T)
    read = again(serializer, one)
    assert (read.actor_id, read.target_id) == (plain, plain)
    assert type(read.actor_id) is type(plain)
    assert read == one


def test_a_time_of_another_library_comes_back_as_a_datetime(serializer: RowSerializer) -> None:
    one = Activity(13, Love, 42, time=Frozen(2026, 3, 1, 12, tzinfo=UTC))
    read = again(serializer, one)
    assert type(read.time) is datetime
    assert read == one


def test_a_time_that_is_more_exact_is_refused(serializer: RowSerializer) -> None:
    with pytest.raises(EncodeError, match="more exact than a datetime") as raised:
        serializer.dumps(Activity(13, Love, 42, time=Nano(2026, 3, 1, tzinfo=UTC)))
    assert raised.value.path == "time"


def test_a_time_in_a_zone_of_another_library_keeps_its_instant(serializer: RowSerializer) -> None:
    one = Activity(13, Love, 42, time=datetime(2026, 7, 1, 12, tzinfo=Foreign()))
    read = again(serializer, one)
    assert read.time == one.time
    assert read.time.tzinfo == timezone(timedelta(hours=2))


def test_a_zone_comes_back_as_that_very_zone(serializer: RowSerializer) -> None:
    one = Activity(13, Love, 42, time=datetime(2026, 7, 1, 12, tzinfo=BERLIN))
    assert again(serializer, one).time.tzinfo is BERLIN


def test_a_zone_that_is_unknown_where_it_is_read_leaves_its_offset(
    serializer: RowSerializer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Activity(13, Love, 42, time=datetime(2026, 7, 1, 12, tzinfo=BERLIN))
    data = serializer.dumps(one)
    monkeypatch.setattr(zones, "_is_known", lambda key: False)
    read = serializer.loads(data, one.serialization_id)
    assert read.time == one.time
    assert read.time.tzinfo == timezone(timedelta(hours=2))


def test_a_zone_whose_rules_have_changed_keeps_the_instant() -> None:
    read = zones.unpack_datetime(["2026-07-01T12:00:00", 0, [5 * 3600 * 10**6, "Europe/Berlin"]])
    assert read == datetime(2026, 7, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "key",
    [
        *("../../etc/passwd", "/etc/passwd", "", ".", "..", "Europe/../Paris", "Europe\\Berlin", "a\0b", "C:"),
        *("x" * 65, 5, None, ["UTC"], "Europe/", "/UTC", "Europe//Berlin", "zone.tab", "UTC\n"),
    ],
)
def test_a_zone_name_that_is_none_never_reaches_the_file_system(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(name: str) -> None:
        raise AssertionError(f"looked for {name!r}")

    monkeypatch.setattr(zones, "ZoneInfo", never)
    data = msgspec.json.encode([2, 1, 3, 2, None, {"!datetime": ["2026-01-01", 0, [0, key]]}, {}, {}])
    if key is None:
        assert JsonSerializer().loads(data, 5).time == datetime(2026, 1, 1, tzinfo=UTC)
    else:
        with pytest.raises(DecodeError):
            JsonSerializer().loads(data, 5)


def test_a_folder_of_zones_is_no_zone() -> None:
    assert zones.unpack_datetime(["2026-01-01T00:00:00", 0, [0, "Europe"]]).tzinfo == UTC


# --- what cannot be read -------------------------------------------------------------------------------------


def row(serializer: RowSerializer, *items: Any) -> bytes:
    return serializer.format.encode(items)


def test_the_form_of_a_newer_version_is_known_as_such(serializer: RowSerializer) -> None:
    with pytest.raises(DecodeError, match="in form 7, and this release reads 1 and 2: upgrade") as raised:
        serializer.loads(row(serializer, 7, 1, "whatever", {}), 5)
    assert raised.value.activity_id == 5


def test_a_verb_that_nobody_registered_says_how_to(serializer: RowSerializer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pin(Verb):
        id = 77
        infinitive = "pin"
        past_tense = "pinned"

    monkeypatch.setitem(verbs._verbs, 77, Pin)
    data = serializer.dumps(Activity(13, Pin, 42))
    monkeypatch.delitem(verbs._verbs, 77)
    with pytest.raises(DecodeError, match="no verb is registered under the id 77: import the module") as raised:
        serializer.loads(data, 5)
    assert isinstance(raised.value.__cause__, VerbNotFound)
    with pytest.raises(DecodeError, match="id 77"):
        serializer.loads_all([5], [data])


def test_another_serializers_bytes_are_named_as_such() -> None:
    with pytest.raises(DecodeError, match="not what JsonSerializer writes for Activity"):
        JsonSerializer().loads(MsgpackSerializer().dumps(activity()), 5)
    with pytest.raises(DecodeError, match="was the serializer of the feed changed"):
        MsgpackSerializer().loads(JsonSerializer().dumps(activity()), 5)


@pytest.mark.parametrize("data", [None, "text", 5, [], object()])
def test_what_is_no_bytes_is_a_decode_error(serializer: RowSerializer, data: Any) -> None:
    with pytest.raises(DecodeError, match=f"a {type(data).__name__} is not what"):
        serializer.loads(data, 5)


@pytest.mark.parametrize(
    "facts",
    [
        (True, 3, 2, None),
        (None, 3, 2, None),
        (1.5, 3, 2, None),
        ("", 3, 2, None),
        ("x" * 20_000, 3, 2, None),
        (1, 3, None, None),
        (1, 3, 2, False),
        (1, 3, 2, []),
        (1, "3", 2, None),
        (1, True, 2, None),
        (1, None, 2, None),
        (1, 3.0 + 0.5, 2, None),
    ],
)
@pytest.mark.parametrize("form", [1, 2])
def test_facts_of_other_types_are_decode_errors(serializer: RowSerializer, form: int, facts: tuple[Any, ...]) -> None:
    rest: tuple[Any, ...] = (T, {}) if form == 1 else (T.isoformat(), {}, {})
    with pytest.raises(DecodeError):
        serializer.loads(row(serializer, form, *facts, *rest), 5)


@pytest.mark.parametrize("when", [None, 5, "yesterday", [], 1.5, {}])
@pytest.mark.parametrize("form", [1, 2])
def test_a_time_of_another_type_is_a_decode_error(serializer: RowSerializer, form: int, when: Any) -> None:
    with pytest.raises(DecodeError):
        serializer.loads(row(serializer, form, 1, 3, 2, None, when, *[{}] * form), 5)


@pytest.mark.parametrize("context", [None, 5, "text", [], [["a", 1]]])
@pytest.mark.parametrize("form", [1, 2])
def test_a_context_of_another_type_is_a_decode_error(serializer: RowSerializer, form: int, context: Any) -> None:
    with pytest.raises(DecodeError):
        serializer.loads(row(serializer, form, 1, 3, 2, None, T, context, *[{}] * (form - 1)), 5)


@pytest.mark.parametrize(
    "name", ["_id", "_objects", "__class__", "__dict__", "stored_state", "actor", "dehydrated", ""]
)
def test_bytes_set_no_attribute_that_code_relies_on(serializer: RowSerializer, name: str) -> None:
    when = serializer.format.writer.plain(T)
    with pytest.raises(DecodeError, match="which no activity may have"):
        serializer.loads(row(serializer, 2, 1, 3, 2, None, when, {}, {name: 5}), 5)


def test_a_page_names_the_activity_that_cannot_be_read(serializer: RowSerializer) -> None:
    data = serializer.dumps(activity())
    with pytest.raises(DecodeError, match="activity 8 cannot be read") as raised:
        serializer.loads_all([7, 8, 9], [data, b"\xc1", data])
    assert raised.value.activity_id == 8


def test_a_page_has_as_many_payloads_as_ids(serializer: RowSerializer) -> None:
    with pytest.raises(ValueError, match="zip"):
        serializer.loads_all([7, 8], [serializer.dumps(activity())])


def test_activities_of_a_page_share_nothing(serializer: RowSerializer) -> None:
    one = activity(a=[1])
    data = serializer.dumps(one)
    first, second = serializer.loads_all([1, 2], [data, data])
    first.extra_context["a"].append(2)
    first.extra_context["b"] = 3
    first.actor = type("Person", (), {"id": 13})()
    assert second.extra_context == {"a": [1]}
    assert not hasattr(second, "actor")


# --- bounds on hostile bytes ---------------------------------------------------------------------------------

NOW = msgspec.msgpack.encode(T)
HEAD = b"\x97\x01\x01\x03\x02\xc0" + NOW + b"\x81\xa1a"
HOSTILE = {
    "claims four thousand million items": HEAD + b"\xdd\xff\xff\xff\xff",
    "claims four thousand million pairs": HEAD + b"\xdf\xff\xff\xff\xff",
    "claims four gigabytes": HEAD + b"\xc6\xff\xff\xff\xff",
    "claims four gigabytes of extension": HEAD + b"\xc9\xff\xff\xff\xff\x0a",
    "lists in lists": HEAD + b"\x91" * 1_000_000 + b"\xc0",
    "mappings in mappings": HEAD + b"\x81\xa1a" * 300_000 + b"\xc0",
    "lists in lists before the row": b"\x91" * 1_000_000,
    "json lists in lists": b"[" * 1_000_000,
    "json lists in a row": b'[1,1,3,2,null,"2026-01-01T00:00:00Z",{"a":' + b"[" * 1_000_000,
    "json tags in tags": b'[2,1,3,2,null,"x",{"a":' + b'{"!tuple":[' * 300_000 + b"]}" * 300_000 + b"},{}]",
    "json number of a million digits": b"[1," + b"9" * 1_000_000 + b",3,2,null,null,{}]",
    "json exponent": b'[2,1,3,2,null,{"!decimal":"1e999999999999999999999"},{},{}]',
    "json hexadecimal integer": b'[2,1,3,2,null,{"!int":"' + b"f" * 1_000_000 + b'"},{},{}]',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_cost_little(serializer: RowSerializer, name: str) -> None:
    tracemalloc.start()
    start = clock.perf_counter()
    try:
        with pytest.raises(DecodeError):
            serializer.loads(HOSTILE[name], 5)
        assert tracemalloc.get_traced_memory()[1] < 50 * len(HOSTILE[name]) + 1_000_000
    finally:
        tracemalloc.stop()
    assert clock.perf_counter() - start < 5


def test_extension_types_in_each_other_end_at_a_bound() -> None:
    data = b"\xc0"
    for _ in range(20_000):
        inner = b"\x91" + data
        data = b"\xc9" + len(inner).to_bytes(4, "big") + b"\x0a" + inner
        if len(data) > 200_000:
            break
    with pytest.raises(DecodeError, match="more than 64 deep"):
        MsgpackSerializer().loads(HEAD + data, 5)


def test_large_integers_take_linear_time(serializer: RowSerializer) -> None:
    one = activity(a=-(1 << 2_000_000))
    start = clock.perf_counter()
    assert again(serializer, one).extra_context == one.extra_context
    assert clock.perf_counter() - start < 2


# --- one instance, many threads; cheap imports ---------------------------------------------------------------


def test_one_instance_serves_many_threads(make: Any) -> None:
    serializer = make(Scored)
    ones = [Scored(n, n + 1, Love, UUID(int=n), time=T, extra_context={"n": (n, {n})}) for n in range(50)]
    wrong: list[Scored] = []

    def work() -> None:
        for _ in range(20):
            wrong.extend(one for one in ones if again(serializer, one) != one)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_package_imports_neither_format_until_it_is_asked_for() -> None:
    program = (
        "import sys, streamfw_core.serializers as s; before = 'msgspec' in sys.modules; s.MsgpackSerializer;"
        "print(before, 'streamfw_core.serializers.json' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_the_package_has_nothing_else() -> None:
    import streamfw_core.serializers

    with pytest.raises(AttributeError, match="pickle"):
        _ = streamfw_core.serializers.pickle

"""The contract of serializers."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from streamfw_core import verbs
from streamfw_core.activity import Activity
from streamfw_core.errors import ActivityTypeError, DecodeError, EncodeError, StreamsError
from streamfw_core.ids import MAX_ID
from streamfw_core.serializers.protocol import Serializer
from streamfw_core.testing.contract import Contract
from streamfw_core.testing.feeds.content import Bomb, Rated
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.properties import EXAMPLES
from streamfw_core.verbs import Add, Comment, Follow, Love, register

__all__ = ["SerializerContract"]

MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC)
NAIVE = datetime(2024, 2, 29, 12, 30, 15, 123_456)  # noqa: DTZ001 - naive on purpose

VALUES: Mapping[str, Any] = {
    "none": None,
    "bools": [True, False],
    "integers": [0, -1, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, -(10**40)],
    "floats": [0.1, -0.0, 1e308, 5e-324, float("inf"), float("-inf"), 3.0],
    "texts": ["", "a", "naïve", "\u202e", "😀", "\0", "e\u0301", "!decimal", "13", "x" * 5000],
    "bytes": [b"", b"\0", bytes(range(256)), b"!"],
    "decimals": [Decimal("1.10"), Decimal("-0"), Decimal("1E+100")],
    "uuids": [UUID(int=0), UUID(int=2**128 - 1)],
    "times": [
        MOMENT,
        NAIVE,
        MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45))),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
    "zone": datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    "fold": datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    "dates": [date(2024, 2, 29), time(1, 2, 3, 4), timedelta(days=-1, microseconds=1)],
    "containers": [[], {}, (), (1, (2, [3])), {1, 2}, frozenset({"a"}), {"a": {"b": [{"c": b"d"}]}}],
    "keys": {1: "int", "1": "str", b"1": "bytes", None: "none", (1, 2): "tuple"},
    "!odd names": {"!decimal": "1.5", "": "empty", "a.b": 1},
}


class Colour(Enum):
    RED = "red"


class OwnStr(str):
    """A text of a class of its own, which would come back as another."""

    __slots__ = ()


REFUSED: Mapping[str, Any] = {
    "an object": object(),
    "a function": len,
    "an enum member": Colour.RED,
    "a subclass of str": OwnStr("x"),
    "a lone surrogate": "\ud800",
    "a bytearray": bytearray(b"x"),
}

_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.timedeltas()
    | st.dates()
)
_contexts = st.dictionaries(
    st.text(),
    st.recursive(
        _leaves,
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=8,
    ),
    max_size=4,
)


class SerializerContract(Contract):
    """What every serializer has to do. Define `make_serializer`."""

    def make_serializer(self, activity_class: type[Activity]) -> Serializer:
        raise NotImplementedError(
            f"{type(self).__name__} does not say what it tests: define make_serializer(self, activity_class)"
        )

    def _returned(self, activity: Activity) -> Activity:
        """The activity after it went through bytes."""
        serializer = self.make_serializer(type(activity))
        data = serializer.dumps(activity)
        check(type(data) is bytes, "C25", f"dumps() returns {type(data).__name__}, and should return bytes")
        return serializer.loads(data, activity.serialization_id)

    def _returns(self, activity: Activity, words: str) -> None:
        back = self._returned(activity)
        same(type(back), type(activity), "C25", f"the class of an activity with {words}")
        # repr tells 1 from True and 1.0, and UTC from an offset of zero.
        for name, value in activity.stored_state().items():
            found = back.stored_state().get(name)
            same(_exactly(found), _exactly(value), "C25", f"{name} of an activity with {words}")
        same(back, activity, "C25", f"an activity with {words}")
        same(back.serialization_id, activity.serialization_id, "C25", f"the id of an activity with {words}")

    @promise("C25")
    def test_values_come_back_equal_with_their_types(self) -> None:
        for words, value in VALUES.items():
            self._returns(Activity(1, Love, 2, time=MOMENT, extra_context={"value": value}), f"{words} in its context")
        self._returns(Activity(1, Love, 2, time=MOMENT, extra_context=VALUES), "all of that in its context")

    @promise("C25")
    def test_facts_come_back_equal_with_their_types(self) -> None:
        ids = (0, -1, 13, "13", "é", 2**64, 2**100, UUID(int=5), "x" * 1000)
        for id in ids:
            self._returns(Activity(id, Love, id, target=id, time=MOMENT), f"the id {id!r}")
        for verb in (Follow, Comment, Love, Add):
            self._returns(Activity(1, verb, 2, time=MOMENT), f"the verb {verb.__name__}")
        for moment in (
            MOMENT,
            NAIVE,
            MOMENT.astimezone(timezone(timedelta(hours=-3))),
            datetime(1970, 1, 1, tzinfo=UTC),
        ):
            self._returns(Activity(1, Love, 2, time=moment), f"the time {moment!r}")

    @promise("C25")
    def test_custom_activities_come_back(self) -> None:
        rated = Rated(1, Love, 2, time=MOMENT, stars=4)
        rated.note = ("any", {"value": b"\0"})  # type: ignore[attr-defined]
        self._returns(rated, "fields of its own")
        back = self._returned(rated)
        check(isinstance(back, Rated) and back.praise() == "****", "C25", "a custom activity lost its methods")

    @promise("C25")
    def test_the_id_is_kept_beside_the_bytes(self) -> None:
        serializer = self.make_serializer(Activity)
        data = serializer.dumps(Activity(1, Love, 2, time=MOMENT))
        for id in (0, 2**64 + 1, MAX_ID):
            same(serializer.loads(data, id).serialization_id, id, "C25", "the id of an activity read under another one")

    @promise("C25")
    @EXAMPLES
    @given(_contexts)
    def test_any_context_comes_back_equal(self, context: dict[str, Any]) -> None:
        self._returns(Activity(1, Love, 2, time=MOMENT, extra_context=context), "a random context")

    @promise("C25")
    def test_what_comes_back_is_not_shared(self) -> None:
        serializer = self.make_serializer(Activity)
        activity = Activity(1, Love, 2, time=MOMENT, extra_context={"list": [1]})
        data = serializer.dumps(activity)
        activity.extra_context["list"].append(2)
        first, second = (serializer.loads(data, activity.serialization_id) for _ in range(2))
        same(first.extra_context, {"list": [1]}, "C25", "a context that was changed after it was serialized")
        first.extra_context["list"].append(3)
        same(
            second.extra_context, {"list": [1]}, "C25", "a context after another reading of the same bytes was changed"
        )

    @promise("C25", "C11")
    def test_what_would_not_come_back_equal_is_refused(self) -> None:
        serializer = self.make_serializer(Activity)
        for words, value in REFUSED.items():
            for context in ({"thing": value}, {"deep": [{"thing": (1, value)}]}):
                try:
                    serializer.dumps(Activity(1, Love, 2, time=MOMENT, extra_context=context))
                except EncodeError:
                    continue
                check(False, "C25", f"{words} in a context is accepted, and should be an EncodeError")

    @promise("C11")
    def test_activities_of_another_class_are_refused(self) -> None:
        pairs = (
            (self.make_serializer(Activity), Rated(1, Love, 2, time=MOMENT)),
            (self.make_serializer(Rated), Activity(1, Love, 2, time=MOMENT)),
        )
        for serializer, activity in pairs:
            try:
                serializer.dumps(activity)
            except ActivityTypeError:
                continue
            check(
                False,
                "C11",
                f"a {type(activity).__name__} is accepted for another class, and should be an ActivityTypeError",
            )

    @promise("C24")
    def test_bytes_that_are_no_activity_raise_a_decode_error(self) -> None:
        Bomb.exploded = False
        good = self.make_serializer(Activity).dumps(Activity(1, Love, 2, time=MOMENT, extra_context={"a": [1, b"x"]}))
        hostile = (
            b"",
            b"\0",
            b"null",
            b"[]",
            b"{}",
            b"[1]",
            pickle.dumps(Bomb()),
            b"\xff" * 50,
            b"[" * 100_000,
            good[:-1],
            good * 2,
        )
        for data in hostile:
            self._undecodable(data)
        check(not Bomb.exploded, "C24", "bytes were unpickled, and executed code")

    @promise("C24")
    @EXAMPLES
    @given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 20))
    def test_damaged_bytes_raise_nothing_but_a_decode_error(self, noise: bytes, place: int, lost: int) -> None:
        serializer = self.make_serializer(Activity)
        good = serializer.dumps(Activity(1, Love, "two", time=MOMENT, extra_context={"a": [1.5, NAIVE, Decimal(1)]}))
        for data in (noise, good[:place] + noise + good[place + lost :]):
            try:
                back = serializer.loads(data, 5)
            except DecodeError:
                continue
            except Exception as error:
                raise _not_typed(data, error) from error
            check(type(back) is Activity, "C24", f"{data[:40]!r} was read as a {type(back).__name__}")

    @promise("C24")
    def test_an_unknown_verb_is_a_decode_error(self) -> None:
        class Forgotten(Love):
            id = 2**40

        register(Forgotten)
        try:
            data = self.make_serializer(Activity).dumps(Activity(1, Forgotten, 2, time=MOMENT))
        finally:
            verbs._verbs.pop(Forgotten.id)  # noqa: SLF001  # as in a process that never imported the verb
        self._undecodable(data)

    def _undecodable(self, data: bytes) -> None:
        try:
            back: object = self.make_serializer(Activity).loads(data, 5)
        except DecodeError:
            return
        except Exception as error:
            raise _not_typed(data, error) from error
        check(False, "C24", f"the bytes {data[:40]!r} were read as {back!r}, and should be a DecodeError")


def _not_typed(data: bytes, error: Exception) -> StreamsError | AssertionError:
    from streamfw_core.testing.promises import PromiseBroken

    return PromiseBroken(
        ["C24"], f"the bytes {data[:40]!r} raise {type(error).__name__}, and should raise DecodeError: {error}"
    )


def _exactly(value: Any) -> Any:
    """Something that is equal only for equal values of equal types."""
    if isinstance(value, dict):
        return (dict, sorted(((_exactly(key), _exactly(item)) for key, item in value.items()), key=repr))
    if isinstance(value, set | frozenset):
        return (type(value), value)
    if isinstance(value, list | tuple):
        return (type(value), [_exactly(item) for item in value])
    if isinstance(value, datetime | time):
        return (type(value), value.replace(tzinfo=None), value.utcoffset(), value.fold)
    return (type(value), repr(value))

"""Columns that a feed class declares: what may be declared, which values are taken, and where these come from."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from streamfw_core.errors import EncodeError, FeedConflict, SettingsError
from streamfw_core.storage.columns import check_columns, check_value

from streamfw_core import Activity, Feed, Love, Streams

UUID_1 = UUID(int=1)


@pytest.mark.parametrize(
    "kind", ["text", "int", "bigint", "timestamp", "list<text>", "set<int>", "map<text, int>", "map<text,int>"]
)
def test_types_of_cql_may_be_declared(kind: str) -> None:
    assert check_columns("PinFeed", {"color": kind}) == {"color": kind}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["color"], "must be a mapping"),
        ({"Color": "text"}, "'Color'"),
        ({"1st": "text"}, "lower-case"),
        ({"a b": "text"}, "'a b'"),
        ({'x"; DROP TABLE feeds; --': "text"}, "names a column"),
        ({"x" * 49: "text"}, "names a column"),
        ({"color": "string"}, "types are text"),
        ({"color": "counter"}, "'counter'"),
        ({"color": "list<list<text>>"}, "list<...>"),
        ({"color": "map<text>"}, "map<..., ...>"),
        ({"color": "set<text, int>"}, "set<...>"),
        ({"color": "text) WITH comment = ''"}, "types are"),
        ({"color": 5}, "the type 5"),
    ],
)
def test_what_cannot_be_declared_is_refused_in_words(columns: Any, words: str) -> None:
    with pytest.raises(FeedConflict, match=r"PinFeed\.columns") as refused:
        check_columns("PinFeed", columns)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "takes", "refuses"),
    [
        ("text", ["", "é"], [5, b"x"]),
        ("ascii", ["x"], ["é", 5]),
        ("boolean", [True], [1, "true"]),
        ("tinyint", [-128, 127], [128, True, 1.0]),
        ("smallint", [-(2**15)], [2**15]),
        ("int", [2**31 - 1], [2**31, True, "1"]),
        ("bigint", [2**63 - 1, -(2**63)], [2**63]),
        ("varint", [2**200], [1.5, True]),
        ("float", [1, 1.5], ["1", True]),
        ("double", [1.5], [Decimal(1)]),
        ("decimal", [Decimal("1.5"), 1], [1.5]),
        ("blob", [b""], ["", bytearray()]),
        ("uuid", [UUID_1], [str(UUID_1)]),
        ("timestamp", [datetime.now(UTC)], [datetime(2026, 1, 1), 5]),  # noqa: DTZ001 (naive on purpose)
        ("date", [date(2026, 1, 1)], [datetime.now(UTC), "2026-01-01"]),
        ("time", [time(12)], ["12:00"]),
        ("list<text>", [[], ["a"], ("a",)], ["a", [1], {"a"}]),
        ("set<int>", [{1}, frozenset()], [[1], {"a"}]),
        ("map<text, int>", [{}, {"a": 1}], [{"a": "b"}, {1: 1}, [("a", 1)]]),
    ],
)
def test_a_value_must_be_of_its_column_s_type(kind: str, takes: list[Any], refuses: list[Any]) -> None:
    for value in takes:
        assert check_value("pins", "color", kind, value) is value
    for value in refuses:
        with pytest.raises(EncodeError, match="column 'color' of feed 'pins'"):
            check_value("pins", "color", kind, value)


def test_a_storage_without_columns_refuses_a_feed_that_declares_some() -> None:
    class ColorFeed(Feed):
        columns: ClassVar = {"color": "text"}

    with (
        Streams({"storages": {"default": "memory://"}}) as streams,
        pytest.raises(SettingsError, match="ColorFeed declares columns, and storage 'default' has none"),
    ):
        streams.bind(ColorFeed)


def test_values_come_from_attributes_and_from_the_extra_context() -> None:
    class PricedActivity(Activity):
        @property
        def price(self) -> int:
            return 5

    class PriceFeed(Feed):
        columns: ClassVar = {"price": "int", "color": "text", "size": "text", "object_id": "int"}
        activity_class = PricedActivity

    activity = PricedActivity(1, Love, 2, extra_context={"color": "red", "price": 7})
    assert PriceFeed.columns_of(activity) == {"price": 5, "color": "red", "size": None, "object_id": 2}

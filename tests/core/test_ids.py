"""Ids are the same in every process, Python version and release: they are stored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import streamfw_core.ids
from hypothesis import given
from hypothesis import strategies as st
from streamfw_core.errors import IdError, TimeError
from streamfw_core.ids import (
    MAX_ID,
    Id,
    check_activity_id,
    decode_owner,
    digest_of,
    encode_owner,
    make_id,
    milliseconds,
    text_of_id,
)

U1 = UUID("12345678-1234-5678-1234-567812345678")
U2 = UUID("ffffffff-ffff-ffff-ffff-ffffffffffff")
T = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NAIVE = datetime(2026, 3, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - taken as UTC
CET = timezone(timedelta(hours=1))

Facts = tuple[datetime, Id, int, Id, Id | None]

# (facts, id): never edit the second half of a line. An id that changes makes what is stored unremovable.
FROZEN: list[tuple[Facts, int]] = [
    ((T, 13, 1, 42, None), 32694389387912257414561092333507),
    ((T, 14, 1, 42, None), 32694389387925165677657379473695),
    ((T, 13, 2, 42, None), 32694389387927120142586418438355),
    ((T, 13, 1, 42, 7), 32694389387914297780357414615663),
    ((T, 13, 1, 42, "7"), 32694389387914297780357414615663),
    ((T, "13", 1, "42", None), 32694389387912257414561092333507),
    ((T, 0, 3, -1, None), 32694389387921157782787043192024),
    ((T, 2**64, 3, 2**63 - 1, -(2**63)), 32694389387927260726105758003382),
    ((T, 2**1000, 3, 1, None), 32694389387921712211186199962838),
    ((T, U1, 4, U2, None), 32694389387918258538633921721321),
    ((T, U1, 4, U2, U1), 32694389387925614987190663951813),
    ((T, str(U1), 4, str(U2), None), 32694389387918258538633921721321),
    ((T, "anna", 1, "bert", None), 32694389387922061381437836498318),
    ((T, "Zoë", 1, "naïve", "日本語"), 32694389387927659688472530030562),
    ((T, "🏄", 1, "surf board", "a/b:c{d}%20"), 32694389387929219040532264041128),
    ((T, "e\u0301", 1, "é", None), 32694389387911170443000752977765),
    ((T, "a\x00b", 1, "\n", None), 32694389387915441570206752068044),
    ((T, 13, 2**63 - 1, 42, None), 32694389387917101161159183526612),
    ((NAIVE, 13, 1, 42, None), 32694389387912257414561092333507),
    ((T.replace(microsecond=123999), 13, 1, 42, None), 32694389387912257414561092333507),
    ((T.replace(microsecond=124000), 13, 1, 42, None), 32694389387930704158634801885123),
    ((T.replace(tzinfo=CET), 13, 1, 42, None), 32694322979633592060175274733507),
    ((datetime(1970, 1, 1, tzinfo=UTC), 1, 1, 1, None), 8636738442694130030),
    ((datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC), 1, 1, 1, None), 8636738442694130030),
    ((datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), 1, 1, 1, None), 27083482516403681646),
    ((datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), 1, 1, 1, None), 39614081257140805535214669298030),
    ((datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 1, 1, 1, None), 4674447390546755360425127077378414),
]

SAME: list[tuple[Facts, Facts]] = [
    ((T, 13, 1, 42, None), (T, "13", 1, "42", None)),
    ((T, 13, 1, 42, None), (NAIVE, 13, 1, 42, None)),
    ((T, 13, 1, 42, None), (T.astimezone(CET), 13, 1, 42, None)),
    ((T, 13, 1, 42, None), (T.astimezone(ZoneInfo("Asia/Tokyo")), 13, 1, 42, None)),
    ((T, U1, 1, 42, None), (T, str(U1), 1, 42, None)),
    ((T, 13, 1, 42, None), (T.replace(microsecond=123999), 13, 1, 42, None)),
]

DIFFERENT: list[tuple[Facts, Facts]] = [
    ((T, 13, 1, 42, None), (T, 14, 1, 42, None)),
    ((T, 13, 1, 42, None), (T, 13, 2, 42, None)),
    ((T, 13, 1, 42, None), (T, 13, 1, 43, None)),
    ((T, 13, 1, 42, None), (T, 13, 1, 42, 7)),
    ((T, 13, 1, 42, None), (T, 13, 1, 42, "None")),
    ((T, 13, 1, 42, None), (T, 13, 1, 42, "-")),
    ((T, 13, 1, 42, None), (T, 42, 1, 13, None)),
    ((T, 13, 1, 42, None), (T, 1, 1, 342, None)),
    ((T, "a:", 1, "b", None), (T, "a", 1, ":b", None)),
    ((T, "2:ab", 1, "c", None), (T, "2", 1, ":abc", None)),
    ((T, "é", 1, 42, None), (T, "e\u0301", 1, 42, None)),
    ((T, 13, 1, 42, None), (T.replace(microsecond=124000), 13, 1, 42, None)),
]


@pytest.mark.parametrize(("facts", "expected"), FROZEN)
def test_ids_never_change(facts: Facts, expected: int) -> None:
    assert make_id(*facts) == expected


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_facts_have_one_id(one: Facts, other: Facts) -> None:
    assert make_id(*one) == make_id(*other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_facts_have_different_ids(one: Facts, other: Facts) -> None:
    assert make_id(*one) != make_id(*other)


# --- other processes and Python versions ---------------------------------------------------------------------

PROGRAM = """
import json, sys
from datetime import datetime
from uuid import UUID
from streamfw_core.ids import make_id

def read(value):
    return UUID(value[5:]) if isinstance(value, str) and value.startswith("uuid:") else value

rows = json.load(sys.stdin)
ids = [str(make_id(datetime.fromisoformat(t), read(a), v, read(o), read(g))) for t, a, v, o, g in rows]
third_party = [name for name in ("attrs", "attr", "msgspec", "cattrs", "pluggy") if name in sys.modules]
json.dump({"ids": ids, "third_party": third_party}, sys.stdout)
"""


def ids_computed_by(python: str, hash_seed: str) -> dict[str, Any]:
    def written(value: Any) -> Any:
        return f"uuid:{value}" if isinstance(value, UUID) else value

    rows = [[facts[0].isoformat(), *map(written, facts[1:])] for facts, _ in FROZEN]
    source = Path(streamfw_core.ids.__file__).parents[1]
    run = subprocess.run(
        [python, "-S", "-c", PROGRAM],
        input=json.dumps(rows),
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    )
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def python_of_version(version: str) -> str | None:
    """An executable that really is of that version: a shim of a version manager may refuse to start."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))
    for candidate in candidates:
        if candidate is not None:
            asked = subprocess.run([candidate, "-c", "print('yes')"], capture_output=True, text=True, check=False)
            if asked.stdout.strip() == "yes":
                return candidate
    return None


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295", "random"])
def test_another_process_computes_the_same_ids(hash_seed: str) -> None:
    answer = ids_computed_by(sys.executable, hash_seed)
    assert [int(text) for text in answer["ids"]] == [expected for _, expected in FROZEN]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_another_python_computes_the_same_ids(version: str) -> None:
    python = python_of_version(version)
    if python is None:
        pytest.skip(f"python{version} is not installed here")
    answer = ids_computed_by(python, "random")
    assert [int(text) for text in answer["ids"]] == [expected for _, expected in FROZEN]
    assert answer["third_party"] == [], "ids must be computable without anything but the standard library"


# --- order and bounds ----------------------------------------------------------------------------------------

since_1970 = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bound only
any_id = st.one_of(st.integers(), st.text(min_size=1, max_size=50), st.uuids())


@given(since_1970, since_1970, any_id, any_id)
def test_ids_sort_by_time(one: datetime, other: datetime, actor: Id, object: Id) -> None:
    if milliseconds(one) < milliseconds(other):
        assert make_id(one, actor, 1, object, None) < make_id(other, object, 1, actor, None)


@given(since_1970, any_id, st.integers(1, 2**63 - 1), any_id, st.none() | any_id)
def test_ids_fit_into_sixteen_bytes(time: datetime, actor: Id, verb: int, object: Id, target: Id | None) -> None:
    made = make_id(time, actor, verb, object, target)
    assert 0 <= made <= MAX_ID
    assert made >> 64 == milliseconds(time)


def test_the_end_of_time_has_an_id() -> None:
    assert make_id(datetime.max.replace(tzinfo=UTC), 1, 1, 1, None) <= MAX_ID


def test_milliseconds_are_truncated_never_rounded() -> None:
    assert milliseconds(datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)) % 1000 == 999
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC)) == 0


def test_times_before_1970_are_refused() -> None:
    with pytest.raises(TimeError, match="before 1970"):
        milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))


def test_a_digest_knows_none_from_text() -> None:
    assert len({digest_of("a", None), digest_of("a", ""), digest_of("a", "-"), digest_of("a"), digest_of("a-")}) == 5


# --- what may be an id ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (True, "bool"),
        (None, "NoneType"),
        (1.5, "float"),
        (b"13", "bytes"),
        ((1, 2), "tuple"),
        ("", "empty string"),
        ("\ud800", "UTF-8"),
        ("x" * 16_385, "at most 16,384"),
        (1 << 9000, "integer of 9,001 bits"),
    ],
)
def test_what_is_no_id_is_refused_with_its_name(value: object, reason: str) -> None:
    with pytest.raises(IdError, match=reason) as raised:
        text_of_id(value, "actor")
    assert str(raised.value).startswith("actor ")


class Row:
    """As objects of an ORM are."""

    def __init__(self, pk: int | None) -> None:
        self.pk = pk


@pytest.mark.parametrize(
    ("value", "hinted"), [(Row(3), True), (Row(None), False), (Row, False), (None, False), (1.0, False)]
)
def test_whoever_gives_a_row_is_told_of_its_key(value: object, hinted: bool) -> None:
    with pytest.raises(IdError) as raised:
        encode_owner(value)
    assert str(raised.value).endswith(": pass its primary key, which it has as .pk") is hinted


@pytest.mark.parametrize(
    ("value", "text"), [(13, "13"), (-1, "-1"), (2**200, str(2**200)), ("13", "13"), (U1, str(U1))]
)
def test_an_id_is_known_by_its_text(value: object, text: str) -> None:
    assert text_of_id(value) == text


@pytest.mark.parametrize("value", [-1, 2**128, True, "1", 1.0, None])
def test_what_is_no_activity_id_is_refused(value: object) -> None:
    with pytest.raises(IdError, match="from 0 to"):
        check_activity_id(value)


@given(any_id)
def test_an_encoded_owner_has_no_separator_and_comes_back(owner: Id) -> None:
    encoded = encode_owner(owner)
    assert encoded.isascii()
    assert not set(encoded) & set(":/{} \r\n\0'\"*?[]")
    assert decode_owner(encoded) == text_of_id(owner)


@given(any_id, any_id)
def test_two_owners_never_share_an_encoding(one: Id, other: Id) -> None:
    assert (encode_owner(one) == encode_owner(other)) == (text_of_id(one) == text_of_id(other))

"""The query of a URL says options as texts, and the class of the options says what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Literal

import attrs
import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.settings import options_in_query

PATH = "storages.hot.options"


class Mode(Enum):
    FAST = 1
    SAFE = 2


@attrs.frozen
class Options:
    host: str = ""
    size: int = 0
    timeout: float | None = None
    tls: bool = False
    kind: Literal["hash", "list"] = "hash"
    mode: Mode = Mode.SAFE
    either: int | str = 0
    number: int | float = 0
    replication: int | Mapping[str, int] | None = None
    nodes: Sequence[str] = ()
    level: Literal[1, 4] = 1
    driver: Mapping[str, Any] = attrs.field(factory=dict)
    whatever: Any = None
    _internal: int = 0
    made: int = attrs.field(init=False, default=0)


KNOWN = "either, host, internal, kind, mode, number, replication, size, timeout, tls"


def problems(url: str, **options: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        options_in_query(Options, url, PATH, **options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", {}),
        ("?", {}),
        ("?host=a%20b&size=-5", {"host": "a b", "size": -5}),
        ("?host=", {"host": ""}),
        ("?host=5", {"host": "5"}),
        ("?timeout=5", {"timeout": 5.0}),
        ("?timeout=.5", {"timeout": 0.5}),
        ("?tls=true", {"tls": True}),
        ("?tls=false", {"tls": False}),
        ("?kind=list&mode=FAST", {"kind": "list", "mode": "FAST"}),
        ("?either=5&number=5&replication=3", {"either": "5", "number": 5.0, "replication": 3}),
        ("?internal=5", {"internal": 5}),
        ("?size=1&size=2", {"size": 2}),
        ("?size=1#?size=2", {"size": 1}),
    ],
)
def test_a_text_becomes_what_the_field_is(query: str, said: dict[str, object]) -> None:
    found = options_in_query(Options, f"mydb://user:pw@[::1]/path{query}", PATH)
    assert found == said
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in said.items()}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("size=", "size must be a whole number, is ''"),
        ("size=5.0", "size must be a whole number, is '5.0'"),
        ("size=\u0665", "size must be a whole number, is '\u0665'"),
        ("size=" + "9" * 5000, f"size must be a whole number, is '{'9' * 60}'"),
        ("timeout=soon", "timeout must be a number, is 'soon'"),
        ("tls=yes", "tls must be true or false, is 'yes'"),
        *(
            (f"{name}=1", f"its query has {name!r}, and may have {KNOWN}; for others give a mapping of options")
            for name in ("nodes", "level", "driver", "whatever", "made", "colour")
        ),
    ],
)
def test_what_cannot_be_is_named(query: str, words: str) -> None:
    assert problems(f"mydb://h?{query}") == [f"{PATH}.url: cannot be read: {words}"]


def test_all_problems_are_told_at_once() -> None:
    assert len(problems("mydb://h?size=x&timeout=x&colour=red")) == 3


def test_a_backend_keeps_fields_out_of_the_query() -> None:
    [said] = problems("mydb://h?host=other", without={"host"})
    assert "its query has 'host', and may have either, internal, kind" in said


def test_the_rest_of_a_password_with_a_question_mark_is_not_shown() -> None:
    [said] = problems("mydb://user:pass?w0rd@db1")
    assert "w0rd" not in said

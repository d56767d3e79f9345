"""The options of a backend become its own class, or problems in the words of all other settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum, IntEnum
from typing import Any, Literal

import attrs
import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.settings import resolve, structure_options

PATH = "storages.hot.options"


class Level(IntEnum):
    ONE = 1
    QUORUM = 4


class Mode(Enum):
    FAST = "fast"
    SAFE = "safe"


@attrs.frozen
class Node:
    host: str
    port: int = 1234


@attrs.frozen
class Options:
    url: str
    size: int = 10
    timeout: float = 1.0
    verify: bool = True
    raw: bytes = b""
    hosts: list[str] = attrs.field(factory=list)
    names: Sequence[str] = ()
    tags: frozenset[str] = frozenset()
    pair: tuple[str, int] = ("", 0)
    limits: dict[str, int] = attrs.field(factory=dict)
    extra: Mapping[str, object] = attrs.field(factory=dict)
    kind: Literal["hash", "list"] = "hash"
    level: Level = Level.ONE
    mode: Mode = Mode.SAFE
    node: Node | None = None
    nodes: tuple[Node, ...] = ()
    either: int | str | None = None
    lifetime: timedelta | None = None
    anything: object = None
    whatever: Any = None
    password: str | None = None
    positive: int = attrs.field(default=1, validator=attrs.validators.gt(0))


def problems(options: Mapping[str, object]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        structure_options(Options, {"url": "x", **options}, PATH)
    return {p.path.removeprefix(f"{PATH}."): str(p).partition(": ")[2] for p in caught.value.problems}


def test_options_become_the_class() -> None:
    options = structure_options(Options, {"url": "mydb://x"}, PATH)
    assert options == Options(url="mydb://x")


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("size", 3, 3),
        ("timeout", 3, 3.0),
        ("timeout", 0.5, 0.5),
        ("verify", False, False),
        ("raw", b"x", b"x"),
        ("hosts", ("a", "b"), ["a", "b"]),
        ("tags", ["a", "a"], frozenset({"a"})),
        ("pair", ["a", 1], ("a", 1)),
        ("limits", {"a": 1}, {"a": 1}),
        ("extra", {"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ("kind", "list", "list"),
        ("level", 4, Level.QUORUM),
        ("level", "QUORUM", Level.QUORUM),
        ("level", Level.QUORUM, Level.QUORUM),
        ("mode", "fast", Mode.FAST),
        ("mode", "FAST", Mode.FAST),
        ("node", {"host": "h"}, Node("h")),
        ("node", Node("h"), Node("h")),
        ("node", None, None),
        ("nodes", [{"host": "a"}, {"host": "b", "port": 1}], (Node("a"), Node("b", 1))),
        ("either", 1, 1),
        ("either", "1", "1"),
        ("lifetime", timedelta(1), timedelta(1)),
        ("anything", {"x": [1]}, {"x": [1]}),
        ("whatever", {"x": [1]}, {"x": [1]}),
    ],
)
def test_values_that_fit(name: str, given: object, wanted: object) -> None:
    options = structure_options(Options, {"url": "x", name: given}, PATH)
    assert getattr(options, name) == wanted
    assert type(getattr(options, name)) is type(wanted)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("size", "3", "must be an int, is a str (write the number without quotes)"),
        ("size", True, "must be an int, is True"),
        ("size", 3.0, "must be an int, is a float"),
        ("timeout", "1", "must be a float, is a str (write the number without quotes)"),
        ("timeout", False, "must be a float, is False"),
        ("verify", 1, "must be a bool, is an int"),
        ("url", 3, "must be a str, is an int"),
        ("url", None, "must be a str, is None"),
        ("raw", "x", "must be a bytes, is a str"),
        ("hosts", "db1", "must be a list of str, is a str (put it into brackets: [...])"),
        ("hosts", {"a": 1}, "must be a list of str, is a dict"),
        ("names", "db1", "must be a list of str, is a str (put it into brackets: [...])"),
        ("pair", ["a"], "must be a list of 2, has 1"),
        ("limits", [1], "must be a mapping, is a list"),
        ("kind", "hsah", "must be one of 'hash', 'list', is a str"),
        ("level", 7, "must be one of 'ONE', 'QUORUM', is an int"),
        ("mode", None, "must be one of 'FAST', 'SAFE', is None"),
        ("node", "h", "must be a mapping, is a str"),
        ("either", 1.5, "must be an int or a str or None, is a float"),
        ("lifetime", 3, "must be a timedelta, is an int"),
    ],
)
def test_values_that_do_not_fit(name: str, given: object, message: str) -> None:
    assert problems({name: given}) == {name: message}


def test_all_problems_are_reported_with_their_paths() -> None:
    given = {
        "sise": 3,
        "hosts": ["a", 2, 3],
        "limits": {"a": 1, "b": "x"},
        "node": {"hots": "h"},
        "nodes": [{"host": "a"}, {"host": 4, "port": "5"}, 6],
        "zzz": 1,
    }
    assert problems(given) == {
        "sise": "unknown key (did you mean 'size'?)",
        "zzz": "unknown key (known are: " + ", ".join(sorted(attrs.fields_dict(Options))) + ")",
        "hosts[1]": "must be a str, is an int",
        "hosts[2]": "must be a str, is an int",
        "limits.b": "must be an int, is a str (write the number without quotes)",
        "node.host": "is missing (it must be a str)",
        "node.hots": "unknown key (did you mean 'host'?)",
        "nodes[1].host": "must be a str, is an int",
        "nodes[1].port": "must be an int, is a str (write the number without quotes)",
        "nodes[2]": "must be a mapping, is an int",
    }


def test_a_missing_option() -> None:
    with pytest.raises(SettingsError) as caught:
        structure_options(Options, {}, PATH)
    assert str(caught.value) == (
        "1 problem in the settings:\n  - storages.hot.options.url: is missing (it must be a str)"
    )


def test_the_validators_of_the_class_run() -> None:
    with pytest.raises(SettingsError, match=r"storages\.hot\.options\.positive: must be > 0, is -1"):
        structure_options(Options, {"url": "x", "positive": -1}, PATH)


def test_what_a_validator_says_shows_no_secrets() -> None:
    def refuse(instance: object, attribute: object, value: str) -> None:
        raise ValueError(f"{value!r} is too short, in mydb://me:{value}@host")

    @attrs.frozen
    class Strict:
        password: str = attrs.field(validator=refuse)

    with pytest.raises(SettingsError) as caught:
        structure_options(Strict, {"password": "hunter2"}, PATH)
    assert "is too short" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_options_of_resolved_settings() -> None:
    settings = resolve(
        {"storages": {"hot": {"backend": "mydb", "options": {"url": "x", "hosts": ["a"], "extra": {"a": {}}}}}},
        environ={},
    )
    options = structure_options(Options, settings.storages["hot"].options, PATH)
    assert options == Options(url="x", hosts=["a"], extra={"a": {}})
    # Drivers ask for a dict and nothing else.
    assert type(options.extra) is dict
    assert type(options.extra["a"]) is dict


def test_what_is_no_options_at_all() -> None:
    with pytest.raises(SettingsError, match="must be a mapping, is a list"):
        structure_options(Options, [], PATH)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs an attrs class"):
        structure_options(dict, {}, PATH)

"""Settings come out typed and complete, or with every problem at once."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.settings import (
    UNSET,
    FeedSettings,
    MetricsSettings,
    QueueSettings,
    Settings,
    StorageSettings,
    resolve,
)
from streamfw_core.settings.sources import KEYS

EXAMPLE: dict[str, Any] = {
    "storages": {
        "hot": "redis://localhost:6379/0",
        "archive": {"backend": "cassandra", "options": {"hosts": ["db1"], "keyspace": "feeds"}},
    },
    "feeds": {
        "user": {"timeline": "archive", "activities": "archive"},
        "normal": {"timeline": "hot", "activities": "archive", "max_length": 800},
        "notification": {"timeline": "hot", "aggregator": "notification"},
        "inline": {"timeline": "hot", "activities": None, "serializer": "json"},
    },
    "managers": {"pins": "myapp.feeds:PinManager"},
    "task_queue": {"backend": "celery", "options": {"queue": "feeds"}},
    "metrics": {"backend": "statsd", "options": {"host": "metrics.local"}},
}


def problems(settings: object) -> dict[str, str]:
    """Path -> message and hint of every problem."""
    with pytest.raises(SettingsError) as caught:
        resolve(settings, environ={})
    found = {p.path: f"{p.message} ({p.hint})" for p in caught.value.problems}
    assert len(found) == len(caught.value.problems), "one problem per path"
    assert all(p.hint for p in caught.value.problems), "every problem says what would be right"
    return found


# --- what comes out -----------------------------------------------------------------------------------------


def test_the_example_of_the_documentation() -> None:
    settings = resolve(EXAMPLE, environ={})
    assert settings.storages == {
        "hot": StorageSettings("hot", "redis", {"url": "redis://localhost:6379/0"}, scheme="redis"),
        "archive": StorageSettings("archive", "cassandra", {"hosts": ("db1",), "keyspace": "feeds"}),
    }
    assert settings.feeds == {
        "user": FeedSettings("user", timeline="archive", activities="archive"),
        "normal": FeedSettings("normal", timeline="hot", activities="archive", max_length=800),
        "notification": FeedSettings("notification", timeline="hot", aggregator="notification"),
        "inline": FeedSettings("inline", timeline="hot", activities=None, serializer="json"),
    }
    assert settings.managers == {"pins": "myapp.feeds:PinManager"}
    assert settings.task_queue == QueueSettings("celery", {"queue": "feeds"})
    assert settings.metrics == (MetricsSettings("statsd", {"host": "metrics.local"}),)
    assert settings.tombstone_ttl == 10 * 24 * 60 * 60


def test_activities_left_out_and_none_are_two_things() -> None:
    settings = resolve(EXAMPLE, environ={})
    assert settings.feeds["notification"].activities is UNSET
    assert settings.feeds["inline"].activities is None


@pytest.mark.parametrize("source", [None, {}, {"storages": {}}, {"storages": None, "feeds": None}])
def test_without_storages_there_is_the_default(source: object) -> None:
    settings = resolve(source, environ={})
    assert settings.storages == {"default": StorageSettings("default", "memory")}
    assert settings.default_storage == "default"
    assert settings.task_queue == QueueSettings("inline")
    assert settings.metrics == ()
    assert settings.origin("storages.default.backend") == "default"


@pytest.mark.parametrize(
    ("settings", "default"),
    [
        ({"storages": {"default": "a", "other": "b"}}, "default"),
        ({"storages": {"only": "a"}}, "only"),
        ({"storages": {"one": "a", "two": "b"}}, None),
        ({"storages": {"one": "a", "two": "b"}, "default_storage": "two"}, "two"),
        ({"default_storage": "default"}, "default"),
    ],
)
def test_the_default_storage(settings: object, default: str | None) -> None:
    assert resolve(settings, environ={}).default_storage == default


@pytest.mark.parametrize(
    ("value", "backend", "scheme"),
    [
        ("mydb://localhost/0", "mydb", "mydb"),
        ("MyDB://localhost/0", "mydb", "mydb"),
        ("mydb://", "mydb", "mydb"),
        ("mydb://a:1,b:2/0?x=1", "mydb", "mydb"),
        ("rediss://localhost/0", "redis", "rediss"),
        ("mydb", "mydb", None),
        ("myapp.storage:MyStorage", "myapp.storage:MyStorage", None),
        ("myapp.storage.MyStorage", "myapp.storage.MyStorage", None),
        ({"backend": "mydb"}, "mydb", None),
        ({"backend": "mydb", "options": None}, "mydb", None),
    ],
)
def test_the_spellings_of_a_storage(value: object, backend: str, scheme: str | None) -> None:
    storage = resolve({"storages": {"s": value}}, environ={}).storages["s"]
    assert (storage.backend, storage.scheme) == (backend, scheme)
    assert storage.options == ({"url": value} if scheme else {})


@pytest.mark.parametrize("value", ["threads", {"backend": "threads"}, {"backend": "threads", "options": {}}])
def test_the_spellings_of_a_task_queue(value: object) -> None:
    assert resolve({"task_queue": value}, environ={}).task_queue == QueueSettings("threads")


@pytest.mark.parametrize(("value", "seconds"), [(60, 60.0), (0.5, 0.5), (timedelta(days=1), 86400.0), (None, 864000.0)])
def test_the_lifetime_of_tombstones(value: object, seconds: float) -> None:
    assert resolve({"tombstone_ttl": value}, environ={}).tombstone_ttl == seconds


def test_resolved_settings_are_taken_as_they_are() -> None:
    settings = resolve(EXAMPLE, environ={})
    assert resolve(settings) is settings


# --- problems -----------------------------------------------------------------------------------------------

WRONG: list[tuple[str, object, str, str]] = [
    # id, settings, path, message and hint
    ("top key", {"storags": {}}, "storags", "unknown key (did you mean 'storages'?)"),
    ("top key in capitals", {"STORAGES": {}}, "STORAGES", "unknown key (did you mean 'storages'?)"),
    (
        "strange top key",
        {"xyz": 1},
        "xyz",
        f"unknown key (known are: {', '.join(KEYS)})",
    ),
    (
        "storages is a list",
        {"storages": ["mydb"]},
        "storages",
        "must be a mapping, is a list (such as {'hot': {'backend': 'mydb', 'options': {...}} or 'mydb://localhost/0'})",
    ),
    (
        "number as storage name",
        {"storages": {1: "mydb"}},
        "storages",
        (
            "its keys must be texts, one is an int "
            "(such as {'hot': {'backend': 'mydb', 'options': {...}} or 'mydb://localhost/0'})"
        ),
    ),
    (
        "space in storage name",
        {"storages": {"my db": "mydb"}},
        "storages.my db",
        "the name of a storage must be letters, digits, '-' and '_', and start with a letter (such as 'user_feed')",
    ),
    (
        "storage is a number",
        {"storages": {"hot": 3}},
        "storages.hot",
        "must be a URL, a name or a mapping, is an int (such as {'backend': 'mydb', 'options': {...}} or 'mydb://localhost/0')",
    ),
    (
        "no backend",
        {"storages": {"hot": {"options": {}}}},
        "storages.hot.backend",
        "is missing (such as {'backend': 'mydb', 'options': {...}} or 'mydb://localhost/0')",
    ),
    (
        "option beside the backend",
        {"storages": {"hot": {"backend": "mydb", "host": "x"}}},
        "storages.hot.host",
        "unknown key (what belongs to the backend goes into 'options': {'host': ...})",
    ),
    (
        "misspelt options",
        {"storages": {"hot": {"backend": "mydb", "option": {}}}},
        "storages.hot.option",
        "unknown key (did you mean 'options'?)",
    ),
    (
        "options is a text",
        {"storages": {"hot": {"backend": "mydb", "options": "x"}}},
        "storages.hot.options",
        "must be a mapping, is a str (such as {'host': 'localhost'})",
    ),
    (
        "backend is a URL",
        {"storages": {"hot": {"backend": "mydb://localhost"}}},
        "storages.hot.backend",
        "must be the name of a backend, is a URL (put the URL into 'options': {'url': ...})",
    ),
    (
        "backend in capitals",
        {"storages": {"hot": {"backend": "MyDB"}}},
        "storages.hot.backend",
        "must be the name of a backend, is 'MyDB' (such as 'memory', or 'module:Class' for a class of your own)",
    ),
    (
        "space in URL",
        {"storages": {"hot": "mydb://local host"}},
        "storages.hot",
        "is not a URL: there is white space or a control character in it; write %20 for a space (such as 'mydb://localhost:1234/0')",
    ),
    (
        "brackets in URL",
        {"storages": {"hot": "mydb://[::1"}},
        "storages.hot",
        "is not a URL: its brackets do not enclose an IPv6 address (such as 'mydb://localhost:1234/0')",
    ),
    (
        "no scheme in URL",
        {"storages": {"hot": "://localhost"}},
        "storages.hot",
        "is not a URL: its scheme is not one (letters, digits, '+', '-' and '.') (such as 'mydb://localhost:1234/0')",
    ),
    (
        "storage of no such name",
        {"storages": {"hot": "mydb"}, "feeds": {"normal": {"timeline": "hto"}}},
        "feeds.normal.timeline",
        "no storage is named 'hto' (did you mean 'hot'? defined are: hot)",
    ),
    (
        "storage without storages",
        {"feeds": {"normal": {"activities": "xyz"}}},
        "feeds.normal.activities",
        "no storage is named 'xyz' (defined are: default)",
    ),
    (
        "timeline is a URL",
        {"feeds": {"normal": {"timeline": "mydb://localhost"}}},
        "feeds.normal.timeline",
        "must be the name of a storage, is a URL (give it a name under 'storages', and write that name here)",
    ),
    (
        "timeline is a number",
        {"feeds": {"normal": {"timeline": 5}}},
        "feeds.normal.timeline",
        "must be the name of a storage, is an int (defined are: default)",
    ),
    (
        "feed key",
        {"feeds": {"normal": {"maxlength": 5}}},
        "feeds.normal.maxlength",
        "unknown key (did you mean 'max_length'?)",
    ),
    (
        "feed is a text",
        {"feeds": {"normal": "hot"}},
        "feeds.normal",
        "must be a mapping, is a str (such as {'timeline': 'hot', 'max_length': 800})",
    ),
    (
        "no time zone",
        {"feeds": {"normal": {"time_zone": "Mars/Olympus"}}},
        "feeds.normal.time_zone",
        "there is no time zone 'Mars/Olympus' (use a name such as Europe/Amsterdam)",
    ),
    (
        "zero length",
        {"feeds": {"normal": {"max_length": 0}}},
        "feeds.normal.max_length",
        "must be positive, is 0 (such as 800; leave it out for the length that the feed class says)",
    ),
    (
        "length is True",
        {"feeds": {"normal": {"max_length": True}}},
        "feeds.normal.max_length",
        "must be a whole number, is True (such as 800)",
    ),
    (
        "length is a float",
        {"feeds": {"normal": {"max_length": 8.0}}},
        "feeds.normal.max_length",
        "must be a whole number, is a float (such as 800)",
    ),
    (
        "serializer is a number",
        {"feeds": {"normal": {"serializer": 1}}},
        "feeds.normal.serializer",
        "must be the name of a serializer, is an int (such as 'msgpack')",
    ),
    (
        "manager with dots",
        {"managers": {"pins": "myapp.feeds.PinManager"}},
        "managers.pins",
        "must be of the form 'module:Class', is 'myapp.feeds.PinManager' (did you mean 'myapp.feeds:PinManager'?)",
    ),
    (
        "manager is a class",
        {"managers": {"pins": timedelta}},
        "managers.pins",
        "must be the path of a class, is the class itself (datetime:timedelta)",
    ),
    (
        "manager is None",
        {"managers": {"pins": None}},
        "managers.pins",
        "must be the path of a class, is None (such as 'myapp.feeds:PinManager')",
    ),
    (
        "queue is a URL",
        {"task_queue": "amqp://user:hunter2@localhost"},
        "task_queue.backend",
        "must be the name of a backend, is a URL (put the URL into 'options': {'url': ...})",
    ),
    (
        "metrics is a number",
        {"metrics": 8125},
        "metrics",
        "must be a name, a mapping or a list of these, is an int (such as {'backend': 'mymetrics', 'options': {...}})",
    ),
    (
        "one of several metrics is a list",
        {"metrics": ["none", ["none"]]},
        "metrics.1",
        "must be a name, a mapping or a list of these, is a list (such as {'backend': 'mymetrics', 'options': {...}})",
    ),
    (
        "one of several metrics has no name",
        {"metrics": ["none", {"options": {}}]},
        "metrics.1.backend",
        "is missing (such as {'backend': 'mymetrics', 'options': {...}})",
    ),
    (
        "default of no such name",
        {"default_storage": "hot"},
        "default_storage",
        "no storage is named 'hot' (defined are: default)",
    ),
    (
        "negative lifetime",
        {"tombstone_ttl": -1},
        "tombstone_ttl",
        "must be positive, is -1 (such as 864000, which is ten days)",
    ),
    (
        "lifetime is not a number",
        {"tombstone_ttl": float("nan")},
        "tombstone_ttl",
        "must be positive, is nan (such as 864000, which is ten days)",
    ),
    (
        "endless lifetime",
        {"tombstone_ttl": 10**400},
        "tombstone_ttl",
        "must be less than 1e+12 seconds (such as 864000, which is ten days)",
    ),
    (
        "lifetime is a text",
        {"tombstone_ttl": "10 days"},
        "tombstone_ttl",
        "must be a number of seconds, is a str (such as 864000, which is ten days)",
    ),
]


@pytest.mark.parametrize(("settings", "path", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_said_with_its_path_and_what_would_be_right(settings: object, path: str, message: str) -> None:
    assert problems(settings) == {path: message}


def test_all_problems_are_reported_at_once() -> None:
    found = problems(
        {
            "storages": {"hot": {"backend": "mydb", "hsot": "x"}, "bad name": 1},
            "feeds": {"a": {"timeline": "htt", "max_length": -1}, "b": 7, "c": {"timeline": "hot"}},
            "managers": {"m": "nope"},
            "task_que": "inline",
            "tombstone_ttl": 0,
        }
    )
    assert list(found) == [
        "task_que",
        "storages.hot.hsot",
        "storages.bad name",
        "feeds.a.timeline",
        "feeds.a.max_length",
        "feeds.b",
        "managers.m",
        "tombstone_ttl",
    ]


def test_the_message_lists_every_problem() -> None:
    with pytest.raises(SettingsError) as caught:
        resolve({"storags": {}, "tombstone_ttl": 0}, environ={})
    assert str(caught.value) == (
        "2 problems in the settings:\n"
        "  - storags: unknown key (did you mean 'storages'?)\n"
        "  - tombstone_ttl: must be positive, is 0 (such as 864000, which is ten days)"
    )


def test_a_broken_storage_is_one_problem_and_not_one_per_feed() -> None:
    settings = {"storages": {"hot": 3}, "feeds": {"a": {"timeline": "hot"}, "b": {"timeline": "hot"}}}
    assert list(problems(settings)) == ["storages.hot"]


def test_options_that_contain_themselves_are_a_problem() -> None:
    options: dict[str, object] = {}
    options["again"] = [options]
    found = problems({"storages": {"hot": {"backend": "mydb", "options": options}}})
    assert list(found) == ["storages.hot.options"]


# --- immutable, and what it was given stays as it was -------------------------------------------------------


def test_nothing_of_it_can_be_changed() -> None:
    settings = resolve(EXAMPLE, environ={})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.default_storage = "hot"  # type: ignore[misc]
    for mapping in (settings.storages, settings.storages["archive"].options, settings.origins):
        with pytest.raises(TypeError):
            mapping["x"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError):
        settings.storages._data = {}  # type: ignore[attr-defined]


def test_it_is_a_copy() -> None:
    given = copy.deepcopy(EXAMPLE)
    settings = resolve(given, environ={})
    assert given == EXAMPLE
    given["storages"]["archive"]["options"]["hosts"].append("db2")
    assert settings.storages["archive"].options["hosts"] == ("db1",)


def test_it_can_be_sent_to_another_process() -> None:
    settings = resolve(EXAMPLE, environ={})
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.origins == settings.origins
    assert copy.deepcopy(settings) == settings
    assert again.feeds["notification"].activities is UNSET


# --- where values came from ---------------------------------------------------------------------------------


def leaves(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    else:
        yield path


def test_every_value_has_an_origin() -> None:
    settings = resolve(EXAMPLE, environ={})
    for path in leaves(settings.masked()):
        expected = "default" if path in {"default_storage", "tombstone_ttl", "task_queue.outbox"} else "mapping"
        assert settings.origin(path) == expected, path
    assert settings.origins["storages.hot.options.url"] == "mapping"
    assert settings.origins["feeds.normal.serializer"] == "default"
    assert settings.origin("storages.archive.options.hosts.0") == "mapping"
    assert settings.origin("task_queue.options.queue") == "mapping"
    defaults = resolve(environ={})
    assert set(defaults.origins.values()) == {"default"}


def test_masked_settings_are_json() -> None:
    settings = resolve(EXAMPLE, environ={})
    again = json.loads(json.dumps(settings.masked(), allow_nan=False))
    assert again["feeds"]["inline"] == {"timeline": "hot", "activities": None, "serializer": "json"}
    assert "activities" not in again["feeds"]["notification"]
    assert again["storages"]["archive"]["options"] == {"hosts": ["db1"], "keyspace": "feeds"}


def test_settings_can_be_made_by_hand() -> None:
    settings = Settings(storages={"default": StorageSettings("default", "memory")}, default_storage="default")
    assert settings == resolve(environ={})


def test_the_outbox_is_one_of_the_storages() -> None:
    storages = {"hot": {"backend": "memory"}}
    settings = resolve({"storages": storages, "task_queue": {"backend": "threads", "outbox": "hot"}}, environ={})
    assert settings.task_queue.outbox == "hot"
    assert settings.origin("task_queue.outbox") == "mapping"
    with pytest.raises(SettingsError, match=r"task_queue.outbox: no storage is named 'hit' .*did you mean 'hot'"):
        resolve({"storages": storages, "task_queue": {"backend": "threads", "outbox": "hit"}}, environ={})

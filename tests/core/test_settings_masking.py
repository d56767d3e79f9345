"""Secrets are never shown: not by the masked settings, not by `repr`, not in a message."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamfw_core.errors import SettingsError
from streamfw_core.settings import resolve
from streamfw_core.settings.masking import MASK, is_secret, mask, mask_text

SECRET = "hunter2"


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "db_password", "dbPassword", "passwd", "passphrase", "pwd", "secret",
        "client-secret", "SECRET_KEY", "token", "accessToken", "auth", "auth_provider", "authorization",
        "key", "ssl_key", "apiKey", "apikey", "AUTHKEY", "credentials", "x.password",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["host", "keyspace", "author", "hosts", "db", "username", "prefix", 3, None])
def test_names_of_other_things(name: object) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mydb://user:hunter2@host:1/0", "mydb://***@host:1/0"),
        ("mydb://:hunter2@host", "mydb://***@host"),
        ("mydb://hunter2@host", "mydb://***@host"),
        ("mydb://user:hunter2/@?#@host/0", "mydb://***@host/0"),
        ("mydb://user:hun ter2\n@host", "mydb://***@host"),
        ("mydb://u:hunter2@a;mydb://u:hunter2@b", "mydb://***@b"),
        ("mydb://host/0?password=hunter2&db=1", "mydb://host/0?password=***&db=1"),
        ("mydb://host/0?db=1&api_key=hunter2", "mydb://host/0?db=1&api_key=***"),
        ("mydb://host/0?pass%77ord=hunter2", "mydb://host/0?pass%77ord=***"),
        ("mydb://host#token=hunter2", "mydb://host#token=***"),
        ("host=x password='hunter2 and more' port=3", "host=x password=*** port=3"),
        ("user:hunter2@host/0", "***@host/0"),
        ("mydb://host/0?db=1", "mydb://host/0?db=1"),
        ("someone@example.org", "someone@example.org"),
    ],
)
def test_texts(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_every_depth_and_every_type_is_masked_and_json() -> None:
    value = {
        "password": SECRET,
        "none": None,
        "token": None,
        "auth": {"user": "me", "pass": SECRET},
        "nodes": [{"url": f"mydb://u:{SECRET}@host", "pwd": SECRET}, ("secret", SECRET)],
        "set": {f"mydb://{SECRET}@h"},
        f"mydb://{SECRET}@key": 1,
        "bytes": SECRET.encode(),
        "object": type("Sneaky", (), {"__repr__": lambda self: SECRET})(),
        "class": dict,
        "infinite": float("inf"),
        "delta": timedelta(seconds=1),
        3: True,
    }
    masked: Any = mask(value)
    assert SECRET not in json.dumps(masked, allow_nan=False)
    assert masked["password"] == masked["auth"] == MASK
    assert masked["token"] is None
    assert masked["nodes"] == [{"url": "mydb://***@host", "pwd": MASK}, ["secret", MASK]]
    assert masked["class"] == "builtins:dict"
    assert masked["3"] is True


PLACES: list[Any] = [
    {"storages": {"s": f"mydb://me:{SECRET}@host"}},
    {"storages": {"s": f"mydb://host/?token={SECRET}"}},
    {"storages": {"s": {"backend": "mydb", "options": {"password": SECRET}}}},
    {"storages": {"s": {"backend": "mydb", "options": {"pool": [{"deep": {"auth": (SECRET,)}}]}}}},
    {"storages": {"token": {"backend": "mydb", "options": {"url": f"mydb://{SECRET}@host"}}}},
    {"task_queue": {"backend": "threads", "options": {"broker": f"amqp://u:{SECRET}@a;amqp://u:{SECRET}@b"}}},
    {"metrics": {"backend": "mymetrics", "options": {"api_key": SECRET}}},
    {"STREAM_REDIS_CONFIG": {"default": {"host": "h", "password": SECRET}}},
]


@pytest.mark.parametrize("settings", PLACES, ids=range(len(PLACES)))
def test_resolved_settings_show_no_secrets(settings: Any) -> None:
    resolved = resolve(settings, environ={})
    shown = [
        repr(resolved),
        str(resolved),
        json.dumps(resolved.masked()),
        repr(resolved.storages),
        *(repr(storage) for storage in resolved.storages.values()),
        *(repr(storage.options) for storage in resolved.storages.values()),
        repr(resolved.task_queue),
        repr(resolved.metrics),
        repr(resolved.origins),
    ]
    assert not [text for text in shown if SECRET in text]


def test_a_storage_may_have_the_name_of_a_secret() -> None:
    masked: Any = resolve({"storages": {"token": "mydb"}}, environ={}).masked()
    assert masked["storages"] == {"token": {"backend": "mydb", "options": {}}}


def test_what_is_masked_is_still_there() -> None:
    settings = resolve(PLACES[2], environ={})
    assert settings.storages["s"].options["password"] == SECRET
    assert settings.origins["storages.s.options.password"] == "mapping"
    assert "'storages.s.options.password': 'mapping'" in repr(settings.origins)


WRONG: list[Any] = [
    {"storages": {"s": f"my db://me:{SECRET}@host"}},
    {"storages": {"s": f"mydb://me:{SECRET} @host"}},
    {"storages": {"s": f"mydb://[me:{SECRET}@host"}},
    {"storages": {"s": f"mydb:{SECRET}@host"}},
    {"storages": {"s": {"backend": f"mydb://me:{SECRET}@host"}}},
    {"storages": {"s": {"backend": "mydb", "password": SECRET}}},
    {"storages": {"s": {"backend": "mydb", "options": SECRET}}},
    {"storages": {f"mydb://me:{SECRET}@host": {}}},
    {"storages": [f"mydb://me:{SECRET}@host"]},
    {"feeds": {"f": {"timeline": f"mydb://me:{SECRET}@host"}}},
    {"feeds": {"f": {"timeline": f"mydb:{SECRET}@host"}}},
    {"feeds": {"f": {"serializer": f"mydb:{SECRET}@host"}}},
    {"managers": {"m": f"mydb://me:{SECRET}@host"}},
    {"task_queue": f"amqp://me:{SECRET}@host"},
    {"metrics": f"udp://me:{SECRET}@host"},
    {"default_storage": f"mydb://me:{SECRET}@host"},
    {f"mydb://me:{SECRET}@host": 1},
    {"STREAM_REDIS_CONFIG": {"password": SECRET}},
    {"STREAM_CASSANDRA_HOSTS": f"mydb://me:{SECRET}@host"},
    {"STREAM_METRIC_CLASS": f"udp://me:{SECRET}@host"},
    f"mydb://me:{SECRET}@host",
]


@pytest.mark.parametrize("settings", WRONG, ids=range(len(WRONG)))
def test_messages_show_no_secrets(settings: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve(settings, environ={})
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.problems)


SECRET_TEXT = st.text(min_size=1).map(lambda text: f"<<{text}>>")


@given(SECRET_TEXT, SECRET_TEXT)
def test_no_userinfo_comes_through(user: str, password: str) -> None:
    assert password not in mask_text(f"mydb://{user}:{password}@host:1/0")


@given(
    st.recursive(
        st.just(SECRET).map(lambda text: {"password": text})
        | st.just(f"mydb://me:{SECRET}@host")
        | st.integers()
        | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=20,
    )
)
def test_no_depth_hides_a_secret_from_the_mask(value: object) -> None:
    assert SECRET not in json.dumps(mask(value))

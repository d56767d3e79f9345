"""The settings of Stream-Framework are understood."""

from __future__ import annotations

from typing import Any

import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.plugins.known import OLD_EAGER_NOTE, OLD_NAMES
from streamfw_core.settings import MetricsSettings, QueueSettings, StorageSettings, resolve

ONE_SERVER = {"default": {"host": "127.0.0.1", "port": 6379, "db": 0, "password": None}}


def only_problem(**old: object) -> tuple[str, str]:
    with pytest.raises(SettingsError) as caught:
        resolve(old, environ={})
    (problem,) = caught.value.problems
    assert problem.hint
    return problem.path, problem.message


def test_redis_servers_become_storages() -> None:
    config = {**ONE_SERVER, "other": {"host": "cache", "password": "hunter2"}}
    settings = resolve({"STREAM_REDIS_CONFIG": config}, environ={})
    assert settings.storages == {
        "default": StorageSettings("default", "redis", {"host": "127.0.0.1", "port": 6379, "db": 0}),
        "other": StorageSettings("other", "redis", {"host": "cache", "password": "hunter2"}),
    }
    assert settings.default_storage == "default"
    assert settings.origin("storages.default.options.host") == "STREAM_REDIS_CONFIG"
    assert settings.origin("storages.other.backend") == "STREAM_REDIS_CONFIG"
    assert settings.origin("tombstone_ttl") == "default"
    assert "hunter2" not in repr(settings)


def test_cassandra_settings_become_one_storage() -> None:
    settings = resolve(
        {
            "STREAM_CASSANDRA_HOSTS": ["a", "b"],
            "STREAM_DEFAULT_KEYSPACE": "feeds",
            "STREAM_CASSANDRA_CONSISTENCY_LEVEL": 1,
            "STREAM_CASSANDRA_READ_RETRY_ATTEMPTS": 3,
            "STREAM_CASSANDRA_WRITE_RETRY_ATTEMPTS": 4,
            "CASSANDRA_DRIVER_KWARGS": {"protocol_version": 4},
        },
        environ={},
    )
    assert dict(settings.storages) == {
        "cassandra": StorageSettings(
            "cassandra",
            "cassandra",
            {
                "hosts": ("a", "b"),
                "keyspace": "feeds",
                "consistency_level": 1,
                "read_retry_attempts": 3,
                "write_retry_attempts": 4,
                "driver_options": {"protocol_version": 4},
            },
        )
    }
    assert settings.default_storage == "cassandra"
    assert settings.origin("storages.cassandra.options.keyspace") == "STREAM_DEFAULT_KEYSPACE"
    assert settings.origin("storages.cassandra.backend") == "STREAM_CASSANDRA_HOSTS"


def test_both_are_kept() -> None:
    settings = resolve({"STREAM_REDIS_CONFIG": ONE_SERVER, "STREAM_CASSANDRA_HOSTS": ["a"]}, environ={})
    assert {name: s.backend for name, s in settings.storages.items()} == {
        "default": "redis",
        "cassandra": "cassandra",
    }
    assert settings.default_storage == "default"


def test_a_server_of_the_same_name_keeps_it() -> None:
    servers = {"cassandra": {"host": "odd"}}
    settings = resolve({"STREAM_REDIS_CONFIG": servers, "STREAM_CASSANDRA_HOSTS": ["a"]}, environ={})
    assert {name: s.backend for name, s in settings.storages.items()} == {
        "cassandra": "redis",
        "cassandra_2": "cassandra",
    }


@pytest.mark.parametrize(
    ("path", "metrics"),
    [
        ("stream_framework.metrics.base.Metrics", None),
        ("stream_framework.metrics.statsd.StatsdMetrics", MetricsSettings("statsd", {"host": "m"})),
        ("stream_framework.metrics.python_statsd.StatsdMetrics", MetricsSettings("python-statsd", {"host": "m"})),
        ("myapp.metrics.MyMetrics", MetricsSettings("myapp.metrics:MyMetrics", {"host": "m"})),
    ],
)
def test_metrics_classes(path: str, metrics: MetricsSettings | None) -> None:
    old = {"STREAM_METRIC_CLASS": path, "STREAM_METRICS_OPTIONS": {"host": "m"}}
    settings = resolve(old, environ={})
    assert settings.metrics == (() if metrics is None else (metrics,))
    if metrics is None:
        assert "STREAM_METRICS_OPTIONS has no effect: no metrics class uses it." in settings.notes
    else:
        assert settings.origin("metrics.backend") == "STREAM_METRIC_CLASS"
        assert settings.origin("metrics.options.host") == "STREAM_METRICS_OPTIONS"


def test_eager_means_inline() -> None:
    settings = resolve({"CELERY_ALWAYS_EAGER": True, "STREAM_REDIS_CONFIG": ONE_SERVER}, environ={})
    assert settings.task_queue == QueueSettings("inline")
    assert settings.origin("task_queue.backend") == "CELERY_ALWAYS_EAGER"
    assert settings.notes == ()


def test_without_eager_a_note_says_where_fan_out_runs_now() -> None:
    settings = resolve({"STREAM_REDIS_CONFIG": ONE_SERVER}, environ={})
    assert settings.notes == (OLD_EAGER_NOTE,)
    assert resolve({"CELERY_ALWAYS_EAGER": False}, environ={}).notes == ()


def test_the_in_memory_verbs_are_accepted_and_nothing_else() -> None:
    assert resolve({"STREAM_VERB_STORAGE": "in-memory"}, environ={}) == resolve({}, environ={})
    assert only_problem(STREAM_VERB_STORAGE="elsewhere")[0] == "STREAM_VERB_STORAGE"


def test_a_setting_without_counterpart_is_noted() -> None:
    assert resolve({"TEST_CASSANDRA_HOST": "x"}, environ={}).notes == (
        "TEST_CASSANDRA_HOST has no effect: it belonged to the old library's own tests.",
    )


def test_new_settings_win_and_the_old_ones_are_noted() -> None:
    settings = resolve(
        {
            "STREAMFW": {"storages": {"hot": "mydb"}},
            "STREAM_REDIS_CONFIG": "whatever is in here is not looked at",
            "STREAM_CASSANDRA_HOSTS": ["a"],
        },
        environ={},
    )
    assert list(settings.storages) == ["hot"]
    assert settings.notes == (
        "STREAM_REDIS_CONFIG is ignored, because STREAMFW is set.",
        "STREAM_CASSANDRA_HOSTS is ignored, because STREAMFW is set.",
    )


@pytest.mark.parametrize(
    ("name", "value", "path", "message"),
    [
        ("STREAM_REDIS_CONFIG", [], "STREAM_REDIS_CONFIG", "must be a mapping of server names, is a list"),
        (
            "STREAM_REDIS_CONFIG",
            {"host": "localhost"},
            "STREAM_REDIS_CONFIG.host",
            "must be a mapping of connection options, is a str",
        ),
        ("STREAM_CASSANDRA_HOSTS", "db1", "STREAM_CASSANDRA_HOSTS", "must be list or tuple, is a str"),
        ("STREAM_DEFAULT_KEYSPACE", 3, "STREAM_DEFAULT_KEYSPACE", "must be str, is an int"),
        (
            "STREAM_CASSANDRA_READ_RETRY_ATTEMPTS",
            True,
            "STREAM_CASSANDRA_READ_RETRY_ATTEMPTS",
            "must be int, is True",
        ),
        ("CASSANDRA_DRIVER_KWARGS", [1], "CASSANDRA_DRIVER_KWARGS", "must be dict, is a list"),
        ("STREAM_METRIC_CLASS", 3, "STREAM_METRIC_CLASS", "must be the dotted path of a class, is an int"),
        (
            "STREAM_METRIC_CLASS",
            "Metrics",
            "STREAM_METRIC_CLASS",
            "must be the dotted path of a class, is a text without a dot",
        ),
        ("STREAM_METRICS_OPTIONS", [], "STREAM_METRICS_OPTIONS", "must be a mapping, is a list"),
    ],
)
def test_a_wrong_value_is_a_problem_under_its_old_name(name: str, value: Any, path: str, message: str) -> None:
    assert only_problem(**{name: value}) == (path, message)


def test_every_old_name_is_known() -> None:
    assert set(OLD_NAMES) == {
        "STREAM_REDIS_CONFIG",
        "STREAM_CASSANDRA_HOSTS",
        "STREAM_DEFAULT_KEYSPACE",
        "STREAM_CASSANDRA_CONSISTENCY_LEVEL",
        "STREAM_CASSANDRA_READ_RETRY_ATTEMPTS",
        "STREAM_CASSANDRA_WRITE_RETRY_ATTEMPTS",
        "CASSANDRA_DRIVER_KWARGS",
        "STREAM_METRIC_CLASS",
        "STREAM_METRICS_OPTIONS",
        "STREAM_VERB_STORAGE",
        "CELERY_ALWAYS_EAGER",
        "TEST_CASSANDRA_HOST",
    }

"""What settings say about a Redis storage, and what they must not say."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import asdict
from streamfw_core.errors import SettingsError
from streamfw_redis.options import Options, parse
from streamfw_redis.storage import create

IN_QUERY = (
    "buckets, connect_timeout, db, password, port, prefix, retry_for, sentinel_password, sentinel_username, service,"
    " timeout, tombstone_ttl, username, wait_replicas"
)
URL_HINT = "(such as 'redis://localhost:6379/0' or 'redis+cluster://10.0.0.1:6379,10.0.0.2:6379')"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", {}),
        ("redis://h", {"host": "h"}),
        ("redis://h:1/2", {"host": "h", "port": 1, "db": 2}),
        ("rediss://h", {"host": "h", "tls": True}),
        ("redis://user:p%40ss%2Fword@h", {"host": "h", "username": "user", "password": "p@ss/word"}),
        ("redis://:secret@[::1]:1", {"host": "::1", "port": 1, "password": "secret"}),
        ("redis+unix:///run/redis.sock?db=3", {"unix_socket": "/run/redis.sock", "db": 3}),
        (
            "redis+unix://:secret@/run/a%20b.sock?prefix=x:",
            {"unix_socket": "/run/a b.sock", "password": "secret", "prefix": "x:"},
        ),
        (
            "redis+sentinel://:pw@a,b:5,[::1]/main/2?sentinel_password=z&sentinel_username=y",
            {
                "mode": "sentinel",
                "nodes": ["a:26379", "b:5", "[::1]:26379"],
                "service": "main",
                "db": 2,
                "password": "pw",
                "sentinel_password": "z",
                "sentinel_username": "y",
            },
        ),
        ("redis+sentinel://a", {"mode": "sentinel", "nodes": ["a:26379"]}),
        ("rediss+cluster://a,b:5", {"mode": "cluster", "nodes": ["a:6379", "b:5"], "tls": True}),
        (
            "redis://h?timeout=1.5&connect_timeout=1&retry_for=0&tombstone_ttl=60&buckets=16&wait_replicas=2",
            {
                "host": "h",
                "timeout": 1.5,
                "connect_timeout": 1.0,
                "retry_for": 0.0,
                "tombstone_ttl": 60.0,
                "buckets": 16,
                "wait_replicas": 2,
            },
        ),
    ],
)
def test_a_url_says_what_a_mapping_could(url: str, expected: dict[str, Any]) -> None:
    assert asdict(parse("feeds", {"url": url})) == asdict(Options(**expected))


def test_a_mapping_wins_over_its_url() -> None:
    parsed = parse("feeds", {"url": "redis://h:1/2", "db": 3, "prefix": "x:"})
    assert (parsed.host, parsed.port, parsed.db, parsed.prefix) == ("h", 1, 3, "x:")


def test_a_cluster_has_buckets_and_one_server_has_none() -> None:
    assert parse("feeds", {"url": "redis+cluster://h"}).tags == 128
    assert parse("feeds", {"url": "redis://h"}).tags == 0
    assert parse("feeds", {"url": "redis://h?buckets=16"}).tags == 16


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "http://h",
            "its scheme must be redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://",
        ),
        ("", "its scheme must be redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://"),
        (5, "it must be a text, is 5 (int)"),
        ("redis://h:port", "its port must be a whole number up to 65535"),
        ("redis://h:65536", "its port must be a whole number up to 65535"),
        ("redis://[::1", "its part after // is no address"),
        ("redis://h/x", "the database must be a whole number, is 'x'"),
        (
            "redis+unix://redis.sock",
            "it must have three slashes before the path of the socket: 'redis+unix:///run/redis.sock'",
        ),
    ],
)
def test_a_url_that_cannot_be_read_is_explained(url: object, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse("feeds", {"url": url})
    assert [str(problem) for problem in caught.value.problems] == [
        f"storages.feeds.options.url: cannot be read: {words} {URL_HINT}"
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("db=", "db must be a whole number, is ''"),
        ("timeout=soon", "timeout must be a number, is 'soon'"),
        ("mode=cluster", f"its query has 'mode', and may have {IN_QUERY}; for others give a mapping of options"),
    ],
)
def test_a_wrong_query_is_explained(query: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse("feeds", {"url": f"redis://h?{query}"})
    assert [str(problem) for problem in caught.value.problems] == [
        f"storages.feeds.options.url: cannot be read: {words}"
    ]


@pytest.mark.parametrize("password", ["s3cret/", "s3cret?x", "s3cret#", "s3cret/0", ":s3cret:", "s3cret℀", "s3cret["])
def test_a_password_that_breaks_a_url_is_not_shown(password: str) -> None:
    for url in (f"redis://:{password}@h:1/0", f"redis://u:{password}@h", f"redis+unix://:{password}@/x"):
        try:
            shown = repr(parse("feeds", {"url": url}))
        except SettingsError as error:
            shown = str(error)
        assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"prefix": "a{b}:"},
            "prefix: must not contain braces, which choose a slot of a cluster (such as 'feeds:')",
        ),
        ({"prefix": 5}, "prefix: must be a str, is an int"),
        ({"buckets": -1}, "buckets: must be >= 0, is -1"),
        ({"buckets": 16_385}, "buckets: must be <= 16384, is 16385"),
        ({"url": "redis+cluster://h?buckets=0"}, "buckets: must be 1 or more on a cluster (leave it out for 128)"),
        ({"url": "redis+cluster://h/3"}, "db: must be 0: a cluster has one database (leave it out)"),
        ({"db": -1}, "db: must be >= 0, is -1"),
        ({"port": 0}, "port: must be >= 1, is 0"),
        ({"timeout": 0}, "timeout: must be > 0, is 0.0"),
        ({"connect_timeout": float("nan")}, "connect_timeout: must be > 0, is nan"),
        ({"tombstone_ttl": float("inf")}, "tombstone_ttl: must be < 1000000000, is inf"),
        ({"retry_for": -1}, "retry_for: must be >= 0, is -1.0"),
        ({"wait_replicas": -1}, "wait_replicas: must be >= 0, is -1"),
        ({"mode": "other"}, "mode: must be one of 'single', 'sentinel', 'cluster', is a str"),
        ({"node": ["h:1"]}, "node: unknown key (did you mean 'nodes'?)"),
        (
            {"mode": "cluster", "nodes": ["h"]},
            "nodes: must be a list of 'host:port', has 'h' (such as ['10.0.0.1:6379'])",
        ),
        (
            {"url": "redis+cluster://h:x"},
            "nodes: must be a list of 'host:port', has 'h:x' (such as ['10.0.0.1:6379'])",
        ),
        (
            {"url": "redis+sentinel:///main"},
            "nodes: must name the sentinels (such as ['10.0.0.1:26379', '10.0.0.2:26379'])",
        ),
        (
            {"url": "rediss+unix:///redis.sock"},
            "unix_socket: is for one server without TLS (leave out `mode` and `tls`)",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse("feeds", options)
    assert [str(problem) for problem in caught.value.problems] == [f"storages.feeds.options.{words}"]


@pytest.mark.parametrize(
    "options",
    [
        {"driver_options": {"colour": "red"}},
        {"tls": True, "driver_options": {"ssl_cert_reqs": "maybe"}},
        {"driver_options": {"protocol": 9}},
        {"url": "redis+sentinel://a", "driver_options": {"colour": "red"}},
        {"url": "redis+cluster://a", "driver_options": {"colour": "red"}},
    ],
)
def test_what_the_driver_does_not_take_is_refused_before_anything_connects(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"storages\.feeds\.options\.driver_options: are refused by the driver: "):
        create("feeds", options)

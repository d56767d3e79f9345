"""What settings say about a Cassandra storage, and what they must not say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, fields
from cassandra.auth import PlainTextAuthProvider
from streamfw_cassandra.options import Options, parse
from streamfw_cassandra.sessions import Sessions
from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_core.errors import SettingsError, StorageError

from streamfw_core import Streams
from tests.cassandra.feeds import Make
from tests.services.cassandra import Cassandra

URL_HINT = "(such as 'cassandra://10.0.0.1,10.0.0.2:9042/feeds')"
IN_QUERY = (
    "batch_bytes, batch_rows, connect_timeout, gc_grace, local_dc, password, read_consistency,"
    " replication, requests, retry_for, slack, speculative_attempts, speculative_delay, timeout, tls, tls_ca,"
    " tls_certificate, tls_check_hostname, tls_key, tombstone_ttl, username, write_consistency"
)
QUOTED = "a '/', '?', '#' or '@' in a password must be written as %2F, %3F, %23 or %40"
LEVELS = "'ONE', 'TWO', 'THREE', 'QUORUM', 'ALL', 'LOCAL_QUORUM', 'EACH_QUORUM', 'LOCAL_ONE', 'ANY'"
NAMES = "must be lower-case letters, digits and _, at most 48 and a letter first, is"
GRACE = (
    "gc_grace: must not be less than tombstone_ttl (864000), or what was removed may come back"
    " (leave it out, or set tombstone_ttl too)"
)
NODES = "must be a name or an address without a port, is"
NODES_HINT = "(such as '10.0.0.1', with `port` beside it)"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("cassandra://", {}),
        ("cassandra://h", {"hosts": ["h"]}),
        ("cassandra:///feeds", {"keyspace": "feeds"}),
        ("cassandra://a,b:1,[::1]:1/feeds", {"hosts": ["a", "b", "::1"], "port": 1, "keyspace": "feeds"}),
        ("cassandra://user:p%40ss%2Fword@h", {"hosts": ["h"], "username": "user", "password": "p@ss/word"}),
        (
            "cassandra://h?tls=true&tls_ca=/etc/ca.pem&username=u&password=p&local_dc=dc1&replication=3",
            {
                "hosts": ["h"],
                "tls": True,
                "tls_ca": "/etc/ca.pem",
                "username": "u",
                "password": "p",
                "local_dc": "dc1",
                "replication": 3,
            },
        ),
        (
            "cassandra://h?timeout=1.5&connect_timeout=1&retry_for=0&tombstone_ttl=60&speculative_delay=0.1",
            {
                "hosts": ["h"],
                "timeout": 1.5,
                "connect_timeout": 1.0,
                "retry_for": 0.0,
                "tombstone_ttl": 60.0,
                "speculative_delay": 0.1,
            },
        ),
        (
            "cassandra://h?requests=2&batch_rows=3&batch_bytes=4000&slack=5&read_consistency=ONE&write_consistency=ANY",
            {
                "hosts": ["h"],
                "requests": 2,
                "batch_rows": 3,
                "batch_bytes": 4000,
                "slack": 5,
                "read_consistency": "ONE",
                "write_consistency": "ANY",
            },
        ),
    ],
)
def test_a_url_says_what_a_mapping_could(url: str, expected: dict[str, Any]) -> None:
    assert asdict(parse("feeds", {"url": url})) == asdict(Options(**expected))


def test_a_mapping_wins_over_its_url() -> None:
    parsed = parse("feeds", {"url": "cassandra://h:1/one?slack=7", "keyspace": "two", "slack": None})
    assert (parsed.hosts, parsed.port, parsed.keyspace, parsed.slack) == (["h"], 1, "two", None)


def test_every_option_is_documented() -> None:
    assert Options.__doc__ is not None
    shown = [each.name for each in fields(Options) if f":param {each.name}:" not in Options.__doc__]
    # These two are explained with the options that they go with.
    assert shown == ["password", "tls_key"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h", "its scheme must be cassandra://"),
        ("", "its scheme must be cassandra://"),
        (5, "it must be a text, is 5 (int)"),
        ("cassandra://[::1", "its part after // is no address"),
        ("cassandra://::1/feeds", "an IPv6 address must stand in brackets, such as [::1]"),
        ("cassandra://h:port/feeds", "the port must be a whole number, is 'port'"),
        ("cassandra://a:1,b:2/feeds", "all nodes must have one port"),
        ("cassandra://h/feeds#top", QUOTED),
        ("cassandra://u:p/w@h/feeds", QUOTED),
    ],
)
def test_a_url_that_cannot_be_read_is_explained(url: object, words: str) -> None:
    assert problems_of({"url": url}) == [f"storages.feeds.options.url: cannot be read: {words} {URL_HINT}"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("timeout=soon", "timeout must be a number, is 'soon'"),
        ("slack=", "slack must be a whole number, is ''"),
        ("tls=yes", "tls must be true or false, is 'yes'"),
        ("hosts=h", f"its query has 'hosts', and may have {IN_QUERY}; for others give a mapping of options"),
    ],
)
def test_a_wrong_query_is_explained(query: str, words: str) -> None:
    said = problems_of({"url": f"cassandra://h?{query}"})
    assert said == [f"storages.feeds.options.url: cannot be read: {words}"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"host": ["h"]}, "host: unknown key (did you mean 'hosts'?)"),
    ({"hosts": []}, "hosts: must name at least one node (such as ['10.0.0.1', '10.0.0.2'])"),
    ({"hosts": "h"}, "hosts: must be a list of str, is a str (put it into brackets: [...])"),
    ({"hosts": ["h", 5]}, "hosts[1]: must be a str, is an int"),
    ({"hosts": ["h", "h:9042"]}, f"hosts[1]: {NODES} 'h:9042' {NODES_HINT}"),
    ({"hosts": ["a b"]}, f"hosts[0]: {NODES} 'a b' {NODES_HINT}"),
    ({"hosts": [""]}, f"hosts[0]: {NODES} '' {NODES_HINT}"),
    ({"port": 0}, "port: must be >= 1, is 0"),
    ({"port": 65_536}, "port: must be <= 65535, is 65536"),
    ({"port": True}, "port: must be an int, is True"),
    ({"keyspace": "Feeds"}, f"keyspace: {NAMES} 'Feeds' (such as 'feeds')"),
    ({"keyspace": "a; DROP"}, f"keyspace: {NAMES} 'a; DROP' (such as 'feeds')"),
    ({"keyspace": "feeds\n"}, f"keyspace: {NAMES} 'feeds\\n' (such as 'feeds')"),
    ({"keyspace": "x" * 49}, f"keyspace: {NAMES} {'x' * 49!r} (such as 'feeds')"),
    ({"url": "cassandra://h/a/b"}, f"keyspace: {NAMES} 'a/b' (such as 'feeds')"),
    ({"replication": 0}, "replication: must be 1 or more (3, or {'dc1': 3})"),
    ({"replication": {}}, "replication: must be 1 or more (3, or {'dc1': 3})"),
    ({"replication": {"dc1": 0}}, "replication: must be 1 or more (3, or {'dc1': 3})"),
    (
        {"replication": {"dc'1": 1}},
        "replication: names no data centre (such as {'dc1': 3}: see `nodetool status`)",
    ),
    ({"replication": "3"}, "replication: must be an int or a mapping or None, is a str"),
    ({"read_consistency": "MOST"}, f"read_consistency: must be one of {LEVELS}, is a str"),
    ({"read_consistency": "ANY"}, "read_consistency: ANY is for writes (such as 'LOCAL_QUORUM')"),
    ({"read_consistency": "EACH_QUORUM"}, "read_consistency: EACH_QUORUM is for writes (such as 'LOCAL_QUORUM')"),
    ({"write_consistency": "one"}, f"write_consistency: must be one of {LEVELS}, is a str"),
    (
        {"consistency_level": 99},
        "consistency_level: must be the name of a consistency level, is 99 (int) (such as 'LOCAL_QUORUM')",
    ),
    ({"username": "u", "password": 5}, "password: must be a str, is an int"),
    ({"password": "p"}, "username: must come with a password (the name of a role that may log in)"),
    ({"username": 5}, "username: must be a str, is an int"),
    ({"tls_ca": "/ca.pem"}, "tls: must be true for certificates to be used (tls: true)"),
    ({"tls": True, "tls_ca": 5}, "tls_ca: must be a str, is an int"),
    ({"tls": True, "tls_certificate": 5, "tls_key": "/k"}, "tls_certificate: must be a str, is an int"),
    ({"tls": "yes"}, "tls: must be a bool, is a str"),
    ({"tls": True, "tls_key": "/k"}, "tls_key: must come with tls_certificate (give both, or none)"),
    ({"tls_check_hostname": 1}, "tls_check_hostname: must be a bool, is an int"),
    ({"local_dc": 1}, "local_dc: must be a str, is an int"),
    ({"speculative_delay": 0}, "speculative_delay: must be > 0, is 0.0"),
    ({"speculative_attempts": 0}, "speculative_attempts: must be >= 1, is 0"),
    ({"timeout": 0}, "timeout: must be > 0, is 0.0"),
    ({"connect_timeout": float("nan")}, "connect_timeout: must be > 0, is nan"),
    ({"retry_for": -1}, "retry_for: must be >= 0, is -1.0"),
    ({"requests": 0}, "requests: must be >= 1, is 0"),
    ({"batch_rows": 0}, "batch_rows: must be >= 1, is 0"),
    ({"batch_bytes": 0}, "batch_bytes: must be >= 1, is 0"),
    ({"slack": 0}, "slack: must be >= 1, is 0"),
    ({"tables": {"user": "User"}}, f"tables.user: {NAMES} 'User' (such as 'feeds')"),
    ({"tables": {"user": 5}}, "tables.user: must be a str, is an int"),
    ({"tables": {"a": "x", "b": "x"}}, "tables: gives two feeds one table (give each a name of its own)"),
    (
        {"tables": {"user": "notes"}},
        "tables.user: 'notes' is a table that all feeds share (such as 'user_feed')",
    ),
    (
        {"gc_grace": 3600},
        GRACE,
    ),
    ({"gc_grace": 2**31}, "gc_grace: must be < 2147483648, is 2147483648"),
    ({"tombstone_ttl": 0}, "tombstone_ttl: must be > 0, is 0.0"),
    ({"tombstone_ttl": float("inf")}, "tombstone_ttl: must be < 1000000000, is inf"),
    ({"driver_options": 5}, "driver_options: must be a mapping, is an int"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_what_cannot_be_is_refused_with_its_path(options: dict[str, Any], words: str) -> None:
    assert problems_of(options) == [f"storages.feeds.options.{words}"]


def test_every_option_has_values_that_it_refuses() -> None:
    refused = {words.partition(":")[0].partition("[")[0].partition(".")[0] for _, words in WRONG}
    assert refused >= {field.name for field in fields(Options)}


def test_all_that_is_wrong_is_said_at_once() -> None:
    paths = [found.partition(":")[0] for found in problems_of({"keyspace": "A", "hosts": [], "replication": 0})]
    assert paths == [f"storages.feeds.options.{name}" for name in ("keyspace", "hosts", "replication")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colour": "red"}, "driver_options.colour: is no argument of the driver's Cluster (leave it out)"),
        ({"contact_points": ["h"]}, "driver_options.contact_points: is made of other options (leave it out)"),
        (
            {"load_balancing_policy": None},
            "driver_options.load_balancing_policy: is made of other options (leave it out)",
        ),
    ],
)
def test_what_the_driver_does_not_take_is_refused_before_anything_connects(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        create("feeds", {"driver_options": options})
    assert [*map(str, caught.value.problems)] == [f"storages.feeds.options.{words}"]


@pytest.mark.parametrize("files", [{"tls_ca": "/no/such"}, {"tls_certificate": "/no/such", "tls_key": "/no/such"}])
def test_a_certificate_that_cannot_be_read_is_named_before_anything_connects(files: dict[str, str]) -> None:
    with pytest.raises(
        SettingsError, match=r"storages\.feeds\.options\.tls: cannot be set up with .*'/no/such'.*No such"
    ):
        create("feeds", {"tls": True, **files})


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(SettingsError, match=r"storages\.feeds\.options\.tls: cannot be set up with tls_ca '.*ca\.pem'"):
        create("feeds", {"tls": True, "tls_ca": str(tmp_path / "ca.pem")})


# --- passwords ---


@pytest.mark.parametrize("password", ["s3cret/", "s3cret?x", "s3cret#", "s3cret/0", ":s3cret:", "s3cret℀", "s3cret["])
def test_a_password_that_breaks_a_url_is_not_shown(password: str) -> None:
    for url in (
        f"cassandra://u:{password}@h:1/feeds",
        f"cassandra://{password}@h",
        f"cassandra://h?password={password}&x",
    ):
        try:
            shown = repr(parse("feeds", {"url": url, "username": "u"}))
        except SettingsError as error:
            shown = str(error)
        assert "s3cret" not in shown


def test_passwords_are_in_no_representation_and_in_no_error() -> None:
    provider = PlainTextAuthProvider("u", "s3cret")
    options = {"username": "u", "password": "s3cret", "driver_options": {"auth_provider": provider}}
    storage = create("feeds", {"hosts": ["127.0.0.1"], "port": 1, "retry_for": 0.0, **options})
    shown = [repr(each) for each in (storage, storage.options, storage.sessions, storage.schema)]
    with pytest.raises(StorageError) as caught:
        storage.prepare([])
    assert "s3cret" not in "".join([*shown, str(caught.value), repr(caught.value.__cause__)])


# --- the names that Stream-Framework had ---

OLD = {
    "STREAM_CASSANDRA_HOSTS": ["10.0.0.1", "10.0.0.2"],
    "STREAM_DEFAULT_KEYSPACE": "stream_framework",
    "STREAM_CASSANDRA_CONSISTENCY_LEVEL": "ONE",
    "STREAM_CASSANDRA_READ_RETRY_ATTEMPTS": 4,
    "STREAM_CASSANDRA_WRITE_RETRY_ATTEMPTS": 5,
    "CASSANDRA_DRIVER_KWARGS": {"protocol_version": 4, "port": 9043},
}


def test_the_settings_of_stream_framework_make_a_storage() -> None:
    with Streams(OLD) as streams:
        storage = streams.storage("cassandra")
        assert isinstance(storage, CassandraStorage)
        options = storage.options
    assert (options.hosts, options.keyspace) == (["10.0.0.1", "10.0.0.2"], "stream_framework")
    assert (options.read_consistency, options.write_consistency) == ("ONE", "ONE")
    assert options.driver_options == {"protocol_version": 4, "port": 9043}


@pytest.mark.parametrize(("level", "name"), [(1, "ONE"), (6, "LOCAL_QUORUM"), ("quorum", "QUORUM")])
def test_an_old_consistency_level_is_a_name_in_any_case_or_the_number_of_the_protocol(level: object, name: str) -> None:
    parsed = parse("feeds", {"consistency_level": level})
    assert (parsed.read_consistency, parsed.write_consistency) == (name, name)


def test_a_new_name_wins_over_an_old_one() -> None:
    parsed = parse("feeds", {"consistency_level": "ONE", "write_consistency": "ALL"})
    assert (parsed.read_consistency, parsed.write_consistency) == ("ONE", "ALL")


def test_old_settings_reach_a_server(shared_cassandra: Cassandra, keyspace: str) -> None:
    old = {
        "STREAM_CASSANDRA_HOSTS": shared_cassandra.hosts,
        "STREAM_DEFAULT_KEYSPACE": keyspace,
        "STREAM_CASSANDRA_CONSISTENCY_LEVEL": "ONE",
        "CASSANDRA_DRIVER_KWARGS": {"port": shared_cassandra.port, "connect_timeout": 30},
    }
    with Streams(old) as streams:
        storage = streams.storage("cassandra")
        storage.prepare([])
        assert [*storage.load("nothing", [1])] == [None]


# --- what happens when ---


def test_nothing_connects_and_no_driver_is_imported_to_know_what_the_plugin_offers() -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise SystemExit('connects')\n"
        "socket.socket.connect = refuse\n"
        "import streamfw_cassandra.plugin\n"
        "from streamfw_core import Streams\n"
        "from streamfw_core.settings import resolve\n"
        "resolve({'storages': {'default': 'cassandra://h/feeds'}})\n"
        "assert 'cassandra' not in sys.modules, 'imports the driver'\n"
        "Streams({'storages': {'default': 'cassandra://h/feeds'}}).storage('default')\n"
        "assert 'cassandra' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_options_reach_the_driver(make_storage: Make, shared_cassandra: Cassandra) -> None:
    storage = make_storage(
        read_consistency="ONE",
        write_consistency="QUORUM",
        timeout=7.0,
        local_dc=shared_cassandra.datacenter,
        speculative_delay=5.0,
        speculative_attempts=2,
        driver_options={"compression": False, "idle_heartbeat_interval": 11},
    )
    cluster = storage.sessions.connected().cluster
    profiles = cluster.profile_manager.profiles
    assert [profiles[f"streamfw.{name}"].consistency_level for name in ("read", "write")] == [1, 4]
    assert profiles["streamfw.read"].request_timeout == 7.0
    assert profiles["streamfw.read"].speculative_execution_policy.max_attempts == 2
    assert (cluster.compression, cluster.idle_heartbeat_interval) == (False, 11)


def test_a_data_centre_that_does_not_exist_is_an_error_that_names_the_option(make_storage: Make) -> None:
    with pytest.raises(StorageError, match=r"no node is known.*`local_dc` right\?"):
        make_storage(local_dc="nowhere", retry_for=0.0).prepare([])


def test_a_name_that_does_not_resolve_is_an_error_that_says_so() -> None:
    sessions = Sessions("feeds", Options(hosts=["no-such-host.invalid"], retry_for=0.0))
    with pytest.raises(
        StorageError, match=r"Cassandra at no-such-host\.invalid:9042\).*do the names in `hosts` resolve"
    ):
        sessions.connected()


def problems_of(options: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse("feeds", options)
    return [str(problem) for problem in caught.value.problems]

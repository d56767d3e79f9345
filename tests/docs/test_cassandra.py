"""The page on Cassandra holds: its examples run on a server, its tables name all that there is, and its figures are measured."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import attrs
import cassandra
import pytest
from cassandra import cluster, connection, protocol
from streamfw_cassandra.batches import ROW
from streamfw_cassandra.failures import HINTS, PASSING, concerns_one_row, failed, may_pass
from streamfw_cassandra.options import Options, parse
from streamfw_cassandra.sessions import ROWS_PER_PAGE
from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_cassandra.tables import Tables
from streamfw_cassandra.writing import SMALLEST_SLACK
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.plugins.known import OLD_STORAGE_OPTIONS
from streamfw_core.storage import FeedSpec, Write

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, NotificationFeed, Streams, UserBaseFeed
from tests.docs.cassandra_disk import bytes_on_disk
from tests.docs.pages import DOCS, run_examples
from tests.services.cassandra import Cassandra

PAGE = DOCS / "cassandra.md"
TEXT = PAGE.read_text(encoding="utf-8")
KEYSPACE = "feeds"
DISK = "STREAMFW_CASSANDRA_DISK"
DRIVER = "cassandra.protocol"
"""Where the driver logs what nodes warn of."""
PATIENT = "timeout=60&connect_timeout=60"
"""Machines that test are busy."""

FLAT = FeedSpec("pin", KeyFormat("feed:pin:%(user_id)s"), 500)
GROUPED = FeedSpec("bell", KeyFormat("feed:bell:%(user_id)s"), 100, kind="notification")


@pytest.fixture
def url(shared_cassandra: Cassandra) -> Iterator[str]:
    """Of the keyspace that the page speaks of, which is not there yet."""
    _drop(shared_cassandra)
    yield f"cassandra://{shared_cassandra.host}:{shared_cassandra.port}/{KEYSPACE}?replication=1&{PATIENT}"
    _drop(shared_cassandra)


def _drop(server: Cassandra) -> None:
    with server.connected() as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")


def test_examples_run_and_so_does_the_cql(
    url: str, shared_cassandra: Cassandra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASSANDRA_URL", url)
    assert run_examples(PAGE) > 5
    selects = [cql for block in _blocks("sql") for cql in _statements(block) if cql.startswith("SELECT")]
    assert len(selects) == 4
    with shared_cassandra.connected() as session:
        for select in selects:
            assert session.execute(select).one(), f"finds nothing: {select}"


def test_every_option_is_listed_with_its_default() -> None:
    listed = _table("| option | what it says | default |")
    assert [row[0] for row in listed] == [f"`{option.name}`" for option in attrs.fields(Options)]
    default = Options()
    for name, _, shown in listed:
        value = getattr(default, name.strip("`"))
        assert shown.startswith(f"`{value!r}`"), f"the default of {name} is {value!r}"


def test_every_url_can_be_read() -> None:
    for url, _ in _table("| URL | what it means |"):
        assert parse("page", {"url": url.strip("`")}).keyspace == KEYSPACE


def test_every_old_name_is_listed() -> None:
    listed = " ".join(row[0] for row in _table("| old | becomes |"))
    old = {name for name, option in OLD_STORAGE_OPTIONS.items() if option.backend == "cassandra"}
    assert {*re.findall(r"`(\w+)`", listed)} == old


def test_every_column_is_listed_with_its_type() -> None:
    tables = Tables(Options(keyspace=KEYSPACE))
    listed = {name.strip("`"): kind for name, kind, _ in _table("| column | type | what |")}
    assert listed == tables.timeline(GROUPED).columns
    assert {name: kind for name, kind in listed.items() if name in tables.timeline(FLAT).columns} == tables.timeline(
        FLAT
    ).columns
    shared = _table("| column | type | `activities` | `notes` |")
    for table, place in ((tables.activities, 2), (tables.notes, 3)):
        assert {row[0].strip("`"): row[1] for row in shared if row[place]} == table.columns


def test_tables_have_the_names_that_are_shown() -> None:
    tables = Tables(Options(keyspace=KEYSPACE))
    for spec in (FLAT, GROUPED):
        assert tables.timeline(spec).path in TEXT
    shown = [row[0].strip("`") for row in _table("| table | what | a row |")]
    assert shown == [tables.timeline(FLAT).name, tables.activities.name, tables.notes.name]
    assert tables.timeline(FLAT).mark.startswith("streamfw 1 flat")


def test_the_plan_is_what_the_command_line_shows() -> None:
    shown = re.search(
        r"```text\nstorage 'default':\n  (.*) WITH \.\.\.;\n```", (DOCS / "command-line.md").read_text("utf-8")
    )
    assert shown is not None
    assert Tables(Options(keyspace=KEYSPACE)).timeline(FLAT).create(0).startswith(f"{shown[1]} WITH ")


def test_figures_of_the_code_are_those_of_the_page() -> None:
    assert f"and {SMALLEST_SLACK} at least" in TEXT
    assert f"about {ROW} bytes, the owner and the payload" in TEXT
    assert f"30 * ({ROW + 7} + 250) = {30 * (ROW + 7 + 250):,} bytes" in TEXT
    assert f"in pages of {ROWS_PER_PAGE:,} rows" in TEXT


# --- failures ---


def test_every_error_is_listed_and_whether_it_is_tried_again() -> None:
    again = _again()
    kinds = {kind for kind, _ in HINTS} | {*PASSING}
    # Listed by what is raised of them.
    abstract = {cassandra.Timeout, cassandra.CoordinationFailure}
    assert {kind.__name__ for kind in kinds - abstract} <= again.keys()
    for name, tried in again.items():
        if (error := _made(name)) is not None:
            assert may_pass(error) == (tried == "yes"), f"{name} is tried again: {may_pass(error)}"
    assert {type(error) for error in map(_made, again) if error is not None and _is_hinted(error)} >= {
        kind for kind, _ in HINTS
    } - abstract


def _again() -> dict[str, str]:
    """The names of errors, and whether the page says that they are tried again."""
    rows = _table("| error | again | what it is | what to do |")
    return {name: tried for names, tried, *_ in rows for name in re.findall(r"`(\w+)`", names)}


def _made(name: str) -> Exception | None:
    """An error of the driver."""
    for module in (cassandra, connection, cluster, protocol):
        kind: Any = getattr(module, name, None)
        if kind is not None:
            code = getattr(kind, "error_code", None)
            made: Exception = kind(code, "", None) if code is not None else kind.__new__(kind)
            return made
    return None


def _is_hinted(error: Exception) -> bool:
    return ". Cassandra: " in str(failed(error, "page", ["h:9042"], "reading"))


def test_a_request_that_is_refused_for_what_is_in_it_concerns_one_row() -> None:
    assert concerns_one_row(cassandra.InvalidRequest("Batch too large"))
    for words in ("table pin does not exist", "unconfigured table pin", "Undefined column name color in table pin"):
        refused = cassandra.InvalidRequest(words)
        assert not concerns_one_row(refused)
        assert "streamfw schema apply" in str(failed(refused, "page", ["h:9042"], "writing"))


def test_a_protocol_that_nodes_do_not_speak_is_named(shared_cassandra: Cassandra) -> None:
    options = {"hosts": shared_cassandra.hosts, "port": shared_cassandra.port, "retry_for": 0.0}
    storage = create("page", {**options, "connect_timeout": 30.0, "driver_options": {"protocol_version": 65}})
    with pytest.raises(StorageError, match="set `protocol_version` in `driver_options`"):
        storage.prepare([])


# --- what a role must be allowed ---


class PinFeed(Feed):
    key_format = "feed:pin:%(user_id)s"


class Bell(NotificationFeed):
    key_format = "feed:bell:%(user_id)s"


class OwnFeed(UserBaseFeed):
    key_format = "feed:own:%(user_id)s"


class PinManager(Manager):
    feed_classes: ClassVar[dict[str, type[Feed]]] = {"pins": PinFeed}
    user_feed_class = OwnFeed

    def get_user_follower_ids(self, user_id: object) -> dict[FanoutPriority, list[int]]:
        return {FanoutPriority.HIGH: [1, 2, 3]}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_roles_that_may_do_what_the_page_says_can_do_everything(start_cassandra: Callable[..., Cassandra]) -> None:
    server = start_cassandra(
        authenticator="PasswordAuthenticator", settings={"authorizer": "CassandraAuthorizer", "roles_validity": "0ms"}
    )
    [grants] = [block for block in _blocks("sql") if "GRANT" in block]
    kind = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    with server.connected() as session:
        for statement in (f"CREATE KEYSPACE {KEYSPACE} WITH replication = {kind}", *_statements(grants)):
            session.execute(statement)
    with Streams(_as_role(server, "feeds")) as streams, pytest.raises(StorageError, match="may not do this"):
        streams.prepare(PinFeed, Bell, OwnFeed)
    with Streams(_as_role(server, "deployment")) as streams:
        streams.prepare(PinFeed, Bell, OwnFeed)
    with Streams(_as_role(server, "feeds")) as streams:
        assert streams.plan(PinFeed, Bell, OwnFeed) == {}
        _use_everything(streams)


def _as_role(server: Cassandra, role: str) -> dict[str, object]:
    url = f"cassandra://{role}:secret@{server.host}:{server.port}/{KEYSPACE}?{PATIENT}&retry_for=1"
    return {"storages": {"default": url}}


def _use_everything(streams: Streams) -> None:
    """Whatever a program sends, each at least once."""
    manager = PinManager(streams=streams)
    activities = [Activity("ada", Love, number) for number in range(20)]
    for activity in activities[:3]:
        manager.add_user_activity("ada", activity)
    manager.follow_user(9, "ada")
    manager.update_user_activity("ada", activities[0])
    manager.remove_user_activity("ada", activities[0])
    manager.unfollow_user(9, "ada")
    pins, bell = PinFeed(1, streams=streams), Bell(1, streams=streams)
    assert len(pins[:25]) == pins.count() == 2
    pins.trim(1)
    pins.delete()
    bell.add_many(activities)
    assert len(bell[:25]) == bell.count_unseen() == 20
    bell.mark_all(seen=True, read=True)
    bell.remove(activities[3])
    bell.trim(1)
    for feed_class in (PinFeed, Bell):
        feed_class.flush(streams=streams)


# --- deviations that the page states ---


def test_a_group_that_a_full_feed_no_longer_shows_comes_back_whole_until_it_is_deleted(url: str) -> None:
    found = {}
    for slack in (1, 10**5):
        with Streams({"storages": {"default": f"{url}&slack={slack}"}}) as streams:
            streams.prepare(ShortBell)
            bell = ShortBell(slack, streams=streams)
            for number in (1, 1, 2):
                bell.add(Activity("ada" if bell.count() else "grace", Love, number))
            assert bell.count() == 1
            bell.add(Activity("linus", Love, 1))
            found[slack] = bell[:1][0].activity_count
    assert found == {1: 1, 10**5: 3}


class ShortBell(NotificationFeed):
    key_format = "feed:short_bell:%(user_id)s"
    max_length = 1


def test_a_storage_says_what_it_outlives_by_its_options() -> None:
    assert {
        options: _survives({"url": f"cassandra://h/feeds?{options}"})
        for options in ("replication=3", "replication=1", "write_consistency=ONE", "")
    } == {"replication=3": "failover", "replication=1": "restart", "write_consistency=ONE": "restart", "": "failover"}
    assert _survives({"replication": {"dc1": 3, "dc2": 3}}) == "failover"
    assert _survives({"replication": {"dc1": 3, "dc2": 1}}) == "restart"


def _survives(options: dict[str, object]) -> str:
    storage: CassandraStorage = create("page", options)
    return storage.capabilities.survives.value


@pytest.mark.parametrize(
    ("options", "warnings"),
    [
        ("", {"covering 30 partitions", "exceeding specified threshold of 5120"}),
        ("&batch_rows=10&batch_bytes=5000", set()),
    ],
    ids=["by default", "below both thresholds"],
)
def test_nodes_warn_of_batches_as_the_page_says(
    url: str,
    options: str,
    warnings: set[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger(DRIVER), "filters", [])
    _fan_out(url, options, caplog)
    logged = [record.getMessage() for record in caplog.records if record.name == DRIVER]
    assert {part for part in warnings if any(part in words for words in logged)} == warnings
    assert bool(logged) == bool(warnings), logged


def test_what_nodes_warn_of_batches_is_not_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    _fan_out(url, "", caplog)
    assert not [record for record in caplog.records if record.name == DRIVER]


def _fan_out(url: str, options: str, caplog: pytest.LogCaptureFixture) -> None:
    with Streams({"storages": {"default": f"{url}{options}"}}) as streams:
        streams.prepare(WholeFeed)
        binding = streams.bind(WholeFeed)
        put = binding.entries(binding.encode([Activity("ada", Love, 42, extra_context={"text": "x" * 250})]), stamp=1)
        with caplog.at_level(logging.WARNING, logger=DRIVER):
            caplog.clear()
            assert not binding.write(Write([str(10**6 + number) for number in range(100)], puts=put)).failures


class WholeFeed(Feed):
    activities = None


# --- figures ---


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(DISK not in os.environ, reason=f"takes minutes: {DISK}=1 measures the bytes of a row again")
def test_bytes_on_disk_are_those_measured(start_cassandra: Callable[..., Cassandra]) -> None:
    measured = bytes_on_disk(start_cassandra(), feeds=100)
    shown = [float(row[1]) for row in _table("| a row of | bytes |")]
    names = ("short", "whole", "bell", "seen", "activities", "notes")
    for name, size in zip(names, shown, strict=True):
        assert measured[name] == pytest.approx(size, rel=0.15), name
    assert f"{measured['payload']:.0f} bytes in the mean" in TEXT


def test_what_is_multiplied_is_right() -> None:
    found = re.findall(r"([\d,]+ \* [\d,*+() ]+?) = ([\d,.]+) (KB|MB|GB|bytes)", TEXT)
    assert len(found) > 8
    for shown, result, unit in found:
        product = math.prod(sum(map(int, re.findall(r"\d+", factor))) for factor in shown.replace(",", "").split("*"))
        scale = {"KB": 1e3, "MB": 1e6}.get(unit, 1)
        assert float(result.replace(",", "")) * scale == pytest.approx(product, rel=0.02), shown


def test_rows_are_what_was_measured() -> None:
    [of_feed, _, _, marked, activity, note] = [row[1] for row in _table("| a row of | bytes |")]
    example = " ".join(row[1] for row in _table("| | one | together, one replica |"))
    for figures in (f"* {of_feed} =", f"100 * {marked} =", f"{activity} bytes", f"3 * {note} ="):
        assert figures in example


# --- the page ---


def _table(header: str) -> list[list[str]]:
    """The cells of the rows under a header."""
    assert header in TEXT
    rows = TEXT.partition(header + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def _statements(block: str) -> list[str]:
    return [statement.strip() for statement in block.split(";") if statement.strip()]

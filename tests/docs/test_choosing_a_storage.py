"""The page on choosing a storage holds: its table is what storages declare, and its examples run on both servers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs
import pytest
from streamfw_core.storage import Capabilities
from streamfw_memory.storage import MemoryStorage

from streamfw_cassandra import storage as cassandra_storage
from streamfw_redis import storage as redis_storage
from tests.docs.pages import DOCS, run_examples
from tests.services.binaries import find_binaries
from tests.services.cassandra import Cassandra
from tests.services.fixtures import unavailable
from tests.services.redis import Server

PAGE = DOCS / "choosing-a-storage.md"
TEXT = PAGE.read_text(encoding="utf-8")
KEYSPACE = "feeds"

DECLARED = {
    "memory": MemoryStorage().capabilities,
    "Redis": redis_storage.create("page", {}).capabilities,
    "Redis cluster": redis_storage.create("page", {"url": "redis+cluster://10.0.0.1"}).capabilities,
    "Cassandra": cassandra_storage.create("page", {}).capabilities,
}


@pytest.fixture
def redis_url() -> Iterator[str]:
    found = [binary for binary in find_binaries() if binary.product == "redis"]
    if not found:
        unavailable("there is no redis-server on PATH: install Debian's redis-server")
    with Server(found[-1]) as server:
        yield server.url


@pytest.fixture
def cassandra_url(shared_cassandra: Cassandra) -> Iterator[str]:
    host = f"{shared_cassandra.host}:{shared_cassandra.port}"
    yield f"cassandra://{host}/{KEYSPACE}?replication=1&timeout=60&connect_timeout=60"
    with shared_cassandra.connected() as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")


def test_examples_run(redis_url: str, cassandra_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("CASSANDRA_URL", cassandra_url)
    assert run_examples(PAGE) >= 5


def test_the_table_of_capabilities_is_what_storages_declare() -> None:
    header, _, *rows = TEXT.partition("## Side by side\n\n")[2].partition("\n\n")[0].splitlines()
    names = _cells(header)[1:]
    assert names == [*DECLARED]
    shown = {}
    for row in rows:
        what, *values = _cells(row)
        [capability] = re.findall(r"\(`(\w+)`\)", what)
        shown[capability] = dict(zip(names, values, strict=True))
    expected = {
        field.name: {name: _said(getattr(capabilities, field.name)) for name, capabilities in DECLARED.items()}
        for field in attrs.fields(Capabilities)
        if field.name != "deviations"
    }
    assert shown == {name: expected[name] for name in shown}
    assert {*shown} == {*expected}


def test_bytes_are_those_of_the_pages_on_the_storages() -> None:
    redis, cassandra = ((DOCS / name).read_text(encoding="utf-8") for name in ("redis.md", "cassandra.md"))
    assert re.search(r"^\| 100 \| 22\.0 \|", redis, re.MULTILINE)
    assert "| feeds of their own | 1,210 |" in redis  # 50 of 24 bytes, and a little
    [of_feed] = re.findall(r"^\| a feed with references \| ([\d.]+) \|", cassandra, re.MULTILINE)
    [of_activity] = re.findall(r"^\| `activities`, with .*? \| ([\d.]+) \|", cassandra, re.MULTILINE)
    assert f"takes {of_feed} bytes, and an activity of 59 bytes {of_activity};" in TEXT
    assert f"(F + max(F, 256)) * {of_feed} + A * {of_feed} + A * {of_activity}" in TEXT


def test_what_is_computed_in_prose_is_what_the_examples_compute() -> None:
    redis, cassandra = (int(figure) for figure in re.findall(r"^round\(.*# -> (\d+)$", TEXT, re.MULTILINE))
    assert f"4 * {redis} = {4 * redis} GB of memory" in TEXT
    assert f"6 * {cassandra} = {6 * cassandra} GB of disk" in TEXT
    assert f"more than {6 * cassandra / (4 * redis):.1f} times" in TEXT


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _said(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}"

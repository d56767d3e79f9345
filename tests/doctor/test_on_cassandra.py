"""A set-up whose feeds are on Cassandra: the schema, the nodes, and the tables of the canary."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamfw_core.doctor import Level

from tests.cassandra.feeds import made_keyspace, options_on
from tests.doctor.program import PINS
from tests.doctor.setups import Setup, failures
from tests.services.cassandra import Cassandra
from tests.services.ports import free_port


@pytest.fixture(scope="module")
def keyspace(shared_cassandra: Cassandra) -> Iterator[str]:
    with made_keyspace(shared_cassandra) as made:
        yield made


@pytest.fixture
def examined(shared_cassandra: Cassandra, keyspace: str) -> Setup:
    options = options_on(shared_cassandra, keyspace)
    return Setup({"storages": {"archive": {"backend": "cassandra", "options": options}}, "managers": PINS}, timeout=60)


def test_what_is_missing_is_named_until_it_is_made(examined: Setup, shared_cassandra: Cassandra) -> None:
    [missing] = failures(examined.findings())
    assert missing[1:3] == ("storage 'archive'", "schema")
    assert missing.message.startswith("4 statements are missing: CREATE TABLE IF NOT EXISTS ")
    assert missing.hint == "streamfw schema apply"

    with examined.streams() as streams:
        manager = streams.manager("pins")
        streams.prepare(manager.user_feed_class, *manager.feed_classes.values())
    findings = examined.findings()
    assert [finding for finding in findings[:-1] if finding.level is not Level.OK] == []
    assert findings[-1].level is Level.WARNING
    assert findings[-1].message == "it was not published, as it has no table on 'archive'"
    assert findings[-1].hint == "streamfw doctor --prepare"

    for options in ({"prepare": True}, {}):
        findings = examined.findings(**options)
        assert [finding for finding in findings if finding.level is not Level.OK] == []
        assert "it arrived at 'archive' by high, normal, low" in findings[-1].message
    node = f"storage 'archive', Cassandra at {shared_cassandra.hosts[0]}:{shared_cassandra.port}"
    assert [finding.what for finding in findings if finding.where == node] == ["reachable", "version", "clock"]


@pytest.mark.parametrize(("ahead", "words"), [(30, "s behind this machine's"), (-30, "s ahead of this machine's")])
def test_a_node_with_another_clock_is_a_failure(examined: Setup, ahead: float, words: str) -> None:
    examined.ahead = ahead
    [clock] = [finding for finding in examined.findings(canary=False) if finding.what == "clock"]
    assert clock.level is Level.FAILURE
    assert words in clock.message


def test_nodes_that_are_away_are_a_failure(examined: Setup) -> None:
    options = {"hosts": ["127.0.0.1"], "port": free_port(), "keyspace": "feeds", "retry_for": 0.5}
    options |= {"username": "feeds", "password": "open-sesame"}
    examined.settings["storages"]["archive"]["options"] = options
    [away] = failures(examined.findings())
    assert away.what == "reachable"
    assert "are the nodes running" in away.message
    assert "open-sesame" not in str(away)

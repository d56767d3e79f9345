"""What is found out about a server before it is relied on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest
from streamfw_core.doctor import Level
from streamfw_core.errors import StorageError
from streamfw_redis.checks import check
from streamfw_redis.storage import RedisStorage

from streamfw_redis import checks
from tests.redis.feeds import Make, ids_of, own_server, storages
from tests.services.cluster import Cluster
from tests.services.redis import Server

make = pytest.fixture(storages)
server = pytest.fixture(own_server)

Start = Callable[..., Server]


def warnings_of(storage: RedisStorage, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING, "streamfw_redis"):
        ids_of(storage, "7")
    return [record.getMessage() for record in caplog.records]


class TestEviction:
    def test_a_server_that_deletes_any_key_is_warned_of_once(
        self, start_redis: Start, make: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = start_redis(maxmemory="50mb", maxmemory_policy="allkeys-lru")
        storage = make(own.url)
        [warning] = warnings_of(storage, caplog)
        assert warning == (
            f"storage 'feeds', Redis at {own.address}: maxmemory-policy is 'allkeys-lru', "
            "so a full server deletes feeds and activities. Set it to 'noeviction'"
        )
        storage.close()
        assert warnings_of(storage, caplog) == []

    def test_a_server_that_deletes_what_expires_is_warned_of_for_what_that_is(
        self, start_redis: Start, make: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = start_redis(maxmemory="50mb", maxmemory_policy="volatile-ttl")
        [warning] = warnings_of(make(own.url), caplog)
        assert "deletes only keys that expire, which here are what is remembered of removals" in warning

    @pytest.mark.parametrize(
        "options", [{}, {"maxmemory_policy": "allkeys-lru"}, {"maxmemory": "50mb", "maxmemory_policy": "noeviction"}]
    )
    def test_a_server_that_deletes_nothing_is_not(
        self, start_redis: Start, make: Make, caplog: pytest.LogCaptureFixture, options: dict[str, str]
    ) -> None:
        assert warnings_of(make(start_redis(**options).url), caplog) == []

    def test_a_server_that_does_not_say_is_not(
        self, server: Server, make: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.ask("ACL", "SETUSER", "worker", "on", ">pw", "~*", "+@all", "-info", "-config")
        assert warnings_of(make(server.url.replace("redis://", "redis://worker:pw@")), caplog) == []


class TestVersion:
    def test_a_server_that_is_too_old_is_refused_each_time(
        self, server: Server, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = make(server.url)
        monkeypatch.setattr(checks, "OLDEST", (99, 1))
        for _ in range(2):
            with pytest.raises(
                StorageError,
                match=rf"storage 'feeds' cannot work with Redis at {server.address}: it is Redis [\d.]+, and Redis 99.1 or"
                r" newer is needed",
            ):
                ids_of(storage, "7")
        [finding] = check(storage)
        assert (finding.level, finding.what) == (Level.FAILURE, "version")
        monkeypatch.undo()
        assert ids_of(storage, "7") == []


class TestCheck:
    def test_a_good_server_has_good_findings(self, start_redis: Start, make: Make) -> None:
        own = start_redis(appendonly=True)
        findings = check(make(own.url))
        where = f"storage 'feeds', Redis at {own.address}"
        assert [(finding.level, finding.where, finding.what) for finding in findings] == [
            (Level.OK, where, "reachable"),
            (Level.OK, where, "version"),
            (Level.OK, where, "maxmemory-policy"),
            (Level.OK, where, "persistence"),
            (Level.OK, where, "scripts"),
            (Level.OK, where, "clock"),
        ]
        assert ".".join(map(str, own.binary.version)) in findings[1].message

    def test_a_server_that_keeps_nothing_on_its_disk_is_warned_of(self, server: Server, make: Make) -> None:
        [finding] = [finding for finding in check(make(server.url)) if finding.what == "persistence"]
        assert finding.level is Level.WARNING
        assert finding.hint.startswith("redis-cli CONFIG SET appendonly yes")

    def test_a_user_who_may_not_ask_is_told_that_the_server_does_not_say(self, server: Server, make: Make) -> None:
        server.ask("ACL", "SETUSER", "asker", "on", ">pw", "~*", "+@all", "-info", "-config")
        findings = check(make(server.url.replace("redis://", "redis://asker:pw@")))
        assert {finding.level for finding in findings} == {Level.OK}
        assert [finding.what for finding in findings if finding.message == "it does not say"] == ["version", "persistence"]

    @pytest.mark.parametrize(("seconds", "words"), [(-90, "90.0 s ahead of"), (90, "90.0 s behind")])
    def test_a_server_with_another_clock_is_a_finding(
        self, server: Server, make: Make, seconds: int, words: str
    ) -> None:
        findings = check(make(server.url), lambda: time.time() + seconds)
        [finding] = [finding for finding in findings if finding.what == "clock"]
        assert finding.level is Level.FAILURE
        assert f"its clock is {words} this machine's" in finding.message

    def test_a_server_that_is_away_is_a_finding(self, start_redis: Start, make: Make) -> None:
        own = start_redis()
        own.kill()
        [finding] = check(make(own.url))
        assert (finding.level, finding.what) == (Level.FAILURE, "reachable")
        assert "Error 111 connecting" in finding.message

    def test_a_user_who_may_not_load_scripts_is_a_finding(self, server: Server, make: Make) -> None:
        server.ask("ACL", "SETUSER", "other", "on", ">pw", "~*", "+@all", "-script")
        findings = check(make(server.url.replace("redis://", "redis://other:pw@")))
        [finding] = [finding for finding in findings if finding.what == "scripts"]
        assert finding.level is Level.FAILURE
        assert "it does not take the script" in finding.message

    def test_every_node_of_a_cluster_is_looked_at(self, redis_cluster: Cluster, make: Make) -> None:
        findings = check(make(redis_cluster.url))
        nodes = {f"storage 'feeds', Redis at {node.address}" for node in redis_cluster.servers}
        assert {finding.where for finding in findings} == nodes
        assert Level.FAILURE not in {finding.level for finding in findings}

    def test_a_cluster_that_is_away_is_a_finding(self, make: Make) -> None:
        [finding] = check(make("redis+cluster://127.0.0.1:1"))
        assert finding.level is Level.FAILURE
        assert "no node of it answers" in finding.message

"""What is found out about a server before it is relied on."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from streamfw_core.errors import StorageError
from streamfw_redis.checks import Level, check
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
        assert (finding.level, finding.what) == (Level.ERROR, "version")
        monkeypatch.undo()
        assert ids_of(storage, "7") == []


class TestCheck:
    def test_a_good_server_has_good_findings(self, server: Server, make: Make) -> None:
        findings = check(make(server.url))
        assert [(finding.level, finding.server, finding.what) for finding in findings] == [
            (Level.OK, server.address, "reachable"),
            (Level.OK, server.address, "version"),
            (Level.OK, server.address, "maxmemory-policy"),
            (Level.OK, server.address, "scripts"),
        ]
        assert ".".join(map(str, server.binary.version)) in findings[1].message

    def test_a_server_that_is_away_is_a_finding(self, start_redis: Start, make: Make) -> None:
        own = start_redis()
        own.kill()
        [finding] = check(make(own.url))
        assert (finding.level, finding.what) == (Level.ERROR, "reachable")
        assert "Error 111 connecting" in finding.message

    def test_a_user_who_may_not_load_scripts_is_a_finding(self, server: Server, make: Make) -> None:
        server.ask("ACL", "SETUSER", "other", "on", ">pw", "~*", "+@all", "-script")
        findings = check(make(server.url.replace("redis://", "redis://other:pw@")))
        assert findings[-1].level is Level.ERROR
        assert "it does not take the script" in findings[-1].message

    def test_every_node_of_a_cluster_is_looked_at(self, redis_cluster: Cluster, make: Make) -> None:
        findings = check(make(redis_cluster.url))
        assert {finding.server for finding in findings} == {node.address for node in redis_cluster.servers}
        assert {finding.level for finding in findings} == {Level.OK}

    def test_a_cluster_that_is_away_is_a_finding(self, make: Make) -> None:
        [finding] = check(make("redis+cluster://127.0.0.1:1"))
        assert finding.level is Level.ERROR
        assert "no node of it answers" in finding.message

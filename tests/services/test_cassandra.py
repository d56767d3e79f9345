"""A Cassandra for tests does what tests of storages rely on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import NoHostAvailable
from cassandra.query import SimpleStatement

from tests.services import fixtures, jars
from tests.services.cassandra import Cassandra, CassandraJars, find_cassandra
from tests.services.certificates import Certificate
from tests.services.ports import BUS
from tests.services.program import lives
from tests.services.waiting import wait_for

StartCassandra = Callable[..., Cassandra]

HERE = Path(__file__).parents[2]


def make_table(session: Any, *, replicas: int = 1) -> None:
    kind = f"{{'class': 'NetworkTopologyStrategy', 'datacenter1': {replicas}}}"
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS checks WITH replication = {kind}")
    session.execute("CREATE TABLE IF NOT EXISTS checks.rows (feed text, id int, PRIMARY KEY (feed, id))")


def put(session: Any, number: int, level: int = ConsistencyLevel.ONE) -> None:
    insert = "INSERT INTO checks.rows (feed, id) VALUES ('any', %s)"
    session.execute(SimpleStatement(insert, consistency_level=level), [number])


def ids(session: Any, level: int = ConsistencyLevel.ONE) -> list[int]:
    select = SimpleStatement("SELECT id FROM checks.rows WHERE feed = 'any'", consistency_level=level)
    return [row.id for row in session.execute(select)]


def test_a_cassandra_is_the_version_that_was_asked_for_and_keeps_rows(shared_cassandra: Cassandra) -> None:
    with shared_cassandra.connected() as session:
        local = session.execute("SELECT release_version, data_center FROM system.local").one()
        make_table(session)
        put(session, 1)

        assert (local.release_version, local.data_center) == (
            shared_cassandra.jars.version,
            shared_cassandra.datacenter,
        )
        assert ids(session) == [1]


def test_a_cassandra_listens_for_this_machine_alone(shared_cassandra: Cassandra) -> None:
    (node,) = shared_cassandra.nodes
    found = psutil.Process(node.pid).net_connections("tcp")
    listening = {tuple(each.laddr) for each in found if each.status == psutil.CONN_LISTEN}

    port = shared_cassandra.port
    assert listening == {(shared_cassandra.host, port), (shared_cassandra.host, port + BUS)}


@pytest.mark.slow
def test_a_cassandra_has_its_rows_after_a_restart(start_cassandra: StartCassandra) -> None:
    server = start_cassandra()
    with server.connected() as session:
        make_table(session)
        put(session, 1)

    server.kill()
    assert not server.running
    with server.start().connected() as session:
        put(session, 2)
    with server.restart().connected() as session:
        assert ids(session) == [1, 2]


@pytest.mark.slow
def test_three_nodes_do_without_one_and_take_it_back(start_cassandra: StartCassandra) -> None:
    server = start_cassandra(nodes=3)
    with server.connected() as session:
        make_table(session, replicas=3)
        put(session, 1, ConsistencyLevel.ALL)

        server.nodes[0].kill()
        assert server.running == server.nodes[1:]
        put(session, 2, ConsistencyLevel.QUORUM)
        assert ids(session, ConsistencyLevel.QUORUM) == [1, 2]

    server.start()
    server.nodes[1].kill()
    with server.connected() as session:
        put(session, 3, ConsistencyLevel.QUORUM)
        assert ids(session, ConsistencyLevel.QUORUM) == [1, 2, 3]


@pytest.mark.slow
def test_a_cassandra_asks_for_passwords_and_speaks_tls(
    start_cassandra: StartCassandra, cassandra_certificate: Certificate
) -> None:
    server = start_cassandra(authenticator="PasswordAuthenticator", certificate=cassandra_certificate, durable=False)

    with server.connected() as session:
        assert session.execute("SELECT key FROM system.local").one().key == "local"
    with pytest.raises(NoHostAvailable, match="AuthenticationFailed"), server.connected(auth_provider=None):
        pass
    with pytest.raises(NoHostAvailable), server.connected(ssl_context=None, ssl_options=None, connect_timeout=2):
        pass


@pytest.mark.slow
def test_a_cassandra_that_does_not_start_says_why(cassandra_jars: CassandraJars) -> None:
    server = Cassandra(cassandra_jars, settings={"no_such_setting": 1})

    with pytest.raises(RuntimeError, match="no_such_setting"), server:
        pass

    assert not server.nodes[0].folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("above", [0, BUS])
def test_a_cassandra_moves_when_something_was_faster_to_take_a_port(cassandra_jars: CassandraJars, above: int) -> None:
    server = Cassandra(cassandra_jars, durable=False)
    taken = server.port
    with socket.socket() as other:
        other.bind((server.host, taken + above))
        other.listen()
        with server:
            assert server.port != taken
            with server.connected() as session:
                make_table(session)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_cassandra_ends_with_the_process_that_started_it(cassandra_jars: CassandraJars, how: signal.Signals) -> None:
    program = (
        "import time\n"
        "from tests.services.cassandra import Cassandra, find_cassandra\n"
        "(node,) = Cassandra(find_cassandra()).nodes\n"
        "node.launch()\n"
        "print(node.folder, node.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=HERE) as tests:
        assert tests.stdout is not None
        folder, pid = tests.stdout.readline().split()
        process = psutil.Process(int(pid))
        wait_for(lambda: "java" in process.name(), "Java runs")
        tests.send_signal(how)

    wait_for(lambda: not lives(process) and not Path(folder).parent.exists(), "nothing is left", within=15)


def test_two_processes_fetch_once_and_both_have_all_of_it(
    cassandra_jars: CassandraJars, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        f"#!{sys.executable}\n"
        "import sys, time\n"
        "from pathlib import Path\n"
        "folder = Path(next(each for each in sys.argv if 'outputDirectory' in each).split('=')[1])\n"
        "folder.mkdir()\n"
        "time.sleep(1)\n"
        "(folder / 'cassandra-all-1.2.3.jar').touch()\n"
        f"with open({str(tmp_path / 'calls')!r}, 'a') as calls:\n"
        "    calls.write('called ')\n"
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(maven.parent), os.environ["PATH"]]))
    monkeypatch.setenv(jars.VERSION, "1.2.3")
    monkeypatch.setenv(jars.CACHE, str(tmp_path / "cache"))
    command = [sys.executable, "-m", "tests.services.jars"]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) for _ in range(2)]
    said = [process.communicate()[0].split()[-1] for process in both]

    assert said == [str(tmp_path / "cache" / "cassandra-1.2.3")] * 2
    assert [file.name for file in Path(said[0]).iterdir()] == ["cassandra-all-1.2.3.jar"]
    assert (tmp_path / "calls").read_text() == "called "


def test_what_maven_does_not_get_is_named_with_what_it_says(
    cassandra_jars: CassandraJars, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho no such artifact\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setenv(jars.VERSION, "1.2.3")
    monkeypatch.setenv(jars.CACHE, str(tmp_path / "cache"))

    with pytest.raises(jars.CassandraMissing, match=rf"Cassandra 1\.2\.3; look at {jars.VERSION}.*\nno such artifact"):
        find_cassandra()

    assert not (tmp_path / "cache" / "cassandra-1.2.3").exists()


def test_a_version_that_is_none_is_named_with_the_variable(
    cassandra_jars: CassandraJars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jars.VERSION, "newest")

    with pytest.raises(ValueError, match=f"'newest'.*4.1 or 5.0; look at {jars.VERSION}"):
        find_cassandra()


@pytest.mark.parametrize(
    ("variables", "outcome"), [({"CI": "true"}, pytest.fail.Exception), ({}, pytest.skip.Exception)]
)
@pytest.mark.parametrize(
    ("java", "reason"), [(None, "no Java 17 here.*openjdk-17"), ("java", "no mvn on PATH can fetch it: install maven")]
)
def test_a_missing_cassandra_skips_its_tests_except_in_ci(
    variables: dict[str, str],
    outcome: type[BaseException],
    java: str | None,
    reason: str,
    cassandra_jars: CassandraJars,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv(jars.JAVA, raising=False)
    for name, value in {**variables, "PATH": os.fspath(tmp_path), jars.CACHE: os.fspath(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(jars, "_DEBIAN", tmp_path)
    if java is not None:
        (tmp_path / java).symlink_to(shutil.which(cassandra_jars.java) or cassandra_jars.java)

    with pytest.raises(outcome, match=reason):
        fixtures._found_cassandra()

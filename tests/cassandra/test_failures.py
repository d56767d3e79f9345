"""Nodes that are not there, hang, die and come back, ask for passwords and speak TLS; and processes that fork."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cassandra
import pytest
from cassandra.cluster import NoHostAvailable
from streamfw_cassandra.failures import concerns_one_row, failed, may_pass
from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_core.errors import StorageError
from streamfw_core.storage import Query, Record, Write
from streamfw_core.testing.storages.running import in_processes

from tests.cassandra.feeds import SPEC, Make, at, made_keyspace, meanwhile, numbers_of, options_on, storages
from tests.services.cassandra import Cassandra, CassandraJars
from tests.services.certificates import Certificate
from tests.services.ports import free_port

PATIENCE = 90.0
"""Seconds; a node starts within a few on a machine that does nothing else."""


@pytest.fixture(scope="module")
def own_server(cassandra_jars: CassandraJars) -> Iterator[Cassandra]:
    """One that may be killed; what was acknowledged is there afterwards."""
    with Cassandra(cassandra_jars) as server:
        yield server


@pytest.fixture
def make(own_server: Cassandra) -> Iterator[Make]:
    """Makes storages on it."""
    with made_keyspace(own_server) as keyspace:
        yield from storages(own_server, keyspace)


@pytest.fixture(scope="module")
def guarded_server(cassandra_jars: CassandraJars, cassandra_certificate: Certificate) -> Iterator[Cassandra]:
    """One with passwords and TLS."""
    with Cassandra(
        cassandra_jars, authenticator="PasswordAuthenticator", certificate=cassandra_certificate, durable=False
    ) as server:
        yield server


def put(storage: CassandraStorage, number: int, *owners: str) -> None:
    outcome = storage.write(SPEC, [Write(owners or ["a"], puts=[at(number)])])
    assert not outcome.failures


# --- nobody there ---


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (lambda storage: storage.prepare([]), "connecting"),
        (lambda storage: storage.write(SPEC, [Write(["a"], puts=[at(1)])]), "connecting"),
        (lambda storage: storage.read(SPEC, [Query("a")]), "connecting"),
        (lambda storage: storage.load("things", [1]), "connecting"),
    ],
    ids=["prepare", "write", "read", "load"],
)
def test_a_port_where_nobody_listens_is_an_error_that_says_where_and_what_to_look_at(
    use: Callable[[CassandraStorage], object], what: str
) -> None:
    port = free_port("127.0.0.1")
    storage = create("feeds", {"hosts": ["127.0.0.1"], "port": port, "retry_for": 0.0})
    with pytest.raises(StorageError) as caught:
        use(storage)
    words = str(caught.value)
    assert words.startswith(f"storage 'feeds' (Cassandra at 127.0.0.1:{port}) failed in {what}: NoHostAvailable: ")
    assert "are the nodes running, and are `hosts`, `port`, `tls` and `local_dc` right?" in words
    assert caught.value.storage == "feeds"
    assert isinstance(caught.value.__cause__, NoHostAvailable)


def test_something_else_that_listens_there_is_an_error_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        storage = create("feeds", {"hosts": ["127.0.0.1"], "port": port, "retry_for": 0.0, "connect_timeout": 0.5})
        with pytest.raises(StorageError, match=rf"\(Cassandra at 127\.0\.0\.1:{port}\) failed in connecting: "):
            storage.prepare([])


def test_what_the_driver_raises_is_told_apart() -> None:
    passing = [
        cassandra.OperationTimedOut(),
        cassandra.Unavailable("none", consistency=1, required_replicas=1, alive_replicas=0),
        cassandra.WriteTimeout("slow", write_type=0),
        cassandra.ReadTimeout("slow"),
        ConnectionRefusedError(),
        NoHostAvailable("none", {}),
        NoHostAvailable("none", {"a": OSError(), "b": cassandra.OperationTimedOut()}),
    ]
    lasting = [
        cassandra.AuthenticationFailed("no"),
        cassandra.InvalidRequest("Key length of 70000 is longer than maximum of 65535"),
        cassandra.Unauthorized("no"),
        ssl.SSLCertVerificationError("no"),
        NoHostAvailable("none", {"a": cassandra.AuthenticationFailed("no")}),
        ValueError("x"),
    ]
    assert [may_pass(error) for error in passing] == [True] * len(passing)
    assert [may_pass(error) for error in lasting] == [False] * len(lasting)
    assert [error for error in [*passing, *lasting] if concerns_one_row(error)] == [lasting[1]]
    assert "`nodetool status`" in str(failed(passing[1], "feeds", ["h:1"], "writing"))
    assert "SELECT and MODIFY" in str(failed(lasting[2], "feeds", ["h:1"], "writing"))


def test_a_node_that_is_not_up_yet_is_waited_for() -> None:
    port = free_port("127.0.0.1")
    storage = create("feeds", {"hosts": ["127.0.0.1"], "port": port, "retry_for": 1.5})
    begun = time.monotonic()
    with pytest.raises(StorageError, match="failed in connecting"):
        storage.read(SPEC, [Query("a")])
    assert time.monotonic() - begun >= 1.5


# --- nodes that go ---


@pytest.mark.slow
def test_a_node_that_dies_is_an_error_until_it_is_back(own_server: Cassandra, make: Make) -> None:
    storage = make(retry_for=0.0, timeout=5.0)
    storage.prepare([SPEC])
    put(storage, 1)
    own_server.kill()
    try:
        for use, what in (
            (lambda: put(storage, 2), "failed in "),
            (lambda: storage.read(SPEC, [Query("a")]), "failed in reading feeds of 'users': "),
            (lambda: storage.store("things", [Record(1, 1, b"")]), "failed in storing activities of 'things': "),
        ):
            with pytest.raises(StorageError) as caught:
                use()
            assert f"storage 'feeds' (Cassandra at 127.0.0.1:{own_server.port}) {what}" in str(caught.value)
            assert "are the nodes running" in str(caught.value)
    finally:
        own_server.start()

    patient = make(retry_for=PATIENCE)
    assert numbers_of(patient, ["a"]) == [[1]]
    # The one that met the failure finds the node again by itself.
    wait_until_written(storage, 3)
    assert numbers_of(storage, ["a"]) == [[3, 1]]


def wait_until_written(storage: CassandraStorage, number: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            put(storage, number)
            return
        except StorageError:
            if time.monotonic() > until:
                raise
        time.sleep(0.5)


@pytest.mark.slow
def test_a_node_that_dies_and_comes_back_costs_time_and_nothing_else(own_server: Cassandra, make: Make) -> None:
    storage = make(retry_for=PATIENCE, timeout=5.0)
    storage.prepare([SPEC])
    owners = [str(number) for number in range(200)]
    put(storage, 0, *owners)

    def restart() -> None:
        own_server.kill()
        own_server.start()

    with meanwhile(restart, after=0.2):
        for number in range(1, 40):
            put(storage, number, *owners)
            time.sleep(0.02)

    assert numbers_of(storage, owners) == [[*range(39, -1, -1)]] * len(owners)


@pytest.mark.slow
def test_a_node_that_hangs_is_an_error_within_the_timeout_and_used_again_when_it_goes_on(
    own_server: Cassandra, make: Make
) -> None:
    storage = make(retry_for=0.0, timeout=1.0)
    patient = make(retry_for=0.0, timeout=30.0)
    patient.prepare([SPEC])
    put(patient, 1)
    wait_until_written(storage, 1)
    [node] = own_server.nodes
    node.pause()
    begun = time.monotonic()
    try:
        with pytest.raises(StorageError, match=r"OperationTimedOut.*no answer within `timeout`"):
            storage.read(SPEC, [Query("a")])
        with pytest.raises(StorageError, match=r"Cassandra at 127\.0\.0\.1:"):
            put(storage, 2)
        assert time.monotonic() - begun < 10
    finally:
        node.resume()
    wait_until_written(storage, 3)
    assert numbers_of(patient, ["a"])[0][0] == 3


# --- passwords and TLS ---


def guarded(server: Cassandra, **options: object) -> CassandraStorage:
    """A storage that may talk to it, where options do not say otherwise."""
    assert server.certificate is not None
    right = {
        "username": server.username,
        "password": server.password,
        "tls": True,
        "tls_ca": str(server.certificate.file),
        "replication": 1,
        "retry_for": 5.0,
    }
    made = right | options
    return create("feeds", options_on(server, "guarded") | {key: made[key] for key in made if made[key] is not None})


@pytest.mark.slow
def test_a_storage_logs_in_over_tls(guarded_server: Cassandra) -> None:
    storage = guarded(guarded_server)
    storage.prepare([SPEC])
    put(storage, 1)
    assert numbers_of(storage, ["a"]) == [[1]]
    for connection in connections(storage):
        assert type(connection._socket).__name__ == "SSLSocket"
    storage.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"password": "s3cret"}, r"AuthenticationFailed.*it wants the right `username` and `password`"),
        ({"username": "nobody"}, r"AuthenticationFailed.*it wants the right `username` and `password`"),
        ({"username": None, "password": None}, r"AuthenticationFailed.*it wants the right `username` and `password`"),
        ({"tls_ca": None}, r"certificate verify failed.*`tls`"),
        ({"tls": None, "tls_ca": None, "connect_timeout": 3.0}, r"`hosts`, `port`, `tls`|within `timeout`"),
    ],
    ids=["password", "user", "none", "authority", "no tls"],
)
def test_who_may_not_in_is_told_why_at_once(guarded_server: Cassandra, options: dict[str, object], words: str) -> None:
    storage = guarded(guarded_server, **options)
    begun = time.monotonic()
    with pytest.raises(StorageError, match=words) as caught:
        storage.prepare([])
    assert f"storage 'feeds' (Cassandra at 127.0.0.1:{guarded_server.port}) failed in connecting: " in str(caught.value)
    assert "s3cret" not in str(caught.value)
    if "AuthenticationFailed" in words:
        assert time.monotonic() - begun < 5, "it was tried again"


# --- connections ---


def connections(storage: CassandraStorage) -> list[Any]:
    """Those on which requests are sent, and the one on which nodes tell of changes."""
    connected = storage.sessions.connected()
    pools = connected.session._pools.values()
    return [
        *(each for pool in pools for each in pool.get_connections()),
        connected.cluster.control_connection._connection,
    ]


def test_small_requests_are_sent_at_once(make_storage: Make) -> None:
    storage = make_storage()
    storage.prepare([])
    found = connections(storage)
    assert len(found) >= 2
    for connection in found:
        assert connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_storage_connects_when_it_is_used_and_again_after_it_was_closed(make_storage: Make) -> None:
    storage = make_storage()
    storage.close()
    storage.prepare([SPEC])
    put(storage, 1, "closed")
    first = storage.sessions.connected()
    storage.close()
    assert first.cluster.is_shutdown
    storage.close()
    put(storage, 2, "closed")
    assert numbers_of(storage, ["closed"]) == [[2, 1]]
    assert storage.sessions.connected() is not first


def test_threads_that_come_at_once_share_one_session(make_storage: Make) -> None:
    storage = make_storage()
    found: list[Any] = []
    start = threading.Barrier(8)

    def connect() -> None:
        start.wait()
        found.append(storage.sessions.connected())

    threads = [threading.Thread(target=connect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(each) for each in found}) == 1


# --- processes ---


def test_a_child_gets_a_session_of_its_own_and_its_parents_lasts(make_storage: Make) -> None:
    storage = make_storage()
    storage.prepare([SPEC])
    put(storage, 1, "forked")
    parents = storage.sessions.connected()

    def work(number: int) -> None:
        put(storage, 2 + number, "forked")
        assert storage.sessions.connected() is not parents
        if number:
            storage.close()

    assert in_processes(work, 2) == []

    assert storage.sessions.connected() is parents
    assert not parents.cluster.is_shutdown
    put(storage, 9, "forked")
    assert numbers_of(storage, ["forked"]) == [[9, 3, 2, 1]]


def test_a_child_that_uses_nothing_leaves_its_parents_session_alone(make_storage: Make) -> None:
    storage = make_storage()
    storage.prepare([SPEC])
    put(storage, 1, "idle")
    assert in_processes(lambda _: None, 2) == []
    assert in_processes(lambda _: storage.close(), 2) == []
    put(storage, 2, "idle")
    assert numbers_of(storage, ["idle"]) == [[2, 1]]


FORKS = """
import os, sys
from streamfw_cassandra.storage import create
from tests.cassandra.feeds import SPEC, at, numbers_of
from streamfw_core.storage import Write

def put(number):
    assert not storage.write(SPEC, [Write(["bare fork"], puts=[at(number)])]).failures

storage = create("feeds", OPTIONS)
storage.prepare([SPEC])
put(1)
child = os.fork()
if not child:
    if USES:
        put(2)
    # As an interpreter ends: with the driver's own shutdown.
    sys.exit(7)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
put(3)
print(status, numbers_of(storage, ["bare fork"]))
"""


@pytest.mark.parametrize("uses", [False, True], ids=["idle", "busy"])
def test_a_bare_fork_that_ends_as_a_program_does_leaves_its_parent_alone(
    shared_cassandra: Cassandra, keyspace: str, uses: bool
) -> None:
    options = options_on(shared_cassandra, keyspace)
    program = FORKS.replace("OPTIONS", repr(options)).replace("USES", repr(uses)).replace("bare fork", f"fork {uses}")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == f"7 [[{'3, 2, 1' if uses else '3, 1'}]]", done.stderr

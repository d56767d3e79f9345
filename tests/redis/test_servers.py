"""One server that restarts, hangs, is full, is a replica, or forgets: an answer after a retry, or an error that says all."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from streamfw_core.errors import ArgumentError, StorageError
from streamfw_core.storage import Outcome, Query, Record, Removal, Write
from streamfw_redis.packing import pack_id
from streamfw_redis.scripts import Call, command
from streamfw_redis.servers import pool as pools
from streamfw_redis.storage import RedisStorage

from tests.redis.feeds import SPEC, Make, at, ids_of, meanwhile, own_keeping_server, own_server, spec, storages
from tests.services.binaries import Binary
from tests.services.certificates import Certificate
from tests.services.redis import Server
from tests.services.waiting import wait_for

make = pytest.fixture(storages)
server = pytest.fixture(own_server)
kept = pytest.fixture(own_keeping_server)

OWNERS = [str(number) for number in range(50)]


def write(storage: RedisStorage, *numbers: int, owners: Sequence[str] = OWNERS) -> Any:
    return storage.write(SPEC, [Write(owners, puts=[at(number) for number in numbers])])


class TestRestart:
    def test_a_server_that_restarts_between_two_calls_is_not_noticed(self, kept: Server, make: Make) -> None:
        storage = make(kept.url)
        write(storage, 1)
        kept.restart()
        time.sleep(pools.FRESH)
        assert write(storage, 2).added == len(
            OWNERS
        )  # nothing was sent to the closed connection, so the count is known
        assert ids_of(storage, "7") == [2, 1]

    def test_a_server_that_is_away_for_a_moment_is_waited_for(self, kept: Server, make: Make) -> None:
        storage = make(kept.url, retry_for=10)
        write(storage, 1)
        kept.kill()
        with meanwhile(kept.start, after=0.5):
            assert not write(storage, 2).failures
        assert ids_of(storage, "7") == [2, 1]

    def test_writes_while_the_server_is_killed_again_and_again_are_all_there(self, kept: Server, make: Make) -> None:
        storage = make(kept.url, retry_for=10)
        done = threading.Event()

        def kill() -> None:
            for _ in range(3):
                time.sleep(0.15)
                kept.kill()
                kept.start()
            done.set()

        killer = threading.Thread(target=kill)
        killer.start()
        number = 0
        while not done.is_set():
            number += 1
            assert not write(storage, number).failures
        killer.join()
        for owner in OWNERS:
            assert ids_of(storage, owner) == list(range(number, 0, -1))[: SPEC.keep]

    def test_a_count_is_unknown_when_a_reply_was_lost(self, kept: Server, make: Make) -> None:
        storage = make(kept.url, retry_for=10)
        write(storage, 1)
        kept.pause()

        def kill_and_start() -> None:
            kept.kill()
            kept.start()

        with meanwhile(kill_and_start, after=2):  # seconds, in which even a busy machine sends it
            outcome = write(storage, 2)
        assert outcome.added is None
        assert not outcome.failures

    def test_a_server_that_stays_away_is_an_error_after_retry_for(self, server: Server, make: Make) -> None:
        storage = make(server.url, retry_for=0.5)
        server.stop()
        try:
            began = time.monotonic()
            outcome = write(storage, 1, owners=["7"])
            assert 0.4 < time.monotonic() - began < 5
        finally:
            server.start()
        error = outcome.failures["7"]
        assert isinstance(error, StorageError)
        assert error.storage == "feeds"
        assert str(error).startswith(
            f"storage 'feeds' (Redis at {server.address}) failed in feed 'servers:7': ConnectionError: Error 111 connecting to"
        )
        assert "is it running" in str(error)
        assert error.__cause__ is not None
        assert write(storage, 1, owners=["7"]).added == 1


class TestHanging:
    @pytest.mark.parametrize("ask", [lambda storage: ids_of(storage, "7"), lambda storage: storage.flush("servers")])
    def test_there_is_one_warning_for_all_tries_that_are_refused(
        self, make: Make, caplog: pytest.LogCaptureFixture, ask: Callable[[RedisStorage], object]
    ) -> None:
        storage = make("redis://127.0.0.1:1", retry_for=0.2)  # nobody listens there
        with pytest.raises(StorageError, match="its address in the settings right: the URL"):
            ask(storage)
        assert len(caplog.messages) == 1
        assert "cannot use Redis at 127.0.0.1:1: " in caplog.messages[0]
        assert caplog.messages[0].endswith("; trying again for up to 0.2 s")

    def test_there_is_one_warning_for_all_calls_of_a_while(self, make: Make, caplog: pytest.LogCaptureFixture) -> None:
        storage = make("redis://127.0.0.1:1", retry_for=0.2)
        for _ in range(2):
            with pytest.raises(StorageError):
                ids_of(storage, "7")
        assert len(caplog.messages) == 1

    def test_a_server_that_hangs_is_an_error_after_the_timeout(self, server: Server, make: Make) -> None:
        storage = make(server.url, timeout=0.3, retry_for=0.2)
        write(storage, 1)
        server.pause()
        try:
            began = time.monotonic()
            with pytest.raises(StorageError, match=r"failed in servers:7: TimeoutError.*within `timeout`"):
                ids_of(storage, "7")
            assert time.monotonic() - began < 3
        finally:
            server.resume()
        assert ids_of(storage, "7") == [1]

    def test_a_server_that_hangs_shorter_than_retry_for_is_not_noticed(self, server: Server, make: Make) -> None:
        storage = make(server.url, timeout=0.2, retry_for=10)
        write(storage, 1)
        server.pause()
        with meanwhile(server.resume, after=0.7):
            assert not write(storage, 2).failures
        assert ids_of(storage, "7") == [2, 1]

    def test_a_new_connection_to_a_server_that_hangs_times_out_too(self, server: Server, make: Make) -> None:
        storage = make(server.url, timeout=0.2, connect_timeout=0.2, retry_for=0)
        server.pause()
        try:
            with pytest.raises(StorageError, match="within `timeout` or `connect_timeout`"):
                ids_of(storage, "7")
        finally:
            server.resume()


class TestConnections:
    def test_a_connection_that_was_killed_is_replaced(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        write(storage, 1)
        server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(pools.FRESH)
        assert write(storage, 2).added == len(OWNERS)

    def test_connections_that_are_killed_all_the_time_lose_nothing(self, server: Server, make: Make) -> None:
        storage = make(server.url, retry_for=10)
        done = threading.Event()

        def kill() -> None:
            with server.client() as client:
                while not done.is_set():
                    client.client_kill_filter(_type="normal", skipme=True)
                    time.sleep(0.003)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            for number in range(1, 151):
                assert not write(storage, number).failures
        finally:
            done.set()
            killer.join()
        for owner in OWNERS:
            assert ids_of(storage, owner) == list(range(150, 50, -1))

    def test_threads_share_connections_and_get_their_own_answers(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        wrong: list[object] = []

        def echo(thread: int) -> None:
            for number in range(100):
                said = [b"%d.%d.%d" % (thread, number, part) for part in range(3)]
                if storage.servers.run(command(b"ECHO", word) for word in said).values != said:
                    wrong.append((thread, number))

        threads = [threading.Thread(target=echo, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert _idle(storage) <= 8

    def test_no_more_idle_connections_are_kept_than_is_sensible(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        [pool] = storage.servers.every_master()
        taken = [pool.take() for _ in range(pools.MOST_IDLE + 3)]
        for connection in taken:
            pool.give_back(connection)
        assert _idle(storage) == pools.MOST_IDLE
        storage.close()
        assert _idle(storage) == 0

    def test_a_closed_storage_connects_again(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        write(storage, 1)
        storage.close()
        wait_for(lambda: _connected(server) == 0, "every connection is closed")
        assert ids_of(storage, "7") == [1]

    def test_a_fork_uses_connections_of_its_own(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        write(storage, 1)
        before = storage.servers.run([command(b"CLIENT", b"ID")]).values
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, b"%d" % storage.servers.run([command(b"CLIENT", b"ID")]).values[0])
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        theirs = os.read(reader, 100)
        os.close(reader)
        os.close(writer)
        assert [int(theirs)] != before
        assert storage.servers.run([command(b"CLIENT", b"ID")]).values == before

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_what_is_raised_between_two_calls_leaves_no_reply_behind(
        self, server: Server, make: Make, error: type[BaseException]
    ) -> None:
        storage = make(server.url)

        def calls() -> Iterator[Call]:
            yield command(b"ECHO", b"left" * 5_000)
            raise error

        with pytest.raises(error):
            storage.servers.run(calls())
        assert storage.servers.run([command(b"ECHO", b"mine")]).values == [b"mine"]

    def test_an_interrupt_while_a_reply_is_read_leaves_no_reply_behind(
        self, server: Server, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = make(server.url)
        [pool] = storage.servers.every_master()
        connection = pool.take()
        real = connection.read_response

        def interrupted(*arguments: Any, **more: Any) -> Any:
            monkeypatch.setattr(connection, "read_response", real)
            raise KeyboardInterrupt

        monkeypatch.setattr(connection, "read_response", interrupted)
        pool.give_back(connection)
        with pytest.raises(KeyboardInterrupt):
            storage.servers.run([command(b"ECHO", b"left")])
        assert storage.servers.run([command(b"ECHO", b"mine")]).values == [b"mine"]


class TestBegun:
    """Writes of which one is begun before the one before is ended."""

    def begin(self, storage: RedisStorage, number: int) -> Callable[[], Outcome]:
        return storage.start_write(SPEC, [Write(OWNERS, puts=[at(number)])])

    def test_connections_that_were_killed_meanwhile_are_replaced(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        ends = [self.begin(storage, number) for number in (1, 2)]
        with server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert [end().failures for end in ends] == [{}, {}]
        assert ids_of(storage, "7") == [2, 1]

    def test_a_server_that_restarts_meanwhile_is_waited_for(self, kept: Server, make: Make) -> None:
        storage = make(kept.url, retry_for=10)
        ends = [self.begin(storage, number) for number in (1, 2)]
        kept.restart()
        assert [end().failures for end in ends] == [{}, {}]
        assert ids_of(storage, "7") == [2, 1]

    def test_scripts_that_the_server_forgot_are_sent_again(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        server.ask("SCRIPT", "FLUSH")
        ends = [self.begin(storage, number) for number in (1, 2)]
        assert [end().added for end in ends] == [len(OWNERS)] * 2

    def test_what_is_raised_while_one_is_begun_leaves_no_reply_behind(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        first = self.begin(storage, 1)
        with pytest.raises(ArgumentError, match="a stamp of -1 cannot be stored"):
            storage.start_write(SPEC, [Write(OWNERS, puts=[at(2)]), Write(OWNERS, puts=[at(3)._replace(stamp=-1)])])
        assert first().added == len(OWNERS)
        assert ids_of(storage, "7")[-1] == 1

    def test_threads_begin_and_end_their_own(self, server: Server, make: Make) -> None:
        storage, added = make(server.url), []

        def publish(first: int) -> None:
            end = self.begin(storage, first)
            for number in range(first + 1, first + 20):
                before, end = end, self.begin(storage, number)
                added.append(before().added)
            added.append(end().added)

        threads = [threading.Thread(target=publish, args=(1 + 20 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert added == [len(OWNERS)] * 80
        assert ids_of(storage, "7") == [*range(80, 0, -1)]


class TestStates:
    def test_scripts_that_the_server_forgot_are_sent_again(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        for number in range(1, 6):
            server.ask("SCRIPT", "FLUSH")
            assert write(storage, number).added == len(OWNERS)
        assert ids_of(storage, "7") == [5, 4, 3, 2, 1]

    def test_scripts_that_are_forgotten_all_the_time_are_sent_again(self, server: Server, make: Make) -> None:
        storage = make(server.url)
        done = threading.Event()

        def forget() -> None:
            while not done.is_set():
                server.ask("SCRIPT", "FLUSH")

        forgetter = threading.Thread(target=forget)
        forgetter.start()
        try:
            assert sum(write(storage, number).added for number in range(1, 101)) == 100 * len(OWNERS)
        finally:
            done.set()
            forgetter.join()

    def test_a_server_that_is_still_loading_is_waited_for(self, redis_binary: Binary, make: Make) -> None:
        slow = ["enable-debug-command yes"] if redis_binary.version >= (7, 0) else []
        with Server(redis_binary, appendonly=True, extra=[*slow, "key-load-delay 300"]) as server:
            storage = make(server.url, retry_for=30, timeout=2)
            with server.client() as client:
                client.mset({f"x{number}": "x" for number in range(5000)})
            write(storage, 1)
            server.kill()
            server.launch()
            try:
                assert not write(storage, 2).failures
                assert ids_of(storage, "7") == [2, 1]
            finally:
                server.wait_until_ready()

    def test_a_full_server_writes_nothing_and_says_so(self, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, maxmemory_policy="noeviction") as server:
            storage = make(server.url)
            write(storage, 1)
            server.ask("CONFIG", "SET", "maxmemory", "1")
            outcome = write(storage, 2)
            assert set(outcome.failures) == set(OWNERS)
            assert "it is full (maxmemory)" in str(outcome.failures["7"])
            assert "feed 'servers:7'" in str(outcome.failures["7"])
            with pytest.raises(StorageError, match=r"(?s)storing activities of 'servers'.*it is full"):
                storage.store("servers", [Record(at(3).id, at(3).stamp, b"x")])
            with pytest.raises(StorageError, match=r"(?s)remembering removals.*it is full"):
                storage.remember(SPEC, removes=[Removal(at(3).id, at(3).stamp)])
            assert {owner: ids_of(storage, owner) for owner in OWNERS} == {owner: [1] for owner in OWNERS}

    def test_a_full_server_keeps_both_halves_of_an_inline_entry_or_none(self, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, maxmemory="2mb", maxmemory_policy="noeviction") as server:
            storage, inline = make(server.url), spec(inline=True)
            full = next(
                number
                for number in range(1, 3000)
                if storage.write(inline, [Write([str(number)], puts=[at(1, payload=b"x" * 5_000)])]).failures
            )
            pages = storage.read(inline, [Query(str(number)) for number in range(1, full + 1)])
            assert [page.payloads for page in pages] == [[b"x" * 5_000]] * (full - 1) + [[]]

    def test_a_replica_is_an_error_that_says_so(self, server: Server, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, replica_of=server.port) as replica:
            storage = make(replica.url, retry_for=0.3)
            outcome = write(storage, 1)
            assert set(outcome.failures) == set(OWNERS)
            assert "it is a replica and takes no writes" in str(outcome.failures["7"])
            assert ids_of(storage, "7") == []

    @pytest.mark.parametrize("key", ["g:servers:7", "z:servers:7"])
    def test_a_key_of_groups_of_another_type_costs_only_its_feed(self, server: Server, make: Make, key: str) -> None:
        storage, grouped = make(server.url), spec(kind="aggregated")
        server.ask("SET", f"streamfw:{key}", "mine")
        write = Write(["7", "8"], puts=[at(1)._replace(group="group", actor="1")])
        outcome = storage.write(grouped, [write])
        assert [*outcome.failures] == ["7"]
        assert "something else wrote to a key" in str(outcome.failures["7"])
        assert server.ask("GET", f"streamfw:{key}") == "mine"
        server.ask("DEL", f"streamfw:{key}")
        assert storage.write(grouped, [write]).added == 1
        assert [stats.entries for stats in storage.stats(grouped, [Query("7"), Query("8")])] == [1, 1]

    def test_groups_on_a_replica_that_becomes_the_master_are_waited_for(
        self, server: Server, redis_binary: Binary, make: Make
    ) -> None:
        with Server(redis_binary, replica_of=server.port) as replica:
            storage, grouped = make(replica.url, retry_for=10), spec(kind="aggregated")
            puts = [at(1)._replace(group="group", actor="1")]
            with meanwhile(replica.ask, "REPLICAOF", "NO", "ONE", after=0.4):
                assert not storage.write(grouped, [Write(OWNERS, puts=puts)]).failures

    def test_a_replica_that_becomes_the_master_is_waited_for(
        self, server: Server, redis_binary: Binary, make: Make
    ) -> None:
        with Server(redis_binary, replica_of=server.port) as replica:
            storage = make(replica.url, retry_for=10)
            with meanwhile(replica.ask, "REPLICAOF", "NO", "ONE", after=0.4):
                assert not write(storage, 1).failures
            assert ids_of(storage, "7") == [1]

    def test_a_master_that_wants_replicas_and_has_none_is_an_error_that_says_so(
        self, redis_binary: Binary, make: Make
    ) -> None:
        with Server(redis_binary, extra=["min-replicas-to-write 1"]) as server:
            storage = make(server.url, retry_for=0.3)
            outcome = write(storage, 1)
            assert "too few replicas" in str(outcome.failures["7"])

    @pytest.mark.parametrize("key", ["f:servers:7", "p:servers:7", "c:servers:%(user_id)s"])
    def test_a_key_of_another_type_costs_only_what_it_belongs_to(self, server: Server, make: Make, key: str) -> None:
        storage, inline = make(server.url), spec(inline=True)
        server.ask("SET", f"streamfw:{key}", "mine")
        outcome = storage.write(inline, [Write(["7", "8"], puts=[at(1, payload=b"x")])])
        assert "7" in outcome.failures
        assert ("8" in outcome.failures) == key.startswith("c:")
        assert "something else wrote to a key" in str(outcome.failures["7"])
        assert server.ask("GET", f"streamfw:{key}") == "mine"
        server.ask("DEL", f"streamfw:{key}")
        assert storage.write(inline, [Write(["7"], puts=[at(1, payload=b"x")])]).added == 1
        assert ids_of(storage, "7", of=inline) == [1]

    @pytest.mark.parametrize("kind", ["record", "note"])
    def test_a_record_or_note_of_another_type_is_an_error(self, server: Server, make: Make, kind: str) -> None:
        storage, id = make(server.url), at(1).id
        names = {
            "record": storage.keys.record(b"servers", pack_id(id)),
            "note": storage.keys.note(0, SPEC.namespace.encode(), pack_id(id)),
        }
        with server.client() as client:
            client.lpush(names[kind], "mine")
            writing: dict[str, Callable[[], object]] = {
                "record": lambda: storage.store("servers", [Record(id, 1, b"x")]),
                "note": lambda: storage.remember(SPEC, removes=[Removal(id, 1)]),
            }
            with pytest.raises(StorageError, match="something else wrote to a key"):
                writing[kind]()
            assert client.lrange(names[kind], 0, -1) == [b"mine"]


class TestAccess:
    def test_a_missing_password_is_an_error_at_once(self, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, password="secret") as server:
            storage = make(f"redis://{server.address}", retry_for=30)
            began = time.monotonic()
            with pytest.raises(StorageError, match="it wants a password"):
                ids_of(storage, "7")
            assert time.monotonic() - began < 5

    def test_a_wrong_password_is_an_error_at_once_and_does_not_appear(self, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, password="secret") as server:
            storage = make(f"redis://:wr0ng@{server.address}", retry_for=30)
            began = time.monotonic()
            with pytest.raises(StorageError, match="it refuses the user name or password") as caught:
                ids_of(storage, "7")
            assert time.monotonic() - began < 5
            assert "wr0ng" not in str(caught.value) + repr(storage.options)
            assert ids_of(make(server.url), "7") == []

    def test_a_user_who_may_not_do_it_is_told_so(self, server: Server, make: Make) -> None:
        server.ask("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read", "+ping", "+client")
        storage = make(server.url.replace("redis://", "redis://reader:pw@"), retry_for=30)
        with pytest.raises(StorageError, match="the user in the storage's options may not do this"):
            ids_of(storage, "7")

    def test_a_user_who_may_not_ask_for_info_can_work(self, server: Server, make: Make) -> None:
        server.ask("ACL", "SETUSER", "worker", "on", ">pw", "~*", "+@all", "-info", "-config")
        storage = make(server.url.replace("redis://", "redis://worker:pw@"))
        assert write(storage, 1).added == len(OWNERS)

    def test_a_unix_socket_works(self, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, unix_socket=True) as server:
            storage = make(f"redis+unix://{server.socket}")
            assert write(storage, 1).added == len(OWNERS)
            assert storage.servers.where == str(server.socket)

    def test_tls_works_with_the_certificate_and_fails_at_once_without(
        self, redis_tls_server: Server, redis_certificate: Certificate, make: Make
    ) -> None:
        url = redis_tls_server.url
        trusting = make(url, driver_options={"ssl_ca_certs": str(redis_certificate.file)}, prefix="tls:")
        assert write(trusting, 1).added == len(OWNERS)
        time.sleep(pools.FRESH)
        before = trusting.servers.run([command(b"CLIENT", b"ID")]).values
        time.sleep(pools.FRESH)
        assert trusting.servers.run([command(b"CLIENT", b"ID")]).values == before
        trusting.flush(SPEC.namespace)
        began = time.monotonic()
        with pytest.raises(StorageError, match="ssl_ca_certs"):
            ids_of(make(url, retry_for=30), "7")
        assert time.monotonic() - began < 5

    def test_tls_with_a_server_that_has_none_is_an_error_that_says_so(self, server: Server, make: Make) -> None:
        storage = make(server.url.replace("redis://", "rediss://"), retry_for=0.2, timeout=0.3)
        with pytest.raises(StorageError, match=r"Redis at 127.0.0.1:\d+\) failed in"):
            ids_of(storage, "7")

    def test_something_that_is_no_redis_is_an_error(self, make: Make) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            def answer() -> None:
                peer, _ = listener.accept()
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                peer.close()

            thread = threading.Thread(target=answer)
            thread.start()
            storage = make(f"redis://127.0.0.1:{port}", retry_for=0)
            with pytest.raises(StorageError, match="is no Redis"):
                ids_of(storage, "7")
            thread.join()


class TestIsolation:
    def test_storages_with_prefixes_of_their_own_do_not_see_each_other(self, server: Server, make: Make) -> None:
        one, two = make(server.url, prefix="a*:"), make(server.url, prefix="ab:")
        for storage, number in ((one, 1), (two, 2)):
            write(storage, number, owners=["7"])
            storage.store("servers", [Record(at(number).id, 1, b"x")])
        assert (ids_of(one, "7"), ids_of(two, "7")) == ([1], [2])
        assert one.load("servers", [at(2).id]) == [None]
        one.flush(SPEC.namespace)
        one.flush("servers")
        assert (ids_of(one, "7"), ids_of(two, "7")) == ([], [2])
        assert two.load("servers", [at(2).id]) == [Record(at(2).id, 1, b"x")]

    def test_databases_do_not_see_each_other(self, server: Server, make: Make) -> None:
        one, two = make(server.url), make(server.url, db=3)
        write(one, 1, owners=["7"])
        assert ids_of(two, "7") == []

    def test_a_database_that_is_not_there_is_an_error(self, server: Server, make: Make) -> None:
        with pytest.raises(StorageError, match="DB index is out of range"):
            ids_of(make(server.url, db=999, retry_for=30), "7")


class TestReplication:
    def test_writes_that_must_reach_a_replica_fail_without_one(self, server: Server, make: Make) -> None:
        storage = make(server.url, wait_replicas=1, timeout=0.4, retry_for=0.2)
        outcome = write(storage, 1)
        assert "too few replicas are there or keep up" in str(outcome.failures["7"])
        assert "0 of 1 replicas" in str(outcome.failures["7"])
        assert ids_of(storage, "7") == [1]  # reading needs none

    def test_writes_that_reach_a_replica_count(self, server: Server, redis_binary: Binary, make: Make) -> None:
        with Server(redis_binary, replica_of=server.port) as replica:
            wait_for(
                lambda: replica.info("INFO", "replication")["master_link_status"] == "up", "the replica has its data"
            )
            storage = make(server.url, wait_replicas=1)
            assert write(storage, 1).added == len(OWNERS)
            assert ids_of(make(replica.url), "7") == [1]

    def test_a_write_that_is_tried_again_waits_for_what_the_first_one_wrote(
        self, server: Server, redis_binary: Binary, make: Make
    ) -> None:
        """WAIT is about one connection: another one, on which nothing changes any more, would not wait by itself."""
        with Server(redis_binary, replica_of=server.port) as replica:
            wait_for(
                lambda: replica.info("INFO", "replication")["master_link_status"] == "up", "the replica has its data"
            )
            options = {"wait_replicas": 1, "timeout": 0.4, "retry_for": 0.0}
            write(make(server.url, **options), 1)
            replica.pause()
            try:
                for _ in range(2):
                    assert set(write(make(server.url, **options), 2).failures) == set(OWNERS)
            finally:
                replica.resume()
            wait_for(lambda: not write(make(server.url, **options), 2).failures, "the replica goes on")
            assert ids_of(make(replica.url), "7") == [2, 1]


def _idle(storage: RedisStorage) -> int:
    [pool] = storage.servers.every_master()
    return len(pool._idle)


def _connected(server: Server) -> int:
    return str(server.ask("CLIENT", "LIST")).count("name=streamfw")


def test_retries_are_logged_with_the_storage_and_the_reason(
    kept: Server, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    storage = make(kept.url, retry_for=10)
    kept.kill()
    with meanwhile(kept.start, after=0.3), caplog.at_level(logging.INFO, "streamfw_redis"):
        write(storage, 1)
    assert any("storage 'feeds'" in record.getMessage() for record in caplog.records)

"""The master that sentinels name, and the next one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from streamfw_core.errors import StorageError
from streamfw_core.storage import Removal, Write
from streamfw_redis.scripts import command

from tests.redis.feeds import SPEC, Make, at, ids_of, numbers_of, storages
from tests.services.redis import Server
from tests.services.sentinel import Watched
from tests.services.waiting import wait_for

make = pytest.fixture(storages)

OWNERS = [str(number) for number in range(1_000)]
Start = Callable[..., Watched]


def test_a_fan_out_outlives_the_master(start_sentinels: Start, make: Make) -> None:
    """With two replicas, so that one is left to acknowledge what the other has as the new master."""
    watched = start_sentinels(replicas=2)
    storage = make(watched.url, retry_for=20, wait_replicas=1, timeout=2)
    killed = threading.Event()

    def kill() -> None:
        time.sleep(0.3)
        watched.kill_master()
        killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    number, after, slowest = 0, 0, 0.0
    while after < 3:
        number, after = number + 1, after + killed.is_set()
        began = time.monotonic()
        outcome = storage.write(SPEC, [Write(OWNERS, puts=[at(number)])])
        if number % 3 == 0:
            outcome = storage.write(SPEC, [Write(OWNERS, removes=[Removal(at(number).id, at(number).stamp + 1)])])
        slowest = max(slowest, time.monotonic() - began)
        assert not outcome.failures
    thread.join()
    kept = [one for one in range(number, 0, -1) if one % 3][: SPEC.keep]
    assert numbers_of(storage, OWNERS) == [kept] * len(OWNERS)
    print(f"the slowest write: {slowest:.2f} s")


def test_a_master_that_hangs_is_left(start_sentinels: Start, make: Make) -> None:
    watched = start_sentinels()
    storage = make(watched.url, retry_for=20, timeout=0.5)
    make(watched.url, wait_replicas=1).write(SPEC, [Write(OWNERS, puts=[at(1)])])
    assert numbers_of(storage, OWNERS[:3]) == [[1]] * 3
    old = watched.master()
    old.pause()
    try:
        assert not storage.write(SPEC, [Write(OWNERS, puts=[at(2)])]).failures
        assert numbers_of(storage, OWNERS[:3]) == [[2, 1]] * 3
        assert storage.servers.where != old.address
    finally:
        old.resume()


def test_a_master_that_was_demoted_is_left(start_sentinels: Start, make: Make) -> None:
    watched = start_sentinels()
    if watched.binary.version < (7, 0):
        pytest.skip("Sentinel 6.2 does not mind for longer than a test may take")
    storage = make(watched.url, retry_for=20)
    make(watched.url, wait_replicas=1).write(SPEC, [Write(OWNERS, puts=[at(1)])])
    assert numbers_of(storage, OWNERS[:3]) == [[1]] * 3
    old = watched.master()
    old.ask("FAILOVER")  # without the sentinels, which take it for a master that is gone some time later
    wait_for(lambda: old.info("INFO", "replication")["role"] == "slave", "the master is demoted")
    assert not storage.write(SPEC, [Write(OWNERS, puts=[at(2)])]).failures
    assert storage.servers.where != old.address
    assert ids_of(storage, "7") == [2, 1]


def test_sentinels_may_be_away_but_one(start_sentinels: Start, make: Make) -> None:
    watched = start_sentinels()
    for sentinel in watched.sentinels[:2]:
        sentinel.kill()
    assert make(watched.url).write(SPEC, [Write(OWNERS, puts=[at(1)])]).added == len(OWNERS)


def test_sentinels_and_servers_have_passwords_of_their_own(start_sentinels: Start, make: Make) -> None:
    watched = start_sentinels(password="data", sentinel_password="watch")
    storage = make(watched.url, sentinel_password="watch")
    assert storage.write(SPEC, [Write(OWNERS, puts=[at(1)])]).added == len(OWNERS)
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"the sentinels refuse `sentinel_password`") as caught:
        ids_of(make(watched.url, sentinel_password="wr0ng", retry_for=30), "7")
    assert "wr0ng" not in str(caught.value)
    with pytest.raises(StorageError, match="it refuses the user name or password"):
        ids_of(make(watched.url.replace("data", "wr0ng"), sentinel_password="watch", retry_for=30), "7")
    assert time.monotonic() - began < 5


def test_a_service_that_no_sentinel_knows_is_an_error_that_says_so(start_sentinels: Start, make: Make) -> None:
    watched = start_sentinels()
    storage = make(watched.url.replace("/mymaster", "/other"), retry_for=0.2)
    with pytest.raises(
        StorageError, match=r"No master found for 'other'.*is `service` the name that the sentinels know"
    ):
        ids_of(storage, "7")
    assert storage.servers.where.startswith("master 'other' of 127.0.0.1:")


def test_a_server_that_is_no_sentinel_is_an_error_that_says_so(redis_server: Server, make: Make) -> None:
    storage = make(f"redis+sentinel://{redis_server.address}/mymaster", retry_for=0.2)
    with pytest.raises(StorageError, match="are `nodes` sentinels"):
        ids_of(storage, "7")


def test_a_closed_storage_finds_the_master_again(start_sentinels: Start, make: Make) -> None:
    storage = make(start_sentinels().url)
    for _ in range(2):
        assert storage.servers.run([command(b"PING")]).values == [b"PONG"]
        storage.close()

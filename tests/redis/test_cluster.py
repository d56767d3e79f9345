"""A cluster: the kit, and fan-out while slots move and masters die."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.crc import key_slot
from streamfw_core.errors import StorageError
from streamfw_core.storage import Record, Removal, Storage, Write
from streamfw_core.testing import FeedContract, StorageContract
from streamfw_redis.options import CLUSTER_BUCKETS
from streamfw_redis.packing import pack_id
from streamfw_redis.scripts import command
from streamfw_redis.storage import RedisStorage, create

from tests.redis.feeds import SPEC, Make, at, ids_of, meanwhile, numbers_of, storages
from tests.services.binaries import Binary
from tests.services.cluster import Cluster
from tests.services.redis import Server

make = pytest.fixture(storages)

OWNERS = [str(number) for number in range(10_000)]
CHUNK = 1000
TIMES = int(os.environ.get("STREAMFW_REDIS_TIMES", "1"))
"""How often each failure is provoked."""


@pytest.fixture(scope="class")
def on_cluster(request: pytest.FixtureRequest, redis_cluster: Cluster) -> None:
    """Tells a class of the kit where the cluster is."""
    request.cls.url = redis_cluster.url


@pytest.mark.usefixtures("on_cluster")
class TestStorageOnCluster(StorageContract):
    url: str

    def make_storage(self, name: str) -> Storage:
        return create(name, {"url": self.url})


@pytest.mark.usefixtures("on_cluster")
class TestFeedsOnCluster(FeedContract):
    url: str

    def make_storage(self, name: str) -> Storage:
        return create(name, {"url": self.url})


class Publisher:
    """Fans entries out to all owners, chunk by chunk, and what was reported as failed again, as a task queue does."""

    def __init__(self, storage: RedisStorage) -> None:
        self.storage = storage
        self.failed = 0
        self.slowest = 0.0
        self.published = 0

    def publish(self, number: int) -> None:
        """The entry of a number to everybody, by two threads; every third is removed from every second chunk again."""
        with ThreadPoolExecutor(2) as threads:
            for _ in threads.map(lambda first: self._publish(number, first), range(0, len(OWNERS), CHUNK)):
                pass  # which raises what a thread raised
        self.published = number

    def _publish(self, number: int, first: int) -> None:
        self._until_done(Write(OWNERS[first : first + CHUNK], puts=[at(number)]))
        if _is_removed(number, first):
            removal = Removal(at(number).id, at(number).stamp + 1)
            self._until_done(Write(OWNERS[first : first + CHUNK], removes=[removal]))

    def _until_done(self, write: Write) -> None:
        for _ in range(50):
            began = time.monotonic()
            failures = self.storage.write(SPEC, [write]).failures
            self.slowest = max(self.slowest, time.monotonic() - began)
            if not failures:
                return
            assert all(isinstance(failure, StorageError) for failure in failures.values())
            self.failed += len(failures)
            write = write._replace(owners=[*failures])
        raise AssertionError(f"{len(failures)} feeds still fail: {next(iter(failures.values()))}")

    def while_running(self, other: Callable[[], object], at_least: int) -> None:
        """Publish until something else is done, and then some more."""
        thread = threading.Thread(target=other)
        thread.start()
        number = 0
        while thread.is_alive() or number < at_least:
            number += 1
            self.publish(number)
        thread.join()
        self.publish(number + 1)

    def check(self) -> None:
        """Every feed is what the model says: nothing is missing, nothing is there twice."""
        for first in range(0, len(OWNERS), CHUNK):
            kept = [number for number in range(self.published, 0, -1) if not _is_removed(number, first)][: SPEC.keep]
            owners = OWNERS[first : first + CHUNK]
            wrong = {
                owner: found
                for owner, found in zip(owners, numbers_of(self.storage, owners), strict=True)
                if found != kept
            }
            assert not wrong, (len(wrong), kept, next(iter(wrong.items())))


def _is_removed(number: int, first: int) -> bool:
    return number % 3 == 0 and first // CHUNK % 2 == 0


def slot_of(bucket: int) -> int:
    return int(key_slot(b"{b%d}" % bucket))


@pytest.mark.parametrize("_", range(TIMES))
def test_nothing_is_lost_or_doubled_while_slots_move(start_cluster: Callable[..., Cluster], make: Make, _: int) -> None:
    cluster = start_cluster()
    publisher = Publisher(make(cluster.url, retry_for=20))
    publisher.publish(1)
    # Few keys at a time, so that calls meet slots whose keys are on both sides.
    moved: list[int] = []

    def move() -> None:
        for bucket in (0, 1, 2, 3):
            source = cluster.master_of(slot_of(bucket))
            target = next(master for master in cluster.masters() if master is not source)
            for number in cluster.migrating(slot_of(bucket), source, target, batch=5):
                time.sleep(0.01)
                most = number
            moved.append(most)

    publisher.while_running(move, at_least=3)
    assert len(moved) == 4
    assert min(moved) >= len(OWNERS) // CLUSTER_BUCKETS // 2
    publisher.check()


@pytest.mark.parametrize("_", range(TIMES))
def test_nothing_is_lost_or_doubled_while_a_master_is_killed(
    start_cluster: Callable[..., Cluster], make: Make, _: int
) -> None:
    """Acknowledged writes were waited for: `wait_replicas`. The killed one comes back, to be the replica that they need.

    Writes are given up before the replica takes over, and tried again from outside.
    """
    cluster = start_cluster(replicas=1)
    publisher = Publisher(make(cluster.url, wait_replicas=1, retry_for=1, timeout=2))
    publisher.publish(1)
    times: list[float] = []

    def kill() -> None:
        time.sleep(0.3)
        began = time.monotonic()
        killed = cluster.kill_master(0)
        cluster.wait_until_ok()
        times.append(time.monotonic() - began)
        killed.start()
        cluster.wait_until_ok()

    publisher.while_running(kill, at_least=3)
    publisher.check()
    print(
        f"a replica took over after {times[0]:.2f} s; the slowest write: {publisher.slowest:.2f} s; {publisher.failed} failed"
    )


def test_a_master_that_hangs_is_left_for_its_replica(start_cluster: Callable[..., Cluster], make: Make) -> None:
    cluster = start_cluster(replicas=1)
    storage = make(cluster.url, retry_for=20, timeout=0.5)
    make(cluster.url, wait_replicas=1).write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])])
    assert numbers_of(storage, OWNERS[:CHUNK]) == [[1]] * CHUNK
    hanging = cluster.masters()[1]
    hanging.pause()
    try:
        outcome = storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(2)])])
        assert not outcome.failures
        assert outcome.added is None
        assert numbers_of(storage, OWNERS[:CHUNK]) == [[2, 1]] * CHUNK
    finally:
        hanging.resume()


def test_a_cluster_that_is_resharded_behind_our_back_is_learned_once(
    start_cluster: Callable[..., Cluster], make: Make
) -> None:
    cluster = start_cluster()
    storage = make(cluster.url)
    storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])])
    for bucket in range(8):
        source = cluster.master_of(slot_of(bucket))
        cluster.migrate_slot(slot_of(bucket), source, next(node for node in cluster.masters() if node is not source))
    assert storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(2)])]).added == CHUNK
    assert numbers_of(storage, OWNERS[:CHUNK]) == [[2, 1]] * CHUNK
    before = _moved(cluster)
    storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(3)])])
    assert _moved(cluster) == before


def test_a_slot_that_stays_half_moved_is_an_error_that_says_so(
    start_cluster: Callable[..., Cluster], make: Make
) -> None:
    cluster = start_cluster()
    storage = make(cluster.url, retry_for=0.5)
    storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])])
    source = cluster.master_of(slot_of(0))
    target = next(node for node in cluster.masters() if node is not source)
    steps = cluster.migrating(slot_of(0), source, target, batch=2)
    next(steps)
    next(steps)
    failures = storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(2)])]).failures
    ours = [owner for owner in OWNERS[:CHUNK] if storage.keys.bucket_of_feed(SPEC.key(owner).encode()) == 0]
    assert [*failures] == ours
    assert "a slot is being moved" in str(failures[ours[0]])
    assert source.address in str(failures[ours[0]]) or target.address in str(failures[ours[0]])
    for _ in steps:
        pass
    assert not storage.write(SPEC, [Write(ours, puts=[at(2)])]).failures
    assert numbers_of(storage, OWNERS[:CHUNK]) == [[2, 1]] * CHUNK


def test_scripts_and_connections_that_are_gone_are_made_again(
    start_cluster: Callable[..., Cluster], make: Make
) -> None:
    cluster = start_cluster()
    storage = make(cluster.url)
    for number in range(1, 4):
        assert storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(number)])]).added == CHUNK
        for node in cluster.masters():
            node.ask("SCRIPT", "FLUSH")
            node.ask("CLIENT", "KILL", "TYPE", "normal")
        time.sleep(0.2)
    assert ids_of(storage, "7") == [3, 2, 1]


def test_one_node_is_enough_to_find_the_others(redis_cluster: Cluster, make: Make) -> None:
    node = redis_cluster.servers[1]
    storage = make(f"redis+cluster://127.0.0.1:1,{node.address}", prefix="found:")
    assert storage.servers.run([command(b"PING", bucket=None)]).values == [b"PONG"]
    assert {pool.address for pool in storage.servers.every_master()} == {node.address for node in redis_cluster.servers}


def test_addresses_can_be_mapped(redis_cluster: Cluster, make: Make) -> None:
    ports = {10 + index: server.port for index, server in enumerate(redis_cluster.servers)}

    def remap(node: tuple[str, int]) -> tuple[str, int]:
        return ("localhost", ports.get(node[1], node[1]))

    storage = make("redis+cluster://nowhere:11", driver_options={"address_remap": remap}, prefix="mapped:")
    assert not storage.write(SPEC, [Write(OWNERS[:200], puts=[at(1)])]).failures
    assert all(pool.address.startswith("localhost:") for pool in storage.servers.every_master())
    storage.flush(SPEC.namespace)


@pytest.mark.parametrize(
    "lines",
    [
        ["cluster-preferred-endpoint-type unknown-endpoint"],
        ["cluster-preferred-endpoint-type hostname", "cluster-announce-hostname localhost"],
    ],
)
def test_nodes_may_go_by_another_name_or_by_none(
    start_cluster: Callable[..., Cluster], redis_binary: Binary, make: Make, lines: list[str]
) -> None:
    if redis_binary.version < (7, 0):
        pytest.skip("before Redis 7 nodes go by their addresses")
    cluster = start_cluster(extra=lines)
    storage = make(cluster.url)
    assert storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])]).added == CHUNK
    source = cluster.master_of(slot_of(0))
    steps = cluster.migrating(slot_of(0), source, _other(cluster, source))
    next(steps)
    with meanwhile(lambda: [*steps], after=0.3):
        assert storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(2)])]).added == CHUNK
    assert storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(3)])]).added == CHUNK
    assert numbers_of(storage, OWNERS[:CHUNK]) == [[3, 2, 1]] * CHUNK


def test_a_cluster_with_a_password_works(start_cluster: Callable[..., Cluster], make: Make) -> None:
    cluster = start_cluster(password="secret")
    assert make(cluster.url).write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])]).added == CHUNK
    began = time.monotonic()
    with pytest.raises(StorageError, match="it wants a password"):
        ids_of(make(cluster.url.replace(":secret@", ""), retry_for=30), "7")
    assert time.monotonic() - began < 5


def test_a_cluster_without_a_node_is_an_error_that_names_it(make: Make) -> None:
    storage = make("redis+cluster://127.0.0.1:1,127.0.0.1:2", retry_for=0.2)
    with pytest.raises(
        StorageError, match=r"storage 'feeds' \(Redis at cluster of 127.0.0.1:1, 127.0.0.1:2\) failed in"
    ):
        ids_of(storage, "7")


def test_a_cluster_that_is_down_is_an_error_that_says_so(start_cluster: Callable[..., Cluster], make: Make) -> None:
    cluster = start_cluster()
    storage = make(cluster.url, retry_for=0.5)
    storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])])
    cluster.kill_master(0)
    outcome = storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(2)])])
    assert outcome.failures  # at first only of those on the dead node
    time.sleep(3)
    outcome = storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(2)])])
    assert len(outcome.failures) == CHUNK
    words = {str(failure) for failure in outcome.failures.values()}
    assert any("the cluster has no master for some slots" in word for word in words)


def test_a_single_server_is_no_cluster_and_a_node_is_no_single_server(
    redis_cluster: Cluster, redis_server: Server, make: Make
) -> None:
    with pytest.raises(StorageError, match="it is not in cluster mode: use redis://"):
        ids_of(make(f"redis+cluster://{redis_server.address}", retry_for=30), "7")
    single = make(f"redis://{redis_cluster.servers[0].address}", retry_for=30)
    failed = [_said(single, str(owner)) for owner in range(20)]
    assert any("it is a node of a cluster: use redis+cluster://" in words for words in failed)


def test_flush_finds_what_is_on_every_node_and_in_a_slot_that_moves(
    start_cluster: Callable[..., Cluster], make: Make
) -> None:
    cluster = start_cluster()
    storage = make(cluster.url)
    storage.write(SPEC, [Write(OWNERS[:CHUNK], puts=[at(1)])])
    elsewhere = [id for id in (at(number).id for number in range(200)) if storage.keys.bucket_of_record(pack_id(id))]
    storage.store("servers", [Record(id, 1, b"x") for id in elsewhere])  # servers tell the keys that move as texts
    steps = cluster.migrating(slot_of(0), source := cluster.master_of(slot_of(0)), _other(cluster, source), batch=2)
    next(steps)
    next(steps)
    with meanwhile(lambda: [*steps], after=0.5):
        storage.flush(SPEC.namespace)
        storage.flush("servers")
    assert [node.ask("DBSIZE") for node in cluster.masters()] == [0, 0, 0]


def _other(cluster: Cluster, node: Server) -> Server:
    return next(other for other in cluster.masters() if other is not node)


def _moved(cluster: Cluster) -> list[str]:
    """How often each node sent somebody elsewhere."""
    return [node.info("INFO", "errorstats").get("errorstat_MOVED", "") for node in cluster.masters()]


def _said(storage: RedisStorage, owner: str) -> str:
    try:
        ids_of(storage, owner)
    except StorageError as error:
        return str(error)
    return ""

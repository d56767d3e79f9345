"""Event loops on real Redis servers: many tasks, cancelled ones, servers that hang or restart, other loops, and forks."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from streamfw_core.aio.bridge import run
from streamfw_core.errors import StorageError
from streamfw_core.queues import FanoutPriority
from streamfw_core.storage import Query, Write
from streamfw_redis.servers.loops import MOST_AT_ONCE

from streamfw_core import Activity, Feed, Streams
from tests.core.world import HomeFeed, WorldManager, activity
from tests.redis.feeds import SPEC, Make, at, own_keeping_server, own_server, storages
from tests.services.certificates import Certificate
from tests.services.cluster import Cluster
from tests.services.redis import Server
from tests.services.sentinel import Watched

make = pytest.fixture(storages)
server = pytest.fixture(own_server)
kept = pytest.fixture(own_keeping_server)

READERS = range(1000)


def options_of(url: str, **options: Any) -> dict[str, Any]:
    return {"storages": {"default": {"backend": "redis", "options": {"url": url, **options}}}}


def fill(streams: Streams, owners: Sequence[int] = READERS) -> None:
    """One activity in the feed of each, which nobody else has."""
    for owner in owners:
        HomeFeed(owner, streams=streams).add(of(owner))


def of(owner: int) -> Activity:
    return activity(owner, actor=owner)


async def reads_its_own(streams: Streams, owner: int) -> None:
    assert await HomeFeed(owner, streams=streams).aio[:25] == [of(owner)]


def connections(server: Server) -> int:
    with server.client() as client:
        return sum(one["name"] == "streamfw" for one in client.client_list())


@pytest.fixture
def streams(server: Server) -> Iterator[Streams]:
    with Streams(options_of(server.url, retry_for=5)) as made:
        yield made


def test_a_thousand_readers_each_get_their_own_feed_through_few_connections(streams: Streams, server: Server) -> None:
    fill(streams)

    async def main() -> None:
        for _ in range(2):
            await asyncio.gather(*(reads_its_own(streams, owner) for owner in READERS))
        assert connections(server) <= MOST_AT_ONCE + 1  # that of the thread
        await streams.aio.close()

    asyncio.run(main())
    gc.collect()  # what is left open warns, which is an error here


def test_tasks_that_fan_out_at_the_same_time_do_not_wait_for_each_others_connections(streams: Streams) -> None:
    manager = WorldManager(streams=streams)
    manager.fanout_chunk_size = 2
    manager.followers["1"] = {FanoutPriority.HIGH: range(10, 20)}

    async def main() -> None:
        every = [activity(number) for number in range(3 * MOST_AT_ONCE)]
        await asyncio.gather(*(manager.aio.add_user_activity(1, one) for one in every))
        assert await manager.get_feeds(15)["home"].aio[:] == every[:-21:-1]
        await streams.aio.close()

    asyncio.run(asyncio.wait_for(main(), 120))


def test_cancelled_tasks_leave_no_answer_to_others(streams: Streams) -> None:
    owners, chance = range(200), random.Random(7)
    fill(streams, owners)

    async def main() -> None:
        for _ in range(10):
            tasks = [asyncio.create_task(reads_its_own(streams, owner)) for owner in owners]
            for task in tasks:
                if chance.random() < 0.5:
                    asyncio.get_running_loop().call_later(chance.random() * 0.05, task.cancel)
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        await asyncio.gather(*(reads_its_own(streams, owner) for owner in owners))
        await streams.aio.close()

    asyncio.run(main())
    gc.collect()


def test_a_cancelled_write_is_whole_or_not_there(streams: Streams) -> None:
    manager, chance = WorldManager(streams=streams), random.Random(7)
    manager.followers["1"] = {FanoutPriority.HIGH: range(10, 30)}
    manager.fanout_chunk_size = 5

    async def main() -> None:
        for number in range(40):
            task = asyncio.create_task(manager.aio.add_user_activity(1, activity(number)))
            asyncio.get_running_loop().call_later(chance.random() * 0.01, task.cancel)
            await asyncio.gather(task, return_exceptions=True)
        for owner in range(10, 30):
            for one in await manager.get_feeds(owner)["inline"].aio[:]:
                assert one == activity(one.object_id)
        await manager.aio.add_user_activity(1, activity(99))
        assert await manager.get_feeds(29)["home"].aio[0] == activity(99)
        await streams.aio.close()

    asyncio.run(main())


def test_timeouts_end_a_wait_for_a_server_that_hangs_and_what_comes_after_is_right(
    streams: Streams, server: Server
) -> None:
    fill(streams, [1, 2])

    async def main() -> None:
        await reads_its_own(streams, 1)
        await asyncio.to_thread(server.ask, "CLIENT", "PAUSE", 400, "ALL")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reads_its_own(streams, 1)
        await reads_its_own(streams, 2)
        await streams.aio.close()

    asyncio.run(main())


def test_a_server_that_does_not_answer_in_time_is_an_error_that_says_so(server: Server) -> None:
    async def main() -> None:
        async with Streams(options_of(server.url, timeout=0.1, retry_for=0)).aio as streams:
            feed = HomeFeed(1, streams=streams)
            await feed.aio.count()
            await asyncio.to_thread(server.ask, "CLIENT", "PAUSE", 1000, "ALL")
            with pytest.raises(StorageError, match="did not answer within `timeout`"):
                await feed.aio.count()
            await asyncio.to_thread(server.ask, "CLIENT", "UNPAUSE")

    asyncio.run(main())


def test_errors_are_those_of_the_sync_client() -> None:
    async def main() -> None:
        async with Streams(options_of("redis://localhost:1", retry_for=0)).aio as streams:
            feed = HomeFeed(1, streams=streams)
            with pytest.raises(StorageError) as met:
                await feed.aio[:25]
            with pytest.raises(StorageError) as expected:
                feed[:25]
            assert "is it running" in str(met.value)
            assert type(met.value.__cause__) is type(expected.value.__cause__)

    asyncio.run(main())


def test_a_password_that_is_refused_is_an_error_at_once(start_redis: Callable[..., Server]) -> None:
    server = start_redis(password="right")

    async def main() -> None:
        for password in ("right", "wrong"):
            async with Streams(options_of(f"redis://:{password}@{server.address}/0")).aio as streams:
                if password == "right":
                    await HomeFeed(1, streams=streams).aio.count()
                else:
                    with pytest.raises(StorageError, match="refuses the user name or password"):
                        await HomeFeed(1, streams=streams).aio.count()

    asyncio.run(main())
    gc.collect()


def test_readers_outlive_a_server_that_restarts(kept: Server) -> None:
    async def main() -> None:
        async with Streams(options_of(kept.url, retry_for=20)).aio as streams:
            await asyncio.to_thread(fill, streams, range(50))
            done = asyncio.Event()

            async def reader(owner: int) -> int:
                count = 0
                while not done.is_set():
                    await reads_its_own(streams, owner)
                    count += 1
                return count

            readers = [asyncio.create_task(reader(owner)) for owner in range(50)]
            for _ in range(2):
                await asyncio.sleep(0.1)
                await asyncio.to_thread(kept.restart)
            await asyncio.sleep(0.1)
            done.set()
            assert all(await asyncio.gather(*readers))

    asyncio.run(main())
    gc.collect()


def test_connections_that_the_server_closed_meanwhile_are_not_used(streams: Streams, server: Server) -> None:
    async def main() -> None:
        feed = HomeFeed(1, streams=streams)
        for number in range(3):
            assert await feed.aio.add(activity(number)) == 1, "certain, as nothing went out twice"
            with server.client() as client:
                client.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.05)
        await streams.aio.close()

    asyncio.run(main())


def test_one_application_serves_one_loop_after_the_other(streams: Streams) -> None:
    fill(streams, range(20))

    async def main(*, close: bool) -> None:
        await asyncio.gather(*(reads_its_own(streams, owner) for owner in range(20)))
        if close:
            await streams.aio.close()

    asyncio.run(main(close=True))
    asyncio.run(main(close=True))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ended_without_closing_does_not_disturb_the_next(streams: Streams, server: Server) -> None:
    fill(streams, range(20))

    async def main() -> None:
        await asyncio.gather(*(reads_its_own(streams, owner) for owner in range(20)))

    for _ in range(3):
        asyncio.run(main())
        gc.collect()
    assert connections(server) <= 2 * 20, "those of loops that are over are gone"
    streams.close()  # forgets those of the last one too
    gc.collect()


def test_loops_in_several_threads_and_threads_without_one_share_an_application(streams: Streams) -> None:
    fill(streams, range(100))
    failures: list[BaseException] = []

    async def of_loop() -> None:
        for _ in range(5):
            await asyncio.gather(*(reads_its_own(streams, owner) for owner in range(100)))
        await run(streams.storage("default").close)
        await asyncio.sleep(0)

    def without_loop() -> None:
        for owner in range(100):
            assert HomeFeed(owner, streams=streams)[:25] == [of(owner)]

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 (whatever it is, it is shown)
            failures.append(failure)

    works: list[Callable[[], object]] = [lambda: asyncio.run(of_loop()), without_loop] * 3
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_child_of_a_fork_has_a_loop_and_connections_of_its_own(streams: Streams) -> None:
    fill(streams, range(20))

    async def main() -> None:
        for _ in range(3):
            await asyncio.gather(*(reads_its_own(streams, owner) for owner in range(20)))

    with asyncio.Runner() as runner:
        runner.run(main())
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    asyncio.run(main())
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        runner.run(main())
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
        runner.run(main())
        runner.run(streams.aio.close())


def test_closing_in_another_thread_closes_what_a_running_loop_has(streams: Streams, server: Server) -> None:
    async def main() -> None:
        await HomeFeed(1, streams=streams).aio.count()
        before = connections(server)
        await asyncio.to_thread(streams.storage("default").close)
        await asyncio.sleep(0.05)
        assert connections(server) < before

    asyncio.run(main())
    gc.collect()


def test_a_thousand_first_calls_at_once_greet_the_server_without_waiting_for_each_other(server: Server) -> None:
    async def main() -> None:
        async with Streams(options_of(server.url)).aio as streams:
            counts = await asyncio.gather(*(HomeFeed(owner, streams=streams).aio.count() for owner in READERS))
            assert counts == [0] * len(READERS)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_write_that_was_started_is_ended_on_the_same_loop(server: Server, make: Make) -> None:
    storage = make(server.url)

    async def main() -> None:
        end = await run(lambda: storage.start_write(SPEC, [Write(["a", "b"], puts=[at(1)])]))
        assert (await run(end)).added == 2
        assert len((await run(lambda: storage.read(SPEC, [Query("a")])))[0].ids) == 1
        await run(storage.close)
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_unix_socket(start_redis: Callable[..., Server]) -> None:
    server = start_redis(unix_socket=True)
    asyncio.run(_adds_and_reads(options_of(f"redis+unix://{server.socket}")))
    gc.collect()


def test_tls(redis_tls_server: Server, redis_certificate: Certificate) -> None:
    trust = {"ssl_ca_certs": str(redis_certificate.file)}
    asyncio.run(_adds_and_reads(options_of(redis_tls_server.url, driver_options=trust)))
    gc.collect()


def test_a_cluster(redis_cluster: Cluster) -> None:
    asyncio.run(_adds_and_reads(options_of(redis_cluster.url)))
    gc.collect()


def test_the_master_that_sentinels_name_and_the_next(start_sentinels: Callable[..., Watched]) -> None:
    watched = start_sentinels()

    async def main() -> None:
        async with Streams(options_of(watched.url, retry_for=30, timeout=1)).aio as streams:
            feed = HomeFeed(1, streams=streams)
            await feed.aio.add(activity(1))
            await asyncio.to_thread(watched.kill_master)
            await feed.aio.add(activity(2))
            assert activity(2) in await feed.aio[:25]

    asyncio.run(main())


async def _adds_and_reads(settings: dict[str, Any]) -> None:
    async with Streams(settings).aio as streams:

        class LongFeed(Feed):
            max_length = 1000

        feeds = [LongFeed(f"user {number}", streams=streams) for number in range(100)]
        await feeds[0].aio.flush()
        await asyncio.gather(*(feed.aio.add_many([activity(n) for n in range(30)]) for feed in feeds))
        found = await asyncio.gather(*(feed.aio[:25] for feed in feeds))
        assert found == [[activity(n) for n in range(29, 4, -1)]] * 100
        assert [one async for one in feeds[0].aio] == [activity(n) for n in range(29, -1, -1)]

"""Calls that come together on an event loop: how many are under way, in which order, and that none is forgotten."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any
from weakref import ref

import pytest
from streamfw_core.aio import turns, wait
from streamfw_core.aio.bridge import give_way, in_thread, run
from streamfw_core.plugins import Plugins
from streamfw_core.storage import FeedSpec, Page, Query
from streamfw_core.testing.adopted import adopt
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Streams
from tests.core.world import HomeFeed, activity

variable: ContextVar[object] = ContextVar("variable", default=None)


class Clock:
    """Seconds of work, which pass when somebody works."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Calls:
    """Who is under way, and who was."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.inside = self.most = 0

    def make(self, number: int, waits: Callable[[], Coroutine[Any, Any, Any]] = lambda: asyncio.sleep(0)) -> int:
        self.begun.append(number)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            wait(waits())
        finally:
            self.inside -= 1
        return number


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Only two at a time, whatever happens: who is forgotten is never let in."""
    monkeypatch.setattr(turns, "MOST_BEGUN", 2)
    monkeypatch.setattr(turns, "PATIENCE", 10**9)
    return 2


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it; what never ends is an error."""
    return asyncio.run(asyncio.wait_for(work, 60))


def test_of_a_thousand_calls_some_begin_and_each_that_ends_lets_in_the_next(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine these could take so long that more begin.
    monkeypatch.setattr(turns, "LONGEST", 3600)
    monkeypatch.setattr(turns, "PATIENCE", 10**9)

    async def main() -> list[int]:
        return await asyncio.gather(*(run(partial(calls.make, number)) for number in range(1000)))

    assert finish(main()) == calls.begun == [*range(1000)]
    assert 1 < calls.most <= turns.MOST_BEGUN


def test_calls_of_feeds_leave_room_for_others_from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(turns, "perf_counter", clock)
    longest = 0.0

    class Slow(MemoryStorage):
        def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
            clock.now += 0.001
            return super().read(spec, queries)

    slow = Slow("default")
    streams = Streams({"storages": {"default": adopt(slow)}}, plugins=Plugins(entry_points=(), environ={}))

    async def watch() -> None:
        nonlocal longest
        while True:
            since = clock.now
            await asyncio.sleep(0)
            longest = max(longest, clock.now - since)

    async def main() -> None:
        HomeFeed(7, streams=streams).add(activity())
        watching = asyncio.create_task(watch())
        found = await asyncio.gather(*(HomeFeed(owner, streams=streams).aio[:25] for owner in range(1000)))
        assert found == [[activity()] if owner == 7 else [] for owner in range(1000)]
        watching.cancel()

    finish(main())
    assert clock.now == pytest.approx(1.0)
    assert 0 < longest <= 3 * turns.BUDGET


def test_what_all_wait_for_may_be_a_call_that_came_after_them(calls: Calls) -> None:
    async def main() -> list[int]:
        told = asyncio.Event()

        async def tell() -> None:
            told.set()

        number = 5 * turns.MOST_BEGUN
        waiting = (run(partial(calls.make, number, told.wait)) for number in range(number))
        return await asyncio.gather(*waiting, run(partial(calls.make, number, tell)))

    assert finish(main())[-1] == 5 * turns.MOST_BEGUN


def test_it_may_even_come_after_one_that_works_until_then(calls: Calls) -> None:
    async def main() -> None:
        told = asyncio.Event()

        async def tell() -> None:
            told.set()

        def works() -> None:
            while not told.is_set():
                give_way()

        number = 2 * turns.MOST_BEGUN
        waiting = (run(partial(calls.make, number, told.wait)) for number in range(number))
        await asyncio.gather(run(works), *waiting, run(partial(calls.make, number, tell)))

    finish(main())


def test_who_waits_for_a_thread_leaves_its_place_to_others(few: int) -> None:
    free, begun = threading.Event(), list[int]()

    def slow(number: int) -> None:
        begun.append(number)
        in_thread(free.wait)

    async def main() -> None:
        waiting = [asyncio.create_task(run(partial(slow, number))) for number in range(2 * few)]
        while len(begun) < 2 * few:  # noqa: ASYNC110 (nothing tells but the count)
            await asyncio.sleep(0)
        free.set()
        await asyncio.gather(*waiting)

    finish(main())
    of_loop = turns.Turns()
    with of_loop.away():
        assert of_loop._begun == -1
    assert of_loop._begun == 0


def test_who_waited_long_is_let_in_although_others_end(calls: Calls, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST", 0.05)
    monkeypatch.setattr(turns, "PATIENCE", 10**9)

    async def main() -> None:
        stuck = asyncio.Event()
        first = [asyncio.create_task(run(partial(calls.make, number, stuck.wait))) for number in range(few)]
        await asyncio.sleep(0)
        last = asyncio.create_task(run(partial(calls.make, few)))
        of_loop = turns.Turns.of_running_loop()
        while not last.done():
            of_loop._ended += 1  # as if calls ended all the time, and others that came before took their places
            await asyncio.sleep(0.001)
        stuck.set()
        await asyncio.gather(*first)

    finish(main())
    assert calls.begun[-1] == few


def test_calls_within_calls_begin_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_BEGUN", 1)

    def outer(number: int) -> int:
        return wait(run(lambda: number))

    async def main() -> list[int]:
        return await asyncio.gather(*(run(partial(outer, number)) for number in range(20)))

    assert finish(main()) == [*range(20)]


def test_who_is_cancelled_or_fails_leaves_no_gap(calls: Calls, few: int) -> None:
    chance = random.Random(7)

    def fails(number: int) -> int:
        raise LookupError(calls.make(number))

    kinds: list[Callable[[int], int]] = [calls.make, fails]

    async def main() -> None:
        for _ in range(30):
            works = [partial(chance.choice(kinds), number) for number in range(30)]
            tasks = [asyncio.create_task(run(work)) for work in works]
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0)
                for task in chance.sample(tasks, 3):
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert calls.inside == 0
        calls.most = 0
        await asyncio.gather(*(run(partial(calls.make, number)) for number in range(50)))

    finish(main())
    assert calls.most == few, "there is room for as many as before, and no more"


def test_those_who_are_cancelled_before_they_begin_never_do(calls: Calls, few: int) -> None:
    async def main() -> None:
        told = asyncio.Event()
        tasks = [asyncio.create_task(run(partial(calls.make, number, told.wait))) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[1::2]:
            task.cancel()
        await asyncio.sleep(0)
        told.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    finish(main())
    assert [number for number in calls.begun if number > few] == [*range(4, 20, 2)], "in their order"


def test_what_nobody_awaits_any_more_leaves_its_place_to_others(calls: Calls, few: int) -> None:
    async def main() -> None:
        for _ in range(3):
            left = [run(partial(calls.make, number, asyncio.Event().wait)) for number in range(3 * few)]
            for one in left:
                one.send(None)
            assert calls.inside == few
            for one in reversed(left):
                one.close()
            assert calls.inside == 0
        await asyncio.gather(*(run(partial(calls.make, number)) for number in range(10)))

    finish(main())
    assert calls.most == few


def test_what_is_left_after_the_end_of_a_loop_is_cleaned_up_without_a_word(calls: Calls, few: int) -> None:
    left = []

    async def main() -> None:
        for number in range(3 * few):
            one = run(partial(calls.make, number, asyncio.Event().wait))
            one.send(None)
            left.append(one)

    finish(main())
    while left:
        left.pop().close()
    gc.collect()
    assert calls.inside == 0


def test_each_loop_has_turns_of_its_own(few: int) -> None:
    def of_one_loop() -> None:
        calls = Calls()

        async def main() -> None:
            await asyncio.gather(*(run(partial(calls.make, number)) for number in range(200)))

        for _ in range(3):
            finish(main())
        found.append((len(calls.begun), calls.most))

    found: list[tuple[int, int]] = []
    threads = [threading.Thread(target=of_one_loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(600, few)] * 4


def test_nothing_of_a_call_is_kept_after_it() -> None:
    class Thing:
        pass

    things: list[ref[Thing]] = []

    def makes() -> Thing:
        given, context, made = Thing(), Thing(), Thing()
        variable.set(context)
        wait(asyncio.sleep(0, given))
        things.extend(ref(thing) for thing in (given, context, made))
        return made

    async def main() -> None:
        await asyncio.gather(*(run(makes) for _ in range(3)))

    finish(main())
    assert len(things) == 9
    assert [thing() for thing in things] == [None] * 9


def test_a_call_knows_nothing_of_the_one_before() -> None:
    def fails(name: str) -> None:
        variable.set(name)
        raise LookupError(name)

    async def main() -> None:
        for number in range(3):
            tasks = [
                asyncio.create_task(run(partial(variable.set, f"set in {number}"))),
                asyncio.create_task(run(partial(fails, f"failed in {number}"))),
            ]
            await asyncio.gather(*tasks, return_exceptions=True)
            assert await run(variable.get) is None

    finish(main())


def test_greenlets_end_with_their_thread() -> None:
    from streamfw_core.aio import greenlets

    def alive() -> int:
        gc.collect()
        return sum(issubclass(type(one), greenlets._Greenlet) for one in gc.get_objects())  # lazy ones are not asked

    async def main() -> None:
        await asyncio.gather(*(run(lambda: wait(asyncio.sleep(0))) for _ in range(100)))

    before = alive()
    for _ in range(3):
        thread = threading.Thread(target=finish, args=(main(),))
        thread.start()
        thread.join()
    assert alive() <= before  # those of threads that ended before may be gone by now too
    finish(main())
    assert 0 < alive() <= before + greenlets.MOST_SPARE

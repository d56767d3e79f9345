"""Sync code on an event loop: what it waits for, what it raises, and who runs meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from streamfw_core.aio import in_aio, in_thread, turns, wait
from streamfw_core.aio.bridge import give_way, pause, run
from streamfw_core.errors import Unsupported

variable: ContextVar[str] = ContextVar("variable", default="unset")


async def soon(value: Any) -> Any:
    await asyncio.sleep(0.01)
    return value


def test_sync_code_waits_and_others_run_meanwhile() -> None:
    events: list[str] = []

    def work(name: str) -> str:
        events.append(f"{name} begins")
        wait(asyncio.sleep(0.01))
        events.append(f"{name} ends")
        return name

    async def main() -> list[str]:
        return [*await asyncio.gather(run(lambda: work("one")), run(lambda: work("two")))]

    assert asyncio.run(main()) == ["one", "two"]
    assert events == ["one begins", "two begins", "one ends", "two ends"]


def test_what_never_waits_is_only_called() -> None:
    assert asyncio.run(run(lambda: 3)) == 3


def test_errors_are_raised_where_they_are_waited_for_and_keep_their_type() -> None:
    async def fail() -> None:
        raise LookupError("no such thing")

    def work() -> str:
        with pytest.raises(LookupError, match="no such thing"):
            wait(fail())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run(work))


def test_what_is_awaited_may_itself_be_sync_code_that_waits() -> None:
    assert asyncio.run(run(lambda: wait(run(lambda: wait(soon(3)) + 1)) + 1)) == 5


def test_context_variables_are_those_of_the_task() -> None:
    def work(name: str) -> str:
        before = variable.get()
        token = variable.set(name)
        wait(asyncio.sleep(0.01))
        assert variable.get() == name
        variable.reset(token)
        variable.set(f"{name} was here")
        return before

    async def task(name: str) -> tuple[str, str]:
        variable.set(f"for {name}")
        return await run(lambda: work(name)), variable.get()

    async def main() -> list[tuple[str, str]]:
        return [*await asyncio.gather(task("one"), task("two"))]

    assert asyncio.run(main()) == [("for one", "one was here"), ("for two", "two was here")]
    assert variable.get() == "unset"


def test_a_cancelled_task_is_cancelled_where_it_waits_and_may_clean_up() -> None:
    cleaned: list[str] = []

    def work() -> None:
        try:
            wait(asyncio.Event().wait())
        finally:
            cleaned.append(wait(soon("cleaned")))

    async def main() -> None:
        task = asyncio.create_task(run(work))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cleaned == ["cleaned"]


def test_timeouts_end_what_waits() -> None:
    async def main() -> None:
        async with asyncio.timeout(0.01):
            await run(lambda: wait(asyncio.Event().wait()))

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_what_nobody_awaits_any_more_cleans_up_without_waiting() -> None:
    events: list[str] = []

    def work() -> None:
        try:
            wait(asyncio.Event().wait())
        finally:
            events.append("cleaning")
            wait(soon("nothing"))
            events.append("never")

    async def main() -> None:
        coroutine = run(work)
        coroutine.send(None)
        coroutine.close()

    asyncio.run(main())
    assert events == ["cleaning"]


def test_to_wait_elsewhere_is_refused() -> None:
    assert not in_aio()
    with pytest.raises(Unsupported, match="here, nothing awaits it"):
        wait(soon(3))

    async def on_the_loop_itself() -> None:
        assert not in_aio()
        wait(soon(3))

    with pytest.raises(Unsupported):
        asyncio.run(on_the_loop_itself())


def test_what_blocks_goes_to_a_thread_with_the_context() -> None:
    def which() -> tuple[int, str, bool]:
        return threading.get_ident(), variable.get(), in_aio()

    async def main() -> tuple[int, str, bool]:
        variable.set("of the task")
        return await run(lambda: in_thread(which))

    thread, value, inside = asyncio.run(main())
    assert (thread != threading.get_ident(), value, inside) == (True, "of the task", False)
    assert in_thread(which)[0] == threading.get_ident()


def test_pauses_leave_the_loop_to_others() -> None:
    events: list[str] = []

    async def other() -> None:
        events.append("other")

    def work() -> None:
        pause(0.01)
        events.append("paused")
        wait(asyncio.sleep(0))
        asyncio.get_running_loop().create_task(other())
        give_way()
        events.append("gave way")

    async def main() -> None:
        await asyncio.gather(run(work), other())

    asyncio.run(main())
    assert events == ["other", "paused", "other", "gave way"]
    give_way()  # elsewhere there is nobody


class Clock:
    """Seconds of work, which pass when somebody works."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("waits", [False, True])
def test_a_thousand_calls_leave_room_for_others_between_them(waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(turns, "perf_counter", clock)
    longest = since = 0.0

    def work() -> None:
        if waits:
            wait(asyncio.sleep(0))
        clock.now += 0.001

    async def watch() -> None:
        nonlocal longest, since
        while True:
            since = clock.now
            await asyncio.sleep(0)
            longest = max(longest, clock.now - since)

    async def main() -> None:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(run(work) for _ in range(1000)))
        watching.cancel()

    asyncio.run(main())
    assert clock.now == pytest.approx(1.0)
    assert 0 < longest <= 3 * turns.BUDGET, "seconds of work between two turns of somebody else"


def test_those_who_wait_for_their_turn_may_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(turns, "perf_counter", clock)
    done: list[int] = []

    def work(number: int) -> None:
        clock.now += 1
        done.append(number)

    async def main() -> None:
        tasks = [asyncio.create_task(run(partial(work, number))) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[1::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert done == [*range(0, 20, 2)], "in their order, without those who went away"


def ask(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_greenlet_is_imported_when_something_is_awaited_and_not_before() -> None:
    program = """
import asyncio, sys
from streamfw_core import Activity, Feed, Love, Streams
feed = Feed(1, streams=Streams({}))
feed.add(Activity(1, Love, 2))
feed[:25], feed.aio
print("greenlet" in sys.modules, "asyncio" in sys.modules)
asyncio.run(feed.aio.count())
print("greenlet" in sys.modules)
"""
    assert ask(program).split() == ["False", "True", "True"]


def test_without_greenlet_the_error_says_what_to_install() -> None:
    program = """
import asyncio, sys
sys.modules["greenlet"] = None
from streamfw_core import Feed, Streams
try:
    asyncio.run(Feed(1, streams=Streams({})).aio.count())
except Exception as error:
    print(type(error).__name__, error)
"""
    assert ask(program) == 'Unsupported aio needs greenlet: pip install "streamfw[async]"'

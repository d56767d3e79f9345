"""What the rest of core, and storages, know of event loops: whether they are called on one, and how to wait there.

`feed.aio` and its like run the same code as the feed itself, on the thread of the event loop, in a greenlet:
where a storage would wait for its server, it calls `wait`, and the loop goes on with other work until the answer is there.
In a thread without such a call everything here does what it would do without an event loop, and greenlet is not imported.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from streamfw_core.aio.turns import Turns
from streamfw_core.errors import Unsupported

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["begun", "give_way", "in_aio", "in_thread", "pause", "run", "take_turns", "wait"]

P = ParamSpec("P")
T = TypeVar("T")

_greenlets: ModuleType | None = None


async def run(call: Callable[[], T]) -> T:
    """Call something on the thread of the event loop; what it hands to `wait` is awaited, and others run meanwhile.

    :raises Unsupported: greenlet is not installed.
    """
    turns = take_turns()
    await turns.begin()
    return await begun(call, turns)


def take_turns() -> Turns:
    """Of the running loop.

    :raises Unsupported: greenlet is not installed.
    """
    _load()
    return Turns.of_running_loop()


def begun(call: Callable[[], T], turns: Turns) -> Coroutine[Any, Any, T]:
    """`run` for who has awaited `turns.begin()`; it ends the call."""
    found: Coroutine[Any, Any, T] = _load().run(call, turns)
    return found


def wait(awaitable: Awaitable[T]) -> T:
    """The result of an awaitable, for sync code that was called through `aio`: the event loop runs others until it is there.

    Hold no lock meanwhile that others on the loop may want: they would stop the loop.

    :raises Unsupported: no event loop is waiting for this code.
    """
    if _greenlets is not None and _greenlets.inside():
        result: T = _greenlets.wait(awaitable)
        return result
    if iscoroutine(awaitable):
        awaitable.close()
    raise Unsupported(
        "wait() is for code that is called through aio, such as `await feed.aio[:25]`: here, nothing awaits it"
    )


def in_aio() -> bool:
    """Whether this code was called through `aio` and runs on an event loop, so that it must not block, and may `wait`."""
    return _greenlets is not None and _greenlets.inside()


def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that blocks: in a thread when this code runs on an event loop, else here and now."""
    if in_aio():
        with Turns.of_running_loop().away():
            return wait(asyncio.to_thread(call, *args, **kwargs))
    return call(*args, **kwargs)


def pause(seconds: float) -> None:
    """`time.sleep`, during which an event loop runs others."""
    if in_aio():
        with Turns.of_running_loop().away():
            wait(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


def give_way() -> None:
    """Let others run that wait for the event loop, in the middle of what takes long; elsewhere nothing."""
    if in_aio():
        wait(asyncio.sleep(0))


def _load() -> ModuleType:
    global _greenlets  # noqa: PLW0603 (loaded or not, which is asked in every call of a storage)
    if _greenlets is None:
        try:
            from streamfw_core.aio import greenlets
        except ModuleNotFoundError as error:
            if error.name != "greenlet":
                raise
            raise Unsupported('aio needs greenlet: pip install "streamfw[async]"') from error
        _greenlets = greenlets
    return _greenlets

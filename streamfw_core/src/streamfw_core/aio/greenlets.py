"""Sync code on an event loop: each call in a greenlet, which is left wherever it waits. The only module that imports greenlet.

The calls share the loop's thread by turns (see `turns`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutine
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from streamfw_core.aio.turns import Turns

__all__ = ["inside", "run", "wait"]

T = TypeVar("T")


class _Call(greenlet):
    closing = False
    """Whether whoever awaited it is gone for good, so that nothing can be awaited any more."""


async def run(call: Callable[[], Any]) -> Any:
    """See `bridge.run`."""
    turns = Turns.of_running_loop()
    await turns.wait()
    here = getcurrent()
    made = _Call(call, here)
    made.gr_context = here.gr_context  # the same, so that what is set inside is set for who awaits, as with coroutines
    asked = turns.step(made.switch)
    while not made.dead:
        try:
            number = turns.number
            value = await asked
            if turns.number != number:  # else it was there at once
                await turns.wait()
        except GeneratorExit as gone:
            made.closing = True
            made.throw(gone)
            raise
        except BaseException as error:  # noqa: BLE001 (whatever it is, also a cancellation, is raised where it was waited for)
            asked = turns.step(made.throw, error)
        else:
            asked = turns.step(made.switch, value)
    return asked


def wait(awaitable: Awaitable[Any]) -> Any:
    """See `bridge.wait`."""
    current = getcurrent()
    assert isinstance(current, _Call)
    assert current.parent is not None
    if current.closing:
        if iscoroutine(awaitable):
            awaitable.close()
        raise GeneratorExit
    return current.parent.switch(awaitable)


def inside() -> bool:
    """Whether this code is in a call of `run`."""
    return isinstance(getcurrent(), _Call)

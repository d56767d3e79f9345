"""Sync code on an event loop: each call in a greenlet, which is left wherever it waits. The only module that imports greenlet.

The calls share the loop's thread by turns (see `turns`).
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from inspect import iscoroutine
from typing import Any, Final, TypeVar

from greenlet import getcurrent, greenlet

from streamfw_core.aio.turns import Turns

__all__ = ["inside", "run", "wait"]

T = TypeVar("T")

MOST_SPARE: Final = 64
"""How many greenlets a thread keeps for its next calls: Python asks the system for memory for each that it makes."""

_RETURNED: Final = object()
"""What a greenlet hands out when its call returned; before that, it is what is to be awaited."""


class _Greenlet(greenlet):
    """Makes one call after the other. It ends with the first that raises."""

    __slots__ = ("closing", "result")

    closing: bool
    """Whether whoever awaited the call is gone for good, so that nothing can be awaited any more."""
    result: Any


class _Spare(threading.local):
    """Greenlets without a call; they cannot leave their thread."""

    def __init__(self) -> None:
        self.greenlets: list[_Greenlet] = []


_spare = _Spare()


async def run(call: Callable[[], Any], turns: Turns) -> Any:
    """See `bridge.begun`."""
    spare = _spare.greenlets
    made = spare.pop() if spare else _Greenlet(_calls)
    here = getcurrent()
    made.parent = here
    made.gr_context = here.gr_context  # the same, so that what is set inside is set for who awaits, as with coroutines
    made.closing = False
    try:
        asked = turns.step(made.switch, call)
        while asked is not _RETURNED:
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
    finally:
        turns.end()
    result, made.result = made.result, None
    if len(spare) < MOST_SPARE:
        made.gr_context = None
        spare.append(made)
    return result


def wait(awaitable: Awaitable[Any]) -> Any:
    """See `bridge.wait`."""
    current = getcurrent()
    assert isinstance(current, _Greenlet)
    assert current.parent is not None
    if current.closing:
        if iscoroutine(awaitable):
            awaitable.close()
        raise GeneratorExit
    return current.parent.switch(awaitable)


def inside() -> bool:
    """Whether this code is in a call of `run`."""
    return isinstance(getcurrent(), _Greenlet)


def _calls(call: Callable[[], Any] | None) -> None:
    """What a greenlet does. It holds nothing of a call that is over, nor itself, so that it ends when nobody has it."""
    itself: Callable[[], Any] = getcurrent
    while call is not None:
        itself().result = call()
        call = None
        call = itself().parent.switch(_RETURNED)

"""Making a method of a sync object one that is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from streamfw_core.aio import bridge

__all__ = ["Awaited", "awaited"]

P = ParamSpec("P")
T = TypeVar("T")


class Awaited:
    """The methods of an object, to be awaited.

    They run on the thread of the event loop where all that they use can wait there, and else in another thread.
    Which storages can is their capability `aio`.
    """

    def __init__(self, target: Any) -> None:
        self._target = target

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await sync code of your own that uses what this belongs to, such as a method that your class adds."""
        if not self._waits(args):
            return await asyncio.to_thread(call, *args, **kwargs)
        turns = bridge.take_turns()
        await turns.begin()  # with as little as possible done, which a thousand tasks may do at the same time
        return await bridge.begun(partial(call, *args, **kwargs), turns)

    def _waits(self, args: tuple[Any, ...]) -> bool:
        """Whether all storages that a call uses can wait on an event loop."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self._target!r}.aio"


def awaited(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """A method of the same name and arguments; what a subclass made of it is what is called."""
    name = method.__name__

    async def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found: T = await self.run(getattr(self._target, name), *args, **kwargs)
        return found

    update_wrapper(call, method)
    return call

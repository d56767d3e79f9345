"""Taking turns on an event loop: calls that compute leave it to others in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final
from weakref import WeakKeyDictionary

__all__ = ["Turns"]

BUDGET: Final = 0.005
"""Seconds of each turn of a loop that calls may compute; who comes later waits for the next turn."""

SHORTEST: Final = 1e-5


class Turns:
    """Of one loop.

    An event loop runs all that is ready before it looks again at what else there is to do:
    a thousand answers that come together would be a thousand steps in one turn.
    Here only as many are made as there is time for, and the rest in the next turns, in order.
    """

    def __init__(self) -> None:
        self.number = 0
        """How many turns there were; when it has not changed, nobody else had one."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._spent = 0.0
        self._late = 0
        self._usual = BUDGET / 50
        self._ending = False

    @classmethod
    def of_running_loop(cls) -> Turns:
        loop = asyncio.get_running_loop()
        found = _of_loops.get(loop)
        if found is None:
            found = _of_loops[loop] = cls()
        return found

    async def wait(self) -> None:
        """Return when there is time for one more step."""
        if not self._waiting and self._spent < BUDGET:
            return
        place = self._place()
        self._waiting.append(place)
        while True:
            try:
                await place
            finally:
                self._end_turn()  # also when nobody takes this place
            if self._spent < BUDGET:
                return
            # Those before it took longer than usual: it is among the first of the next turn.
            place = self._place()
            self._waiting.insert(self._late, place)
            self._late += 1

    def step(self, step: Callable[..., Any], *given: Any) -> Any:
        """Make a step, and count its time."""
        began = perf_counter()
        try:
            return step(*given)
        finally:
            seconds = perf_counter() - began
            self._spent += seconds
            self._usual += (seconds - self._usual) / 16
            self._end_turn()

    def _place(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def _end_turn(self) -> None:
        if not self._ending:
            self._ending = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._ending, self._spent, self._late = False, 0.0, 0
        self.number += 1
        room = max(1, int(BUDGET / max(self._usual, SHORTEST)))
        while self._waiting and room:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                room -= 1


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()

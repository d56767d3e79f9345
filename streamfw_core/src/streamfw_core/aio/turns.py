"""Taking turns on an event loop: calls that compute leave it to others in time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter
from typing import Any, Final
from weakref import WeakKeyDictionary

__all__ = ["Turns"]

BUDGET: Final = 0.003
"""Seconds of each turn of a loop that calls may compute; who comes later waits for the next turn."""
MOST_BEGUN: Final = 128
"""How many calls are under way at a time, as long as some of them end: more would only wait for each other,
and all that they have made by then is what Python, when it looks for garbage, stops the loop for."""
LOOK: Final = 0.005
"""Seconds after which it is looked again whether calls end."""
PATIENCE: Final = 30
"""After so many looks without the end of a call more begin: what all wait for may be one that has not begun."""
STILL: Final = 10
"""For so many looks counts one before which no call made a step either."""

LONGEST: Final = 1.0
"""Seconds that a call waits to begin before more are let in, whatever ends: those under way may be stuck, but for a few."""

SHORTEST: Final = 1e-5


class Turns:
    """Of one loop.

    An event loop runs all that is ready before it looks again at what else there is to do:
    a thousand answers that come together would be a thousand steps in one turn.
    Here only as many are made as there is time for, and the rest in the next turns, in order.
    And of a thousand calls that come together only some begin; each that ends lets in the next.
    """

    def __init__(self) -> None:
        self.number = 0
        """How many turns there were; when it has not changed, nobody else had one."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._outside: OrderedDict[asyncio.Future[None], float] = OrderedDict()
        """Those of calls that have not begun, as too many are under way, and since when."""
        self._begun = self._ended = 0
        self._spent = 0.0
        self._late = 0
        self._usual = BUDGET / 50
        self._ending = self._watching = False

    @classmethod
    def of_running_loop(cls) -> Turns:
        loop = asyncio.get_running_loop()
        found = _of_loops.get(loop)
        if found is None:
            found = _of_loops[loop] = cls()
        return found

    def begin(self) -> Awaitable[None]:
        """To await when there is time for the first step of a call, which is under way from here until `end`."""
        if self._outside or self._begun >= MOST_BEGUN:
            self._outside[place := self._place()] = asyncio.get_running_loop().time()
            self._watch()
            return self._turn(place, begins=True)
        self._begun += 1
        return _AT_ONCE if self._has_time() else self._turn(self._line_up(), begins=True)

    def end(self) -> None:
        """A call is over."""
        self._begun -= 1
        self._ended += 1
        if self._outside:
            self._let_in(MOST_BEGUN)

    @contextmanager
    def away(self) -> Iterator[None]:
        """While a call waits for what may take long, such as a thread: others begin in its place."""
        self._begun -= 1
        if self._outside:
            self._let_in(MOST_BEGUN)
        try:
            yield
        finally:
            self._begun += 1

    def wait(self) -> Awaitable[None]:
        """To await when there is time for one more step."""
        return _AT_ONCE if self._has_time() else self._turn(self._line_up())

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

    def _has_time(self) -> bool:
        return not self._waiting and self._spent < BUDGET

    async def _turn(self, place: asyncio.Future[None], *, begins: bool = False) -> None:
        first = place
        try:
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
        except BaseException:
            if begins and self._outside.pop(first, None) is None:  # it was let in
                self.end()
            raise

    def _line_up(self) -> asyncio.Future[None]:
        place = self._place()
        self._waiting.append(place)
        self._end_turn()
        return place

    def _place(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def _end_turn(self) -> None:
        if not self._ending:
            try:
                asyncio.get_running_loop().call_soon(self._begin_turn)
            except RuntimeError:  # the loop is over, and this cleans up
                return
            self._ending = True

    def _begin_turn(self) -> None:
        self._ending, self._spent, self._late = False, 0.0, 0
        self.number += 1
        room = max(1, int(BUDGET / max(self._usual, SHORTEST)))
        while self._waiting and room:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                room -= 1
        if self._waiting:
            self._end_turn()  # those who were woken may be gone

    def _let_in(self, most: int) -> None:
        while self._outside and self._begun < most:
            place, _ = self._outside.popitem(last=False)
            self._begun += 1
            self._waiting.append(place)
            self._end_turn()

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._look_later(PATIENCE)

    def _look_later(self, patience: int) -> None:
        asyncio.get_running_loop().call_later(LOOK, self._look, patience, self._ended, self.number)

    def _look(self, patience: int, ended: int, number: int) -> None:
        """Let more in when none of those under way ends."""
        if self._ended != ended:
            patience = PATIENCE
        else:
            patience -= STILL if self.number == number else 1
        late = asyncio.get_running_loop().time() - LONGEST
        if patience <= 0 or any(since < late for since in islice(self._outside.values(), 1)):
            patience = PATIENCE
            self._let_in(2 * self._begun)
        self._watching = bool(self._outside)
        if self._watching:
            self._look_later(patience)


class _AtOnce:
    """What is awaited where there is nothing to wait for."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


_AT_ONCE: Final = _AtOnce()

_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()

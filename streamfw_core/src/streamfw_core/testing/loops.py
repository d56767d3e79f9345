"""Feeds, managers and storages whose methods are called on event loops, by tests that know of none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar, copy_context
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from streamfw_core.aio import AioAggregatedFeed, AioFeed, AioManager, AioNotificationFeed
from streamfw_core.aio.bridge import run
from streamfw_core.feeds import AggregatedFeed, Feed, NotificationFeed
from streamfw_core.manager import Manager
from streamfw_core.storage.protocol import Storage

__all__ = ["Loops", "StorageOnLoops"]

T = TypeVar("T")

_within: ContextVar[bool] = ContextVar("streamfw_within", default=False)
"""Whether this was called on a loop, or in a thread for one: what is called in there is not to be awaited once more."""

OF_CLASS = ("insert_activity", "insert_activities", "remove_activity", "flush")


class Loops:
    """An event loop for each thread of a test, which runs when something is called."""

    def __init__(self) -> None:
        self._runners: dict[tuple[int, int], asyncio.Runner] = {}
        """By process and thread: a child of a fork has loops of its own."""

    def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """What is to be awaited, when it has been."""
        runner = self._runners.setdefault((os.getpid(), threading.get_ident()), asyncio.Runner())
        return runner.run(_awaited(call), context=copy_context())

    def call(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call something sync on the loop."""
        made = partial(call, *args, **kwargs)
        return made() if _within.get() else self.run(partial(run, made))

    def close(self) -> None:
        for (process, _), runner in self._runners.items():
            if process == os.getpid():
                runner.close()

    def feed_class(self, base: type[Feed]) -> type[Feed]:
        """A feed class whose feeds are called through `aio`."""
        facade: type[AioFeed] = AioFeed
        if issubclass(base, AggregatedFeed):
            facade = AioNotificationFeed if issubclass(base, NotificationFeed) else AioAggregatedFeed
        made = self._through(base, facade)
        for name in OF_CLASS:
            setattr(made, name, classmethod(partial(self._of_class, made, name)))
        cast("Any", made).__iter__ = partial_method(self._iterate, made)
        return made

    def manager_class(self) -> type[Manager]:
        """A manager class whose managers are called through `aio`."""
        return self._through(Manager, AioManager)

    def storage(self, storage: Storage) -> Storage:
        """A storage that is called on event loops."""
        return cast("Storage", StorageOnLoops(storage, self))

    def _through(self, base: type[T], facade: type[Any]) -> type[T]:
        made: type[T] = type(f"{base.__name__}OnLoops", (base,), {})
        for name in dir(facade):
            if name == "__getitem__" or (hasattr(base, name) and iscoroutinefunction(getattr(facade, name))):
                setattr(made, name, partial_method(self._method, made, name))
        return made

    def _method(self, made: type[Any], name: str, target: Any, *args: Any, **kwargs: Any) -> Any:
        if _within.get():
            return getattr(super(made, target), name)(*args, **kwargs)
        return self.run(lambda: getattr(target.aio, name)(*args, **kwargs))

    def _of_class(self, made: type[Any], name: str, feed_class: type[Any], *args: Any, streams: Any = None) -> None:
        if _within.get():
            getattr(super(made, feed_class), name)(*args, streams=streams)
        else:
            self.run(lambda: getattr(feed_class("anybody", streams=streams).aio, name)(*args))

    def _iterate(self, made: type[Any], feed: Any) -> Iterator[Any]:
        if _within.get():
            yield from cast("Any", super(made, feed)).__iter__()
            return
        activities = aiter(feed.aio)
        nothing = object()
        while (activity := self.run(lambda: anext(activities, nothing))) is not nothing:
            yield activity


class StorageOnLoops:
    """A storage whose methods are called on event loops, where it waits.

    :param storage: the one that is called.
    """

    def __init__(self, storage: Storage, loops: Loops) -> None:
        self.storage = storage
        self._loops = loops

    @property
    def tombstone_ttl(self) -> float:
        return self.storage.tombstone_ttl

    @tombstone_ttl.setter
    def tombstone_ttl(self, seconds: float) -> None:
        self.storage.tombstone_ttl = seconds

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.storage, name)
        if not callable(found):
            return found
        if name == "start_write":
            return lambda *args, **kwargs: partial(self._loops.call, self._loops.call(found, *args, **kwargs))
        return partial(self._loops.call, found)


def partial_method(call: Callable[..., Any], *first: Any) -> Any:
    """A method that calls something with these before its own arguments."""
    return lambda target, *args, **kwargs: call(*first, target, *args, **kwargs)


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    _within.set(True)
    return await call()

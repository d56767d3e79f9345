"""Sending many requests at once, and again what may succeed in a moment."""

from __future__ import annotations

import logging
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError, RedisError
from streamfw_core.aio.bridge import give_way, pause

from streamfw_redis.failures import at, code_of, may_pass, not_replicated, where_of
from streamfw_redis.keys import Keys
from streamfw_redis.options import Options
from streamfw_redis.scripts import Call, command
from streamfw_redis.servers.line import Line
from streamfw_redis.servers.pool import Pool

__all__ = ["Replies", "Servers", "ask"]

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
WARN_EVERY = 10.0
"""Seconds: of many calls that wait for one server, one says so."""
REDIRECTS = {"MOVED", "ASK", "NOSCRIPT"}
"""With these the server says what to do instead, and there is nothing to wait for."""
ASKING = b"*1\r\n$6\r\nASKING\r\n"


class Replies(NamedTuple):
    """What came back.

    :param values: for each call the reply, or the driver's error when it failed for good.
    :param uncertain: whether a call may have been executed twice, as it was sent again after its first reply was lost.
    """

    values: list[Any]
    uncertain: bool


class _Sent(NamedTuple):
    """What was sent.

    :param places: for each call the line that its reply comes by and whether that of ASKING comes before it;
        None and the error where it could not be sent.
    """

    calls: list[Call]
    lines: dict[Pool, Line]
    places: list[tuple[Line | None, Any]]


class Servers(ABC):
    """Requests of one storage. Every call must be idempotent: one whose connection broke is sent again.

    There is no lock: threads share what is idle in the pools, and each learns by itself where things are.
    """

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.options = options
        self._warned = -math.inf
        self._keys = Keys(options.prefix.encode(), options.tags)

    def run(self, calls: Iterable[Call]) -> Replies:
        """Send each call as soon as it is made, so that the server works while the next is packed; then read all replies."""
        return self.start(calls)()

    def start(self, calls: Iterable[Call]) -> Callable[[], Replies]:
        """The first half of `run`. What is returned is the second, and must be called: until then connections are in use."""
        sent = self._send(calls, repeat(None))

        def replies() -> Replies:
            values, lost = self._receive(sent)
            again = [index for index, value in enumerate(values) if isinstance(value, BaseException)]
            if not again:
                return Replies(values, uncertain=False)
            return self._again(sent.calls, values, again, lost=lost)

        return replies

    def look(self, call: Call) -> Any:
        """The reply to one call that writes nothing, or the error: `run` without what it takes to send many."""
        values: list[Any]
        try:
            pool, _ = self._route(call, None)
            values = _replies(pool, (call,))
        except (RedisError, OSError) as unknown:
            values = [unknown]
        if isinstance(values[0], BaseException):
            values = self._again((call,), values, [0], lost=False).values
        return values[0]

    def _again(self, calls: Sequence[Call], values: list[Any], again: list[int], *, lost: bool) -> Replies:
        """Send again what failed and may pass: at once the first time and after redirections, else after a pause."""
        deadline = time.monotonic() + self.options.retry_for
        seconds, at_once = FIRST_PAUSE, True
        while again := [index for index in again if self._may_pass(values[index])]:
            failures = [values[index] for index in again]
            if at_once:
                at_once = False
            else:
                if time.monotonic() >= deadline:
                    break
                at_once = all(code_of(failure) in REDIRECTS for failure in failures)
                if not at_once:
                    self._warn(failures[0])
                logger.info("storage %r: %s; trying again in %.2f s", self.name, failures[0], seconds)
                pause(seconds * random.uniform(0.5, 1))
                seconds = min(seconds * 2, LONGEST_PAUSE)
            self._learn_from(failures)
            replies, more = self._receive(self._send([calls[index] for index in again], failures))
            lost = lost or more
            for index, reply in zip(again, replies, strict=True):
                values[index] = reply
            again = [index for index in again if isinstance(values[index], BaseException)]
        return Replies(values, uncertain=lost)

    def ask(self, pool: Pool, calls: Sequence[Call]) -> list[Any]:
        """The replies of one server, which is waited for as long as for any.

        :raises RedisError: one failed.
        """
        deadline, seconds = time.monotonic() + self.options.retry_for, FIRST_PAUSE
        while True:
            try:
                return ask(pool, calls)
            except (RedisError, OSError) as error:
                if not self._may_pass(error) or time.monotonic() >= deadline:
                    raise
                self._warn(error)
            pause(seconds)
            seconds = min(seconds * 2, LONGEST_PAUSE)

    def _warn(self, failure: BaseException) -> None:
        """Say once in a while, for all tries of all calls, why an answer takes its time."""
        now = time.monotonic()
        if now - self._warned < WARN_EVERY:
            return
        self._warned = now
        logger.warning(
            "storage %r cannot use Redis at %s: %s; trying again for up to %g s",
            self.name,
            where_of(failure) or self.where,
            str(failure).rstrip("."),
            self.options.retry_for,
        )

    def _send(self, calls: Iterable[Call], met: Iterable[Any]) -> _Sent:
        """Send calls, and read nothing.

        :param met: the error that each met before.
        """
        made, lines, places = sent = _Sent([], {}, [])
        try:
            for call, failure in zip(calls, met, strict=False):
                made.append(call)
                if len(made) > 1:  # to make a call may take long
                    give_way()
                try:
                    pool, asking = self._route(call, failure)
                except (RedisError, OSError) as unknown:
                    places.append((None, unknown))
                    continue
                line = lines.get(pool)
                if line is None:
                    line = lines[pool] = Line(pool)
                if asking:
                    line.send(ASKING)
                line.send(call.by_source() if isinstance(failure, NoScriptError) else call.by_hash())
                places.append((line, asking))
            for line in lines.values():
                line.flush()
        except BaseException:
            for line in lines.values():
                line.end()
            raise
        return sent

    def _receive(self, sent: _Sent) -> tuple[list[Any], bool]:
        """The reply or error of each call, and whether one may have been executed whose reply does not count."""
        try:
            values = [_value(line, known) for line, known in sent.places]
        finally:
            for line in sent.lines.values():
                line.end()
        lost = any(line.lost for line in sent.lines.values())
        if self.options.wait_replicas:
            lost = self._confirm(sent, values) or lost
        return values, lost

    def _confirm(self, sent: _Sent, values: list[Any]) -> bool:
        """Wait until replicas have what was written, and put an error in the place of replies that cannot be relied on.

        :return: whether there is one.
        """
        written: dict[Pool, list[int]] = {}
        for index, (call, (line, _), value) in enumerate(zip(sent.calls, sent.places, values, strict=True)):
            if line is not None and call.writes and not isinstance(value, BaseException):
                written.setdefault(line.pool, []).append(index)
        wanted, patience = self.options.wait_replicas, self.options.timeout / 2
        wait = command(b"WAIT", b"%d" % wanted, b"%d" % max(1, int(patience * 1000)))
        failures: dict[Pool, Exception] = {}
        for pool, indexes in written.items():
            # WAIT is for what this connection wrote: without a write of its own, it would not wait for what a call
            # that is sent again, and changes nothing now, wrote through another.
            witness = self._keys.witness(sent.calls[indexes[-1]].bucket or 0)
            try:
                _, reached = ask(pool, [command(b"SET", witness, b"", b"PX", b"1000"), wait])
                if reached < wanted:
                    failures[pool] = at(pool.address, not_replicated(reached, wanted, patience))
            except (RedisError, OSError) as failure:
                failures[pool] = failure
        for pool, unsafe in failures.items():
            for index in written[pool]:
                values[index] = unsafe
        return bool(failures)

    @property
    @abstractmethod
    def where(self) -> str:
        """The address, for messages."""

    @abstractmethod
    def _route(self, call: Call, met: BaseException | None) -> tuple[Pool, bool]:
        """Where a call belongs, and whether ASKING goes before it."""

    def _may_pass(self, error: BaseException) -> bool:
        return may_pass(error)

    def _learn_from(self, errors: Sequence[BaseException]) -> None:  # noqa: B027 (one server is where it is)
        """Before calls are sent again: find out where they belong now."""

    @abstractmethod
    def every_master(self) -> list[Pool]:
        """Of all servers that hold data, for what concerns every key."""

    @abstractmethod
    def close(self) -> None:
        """Close connections."""


def _value(line: Line | None, known: Any) -> Any:
    """The reply to the next request of a line, which after ASKING is the second; without a line the error is known."""
    if line is None:
        return known
    if known:
        line.receive()
    return line.receive()


def ask(pool: Pool, calls: Iterable[Call]) -> list[Any]:
    """The replies of one server, whatever it is to the others.

    :raises RedisError: one failed.
    """
    values = _replies(pool, calls)
    for value in values:
        if isinstance(value, BaseException):
            raise value
    return values


def _replies(pool: Pool, calls: Iterable[Call]) -> list[Any]:
    """The replies of one server, with the errors among them."""
    line, number = Line(pool), 0
    try:
        for call in calls:
            line.send(call.by_hash())
            number += 1
        line.flush()
        return [line.receive() for _ in range(number)]
    finally:
        line.end()

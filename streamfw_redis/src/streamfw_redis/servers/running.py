"""Sending many requests at once, and again what may succeed in a moment."""

from __future__ import annotations

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError, ResponseError

from streamfw_redis.failures import may_pass, was_sent
from streamfw_redis.options import Options
from streamfw_redis.scripts import Call
from streamfw_redis.servers.pool import Pool

__all__ = ["Replies", "Servers"]

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5


class Replies(NamedTuple):
    """What came back.

    :param values: for each call the reply, or the driver's error when it failed for good.
    :param uncertain: whether a call was sent again that may have been executed before.
    """

    values: list[Any]
    uncertain: bool


class Servers(ABC):
    """Requests of one storage. Every call must be idempotent: one whose connection broke is sent again."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.options = options

    def run(self, calls: Iterable[Call]) -> Replies:
        """Send each call as soon as it is made, so that the server works while the next is packed; then read all replies."""
        sent = self._exchange(calls, by_source=False)
        values = [reply for _, reply in sent]
        again = [index for index, value in enumerate(values) if isinstance(value, BaseException)]
        if not again:
            return Replies(values, uncertain=False)
        return self._again([call for call, _ in sent], values, again)

    def _again(self, calls: Sequence[Call], values: list[Any], again: Sequence[int]) -> Replies:
        deadline = time.monotonic() + self.options.retry_for
        uncertain, attempt, pause = False, 0, FIRST_PAUSE
        while True:
            missing = [index for index in again if isinstance(values[index], NoScriptError)]
            passing = [index for index in again if index not in set(missing) and may_pass(values[index])]
            if not (missing or passing):
                break
            if passing:
                # The first time at once: an idle connection that the server closed is the usual reason.
                if attempt:
                    if time.monotonic() >= deadline:
                        break
                    logger.info("storage %r: %s; trying again in %.2f s", self.name, values[passing[0]], pause)
                    time.sleep(pause * random.uniform(0.5, 1))
                    pause = min(pause * 2, LONGEST_PAUSE)
                attempt += 1
                uncertain = uncertain or any(was_sent(values[index]) for index in passing)
                self._prepare_again([values[index] for index in passing])
            again = [*missing, *passing]
            sent = self._exchange((calls[index] for index in again), by_source=bool(missing))
            for index, (_, reply) in zip(again, sent, strict=True):
                values[index] = reply
            again = [index for index in again if isinstance(values[index], BaseException)]
        return Replies(values, uncertain)

    @property
    @abstractmethod
    def where(self) -> str:
        """The address, for messages."""

    @abstractmethod
    def _exchange(self, calls: Iterable[Call], *, by_source: bool) -> list[tuple[Call, Any]]:
        """Each call with its reply or error."""

    def _prepare_again(self, errors: Sequence[BaseException]) -> None:
        """Before calls are sent again: learn where they belong now."""

    @abstractmethod
    def every_master(self) -> list[Pool]:
        """Of all servers that hold data, for what concerns every key."""

    @abstractmethod
    def close(self) -> None:
        """Close connections."""


def exchange(pool: Pool, calls: Iterable[Call], *, by_source: bool) -> list[tuple[Call, Any]]:
    """Send calls through one connection and read the replies. What did not get there has the error instead."""
    done: list[tuple[Call, Any]] = []
    connection, error = None, None
    for call in calls:
        if error is None:
            try:
                connection = connection or pool.take()
                connection.send_packed_command([call.by_source() if by_source else call.by_hash()], check_health=False)
            except Exception as failure:  # noqa: BLE001 (reported for each call)
                error = failure
        done.append((call, error))
    if connection is None:
        return done
    return _read(pool, connection, done)


def _read(pool: Pool, connection: Any, sent: list[tuple[Call, Any]]) -> list[tuple[Call, Any]]:
    done = []
    broken: Exception | None = None
    for call, error in sent:
        reply: Any = error
        if error is None:
            if broken is None:
                try:
                    reply = connection.read_response(disable_decoding=True)
                except ResponseError as failure:
                    reply = failure
                except Exception as failure:  # noqa: BLE001 (reported for each call)
                    reply = broken = failure
            else:
                reply = broken
        else:
            broken = broken or error
        done.append((call, reply))
    if broken is None:
        pool.give_back(connection)
    else:
        with suppress(Exception):
            connection.disconnect()
    return done

"""Waiting for what servers do in their own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import RedisError

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, *, within: float = 30.0) -> T:
    """The first true answer; a server that does not answer now may do so later.

    :raises TimeoutError: with the last answer.
    """
    end = time.monotonic() + within
    last: object = None
    while time.monotonic() < end:
        try:
            answer = condition()
            if answer:
                return answer
            last = answer
        except (RedisError, OSError) as error:
            last = error
        time.sleep(0.02)
    raise TimeoutError(f"not within {within:g} s: {what}; the last answer was {last!r}")

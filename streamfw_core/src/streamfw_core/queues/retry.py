"""Try a message again, only the part that failed, for a bounded number of times."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from streamfw_core.aio.bridge import pause as sleep_or_wait
from streamfw_core.errors import StreamsError
from streamfw_core.queues.protocol import Handler

__all__ = ["Backoff", "MessageFailed", "run"]

logger = logging.getLogger(__name__)


class MessageFailed(StreamsError):
    """Part of a message could not be executed.

    :param rest: the message that has only what remains to be done.
    :param retriable: whether the same may succeed later.
    """

    def __init__(self, message: str, *, rest: bytes, retriable: bool) -> None:
        super().__init__(message)
        self.rest = rest
        self.retriable = retriable


class Backoff:
    """How often and after what pauses: `attempts` in all, pauses doubling from `pause` seconds, each up to half longer."""

    def __init__(self, attempts: int = 3, pause: float = 0.05, sleep: Callable[[float], None] = sleep_or_wait) -> None:
        self.attempts = attempts
        self.pause = pause
        self.sleep = sleep

    def wait(self, attempt: int) -> None:
        """Pause after the failed attempt number `attempt`, from 1."""
        self.sleep(self.pause * 2 ** (attempt - 1) * (1 + random.random() / 2))


def run(handler: Handler, message: bytes, backoff: Backoff) -> None:
    """Execute a message, and what remains of it again while that may help.

    :raises MessageFailed: for good; its cause is the last error.
    """
    for attempt in range(1, backoff.attempts + 1):
        try:
            handler(message)
            return
        except MessageFailed as failed:
            message = failed.rest
            if not failed.retriable or attempt == backoff.attempts:
                raise
            logger.info("attempt %d of %d failed, trying the rest again: %s", attempt, backoff.attempts, failed)
            backoff.wait(attempt)

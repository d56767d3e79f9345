"""One attempt at a message, and what becomes of it: what both queues do with whatever a broker hands them."""

from __future__ import annotations

import logging
import random

from attrs import frozen
from streamfw_core.errors import MessageError
from streamfw_core.queues import FanoutPriority, Handler, delivering
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.settings.masking import mask_text

from streamfw_celery.options import Retries

__all__ = ["Again", "Dead", "Done", "Verdict", "attempt"]

logger = logging.getLogger(__name__)


@frozen
class Done:
    """Nothing remains."""


@frozen
class Again:
    """The rest is to be tried again, as attempt number `number`, in `delay` seconds."""

    rest: bytes
    number: int
    delay: float


@frozen
class Dead:
    """The rest is given up."""

    rest: bytes
    reason: str
    attempts: int


Verdict = Done | Again | Dead


def attempt(
    handler: Handler, message: bytes, *, id: str, priority: FanoutPriority, number: int, retries: Retries
) -> Verdict:
    """Execute a message once; never raises for what is wrong with the message.

    :param number: of the attempt, from 1.
    """
    rest, retriable = message, True
    error: BaseException
    try:
        with delivering(id, priority, number):
            handler(message)
        return Done()
    except MessageFailed as failed:
        rest, retriable, error = failed.rest, failed.retriable, failed.__cause__ or failed
    except MessageError as hopeless:
        retriable, error = False, hopeless
    except Exception as unexpected:  # noqa: BLE001 - whatever it is, the message must neither be lost nor stop the worker
        error = unexpected
    # A driver's error may quote a URL.
    reason = mask_text(f"{type(error).__name__}: {error}")
    if retriable and number < retries.attempts:
        delay = min(retries.pause * 2 ** (number - 1), retries.max_pause) * (1 + random.random() / 2)
        logger.info("message %s: attempt %d failed, trying the rest in %.1f s: %s", id, number, delay, reason)
        return Again(rest, number + 1, delay)
    logger.error("message %s is given up after attempt %d: %s", id, number, reason)
    return Dead(rest, reason, number)

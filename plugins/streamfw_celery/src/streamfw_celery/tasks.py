"""The task of Celery that executes messages.

An app has it that imports this module: `include=["streamfw_celery.tasks"]`, the same in its `imports`,
or `streamfw_celery` among the packages of `autodiscover_tasks()`.

What it promises depends on no setting of the app: a message is acknowledged when it is done,
or when what remains of it has been published again or put to the dead letters.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore, Reject
from celery.signals import worker_init
from streamfw_core.errors import QueueUnavailable

from streamfw_celery.attempts import Done, Verdict
from streamfw_celery.celery_delivery import Delivery, keep_strays
from streamfw_celery.celery_queue import queue_of
from streamfw_celery.wire import TASK

__all__ = ["execute"]

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds before a message goes back to a broker that does not accept what became of it."""


@shared_task(  # type: ignore[untyped-decorator]
    name=TASK,
    bind=True,
    Request="streamfw_celery.celery_delivery:FailingRequest",
    Strategy="streamfw_celery.celery_delivery:checking_strategy",
    acks_late=True,
    reject_on_worker_lost=True,
    retry_on_worker_lost=False,
    acks_on_failure=False,
    acks_on_timeout=False,
    acks_on_failure_or_timeout=False,
    ignore_result=True,
    store_errors_even_if_ignored=False,
    track_started=False,
    rate_limit=0,
)
def execute(self: Any, *args: object, **kwargs: object) -> None:
    """Execute a message.

    :param args: one text, the JSON of the message; whatever else it is ends in the dead letters.
    :raises Ignore: it is not done, and what remains of it is kept.
    :raises Reject: it is not done, and must be delivered again.
    """
    queue = queue_of(self.app)
    delivery = Delivery.of(self.request, args, kwargs, queue.options.queues)
    verdict = delivery.attempt(queue.handler, queue.options.retries)
    if isinstance(verdict, Done):
        return
    started = time.monotonic()
    try:
        queue.conclude(verdict, id=delivery.id, priority=delivery.priority)
    except QueueUnavailable as error:
        logger.error("message %s goes back to its queue: %s", delivery.id, error)
        time.sleep(max(PAUSE - (time.monotonic() - started), 0))
        raise Reject(str(error), requeue=True) from None
    raise Ignore(_said(verdict))


def _said(verdict: Verdict) -> str:
    return type(verdict).__name__.lower()


@worker_init.connect  # type: ignore[untyped-decorator]
def _import_from_here(**_: object) -> None:
    """Let managers be found in the current folder: Celery looks for the app there, and for nothing later."""
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)


keep_strays()

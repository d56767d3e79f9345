"""What workers of Celery do with a message beside executing it, where Celery alone would lose it.

| what happens | Celery alone | here |
|---|---|---|
| a process of the pool is killed | redelivers it at once and forever | one of the bounded attempts |
| the hard time limit | acknowledges it, or redelivers it forever | one of the bounded attempts |
| an error around the task, such as of the app's own task class | acknowledges it | one of the bounded attempts |
| bytes, headers or arguments that are not ours | drops it, or the worker ends | dead letters |
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from attrs import frozen
from billiard import current_process
from billiard.exceptions import Terminated, TimeLimitExceeded
from celery import _state, bootsteps
from celery.exceptions import Ignore, InvalidTaskError, Reject
from celery.worker import state
from celery.worker.request import Request
from celery.worker.strategy import default
from kombu.exceptions import ContentDisallowed, DecodeError
from streamfw_core.errors import MessageError, given
from streamfw_core.queues import FanoutPriority, Handler
from streamfw_core.queues.retry import MessageFailed

from streamfw_celery.attempts import Verdict, attempt
from streamfw_celery.celery_queue import queue_of
from streamfw_celery.options import QueueNames, Retries

__all__ = ["Delivery", "FailingRequest", "checking_strategy", "keep_strays"]

logger = logging.getLogger(__name__)


@frozen
class Delivery:
    """A message as a worker was given it.

    :param message: its bytes; of a task that has other arguments than one text, what it has.
    :param number: of the attempt, from 1.
    """

    id: str
    message: bytes
    priority: FanoutPriority
    number: int
    is_ours: bool

    @classmethod
    def of(cls, request: Any, args: Sequence[object], kwargs: Mapping[str, object], names: QueueNames) -> Self:
        text = args[0] if len(args) == 1 and not kwargs else None
        message = _bytes_of(text) if isinstance(text, str) else None
        retries = request.retries
        return cls(
            id=str(request.id),
            message=_as_json([args, kwargs]) if message is None else message,
            priority=priority_of(request.delivery_info, names),
            number=retries + 1 if isinstance(retries, int) and retries > 0 else 1,
            is_ours=message is not None,
        )

    def attempt(self, handler: Handler, retries: Retries) -> Verdict:
        """Execute it once; see `streamfw_celery.attempts`."""
        return attempt(
            _staying(handler) if self.is_ours else _refuse,
            self.message,
            id=self.id,
            priority=self.priority,
            number=self.number,
            retries=retries,
        )

    def failed(self, error: BaseException, retries: Retries) -> Verdict:
        """What becomes of it when an attempt ended with an error outside of it."""

        def fail(_: bytes) -> None:
            raise error if isinstance(error, Exception) else RuntimeError(repr(error))

        return self.attempt(fail, retries)


def _staying(handler: Handler) -> Handler:
    """The handler, whose `SystemExit` is an error where it would end the worker, or a thread that Celery waits for."""
    if current_process().name != "MainProcess":
        return handler

    def execute(message: bytes) -> None:
        try:
            handler(message)
        except SystemExit as error:
            if type(error) is not SystemExit:
                raise  # by which Celery ends a worker
            raise RuntimeError(repr(error)) from error

    return execute


def priority_of(delivery_info: Mapping[str, Any] | None, names: QueueNames) -> FanoutPriority:
    """That of the queue by which a message came."""
    return names.priority_of(str((delivery_info or {}).get("routing_key"))) or FanoutPriority.NORMAL


def _bytes_of(text: str) -> bytes | None:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None


def _as_json(value: object) -> bytes:
    return json.dumps(value, default=repr).encode()


def _refuse(message: bytes) -> None:
    error = MessageError(f"a task of streamfw has one argument, the text of a message, got {given(message)}")
    raise MessageFailed(str(error), rest=message, retriable=False) from error


class FailingRequest(Request):  # type: ignore[misc]
    """A task whose failures outside of its own code count as attempts; runs in the main process of the worker."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if soft or state.should_terminate:
            super().on_timeout(soft, timeout)
            return
        state.task_ready(self)
        self._conclude(TimeLimitExceeded(timeout))

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        is_meant = isinstance(error, (Ignore, Reject, Terminated))
        if is_meant or self._already_cancelled or self._already_revoked:
            super().on_failure(exc_info, send_failed_event, return_ok)
            return
        state.task_ready(self)
        if state.should_terminate:
            self.reject(requeue=True)
            return
        self._conclude(error)

    def _conclude(self, error: BaseException) -> None:
        if self.acknowledged:
            return
        queue = queue_of(self.app)
        delivery = Delivery.of(_Known(self), self.args, self.kwargs, queue.options.queues)
        try:
            queue.conclude(delivery.failed(error, queue.options.retries), id=delivery.id, priority=delivery.priority)
        except Exception as failed:  # noqa: BLE001 - whatever it is, the worker goes on and the message is kept
            logger.error("message %s goes back to its queue: %s", delivery.id, failed)
            self.reject(requeue=True)
        else:
            self.acknowledge()


class _Known:
    """What a `Delivery` asks of a task's context, from a request of the main process."""

    def __init__(self, request: Any) -> None:
        self.id = request.id
        self.retries = request.request_dict.get("retries")
        self.delivery_info = request.delivery_info


# --- what is no task of ours ------------------------------------------------------------------------------------


def checking_strategy(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Celery's own, for messages that it can take without harm to the worker; others end in the dead letters."""
    handle = default(task, app, consumer, **options)

    def handle_checked(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        try:
            _check(message, body)
            return handle(message, body, ack, reject, callbacks, **more)
        except (InvalidTaskError, ContentDisallowed, DecodeError) as error:
            _bury(consumer, message, error)
            return None

    return handle_checked


def _check(message: Any, body: Any) -> None:
    """Refuse what Celery takes apart without looking at it.

    :raises InvalidTaskError: with what is wrong.
    """
    headers, payload = (message.headers, message.payload) if body is None else (body, message.payload)
    if body is None:
        shape = isinstance(payload, (list, tuple)) and len(payload) == 3
        kinds = (list | tuple, dict, dict | None)
        if not shape or not all(isinstance(part, kind) for part, kind in zip(payload, kinds, strict=True)):
            raise InvalidTaskError(f"the body of a task is [args, kwargs, embedded], got {given(payload)}")
    limits = headers.get("timelimit")
    if not isinstance(headers.get("id"), str):
        raise InvalidTaskError(f"the id of a task is a text, got {given(headers.get('id'))}")
    if limits is not None and not (isinstance(limits, (list, tuple)) and len(limits) == 2):
        raise InvalidTaskError(f"the time limits of a task are two, got {given(limits)}")


def keep_strays() -> None:
    """Have the workers of every app look after what is in our queues and is no task: apps there are, and later ones."""

    def add(app: Any) -> None:
        app.steps["consumer"].add(KeepStrays)

    _state.connect_on_app_finalize(add)
    for app in _state._get_active_apps():  # noqa: SLF001 - as `shared_task` does
        if app.finalized:
            add(app)


class KeepStrays(bootsteps.Step):  # type: ignore[misc]
    """Puts what the consumer of a worker would drop to the dead letters, where it came by one of our queues."""

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        # The last argument that each takes is the error; `on_unknown_message` has none.
        consumer.on_decode_error = self._instead(consumer, consumer.on_decode_error, message_at=0)
        for name in ("on_unknown_message", "on_unknown_task", "on_invalid_task"):
            setattr(consumer, name, self._instead(consumer, getattr(consumer, name), message_at=1))

    def _instead(self, consumer: Any, drop: Callable[..., Any], *, message_at: int) -> Callable[..., Any]:
        def keep(*args: Any) -> Any:
            message = args[message_at]
            if not _came_by_ours(consumer.app, message):
                return drop(*args)
            error = args[message_at + 1] if len(args) > message_at + 1 else InvalidTaskError("not a task of Celery")
            _bury(consumer, message, error)
            return None

        return keep


def _came_by_ours(app: Any, message: Any) -> bool:
    names = queue_of(app).options.queues
    return names.priority_of(str((message.delivery_info or {}).get("routing_key"))) is not None


def _bury(consumer: Any, message: Any, error: Exception) -> None:
    """Put the bytes of a message to the dead letters, then acknowledge it; back to its queue if that fails."""
    queue = queue_of(consumer.app)
    body = message.body.encode() if isinstance(message.body, str) else bytes(message.body)
    what = f"unknown task {error}" if isinstance(error, KeyError) else str(error)
    try:
        queue.bury(body, priority_of(message.delivery_info, queue.options.queues), f"{type(error).__name__}: {what}")
    except Exception as failed:  # noqa: BLE001 - whatever it is, the worker goes on and the message is kept
        logger.error("what is no message of streamfw goes back to its queue: %s", failed)
        message.reject_log_error(logger, consumer.connection_errors, requeue=True)
        return
    logger.error("a message that is none of streamfw went to the dead letters: %s", what)
    message.ack_log_error(logger, consumer.connection_errors)

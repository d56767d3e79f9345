"""Errors of feeds as answers of HTTP."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from streamfw_core.errors import (
    ActivityNotFound,
    ArgumentError,
    CursorError,
    IdError,
    NotInFeed,
    QueueUnavailable,
    StorageError,
    StreamsError,
)

__all__ = ["STATUS_OF", "answer_errors"]

logger = logging.getLogger(__name__)

STATUS_OF: Final[Mapping[type[StreamsError], int]] = MappingProxyType(
    {
        CursorError: 400,
        IdError: 404,
        ActivityNotFound: 404,
        NotInFeed: 404,
        StorageError: 503,
        QueueUnavailable: 503,
    }
)
"""What is not here is a mistake in the program, and stays the 500 that it is."""


def answer_errors(app: Starlette) -> None:
    """Have an app of FastAPI or Starlette answer the errors in `STATUS_OF` with their status, and `{"detail": ...}`.

    A client is told what it did wrong, and only that a server is away; the log has the rest.

    :raises ArgumentError: the app has started, and would take no notice.
    """
    if app.middleware_stack is not None:
        raise ArgumentError("answer_errors() was called for an app that has started: call it where the app is made")
    for error, status in STATUS_OF.items():
        app.add_exception_handler(error, _answer_with(status))


def _answer_with(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        if status < 500:
            return JSONResponse({"detail": str(error)}, status)
        logger.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
        return JSONResponse({"detail": "temporarily unavailable, try again"}, status)

    return answer

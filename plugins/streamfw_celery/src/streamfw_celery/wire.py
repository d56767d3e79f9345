"""How a message of streamfw travels: as a task of Celery, which is what both queues write and read.

So workers of Celery execute what the kombu queue was given, and the other way around; one queue can replace the other
while messages are on their way.

| part | content |
|---|---|
| header `task` | `streamfw.execute` |
| header `id` | the id of the message, the same for its retries |
| header `retries` | how often it was tried before |
| body | JSON: `[[text], {}, {...}]`, where the text is the message as UTF-8 |
"""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import frozen
from streamfw_core.errors import MessageError

__all__ = ["TASK", "Received", "body_of", "bytes_of", "headers_of", "received", "text_of"]

TASK: Final = "streamfw.execute"

_EMBED: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@frozen
class Received:
    """What was in a message of a broker.

    :param attempt: the number of the attempt that is due, from 1.
    """

    id: str
    message: bytes
    attempt: int


def text_of(message: bytes) -> str:
    """A message as a text; bytes that are no UTF-8 come back as they were."""
    return message.decode("utf-8", "surrogateescape")


def bytes_of(body: Any) -> bytes:
    """The body of a message of kombu, which gives some as a text, and none for an empty one."""
    return body if isinstance(body, bytes) else str(body or "").encode("utf-8", "surrogateescape")


def body_of(message: bytes) -> bytes:
    """The body of the task that executes a message."""
    return json.dumps([[text_of(message)], {}, _EMBED], separators=(",", ":")).encode()


def headers_of(id: str, attempt: int = 1) -> dict[str, Any]:
    """The headers of that task: those that workers of Celery look at."""
    return {
        "lang": "py",
        "task": TASK,
        "id": id,
        "root_id": id,
        "parent_id": None,
        "group": None,
        "eta": None,
        "expires": None,
        "retries": attempt - 1,
        "timelimit": [None, None],
        "argsrepr": "(...)",
        "kwargsrepr": "{}",
        "origin": "streamfw",
        "ignore_result": True,
    }


def received(message: Any) -> Received:
    """What is in a message of kombu.

    :raises MessageError: something else than a message of streamfw.
    """
    headers = message.headers
    if message.errors:
        raise MessageError(f"the body of the message cannot be decompressed: {message.errors[0][1]!r}")
    if headers.get("task") != TASK:
        raise MessageError(
            f"not a message of streamfw: its task is {_shown(headers.get('task'))}, and should be {TASK!r}"
        )
    try:
        [text], _, _ = json.loads(message.body)
        data = text.encode("utf-8", "surrogateescape")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise MessageError(f"not a message of streamfw: its arguments are not one text ({error})") from error
    retries = headers.get("retries")
    tried = retries if type(retries) is int and 0 <= retries < 1_000_000 else 0
    return Received(str(headers.get("id") or ""), data, tried + 1)


def _shown(value: object) -> str:
    return repr(value)[:80]

"""What lies in a queue on a broker, for tests of what publishing leaves there."""

from __future__ import annotations

from typing import Any

from streamfw_celery import wire
from streamfw_celery.connections import broker_connection


def fetched(url: str, name: str) -> list[Any]:
    """The messages of a queue, off it."""
    messages = []
    with broker_connection(url) as connection, connection.channel() as channel:
        while (raw := channel.basic_get(name, no_ack=True)) is not None:
            messages.append(channel.message_to_python(raw))
    return messages


def texts(url: str, name: str) -> list[bytes]:
    """What was enqueued, of the messages of a queue."""
    return [wire.received(message).message for message in fetched(url, name)]

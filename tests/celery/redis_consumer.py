"""Consumers that are killed, as a program: python -m tests.celery.redis_consumer JSON."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from typing import Any, Final

import kombu
from attrs import asdict, frozen
from streamfw_celery.redis_transport import transport_for

WITHIN: Final = 60.0


@frozen
class Plan:
    """What a consumer does.

    :param queue: its name; what is executed is put into the set of the name `{queue}.done`.
    :param ours: whether it uses the transport of this project, or kombu's.
    :param dies_with_a_reply: it kills itself when it has read a message from the server, before anything is done with it.
    :param kills: so many consumers are killed one after the other, each at a random moment; then one works until all
        `messages` are done.
    """

    url: str
    queue: str
    ours: bool = True
    dies_with_a_reply: bool = False
    kills: int = 0
    messages: int = 0
    visibility_timeout: float = 1.0

    def connection(self) -> Any:
        options = {
            "visibility_timeout": self.visibility_timeout,
            "unacked_key": f"{self.queue}.unacked",
            "unacked_index_key": f"{self.queue}.unacked_index",
            "unacked_mutex_key": f"{self.queue}.unacked_mutex",
            "priority_steps": [0],
        }
        transport = transport_for(self.url) if self.ours else None
        return kombu.Connection(self.url, transport=transport, transport_options=options)

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.celery.redis_consumer", json.dumps(asdict(self))]


def consume(plan: Plan) -> None:
    """Execute messages until all are done."""
    with plan.connection() as connection, connection.channel() as channel:
        if plan.dies_with_a_reply:
            _die_with_a_reply(channel)

        def execute(message: Any) -> None:
            plain.sadd(f"{plan.queue}.done", message.body)
            message.ack()

        import redis

        plain = redis.Redis.from_url(plan.url)
        queue = kombu.Queue(plan.queue, kombu.Exchange(plan.queue), plan.queue)
        channel.basic_qos(0, 4, False)
        with kombu.Consumer(channel, [queue], on_message=execute), plain:
            end = time.monotonic() + WITHIN
            while plain.scard(f"{plan.queue}.done") < plan.messages and time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.5)


def _die_with_a_reply(channel: Any) -> None:
    read = channel.client.parse_response

    def reading(*arguments: Any, **options: Any) -> Any:
        answer = read(*arguments, **options)
        if isinstance(answer, list | tuple) and len(answer) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    channel.client.parse_response = reading


def kill_many(plan: Plan) -> None:
    """Start consumers and kill each at a random moment of its short life."""
    for _ in range(plan.kills):
        pid = os.fork()
        if not pid:
            with contextlib.suppress(BaseException):
                consume(plan)
            os._exit(0)
        time.sleep(random.uniform(0.005, 0.05))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    consume(plan)


if __name__ == "__main__":
    told = Plan(**json.loads(sys.argv[1]))
    (kill_many if told.kills else consume)(told)

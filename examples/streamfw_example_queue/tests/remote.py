"""Workers of RQ whose messages are executed in the process of the tests, where the kit has its handlers.

As a program it is such a worker: python remote.py worker ARGUMENTS, as of the command rq.
"""

import json
import os
import secrets
import time
from multiprocessing.connection import Client, Connection, Listener
from threading import Thread
from typing import Any

from redis import Redis
from rq.cli.cli import main
from streamfw_core.queues import FanoutPriority, Handler, OnDead
from streamfw_core.queues.retry import MessageFailed

from streamfw_core import Streams, set_default_streams

PORT, KEY = "STREAMFW_TESTS_PORT", "STREAMFW_TESTS_KEY"
EXECUTE, GIVEN_UP = b"x", b"d"  # the first byte of what is handed over


class Executing:
    """Listens for what workers hand over, for the handler and `on_dead` of the test that runs."""

    handler: Handler
    on_dead: OnDead

    def __init__(self) -> None:
        key = secrets.token_bytes(16)
        self._listener = Listener(("127.0.0.1", 0), backlog=16, authkey=key)
        _, port = self._listener.address
        self.environment = os.environ | {PORT: str(port), KEY: key.hex()}
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            Thread(target=self._execute, args=[self._listener.accept()], daemon=True).start()

    def _execute(self, connection: Connection) -> None:
        with connection:
            answer: dict[str, object] = {}
            try:
                told = connection.recv_bytes()
                if told.startswith(GIVEN_UP):
                    self.on_dead(told[1:].decode())
                else:
                    self.handler(told[1:])
            except MessageFailed as failed:
                reason = str(failed.__cause__ or failed)
                answer = {"reason": reason, "rest": failed.rest.hex(), "retriable": failed.retriable}
            connection.send_bytes(json.dumps(answer).encode())


class Remote(Streams):
    """The application of such a worker."""

    def execute(self, message: bytes) -> None:
        if answer := self._hand_over(EXECUTE + message):
            reason, rest = answer["reason"], bytes.fromhex(answer["rest"])
            raise MessageFailed(reason, rest=rest, retriable=answer["retriable"]) from ValueError(reason)

    def given_up(self, reason: str) -> None:
        self._hand_over(GIVEN_UP + reason.encode())

    def _hand_over(self, told: bytes) -> dict[str, Any]:
        address = "127.0.0.1", int(os.environ[PORT])
        with Client(address, authkey=bytes.fromhex(os.environ[KEY])) as connection:
            connection.send_bytes(told)
            answer: dict[str, Any] = json.loads(connection.recv_bytes())
        return answer


def settle(url: str, within: float = 120.0) -> None:
    """Wait until nothing waits and nothing runs; whatever does is in one of these at any time.

    :raises TimeoutError: it takes longer.
    """
    end = time.monotonic() + within
    with Redis.from_url(url) as redis:
        while left := _left(redis):
            if time.monotonic() > end:
                raise TimeoutError(f"{left} messages are left after {within:g} s")
            time.sleep(0.02)


def _left(redis: Redis) -> int:
    with redis.pipeline() as pipeline:
        for priority in FanoutPriority:
            pipeline.llen(f"rq:queue:streamfw.{priority}")
            pipeline.llen(f"rq:queue:streamfw.{priority}:intermediate")
            pipeline.zcard(f"rq:wip:streamfw.{priority}")
            pipeline.zcard(f"rq:scheduled:streamfw.{priority}")
        return sum(pipeline.execute())


if __name__ == "__main__":
    set_default_streams(Remote({}))
    main()

"""Workers of RQ whose messages are executed in the process of the tests, where the kit has its handlers.

As a program it is such a worker: python remote.py worker ARGUMENTS, as of the command rq.
"""

import json
import os
import secrets
import time
from multiprocessing.connection import Client, Connection, Listener
from threading import Thread

from redis import Redis
from rq.cli.cli import main
from streamfw_core.queues import FanoutPriority, Handler
from streamfw_core.queues.retry import MessageFailed

from streamfw_core import Streams, set_default_streams

PORT, KEY = "STREAMFW_TESTS_PORT", "STREAMFW_TESTS_KEY"


class Executing:
    """Listens for the messages of workers, and executes each by the handler of the test that runs."""

    handler: Handler

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
                self.handler(connection.recv_bytes())
            except MessageFailed as failed:
                reason = str(failed.__cause__ or failed)
                answer = {"reason": reason, "rest": failed.rest.hex(), "retriable": failed.retriable}
            connection.send_bytes(json.dumps(answer).encode())


class Remote(Streams):
    """The application of such a worker."""

    def execute(self, message: bytes) -> None:
        address = "127.0.0.1", int(os.environ[PORT])
        with Client(address, authkey=bytes.fromhex(os.environ[KEY])) as connection:
            connection.send_bytes(message)
            answer = json.loads(connection.recv_bytes())
        if answer:
            reason, rest = answer["reason"], bytes.fromhex(answer["rest"])
            raise MessageFailed(reason, rest=rest, retriable=answer["retriable"]) from ValueError(reason)


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

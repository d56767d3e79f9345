"""What task queues talk through: RabbitMQ, or Redis with a log."""

from __future__ import annotations

from typing import Self

from attrs import frozen

from tests.services.binaries import Binary
from tests.services.rabbitmq import RabbitBinary, RabbitMQ
from tests.services.redis import Server

BROKERS = ("rabbitmq", "redis")


@frozen
class Broker:
    """A server of either kind. What it has accepted is there after `kill` and `restart`, at the same `url`.

    RabbitMQ has accepted a message that its publisher waits for the confirmation of: in Kombu `confirm_publish`.
    """

    name: str
    """One of `BROKERS`."""

    server: RabbitMQ | Server

    @classmethod
    def of(cls, binary: RabbitBinary | Binary) -> Self:
        """One that does not run yet."""
        if isinstance(binary, RabbitBinary):
            return cls("rabbitmq", RabbitMQ(binary))
        return cls("redis", Server(binary, appendonly=True))

    @property
    def url(self) -> str:
        """As Celery and Kombu read it."""
        return self.server.url

    @property
    def running(self) -> bool:
        return self.server.running

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        """End it as an administrator does."""
        self.server.stop()

    def kill(self) -> None:
        """End it as a power failure does."""
        self.server.kill()

    def restart(self) -> None:
        """End it if it runs, and start it at the same `url`, with what it kept."""
        self.server.restart()

    def pause(self) -> None:
        """Let it hang: its connections stay, and it does not answer."""
        self.server.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.server.resume()

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

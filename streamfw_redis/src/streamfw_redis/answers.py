"""Requests with errors in our words: what could not be done, on which storage, at which key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define
from redis.exceptions import ResponseError
from streamfw_core.errors import StorageError

from streamfw_redis.failures import failed
from streamfw_redis.scripts import Call
from streamfw_redis.servers import Replies, Servers

__all__ = ["Answers"]


@define
class Answers:
    """Runs calls and turns errors into those of streamfw."""

    servers: Servers

    def run(self, calls: Iterable[Call]) -> Replies:
        """The replies, with the driver's errors among them."""
        return self.servers.run(calls)

    def start(self, calls: Iterable[Call]) -> Callable[[], Replies]:
        """`run`, in two halves: what is returned reads the replies, and must be called."""
        return self.servers.start(calls)

    def all(self, calls: Iterable[Call], what: str) -> list[Any]:
        """The replies to calls that must all succeed.

        :raises StorageError: one did not.
        """
        values = self.servers.run(calls).values
        for value in values:
            if isinstance(value, BaseException):
                raise self.failed(value, what)
        return values

    def one(self, call: Call, feed: bytes) -> Any:
        """The reply to one call that reads a feed.

        :raises StorageError: it did not succeed.
        """
        value = self.servers.look(call)
        if isinstance(value, BaseException):
            raise self.failed(value, feed.decode())
        return value

    def failed(self, error: BaseException, what: str) -> StorageError:
        if isinstance(error, StorageError):
            return error
        return failed(error, self.servers.name, self.servers.where, what)

    def refused(self, words: bytes, key: str) -> StorageError:
        """What a script said of one feed."""
        return self.failed(ResponseError(words.decode("utf-8", "replace")), f"feed {key!r}")

    def malformed(self, key: str, words: str) -> StorageError:
        """Stored bytes that are not ours."""
        return StorageError(
            f"storage {self.servers.name!r} (Redis at {self.servers.where}) holds something at {key!r} that streamfw did"
            f" not write: {words}. Look at it with redis-cli; deleting the key makes the feed usable again",
            storage=self.servers.name,
        )

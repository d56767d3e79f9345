"""Deleting everything under a namespace, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from redis.exceptions import RedisError

from streamfw_redis.failures import failed
from streamfw_redis.keys import Keys
from streamfw_redis.scripts import command
from streamfw_redis.servers import Servers
from streamfw_redis.servers.pool import Pool

__all__ = ["flush"]

KEYS_PER_STEP = b"1000"


def flush(servers: Servers, keys: Keys, namespace: str) -> None:
    """Walk all keys in slices, and delete in the background (UNLINK) those of the namespace.

    :raises StorageError: a server failed; what was deleted until then is gone, and flushing again goes on.
    """
    what = f"flushing {namespace!r}"
    try:
        # What moves to another node meanwhile could be missed on both, so a cluster is walked until nothing is found.
        while _flush_all(servers, keys, namespace, what) and keys.buckets:
            pass
    except (RedisError, OSError) as error:
        raise failed(error, servers.name, servers.where, what) from error


def _flush_all(servers: Servers, keys: Keys, namespace: str, what: str) -> int:
    """How many keys were deleted."""
    deleted = 0
    for pool in servers.every_master():
        for pattern, exact in keys.of_namespace(namespace):
            for found in _scan(servers, pool, pattern):
                ours = [key for key in found if exact.match(key)]
                # One by one, as on a cluster keys of several slots cannot be named in one command.
                replies = servers.run(command(b"UNLINK", key, bucket=keys.bucket_of(key)) for key in ours).values
                for reply in replies:
                    if isinstance(reply, BaseException):
                        raise failed(reply, servers.name, servers.where, what)
                deleted += sum(replies)
    return deleted


def _scan(servers: Servers, pool: Pool, pattern: bytes) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        [(cursor, found)] = servers.ask(pool, [command(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", KEYS_PER_STEP)])
        yield found
        if cursor == b"0":
            return

"""Deleting everything under a namespace, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from redis.exceptions import RedisError

from streamfw_redis.failures import failed
from streamfw_redis.keys import Keys
from streamfw_redis.scripts import command
from streamfw_redis.servers import Servers
from streamfw_redis.servers.pool import Pool
from streamfw_redis.servers.running import exchange

__all__ = ["flush"]

KEYS_PER_STEP = b"1000"


def flush(servers: Servers, keys: Keys, namespace: str) -> None:
    """Walk all keys in slices, and delete in the background (UNLINK) those of the namespace.

    :raises StorageError: a server failed; what was deleted until then is gone, and flushing again goes on.
    """
    for pool in servers.every_master():
        try:
            _flush_one(pool, keys, namespace)
        except (RedisError, OSError) as error:
            raise failed(error, servers.name, pool.address, f"flushing {namespace!r}") from error


def _flush_one(pool: Pool, keys: Keys, namespace: str) -> None:
    for pattern, exact in keys.of_namespace(namespace):
        for found in _scan(pool, pattern):
            ours = [key for key in found if exact.match(key)]
            # One by one, as on a cluster keys of several slots cannot be named in one command.
            for _, reply in exchange(pool, (command(b"UNLINK", key) for key in ours), by_source=False):
                if isinstance(reply, BaseException):
                    raise reply


def _scan(pool: Pool, pattern: bytes) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        [(_, reply)] = exchange(pool, [command(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", KEYS_PER_STEP)], by_source=False)
        if isinstance(reply, BaseException):
            raise reply
        cursor, found = reply
        yield found
        if cursor == b"0":
            return

"""What a server must be, and what it had better be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import RedisError, ResponseError
from streamfw_core.errors import StorageError, StreamsError

from streamfw_redis.failures import at, code_of, failed
from streamfw_redis.packing import bulk

if TYPE_CHECKING:
    from streamfw_redis.storage import RedisStorage

__all__ = ["Finding", "Level", "check", "greet"]

logger = logging.getLogger(__name__)

OLDEST = (6, 2)


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """One thing that was looked at.

    :param server: its address.
    :param what: `"reachable"`, `"version"`, `"maxmemory-policy"` or `"scripts"`.
    """

    level: Level
    server: str
    what: str
    message: str


def greet(storage: str) -> Callable[[Any, str], None]:
    """What a storage does with its first connection to a server: refuse one that is too old, warn of one that forgets."""

    def greeting(connection: Any, address: str) -> None:
        about = _about(connection)
        for finding in (_version(about, address), _eviction(about, address)):
            if finding.level is Level.ERROR:
                raise StorageError(
                    f"storage {storage!r} cannot work with Redis at {address}: {finding.message}", storage=storage
                )
            if finding.level is Level.WARNING:
                logger.warning("storage %r, Redis at %s: %s", storage, address, finding.message)

    return greeting


def check(storage: RedisStorage) -> list[Finding]:
    """Look at every server that holds data: whether it is there, its version, whether it evicts keys, whether scripts load.

    Nothing is raised for a server that fails; that is a finding. Nothing is written.
    """
    from streamfw_redis.scripts import known

    try:
        pools = storage.servers.every_master()
    except StreamsError as error:
        return [Finding(Level.ERROR, storage.servers.where, "version", str(error))]
    except (RedisError, OSError) as error:
        where = storage.servers.where
        return [
            Finding(Level.ERROR, where, "reachable", str(failed(error, storage.name, where, "finding its servers")))
        ]
    found = []
    for pool in pools:
        connection = None
        try:
            connection = pool.take()
            about = _about(connection)
            found.append(Finding(Level.OK, pool.address, "reachable", "it answers"))
            found += [_version(about, pool.address), _eviction(about, pool.address)]
            found.append(_scripts(connection, known(), pool.address))
        except StreamsError as error:  # refused when it was greeted
            found.append(Finding(Level.ERROR, pool.address, "version", str(error)))
        except (RedisError, OSError) as error:
            words = str(failed(at(pool.address, error), storage.name, pool.address, "a check"))
            found.append(Finding(Level.ERROR, pool.address, "reachable", words))
        finally:
            if connection is not None:
                connection.disconnect()
    return found


def _about(connection: Any) -> Mapping[str, str]:
    """What INFO says of the server and its memory; nothing where the user may not ask.

    `CONFIG GET` would say the same, but managed servers do not allow it.
    """
    sections = [b"*2\r\n%b" % bulk((b"INFO", section)) for section in (b"server", b"memory")]
    connection.send_packed_command([b"".join(sections)], check_health=False)
    lines: list[str] = []
    for _ in sections:
        try:
            lines += connection.read_response(disable_decoding=True).decode("utf-8", "replace").splitlines()
        except ResponseError as error:
            if code_of(error) != "NOPERM" and "unknown command" not in str(error):
                raise
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _version(about: Mapping[str, str], address: str) -> Finding:
    said = about.get("redis_version", "")
    numbers = tuple(int(part) if part.isdigit() else 0 for part in said.split(".")[:2])
    name = f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {said}"
    if said and numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Finding(Level.ERROR, address, "version", f"it is {name}, and Redis {oldest} or newer is needed")
    return Finding(Level.OK, address, "version", f"it is {name}" if said else "it does not say")


def _eviction(about: Mapping[str, str], address: str) -> Finding:
    policy, limit = about.get("maxmemory_policy", "noeviction"), about.get("maxmemory", "0")
    what = "maxmemory-policy"
    if policy == "noeviction" or limit == "0":
        return Finding(Level.OK, address, what, "it does not evict keys")
    loses = (
        "only keys that expire, which here are what is remembered of removals: what was removed may come back when a message"
        " is late or delivered again"
        if policy.startswith("volatile-")
        else "feeds and activities"
    )
    return Finding(
        Level.WARNING,
        address,
        what,
        f"maxmemory-policy is {policy!r}, so a full server deletes {loses}. Set it to 'noeviction'",
    )


def _scripts(connection: Any, scripts: list[Any], address: str) -> Finding:
    """Load all scripts, which the first calls would do otherwise."""
    for one in scripts:
        connection.send_packed_command([b"*3\r\n%b" % bulk((b"SCRIPT", b"LOAD", one.source))], check_health=False)
        try:
            connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return Finding(Level.ERROR, address, "scripts", f"it does not take the script {one.name!r}: {error}")
    return Finding(Level.OK, address, "scripts", f"it takes all {len(scripts)} scripts")

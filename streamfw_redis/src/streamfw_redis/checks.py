"""What a server must be, and what it had better be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError, ResponseError
from streamfw_core.doctor.findings import (
    REACHABLE,
    VERSION,
    Finding,
    Level,
    Now,
    compare_clocks,
    failure,
    ok,
    warning,
)
from streamfw_core.errors import StorageError, StreamsError

from streamfw_redis.failures import at, code_of, failed
from streamfw_redis.scripts import command

if TYPE_CHECKING:
    from streamfw_redis.servers.pool import Pool
    from streamfw_redis.storage import RedisStorage

__all__ = ["check", "greet"]

logger = logging.getLogger(__name__)

OLDEST = (6, 2)
REACH = "see that it runs, and that address, user and password in the settings are right: `streamfw settings`"


def greet(storage: str) -> Callable[[Any, str], None]:
    """What a storage does with its first connection to a server: refuse one that is too old, warn of one that forgets."""

    def greeting(connection: Any, address: str) -> None:
        about = _about(connection)
        for finding in (_version(about, address), _eviction(about, address)):
            if finding.level is Level.FAILURE:
                raise StorageError(
                    f"storage {storage!r} cannot work with Redis at {address}: {finding.message}", storage=storage
                )
            if finding.level is Level.WARNING:
                logger.warning("storage %r, Redis at %s: %s", storage, address, finding.message)

    return greeting


def check(storage: RedisStorage, now: Now = time.time) -> list[Finding]:
    """Look at every server that holds data: whether it is there, its version, whether it evicts keys or forgets them at
    a restart, whether scripts load, and its clock.

    Nothing is raised for a server that fails; that is a finding. Nothing is written.

    :param now: the clock of this machine.
    """
    try:
        pools = storage.servers.every_master()
    except StreamsError as error:
        return [failure(_at(storage, storage.servers.where), VERSION, str(error), REACH)]
    except (RedisError, OSError) as error:
        where = storage.servers.where
        words = str(failed(error, storage.name, where, "finding its servers"))
        return [failure(_at(storage, where), REACHABLE, words, REACH)]
    return [finding for pool in pools for finding in _check_one(storage, pool, now)]


def _check_one(storage: RedisStorage, pool: Pool, now: Now) -> list[Finding]:
    from streamfw_redis.scripts import known

    where, found = _at(storage, pool.address), []
    connection: Any = None

    def their_time() -> float:
        seconds, microseconds = _answers(connection, (b"TIME",))[0]
        return int(seconds) + int(microseconds) / 1_000_000

    try:
        connection = pool.take()
        about = _about(connection)
        found.append(ok(where, REACHABLE, "it answers"))
        found += [_version(about, where), _eviction(about, where), _persistence(connection, about, where)]
        found.append(_scripts(connection, known(), where))
        found.append(compare_clocks(where, their_time, now))
    except StreamsError as error:  # refused when it was greeted
        found.append(failure(where, VERSION, str(error), "use a newer server for this storage"))
    except (RedisError, OSError) as error:
        words = str(failed(at(pool.address, error), storage.name, pool.address, "a check"))
        found.append(failure(where, REACHABLE, words, REACH))
    finally:
        if connection is not None:
            connection.disconnect()
    return found


def _at(storage: RedisStorage, address: str) -> str:
    return f"storage {storage.name!r}, Redis at {address}"


def _answers(connection: Any, *commands: tuple[bytes, ...]) -> list[Any]:
    """The replies; None where the user may not ask, or the server does not know how."""
    connection.send_packed_command(
        [b"".join(command(*parts).by_hash() for parts in commands)], check_health=False
    )
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(connection.read_response(disable_decoding=True))
        except ResponseError as error:
            if code_of(error) != "NOPERM" and "unknown command" not in str(error):
                raise
            replies.append(None)
    return replies


def _about(connection: Any) -> Mapping[str, str]:
    """What INFO says of the server and its memory; nothing where the user may not ask.

    `CONFIG GET` would say the same, but managed servers do not allow it.
    """
    texts = _answers(connection, *((b"INFO", section) for section in (b"server", b"memory", b"persistence")))
    lines = [line for text in texts if text is not None for line in text.decode("utf-8", "replace").splitlines()]
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _version(about: Mapping[str, str], where: str) -> Finding:
    said = about.get("redis_version", "")
    numbers = tuple(int(part) if part.isdigit() else 0 for part in said.split(".")[:2])
    name = f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {said}"
    if said and numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        message = f"it is {name}, and Redis {oldest} or newer is needed"
        return failure(where, VERSION, message, "use a newer server for this storage")
    return ok(where, VERSION, f"it is {name}" if said else "it does not say")


def _eviction(about: Mapping[str, str], where: str) -> Finding:
    policy, limit = about.get("maxmemory_policy", "noeviction"), about.get("maxmemory", "0")
    what = "maxmemory-policy"
    if policy == "noeviction" or limit == "0":
        return ok(where, what, "it does not evict keys")
    loses = (
        "only keys that expire, which here are what is remembered of removals: what was removed may come back when a message"
        " is late or delivered again"
        if policy.startswith("volatile-")
        else "feeds and activities"
    )
    message = f"maxmemory-policy is {policy!r}, so a full server deletes {loses}. Set it to 'noeviction'"
    return warning(where, what, message, "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf")


def _persistence(connection: Any, about: Mapping[str, str], where: str) -> Finding:
    what = "persistence"
    if about.get("aof_enabled") == "1":
        return ok(where, what, "it logs what is written (appendonly)")
    [said] = _answers(connection, (b"CONFIG", b"GET", b"save"))
    if said is None or not about or len(said) < 2:
        return ok(where, what, "it does not say")
    if said[1]:
        return ok(where, what, "it saves snapshots; what came after the last one is lost when it is killed")
    message = "it writes nothing to its disk, so a restart forgets all feeds and activities"
    return warning(where, what, message, "redis-cli CONFIG SET appendonly yes, and the same in redis.conf")


def _scripts(connection: Any, scripts: list[Any], where: str) -> Finding:
    """Load all scripts, which the first calls would do otherwise."""
    for one in scripts:
        connection.send_packed_command([command(b"SCRIPT", b"LOAD", one.source).by_hash()], check_health=False)
        try:
            connection.read_response(disable_decoding=True)
        except ResponseError as error:
            message = f"it does not take the script {one.name!r}: {error}"
            return failure(where, "scripts", message, "let the user of the storage run SCRIPT LOAD, EVAL and EVALSHA")
    return ok(where, "scripts", f"it takes all {len(scripts)} scripts")

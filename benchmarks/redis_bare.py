"""The same work on Redis without streamfw: a pipeline as the old library uses it, and the fewest bytes and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis
from workloads import Source

from streamfw_core import Activity

CHUNK = 1_000

APPEND = """
for index = 1, #KEYS do
  if redis.call('RPUSH', KEYS[index], ARGV[1]) > tonumber(ARGV[2]) then redis.call('LPOP', KEYS[index]) end
end
return #KEYS
"""


def old_id(activity: Activity) -> int:
    """How the old library makes ids: milliseconds, ten digits of the object, three of the verb."""
    return int(f"{int(activity.time.timestamp() * 1000)}{activity.object_id:0>10}{activity.verb.id:0>3}")


def fan_out_by_pipeline(client: Any, keys: Sequence[str], activity: Activity, length: int) -> None:
    """A sorted set for each feed, a thousand feeds at a time."""
    id = old_id(activity)
    for first in range(0, len(keys), CHUNK):
        pipeline = client.pipeline(transaction=False) if isinstance(client, redis.Redis) else client.pipeline()
        for key in keys[first : first + CHUNK]:
            pipeline.zadd(key, {str(id): id})
            pipeline.zremrangebyrank(key, 0, -length - 1)
        pipeline.execute()


def fill_sorted_sets(client: redis.Redis, keys: Sequence[str], source: Source, length: int) -> None:
    """The same sorted sets, full: one is written and copied."""
    client.zadd(keys[0], {str(id): id for id in map(old_id, source.many(length))})
    pipeline = client.pipeline(transaction=False)
    for key in keys[1:]:
        pipeline.copy(keys[0], key, replace=True)
    pipeline.execute()


class Raw:
    """One connection, requests that are packed by hand, a script for each thousand feeds."""

    def __init__(self, connection: Any, script: str) -> None:
        self._connection = connection
        connection.send_command("SCRIPT", "LOAD", script)
        self._sha = connection.read_response()
        if isinstance(self._sha, str):
            self._sha = self._sha.encode()

    def run(self, calls: Iterable[tuple[Sequence[bytes], Sequence[bytes]]]) -> list[Any]:
        """Send all (keys and arguments), then read all answers."""
        number = 0
        for keys, arguments in calls:
            parts = (b"EVALSHA", self._sha, b"%d" % len(keys), *keys, *arguments)
            packed = b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])
            self._connection.send_packed_command([b"*%d\r\n%b" % (len(parts), packed)], check_health=False)
            number += 1
        return [self._connection.read_response() for _ in range(number)]


def append_raw(raw: Raw, prefix: bytes, feeds: int, activity: Activity, length: int) -> None:
    """16 bytes to a list for each feed, the oldest out: in no order but that of arrival, with nothing remembered."""
    id = activity.serialization_id.to_bytes(16, "big")
    raw.run(
        ([b"%b%d" % (prefix, owner) for owner in range(first, min(first + CHUNK, feeds))], (id, b"%d" % length))
        for first in range(0, feeds, CHUNK)
    )


def times(count: int, work: Callable[[], object]) -> Callable[[], None]:
    """Again and again, where once is too short to be timed."""

    def repeated() -> None:
        for _ in range(count):
            work()

    return repeated

"""What the Redis transport does in one step within the server.

KEYS begin with the hash of what is unacknowledged and the sorted set of when it was taken, where both are needed.
Nothing of a message is read here: what holds it in the hash is put together as text,
`[message, exchange, routing key]`, in the form that kombu's transport reads too.
"""

from __future__ import annotations

import functools
import hashlib

__all__ = ["ATTEND", "ATTENDING", "FORGET", "GIVE_BACK", "KEEP", "NOTED", "OVERDUE", "SET_ASIDE", "TAKE", "sha"]

_NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
"""

TAKE = f"""
for i = 3, #KEYS do
    local item = redis.call('RPOP', KEYS[i])
    if item then
        local queue = ARGV[i - 1]
        if queue ~= '' then
            {_NOW}
            redis.call('ZADD', KEYS[2], now, ARGV[1])
            redis.call('HSET', KEYS[1], ARGV[1], '[' .. item .. ',"",' .. queue .. ']')
        end
        return {{i - 2, item}}
    end
end
return false
"""
"""Take the oldest item of the first of the lists KEYS[3..] that has one, and note it under the tag ARGV[1].

ARGV[2..] are the names of their queues, each as JSON, or empty where nothing is to be noted.
Pops first: a server whose memory is full lets a script go on that has begun to write.

Returns the number of the list, from 1, and the item; nil when all are empty.
"""

KEEP = f"""
{_NOW}
for i = 1, #ARGV do
    redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i])
end
"""
"""Say of each of the tags ARGV, in the sorted set KEYS[1], that it is held now."""

OVERDUE = f"""
{_NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[2])
"""
"""Up to ARGV[2] tags of the sorted set KEYS[1] that were last held more than ARGV[1] seconds ago."""

ATTEND = f"""
{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
"""Say in the sorted set KEYS[1] that the worker ARGV[1] is there, and forget those that did not for ARGV[2] seconds.

Removes first, for a server whose memory is full.
"""

ATTENDING = f"""
{_NOW}
return redis.call('ZCOUNT', KEYS[1], now - ARGV[1], '+inf')
"""
"""How many workers have said in the sorted set KEYS[1] within ARGV[1] seconds that they are there."""

NOTED = "return redis.call('HGET', KEYS[1], ARGV[1])"
"""What the hash KEYS[1] has under a tag."""

FORGET = """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
"""
"""Forget what is noted under a tag."""

GIVE_BACK = """
local held = redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if held == 1 then
    for i = 3, #KEYS do
        redis.call(ARGV[2], KEYS[i], ARGV[3])
    end
end
return held
"""
"""Put the message ARGV[3] into the lists KEYS[3..] with LPUSH or RPUSH (ARGV[2]), unless its tag ARGV[1] is gone."""

SET_ASIDE = """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('LPUSH', KEYS[3], ARGV[2])
"""
"""Move what is noted under a tag into the list KEYS[3], as ARGV[2] has it."""


@functools.cache
def sha(script: str) -> str:
    """By what a server knows a script that it has seen."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()

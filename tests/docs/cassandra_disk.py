"""What rows cost on Cassandra's disk: feeds of real activities, written to a node that then writes its tables out.

python -m tests.docs.cassandra_disk prints the figures of docs/cassandra.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streamfw_cassandra.storage import CassandraStorage, create
from streamfw_core.storage import Record, Removal, Write

from streamfw_core import Activity, Feed, Love, NotificationFeed, Streams
from tests.services.cassandra import Cassandra, find_cassandra

__all__ = ["bytes_on_disk"]

FEEDS, LENGTH, GROUPS, READERS = 200, 100, 20, 5
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


class ShortFeed(Feed):
    """References."""

    name = "short"


class WholeFeed(Feed):
    """Payloads."""

    name = "whole"
    activities = None


class BellFeed(NotificationFeed):
    name = "bell"


class SeenFeed(NotificationFeed):
    name = "seen"


FEED_CLASSES: tuple[type[Feed], ...] = (ShortFeed, WholeFeed, BellFeed, SeenFeed)


def bytes_on_disk(server: Cassandra, feeds: int = FEEDS) -> dict[str, float]:
    """What -> bytes of one row in the files of a table; 'payload': how long the activities are, in the mean."""
    options = {"hosts": server.hosts, "port": server.port, "keyspace": "disk", "replication": 1, "timeout": 60.0}
    settings = {"storages": {"default": {"backend": "cassandra", "options": options}}}
    with Streams(settings) as streams:
        streams.prepare(*FEED_CLASSES)
        storage = create("disk", options)
        payload = _fill(streams, storage, feeds)
        storage.close()
    for node in server.nodes:
        # What is in memory only is in the log, and is written out when that is read again.
        node.kill()
        node.start()
    [folder] = [path for node in server.nodes for path in node.folder.glob("data/disk")]
    sizes = {path.name.partition("-")[0]: _size(path) for path in folder.iterdir()}
    named = {table.rpartition("_")[0] or table: size for table, size in sizes.items()}
    return {"payload": payload, **{name: size / (feeds * LENGTH) for name, size in named.items()}}


def _fill(streams: Streams, storage: CassandraStorage, feeds: int) -> float:
    """Each activity is in a few feeds, so that feeds which are beside each other on the disk have little in common."""
    chance, rows = random.Random(7), feeds * LENGTH
    owners = [str(number) for number in chance.sample(range(10**6, 10**7), feeds)]
    activities = [_activity(chance, 17 * number) for number in range(rows // READERS)]
    followers = [[owners[(first + READERS * at) % feeds] for at in range(READERS)] for first in range(len(activities))]
    stamps = [(one.serialization_id >> 64) * 1000 + chance.randrange(20_000) for one in activities]
    for feed_class in FEED_CLASSES:
        binding = streams.bind(feed_class)
        encoded = binding.encode(activities)
        puts = [binding.entries([one], stamp)[0] for one, stamp in zip(encoded, stamps, strict=True)]
        if binding.spec.kind != "flat":
            puts = [put._replace(group=f"3-{number % GROUPS}-2026-11-24") for number, put in enumerate(puts)]
        writes = [Write(some, puts=[put]) for some, put in zip(followers, puts, strict=True)]
        assert not storage.write(binding.spec, writes).failures
    for owner in owners:
        storage.mark(streams.bind(SeenFeed).spec, owner, None, seen=True, read=True, stamp=stamps[-1] + 1)
    short = streams.bind(ShortFeed)
    stored = short.encode(_activity(chance, number) for number in range(rows))
    records = [
        Record(one.serialization_id, (one.serialization_id >> 64) * 1000 + chance.randrange(20_000), payload)
        for one, payload in stored
    ]
    storage.store(short.records, records)
    storage.remember(short.spec, removes=[Removal(record.id, record.stamp) for record in records])
    return sum(len(payload) for _, payload in stored) / rows


def _activity(chance: random.Random, seconds: int) -> Activity:
    time = START + timedelta(seconds=seconds, microseconds=chance.randrange(10**6))
    extra = {"board": chance.randrange(10**7), "image": f"{chance.getrandbits(64):016x}"}
    return Activity(chance.randrange(10**7), Love, chance.randrange(10**8), time=time, extra_context=extra)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def _server() -> Iterator[Cassandra]:
    with Cassandra(find_cassandra()) as server:
        yield server


if __name__ == "__main__":
    with _server() as server:
        for what, size in bytes_on_disk(server).items():
            print(f"{what}: {size:.1f}")

"""A storage that keeps one byte for each feed: how often something was put into it.

What a process needs beside that is the pipeline's own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from streamfw_core.storage.protocol import (
    Capabilities,
    Entry,
    FeedSpec,
    Outcome,
    Page,
    Query,
    Record,
    Removal,
    Stats,
    Write,
)

FEEDS = 2_000_000
"""Owners are the integers below this."""


class CountingStorage:
    capabilities = Capabilities()
    tombstone_ttl = 864_000.0

    def __init__(self, name: str = "counting", options: Mapping[str, object] | None = None) -> None:
        self.name = name
        self.puts: dict[str, bytearray] = {}
        self._lock = threading.Lock()

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        for spec in specs:
            self.puts[spec.name] = bytearray(FEEDS)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        counts = self.puts.get(spec.name)
        if counts is not None:
            with self._lock:
                for write in writes:
                    for owner in write.owners:
                        counts[int(owner)] += len(write.puts)
        return Outcome()

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int | None:
        return None

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        raise NotImplementedError

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        raise NotImplementedError

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        raise NotImplementedError

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        raise NotImplementedError

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        raise NotImplementedError

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        raise NotImplementedError

    def flush(self, namespace: str) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass

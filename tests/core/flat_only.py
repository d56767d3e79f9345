"""A storage that has flat timelines and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from streamfw_core.errors import Unsupported
from streamfw_core.storage import Entry, FeedSpec, Outcome, Page, Query, Removal, Stats, Write
from streamfw_memory.storage import MemoryStorage


class FlatOnly(MemoryStorage):
    """The memory storage without its groups. Calls are counted, as each would be a round trip."""

    capabilities = evolve(MemoryStorage.capabilities, exact_members=0, cas=False)

    def __init__(self, name: str = "flat", *, tombstone_ttl: float = 864_000.0) -> None:
        super().__init__(name, tombstone_ttl=tombstone_ttl)
        self.calls: list[str] = []
        self.prepared: list[str] = []

    def check(self, spec: FeedSpec, call: str) -> None:
        if spec.kind != "flat":
            raise Unsupported(f"feed {spec.name!r} is of the kind {spec.kind!r}")
        self.calls.append(call)

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        for spec in specs:
            self.check(spec, "prepare")
        self.prepared += [spec.namespace for spec in specs]

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        self.check(spec, "write")
        return super().write(spec, writes, report=report)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        self.check(spec, "remember")
        super().remember(spec, removes=removes, updates=updates)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        self.check(spec, "read")
        return super().read(spec, queries)

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        self.check(spec, "stats")
        return super().stats(spec, queries)

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        self.check(spec, "clear")
        super().clear(spec, owners, keep=keep, stamp=stamp)

    def __getattribute__(self, name: str) -> Any:
        if name in {"read_groups", "get_groups", "groups_of", "mark", "version", "swap"}:
            raise AttributeError(f"a storage without groups has no {name}")
        return super().__getattribute__(name)

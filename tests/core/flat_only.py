"""A storage that has flat timelines and nothing else, and words for tests of groups on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from streamfw_core.errors import Unsupported
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Outcome, Page, Query, Removal, Stats, Storage, Write
from streamfw_core.storage.groups import Group, GroupStorage
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


SPEC = FeedSpec("n", KeyFormat("n:%(user_id)s"), 3, kind="notification", inline=True)
ROOMY = evolve(SPEC, keep=100)
AGGREGATED = FeedSpec("g", KeyFormat("g:%(user_id)s"), 3, kind="aggregated", inline=True)


def member(number: int, group: str = "g", actor: str = "1", stamp: int = 1) -> Entry:
    return Entry(number << 64 | number, stamp, b"activity", group, actor)


def id_of(number: int) -> int:
    return number << 64 | number


def add(storage: Storage, *members: Entry, spec: FeedSpec = SPEC) -> Outcome:
    return storage.write(spec, [Write(["a"], puts=members)], report=True)


def remove(storage: Storage, *numbers: int, stamp: int, spec: FeedSpec = SPEC) -> Outcome:
    return storage.write(spec, [Write(["a"], removes=[Removal(id_of(number), stamp) for number in numbers])])


def mark(storage: GroupStorage, *keys: str, stamp: int = 100, spec: FeedSpec = SPEC) -> list[str]:
    return storage.mark(spec, "a", keys or None, seen=True, read=False, stamp=stamp)


def groups(storage: GroupStorage, spec: FeedSpec = SPEC) -> dict[str, Group]:
    return {group.key: group for group in storage.read_groups(spec, [Query("a")])[0]}


def counts(storage: GroupStorage, spec: FeedSpec = SPEC) -> dict[str, int]:
    return {key: group.member_count for key, group in groups(storage, spec).items()}


def unseen(storage: GroupStorage, spec: FeedSpec = SPEC) -> set[str]:
    return {key for key, group in groups(storage, spec).items() if not group.seen}


class Interrupted(FlatOnly):
    """`meanwhile` is what others do right before the call whose number is `at`, from now on."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Any] | None = None
        self.at = 0

    def interrupt(self, at: int, meanwhile: Callable[[], Any]) -> None:
        self.at, self.meanwhile = len(self.calls) + at, meanwhile

    def check(self, spec: FeedSpec, call: str) -> None:
        super().check(spec, call)
        if self.meanwhile is not None and len(self.calls) > self.at:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()


class Died(Exception):
    """The process of a writer."""


def die() -> None:
    raise Died

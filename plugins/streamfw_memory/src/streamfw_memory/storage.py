"""The embedded default: everything in dictionaries of this process. No server, nothing outlives the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen
from attrs.validators import gt, instance_of
from streamfw_core.doctor.findings import REACHABLE, Finding, Now, ok
from streamfw_core.errors import Unsupported
from streamfw_core.storage import (
    Capabilities,
    Change,
    Entry,
    FeedSpec,
    Outcome,
    Page,
    Query,
    Record,
    Removal,
    Scope,
    Stats,
    Survives,
    Write,
)
from streamfw_core.storage.groups import Group

from streamfw_memory.groups import GroupTimelines
from streamfw_memory.records import Records
from streamfw_memory.remembering import Memory
from streamfw_memory.timelines import Timelines

TEN_DAYS = 864_000.0
EXACT_MEMBERS = 1_000_000


@frozen
class Options:
    """`tombstone_ttl`: seconds for which removals are remembered."""

    tombstone_ttl: float = field(default=TEN_DAYS, validator=[instance_of((int, float)), gt(0)])


def create(name: str, options: Mapping[str, object]) -> MemoryStorage:
    """The backend's factory."""
    from streamfw_core.settings import structure_options

    given = {key: value for key, value in options.items() if key != "url"}
    parsed = structure_options(Options, given, f"storages.{name}.options")
    return MemoryStorage(name, tombstone_ttl=parsed.tombstone_ttl)


class MemoryStorage:
    """Timelines and records in this process, safe for threads.

    It counts what an add changed, and hydrates in the same call.
    Nothing of it survives a restart, or is seen by other processes.

    In the settings: `"memory://"`, or `{"backend": "memory", "options": {"tombstone_ttl": 864000}}`.
    """

    capabilities = Capabilities(
        scope=Scope.PROCESS,
        survives=Survives.NONE,
        add_counts=True,
        cas=True,
        exact_members=EXACT_MEMBERS,
        one_trip_hydrate=True,
        ttl=True,
        copies=True,
        aio=True,  # it computes, and waits for nothing
    )

    def __init__(self, name: str = "memory", *, tombstone_ttl: float = TEN_DAYS) -> None:
        self.name = name
        self.tombstone_ttl = tombstone_ttl
        self._timelines: dict[str, Timelines | GroupTimelines] = {}
        self._records: dict[str, Records] = {}
        self._lock = threading.Lock()

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """There is no schema."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        added = removed = 0
        changes: dict[str, Change] = {}
        with self._lock:
            feeds = self._of(spec)
            for write in writes:
                if (
                    isinstance(feeds, Timelines)
                    and len(write.puts) == 1
                    and not (write.removes or write.updates or report)
                ):
                    appended = feeds.append_to_all(write.owners, write.puts[0], spec)
                    if appended is not None:
                        added += appended
                        continue
                for owner in write.owners:
                    change = feeds.write(owner, write, spec)
                    added += len(change.added)
                    removed += len(change.removed)
                    if report and (change.added or change.removed):
                        changes[owner] = _joined(changes.get(owner), change)
        return Outcome(added=added, removed=removed, changes=changes)

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int:
        with self._lock:
            entries = self._flat(source).select(query, source)
            puts = [entry._replace(stamp=stamp) for entry in entries]
            return len(self._flat(target).write(owner, Write([owner], puts=puts), target).added)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        with self._lock:
            self._of(spec).memory.remember(removes, updates)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        with self._lock:
            timelines = self._flat(spec)
            return [self._page(timelines.select(query, spec), query.hydrate) for query in queries]

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        with self._lock:
            return [self._flat(spec).locate(query, id, spec) for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        with self._lock:
            return [self._of(spec).stats(query, spec) for query in queries]

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        with self._lock:
            for owner in owners:
                self._of(spec).clear(owner, keep, stamp, spec)

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        with self._lock:
            feeds = self._grouped(spec)
            return [[self._hydrated(group, query.hydrate) for group in feeds.read(query, spec)] for query in queries]

    def get_groups(self, spec: FeedSpec, owner: str, keys: Sequence[str], *, hydrate: str | None) -> list[Group | None]:
        with self._lock:
            found = [self._grouped(spec).get(owner, key, spec) for key in keys]
            return [None if group is None else self._hydrated(group, hydrate) for group in found]

    def groups_of(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        with self._lock:
            return [self._grouped(spec).group_of(owner, id) for id in ids]

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        with self._lock:
            return self._grouped(spec).mark(owner, keys, seen=seen, read=read, stamp=stamp)

    def version(self, spec: FeedSpec, owner: str) -> int:
        with self._lock:
            return self._grouped(spec).version(owner)

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        with self._lock:
            feeds = self._grouped(spec)
            if feeds.version(owner) != version:
                return False
            feeds.write(owner, write, spec)
            return True

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        with self._lock:
            if namespace not in self._records:
                self._records[namespace] = Records(self.tombstone_ttl)
            of_namespace = self._records[namespace]
            if update:
                for record in records:
                    of_namespace.update(record)
                return 0
            return sum(map(of_namespace.store, records))

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        with self._lock:
            records = self._records.get(namespace)
            return [None if records is None else records.by_id.get(id) for id in ids]

    def flush(self, namespace: str) -> None:
        with self._lock:
            self._timelines.pop(namespace, None)
            self._records.pop(namespace, None)

    def examine(self, now: Now) -> Iterable[Finding]:
        """See `streamfw_core.doctor.Examined`."""
        return [ok(f"storage {self.name!r}", REACHABLE, "it is in this process, which takes it along when it ends")]

    def close(self) -> None:
        """There is no connection."""

    def _of(self, spec: FeedSpec) -> Timelines | GroupTimelines:
        feeds = self._timelines.get(spec.namespace)
        if feeds is None:
            kind = Timelines if spec.kind == "flat" else GroupTimelines
            feeds = self._timelines[spec.namespace] = kind(Memory(self.tombstone_ttl))
        return feeds

    def _flat(self, spec: FeedSpec) -> Timelines:
        feeds = self._of(spec)
        if not isinstance(feeds, Timelines):
            raise Unsupported(f"feed {spec.name!r} has groups: read it with read_groups, not read or locate")
        return feeds

    def _grouped(self, spec: FeedSpec) -> GroupTimelines:
        feeds = self._of(spec)
        if not isinstance(feeds, GroupTimelines):
            raise Unsupported(f"feed {spec.name!r} is flat and has no groups")
        return feeds

    def _hydrated(self, group: Group, hydrate: str | None) -> Group:
        return group._replace(payloads=self._page(group.members, hydrate).payloads)

    def _page(self, entries: Sequence[Entry], hydrate: str | None) -> Page:
        if hydrate is None:
            return Page.of(entries, [entry.payload for entry in entries])
        ids = [entry.id for entry in entries]
        records = self._records.get(hydrate)
        return Page(ids, [None] * len(ids) if records is None else records.payloads(ids))


def _joined(one: Change | None, other: Change) -> Change:
    return other if one is None else Change([*one.added, *other.added], [*one.removed, *other.removed])

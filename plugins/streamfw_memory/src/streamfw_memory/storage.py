"""The embedded default: everything in dictionaries of this process. No server, nothing outlives the process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from attrs import field, frozen
from attrs.validators import gt, instance_of
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

from streamfw_memory.records import Records
from streamfw_memory.remembering import Memory
from streamfw_memory.timelines import Timelines

TEN_DAYS = 864_000.0


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

    | can | how |
    |---|---|
    | counts what an add changed | yes |
    | hydrates in the same call | yes |
    | survives a restart | no |
    | is seen by other processes | no |

    In the settings: `"memory://"`, or `{"backend": "memory", "options": {"tombstone_ttl": 864000}}`.
    """

    capabilities = Capabilities(
        scope=Scope.PROCESS, survives=Survives.NONE, add_counts=True, one_trip_hydrate=True, ttl=True
    )

    def __init__(self, name: str = "memory", *, tombstone_ttl: float = TEN_DAYS) -> None:
        self.name = name
        self.tombstone_ttl = tombstone_ttl
        self._timelines: dict[str, Timelines] = {}
        self._records: dict[str, Records] = {}
        self._lock = threading.Lock()

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """There is no schema."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        added = removed = 0
        changes: dict[str, Change] = {}
        with self._lock:
            timelines = self._of(spec)
            for write in writes:
                if len(write.puts) == 1 and not (write.removes or write.updates or report):
                    appended = timelines.append_to_all(write.owners, write.puts[0], spec.keep)
                    if appended is not None:
                        added += appended
                        continue
                for owner in write.owners:
                    change = timelines.write(owner, write, spec.keep)
                    added += len(change.added)
                    removed += len(change.removed)
                    if report and (change.added or change.removed):
                        changes[owner] = _joined(changes.get(owner), change)
        return Outcome(added=added, removed=removed, changes=changes)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        with self._lock:
            self._of(spec).memory.remember(removes, updates)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        with self._lock:
            timelines = self._of(spec)
            return [self._page(timelines.select(query, spec.keep), query.hydrate) for query in queries]

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        with self._lock:
            return [self._of(spec).locate(query, id, spec.keep) for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        with self._lock:
            return [Stats(self._of(spec).count(query, spec.keep)) for query in queries]

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        with self._lock:
            for owner in owners:
                self._of(spec).clear(owner, keep, spec.keep, stamp)

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

    def close(self) -> None:
        """There is no connection."""

    def _of(self, spec: FeedSpec) -> Timelines:
        timelines = self._timelines.get(spec.namespace)
        if timelines is None:
            if spec.kind != "flat":
                raise Unsupported(
                    f"storage {self.name!r} (memory) keeps flat feeds only, and feed {spec.name!r} is of the kind"
                    f" {spec.kind!r}: keep it on a storage whose capability exact_members is not 0"
                )
            timelines = self._timelines[spec.namespace] = Timelines(Memory(self.tombstone_ttl))
        return timelines

    def _page(self, entries: list[Entry], hydrate: str | None) -> Page:
        if hydrate is None:
            return Page(entries, [entry.payload for entry in entries])
        records = self._records.get(hydrate)
        if records is None:
            return Page(entries, [None] * len(entries))
        return Page(entries, records.payloads(entries))


def _joined(one: Change | None, other: Change) -> Change:
    return other if one is None else Change([*one.added, *other.added], [*one.removed, *other.removed])

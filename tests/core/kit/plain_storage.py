"""A storage as plain as can be: dictionaries, and a sort at every read. The faulty ones are made of it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from attrs import define, field
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
    Stats,
    Write,
)

EVERYBODY = "*"
"""The owner of what is remembered for all feeds; no real one has a star in it."""


@define
class FeedClass:
    """What is stored of one feed class."""

    feeds: defaultdict[str, dict[int, Entry]] = field(factory=lambda: defaultdict(dict))
    removals: dict[tuple[str, int], int] = field(factory=dict)
    """Owner and id -> stamp."""
    updates: dict[tuple[str, int], Entry] = field(factory=dict)
    cuts: defaultdict[str, list[tuple[int, int]]] = field(factory=lambda: defaultdict(list))
    """Owner -> bounds and stamps."""

    def removed_at(self, owner: str, id: int) -> int:
        return max(self.removals.get((owner, id), -1), self.removals.get((EVERYBODY, id), -1))

    def is_cut(self, owner: str, entry: Entry) -> bool:
        return any(entry.id < bound and entry.stamp <= stamp for bound, stamp in self.cuts[owner])

    def version_of(self, owner: str, entry: Entry) -> Entry:
        """The entry with the payload of an update that is newer."""
        for key in ((owner, entry.id), (EVERYBODY, entry.id)):
            update = self.updates.get(key)
            if update is not None and update.stamp > entry.stamp:
                entry = entry._replace(payload=update.payload)
        return entry


class PlainStorage:
    capabilities = Capabilities(add_counts=True, one_trip_hydrate=True, copies=True, starts=True)
    tombstone_ttl = 864_000.0

    def __init__(self, name: str = "plain") -> None:
        self.name = name
        self.lock = threading.RLock()
        self.classes: dict[str, FeedClass] = {}
        self.records: defaultdict[str, dict[int, Record]] = defaultdict(dict)
        self.record_updates: defaultdict[str, dict[int, int]] = defaultdict(dict)

    def of(self, spec: FeedSpec) -> FeedClass:
        if spec.kind != "flat":
            raise Unsupported(f"feed {spec.name!r} is of the kind {spec.kind!r}")
        return self.classes.setdefault(spec.namespace, FeedClass())

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        pass

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        with self.lock:
            before: dict[str, set[int]] = {}
            added = removed = 0
            for write in writes:
                for owner in write.owners:
                    held = {*self.of(spec).feeds[owner]}
                    before.setdefault(owner, held)
                    self.apply(spec, owner, write)
                    now = {*self.of(spec).feeds[owner]}
                    added += len(now - held)
                    removed += len({removal.id for removal in write.removes} & held - now)
            changes = {owner: self.change(spec, owner, held, writes) for owner, held in before.items()}
            shown = {owner: change for owner, change in changes.items() if change.added or change.removed}
            return Outcome(added, removed, changes=shown if report else {})

    def change(self, spec: FeedSpec, owner: str, held: set[int], writes: Sequence[Write]) -> Change:
        now = {*self.of(spec).feeds[owner]}
        removes = {removal.id for write in writes for removal in write.removes}
        return Change(sorted(now - held), sorted(removes & held - now))

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        of, feed = self.of(spec), self.of(spec).feeds[owner]
        for put in write.puts:
            known = feed.get(put.id)
            newer = known is None or known.stamp < put.stamp
            if newer and of.removed_at(owner, put.id) < put.stamp and not of.is_cut(owner, put):
                feed[put.id] = of.version_of(owner, put)
        for removal in write.removes:
            key = (owner, removal.id)
            of.removals[key] = max(of.removals.get(key, -1), removal.stamp)
            if removal.id in feed and feed[removal.id].stamp <= removal.stamp:
                del feed[removal.id]
                of.updates.pop(key, None)
        for update in write.updates:
            key = (owner, update.id)
            if update.id in feed and (key not in of.updates or of.updates[key].stamp < update.stamp):
                of.updates[key] = update
                feed[update.id] = of.version_of(owner, feed[update.id])
        for id in sorted(feed, reverse=True)[spec.keep :]:
            del feed[id]

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        return partial(self.write, spec, writes, report=report)

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        with self.lock:
            entries = self.read(source, [query])[0].entries
            return self.write(target, [Write([owner], puts=[entry._replace(stamp=stamp) for entry in entries])]).added

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        with self.lock:
            of = self.of(spec)
            for removal in removes:
                key = (EVERYBODY, removal.id)
                of.removals[key] = max(of.removals.get(key, -1), removal.stamp)
            for update in updates:
                key = (EVERYBODY, update.id)
                if key not in of.updates or of.updates[key].stamp < update.stamp:
                    of.updates[key] = update

    def found(self, spec: FeedSpec, query: Query) -> list[Entry]:
        """What a query without start and stop finds."""
        feed = self.of(spec).feeds[query.owner]
        ids = [id for id in sorted(feed, reverse=True)[: spec.keep] if query.lower <= id <= query.upper]
        return [feed[id] for id in (reversed(ids) if query.oldest_first else ids)]

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        with self.lock:
            return [self.page(self.found(spec, query)[query.start : query.stop], query.hydrate) for query in queries]

    def page(self, entries: list[Entry], hydrate: str | None) -> Page:
        if hydrate is None:
            return Page.of(entries, [entry.payload for entry in entries])
        records = [self.records[hydrate].get(entry.id) for entry in entries]
        return Page.of(entries, [None if record is None else record.payload for record in records])

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        with self.lock:
            order = [entry.id for entry in self.found(spec, query)]
            return [order.index(id) if id in order else None for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        with self.lock:
            return [Stats(len(self.found(spec, query))) for query in queries]

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        with self.lock:
            for owner in owners:
                feed = self.of(spec).feeds[owner]
                ids = sorted(feed, reverse=True)
                for id in ids[keep:]:
                    if feed[id].stamp <= stamp:
                        del feed[id]
                if keep < len(ids) or not keep:
                    self.of(spec).cuts[owner].append((ids[keep - 1] if keep else 2**128, stamp))

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        with self.lock:
            return sum([self.store_one(namespace, record, update=update) for record in records])

    def store_one(self, namespace: str, record: Record, *, update: bool) -> bool:
        stored, updates = self.records[namespace], self.record_updates[namespace]
        known = stored.get(record.id)
        present = known is not None and known.payload is not None
        if update:
            if known is not None and present and record.stamp > max(known.stamp, updates.get(record.id, -1)):
                stored[record.id] = known._replace(payload=record.payload)
                updates[record.id] = record.stamp
            return False
        if known is not None and (known.stamp, not present) >= (record.stamp, record.payload is None):
            return False
        if known is not None and record.payload is not None and updates.get(record.id, -1) > record.stamp:
            record = record._replace(payload=known.payload)
        else:
            updates.pop(record.id, None)
        stored[record.id] = record
        return record.payload is not None and not present

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        with self.lock:
            return [self.records[namespace].get(id) for id in ids]

    def flush(self, namespace: str) -> None:
        with self.lock:
            for stored in (self.classes, self.records, self.record_updates):
                stored.pop(namespace, None)

    def close(self) -> None:
        pass

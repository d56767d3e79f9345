"""The base to start a storage from: implement two methods, and the rest is derived from them.

```python
class MyStorage(StarterStorage):
    capabilities = Capabilities(Scope.SHARED, Survives.RESTART, add_counts=True, ttl=True)

    def scan(self, partition, first, last, *, limit, backwards):
        ...  # rows of the partition with first <= key <= last, in the order of their keys

    def commit(self, partition, swaps):
        ...  # all of the swaps, or none
```

What is derived keeps every promise that the protocol makes, under concurrent writers in any number of processes.
It is slower than what a storage does that knows its server: override what matters to you.

**One partition for each namespace**, and not one for each feed.
A namespace holds what must change together: a removal for all feeds (`remember`) must not slip in between
the moment when a put looks for removals and the moment when it becomes visible.
In one partition the commit of the put depends on the row in which the removal is remembered, so that one of the two
comes first, and a put that is older than a removal never appears once `remember` returned.
Looking again after the commit would not do: readers would see the put in between, and for good when the writer dies there.
The same partition lets one commit write a hundred feeds, and `flush` find everything without a third method.
A server that cannot swap rows of a whole namespace together is no case for this base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TypeVar

from streamfw_core.errors import StreamsError, Unsupported
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import rows
from streamfw_core.storage.partitions import ROWS_AT_ONCE, TEN_DAYS, Partitions
from streamfw_core.storage.protocol import (
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
from streamfw_core.storage.remembering import notes_of, remember, store
from streamfw_core.storage.timeline import Timeline, delete, erase, keys_of_write
from streamfw_core.storage.transaction import Row, Swap, Torn, Transaction

__all__ = ["Row", "StarterStorage", "Swap"]

Item = TypeVar("Item")

FEEDS_PER_COMMIT = 100
GIVE_UP_AFTER = 3
"""Feeds that fail in a row, none having been written, after which the rest of a chunk is not tried."""


class StarterStorage(Partitions):
    """A `Storage` on two methods, `scan` and `commit`.

    A subclass sets `capabilities` to what is true of its server; `add_counts` and `ttl` the base can do.
    `attempts` is how often an operation is tried that others get ahead of, before it fails with `StorageError`.

    :param name: the storage's name in the settings.
    :param tombstone_ttl: seconds for which removals are remembered.
    """

    capabilities: Capabilities = Capabilities(Scope.PROCESS, Survives.NONE, add_counts=True, ttl=True)

    def __init__(self, name: str, *, tombstone_ttl: float = TEN_DAYS) -> None:
        super().__init__(name, tombstone_ttl)

    # --- to be overridden where there is something better ---

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """Rows need no schema of their own for each feed class."""

    def close(self) -> None:
        """Override it to give up connections."""

    # --- timelines ---

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        """See `Storage.write`. A hundred feeds are one commit, unless somebody gets ahead of it."""
        self._check(spec)
        writes_of: dict[str, list[Write]] = {}
        for write in writes:
            for owner in write.owners:
                writes_of.setdefault(owner, []).append(write)
        done: dict[str, list[Change]] = {}
        failures: dict[str, Exception] = {}
        for owners in _chunks(writes_of, FEEDS_PER_COMMIT):
            self._write_chunk(spec, {owner: writes_of[owner] for owner in owners}, done, failures)
        joined = {owner: _joined(changes) for owner, changes in done.items()}
        return Outcome(
            added=sum(len(change.added) for change in joined.values()),
            removed=sum(len(change.removed) for change in joined.values()),
            failures=failures,
            changes={owner: change for owner, change in joined.items() if report and (change.added or change.removed)},
        )

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        """See `Storage.remember`."""
        self._check(spec)
        with self._decoding(spec.namespace):
            self._transact(
                spec.namespace, lambda transaction: remember(transaction, self._lifetime(), removes, updates)
            )

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        """See `Storage.read`. Records are left to core, which knows where they are."""
        self._check(spec)
        pages = []
        for query in queries:
            found = self._select(spec, query)
            entries = [rows.unpack_entry(rows.id_at_end(row.key), row.value).entry for row in found]
            pages.append(Page.of(entries, None if query.hydrate is not None else [entry.payload for entry in entries]))
        return pages

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        """See `Storage.locate`. Reads the entries in front of the last one that is found."""
        self._check(spec)
        prefix, wanted = rows.timeline_prefix(query.owner), [*dict.fromkeys(ids)]
        found = self._fetch(spec.namespace, [rows.entry_key(prefix, id) for id in wanted])
        missing = {id for id, value in zip(wanted, found, strict=True) if value is not None}
        positions: dict[int, int] = {}
        for position, row in enumerate(self._walk(spec, query) if missing else ()):
            id = rows.id_at_end(row.key)
            if id in missing:
                positions[id] = position
                missing.remove(id)
                if not missing:
                    break
        return [positions.get(id) for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        """See `Storage.stats`. Without bounds the count is known; with them the entries are read."""
        self._check(spec)
        return [Stats(self._count(spec, query)) for query in queries]

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        """See `Storage.clear`. Of a feed with more than a thousand entries, the oldest go first."""
        self._check(spec)
        for owner in owners:
            self._cut_to_keep(spec, owner)
            self._clear(spec, owner, keep, stamp)

    # --- records ---

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        """See `Storage.store`."""

        def keep(transaction: Transaction, some: Sequence[Record]) -> int:
            return store(transaction, self._lifetime(), some, update=update)

        return sum(self._transact(namespace, partial(keep, some=some)) for some in _chunks(records, ROWS_AT_ONCE))

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        """See `Storage.load`."""
        now = self._lifetime().now
        values = self._fetch(namespace, [rows.record_key(id) for id in ids])
        stored = [None if data is None else rows.unpack_record(id, data) for id, data in zip(ids, values, strict=True)]
        return [None if found is None or found.is_forgotten(now) else found.record for found in stored]

    # --- both ---

    def flush(self, namespace: str) -> None:
        """See `Storage.flush`. Deletes a thousand rows at a time; override it where a partition can be dropped at once."""
        start = rows.FIRST_KEY
        while found := self._scan(namespace, start, rows.LAST_KEY, limit=ROWS_AT_ONCE):
            prefixes = [*dict.fromkeys(prefix for row in found if (prefix := rows.timeline_of(row.key)) is not None)]
            if prefixes:
                while self._transact(namespace, partial(erase, prefixes=prefixes, limit=ROWS_AT_ONCE)):
                    pass
                start = prefixes[-1] + b"\xff"
            else:
                # Timelines come first in the order of keys: here is none any more.
                self._transact(namespace, partial(delete, keys=[row.key for row in found]))
                start = found[-1].key + b"\x00"

    # --- inside: writing ---

    def _check(self, spec: FeedSpec) -> None:
        if spec.kind != "flat":
            raise Unsupported(
                f"storage {self.name!r} ({type(self).__name__}) keeps flat feeds only, and feed {spec.name!r} is of the"
                f" kind {spec.kind!r}: keep it on a storage whose capability exact_members is not 0"
            )

    def _write_chunk(
        self,
        spec: FeedSpec,
        writes_of: Mapping[str, Sequence[Write]],
        done: dict[str, list[Change]],
        failures: dict[str, Exception],
    ) -> None:
        """All feeds in one commit; where that fails, each by itself, so that one bad feed concerns no other."""
        with suppress(StreamsError, Torn):
            transaction = self._transaction(spec.namespace)
            changes = self._apply(transaction, spec, writes_of)
            if self._commit(spec.namespace, transaction):
                done.update(changes)
                return
        in_a_row: list[StreamsError] = []
        for owner, writes in writes_of.items():
            if len(in_a_row) >= GIVE_UP_AFTER and not done:
                # The server is away: each further feed would take as long to fail as these did.
                failures[owner] = in_a_row[-1]
                continue
            try:
                self._cut_to_keep(spec, owner)
                work = partial(self._apply, spec=spec, writes_of={owner: writes})
                done.update(self._transact(spec.namespace, work))
                in_a_row.clear()
            except StreamsError as error:
                in_a_row.append(error)
                failures[owner] = error

    def _apply(
        self, transaction: Transaction, spec: FeedSpec, writes_of: Mapping[str, Sequence[Write]]
    ) -> dict[str, list[Change]]:
        transaction.expect(key for owner, writes in writes_of.items() for key in keys_of_write(owner, writes))
        lifetime, changes = self._lifetime(), {}
        with self._decoding(spec.namespace):
            every = (write for writes in writes_of.values() for write in writes)
            notes = notes_of(transaction, every, lifetime.now)
        for owner, writes in writes_of.items():
            with self._decoding(spec.key(owner)):
                timeline = Timeline(transaction, owner, spec.keep, lifetime, notes.get)
                if timeline.count > spec.keep + ROWS_AT_ONCE:
                    raise Torn(f"feed {spec.key(owner)!r} has {timeline.count} entries and must be cut first")
                changes[owner] = [timeline.write(write) for write in writes]
                timeline.save()
        return changes

    def _cut_to_keep(self, spec: FeedSpec, owner: str) -> None:
        """Delete in steps what is beyond `keep`, if that is more than a write should delete along with it.

        It is so after the feed's `max_length` was lowered.
        """

        def cut(transaction: Transaction) -> bool:
            timeline = Timeline(transaction, owner, spec.keep, self._lifetime())
            if timeline.count <= spec.keep + ROWS_AT_ONCE:
                return False
            timeline.cut_to_keep(ROWS_AT_ONCE)
            timeline.save()
            return True

        with self._decoding(spec.key(owner)):
            while self._transact(spec.namespace, cut):
                pass

    def _clear(self, spec: FeedSpec, owner: str, keep: int, stamp: int) -> None:
        bound: int | None = None

        def cut(transaction: Transaction, start: int) -> int | None:
            nonlocal bound
            timeline = Timeline(transaction, owner, spec.keep, self._lifetime())
            if start == 0:
                # Where to cut is found out with the first step; what is put in after it does not move that.
                timeline.cut_to_keep()
                bound = timeline.bound(keep)
            going_on = None if bound is None else timeline.clear(start, bound, stamp, ROWS_AT_ONCE)
            timeline.save()
            return going_on

        with self._decoding(spec.key(owner)):
            start: int | None = 0
            while start is not None:
                start = self._transact(spec.namespace, partial(cut, start=start))

    # --- inside: reading ---

    def _select(self, spec: FeedSpec, query: Query) -> Sequence[Row]:
        if query.stop is not None and query.stop <= query.start:
            return []
        keys = self._window(spec, query)
        if keys is None:
            return []
        found = self._scan(spec.namespace, *keys, limit=query.stop, backwards=not query.oldest_first)
        return found[query.start :]

    def _walk(self, spec: FeedSpec, query: Query) -> Iterator[Row]:
        """The rows of what the query without start and stop would return, read a page at a time."""
        keys = self._window(spec, query)
        while keys is not None:
            first, last = keys
            found = self._scan(spec.namespace, first, last, limit=ROWS_AT_ONCE, backwards=not query.oldest_first)
            yield from found
            if len(found) < ROWS_AT_ONCE:
                return
            end = rows.id_at_end(found[-1].key)
            lower, upper = (end + 1, query.upper) if query.oldest_first else (query.lower, end - 1)
            keys = self._window(spec, query._replace(lower=lower, upper=upper))

    def _count(self, spec: FeedSpec, query: Query) -> int:
        if query.lower <= 0 and query.upper >= MAX_ID:
            return min(self._timeline(spec, query.owner)[0], spec.keep)
        return sum(1 for _ in self._walk(spec, query))

    def _window(self, spec: FeedSpec, query: Query) -> tuple[bytes, bytes] | None:
        """The first and the last key of what a reader may see within the bounds of a query; None: nothing."""
        count, oldest = self._timeline(spec, query.owner)
        lower, upper = max(query.lower, oldest), min(query.upper, MAX_ID)
        if count == 0 or lower > upper:
            return None
        prefix = rows.timeline_prefix(query.owner)
        return rows.entry_key(prefix, lower), rows.entry_key(prefix, upper)

    def _timeline(self, spec: FeedSpec, owner: str) -> tuple[int, int]:
        """How many entries there are, and the id of the oldest that a reader may see (0: all are)."""

        def look(transaction: Transaction) -> tuple[int, int]:
            timeline = Timeline(transaction, owner, spec.keep, self._lifetime())
            return timeline.count, timeline.bound(spec.keep) or 0

        with self._decoding(spec.key(owner)):
            return self._transact(spec.namespace, look)


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := [*islice(iterator, size)]:
        yield chunk


def _joined(changes: Sequence[Change]) -> Change:
    if len(changes) == 1:
        return changes[0]
    return Change(
        [id for change in changes for id in change.added], [id for change in changes for id in change.removed]
    )

"""Storages with one fault each, and the promise that the kit must say it breaks.

`FAULTS` is the table: name -> what is wrong, and which promise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from attrs import evolve, frozen
from streamfw_core.errors import StorageError
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
    Storage,
    Write,
)

from tests.core.kit.plain_storage import FeedClass, PlainStorage

MANY = 10**6


@frozen
class Fault:
    """A storage, and the promise that it breaks."""

    make: Callable[[str], Storage]
    promise: str
    words: str
    """What is wrong with it: the docstring of its class."""

    @property
    def name(self) -> str:
        return getattr(self.make, "__name__", "")


FAULTS: Final[dict[str, Fault]] = {}
"""Name -> fault."""


def breaks(promise: str) -> Callable[[type[PlainStorage]], type[PlainStorage]]:
    def listed(storage: type[PlainStorage]) -> type[PlainStorage]:
        FAULTS[storage.__name__] = Fault(storage, promise, (storage.__doc__ or "").strip())
        return storage

    return listed


def pages(storage: PlainStorage, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
    """What a storage without a fault would return."""
    return PlainStorage.read(storage, spec, queries)


# --- order, bounds, offsets -------------------------------------------------------------------------------------


@breaks("C2")
class LosesTieOrder(PlainStorage):
    """Entries of one millisecond come in any order."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return [_by(page, lambda one: (-(one >> 64), one)) for page in pages(self, spec, queries)]


@breaks("C2")
class TruncatesIdsTo64Bits(PlainStorage):
    """Ids are kept in 64 bits."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(spec, _with_ids(writes, lambda whole: whole % 2**64), report=report)


@breaks("C2")
class KeepsIdsAsFloats(PlainStorage):
    """Ids are kept as floating-point numbers, as scores of a sorted set are."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(spec, _with_ids(writes, lambda whole: int(float(whole))), report=report)


@breaks("C2")
class LocatesFromTheNewest(PlainStorage):
    """Positions count from the newest, whatever the order."""

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        return super().locate(spec, query._replace(oldest_first=False), ids)


@breaks("C3")
class LosesTheLowerBound(PlainStorage):
    """The entry at the lower bound is lost: `>` where `>=` was asked for."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(
            spec, [query._replace(lower=query.lower + 1) if query.lower else query for query in queries]
        )


@breaks("C3")
class LosesTheUpperBound(PlainStorage):
    """The entry at the upper bound is lost: `<` where `<=` was asked for."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(spec, [query._replace(upper=query.upper - 1) for query in queries])


@breaks("C3")
class GoesBelowTheLowerBound(PlainStorage):
    """The entry just below the lower bound is shown: `filter(activity_id__gt=...)` includes the boundary."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(spec, [query._replace(lower=max(0, query.lower - 1)) for query in queries])


@breaks("C3")
class GoesAboveTheUpperBound(PlainStorage):
    """The entry just above the upper bound is shown: walking by `activity_id__lt` repeats entries."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(spec, [query._replace(upper=query.upper + 1) for query in queries])


@breaks("C3")
class ComparesMilliseconds(PlainStorage):
    """Bounds are compared by time alone, so that a page ends in the middle of a millisecond."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(spec, [query._replace(lower=query.lower >> 64 << 64) for query in queries])


@breaks("C3")
class OffsetsFromTheNewest(PlainStorage):
    """Offsets count from the newest entry, also when the oldest come first."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        found = pages(self, spec, [query._replace(oldest_first=False) for query in queries])
        return [_by(page, int) if query.oldest_first else page for query, page in zip(queries, found, strict=True)]


@breaks("C3")
class IncludesTheStop(PlainStorage):
    """`stop` is inclusive, as in a server's range command."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        asked = [query if query.stop is None else query._replace(stop=query.stop + 1) for query in queries]
        return super().read(spec, asked)


@breaks("C3")
class CountsWithoutBounds(PlainStorage):
    """Counts ignore the bounds."""

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        return super().stats(spec, [Query(query.owner) for query in queries])


@breaks("C4")
class PopsOnRead(PlainStorage):
    """Reading takes the entries out."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        found = super().read(spec, queries)
        for query in queries:
            self.of(spec).feeds.pop(query.owner, None)
        return found


@breaks("C4")
class HandsOutItsOwnList(PlainStorage):
    """A page is the storage's own list, which changes when the feed does."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        found = []
        for query, page in zip(queries, pages(self, spec, queries), strict=True):
            mine = self.__dict__.setdefault("lists", {}).setdefault((spec.namespace, query.owner), [])
            mine[:] = page.ids
            found.append(page._replace(ids=mine))
        return found


# --- the cap ----------------------------------------------------------------------------------------------------


@breaks("C7")
class TrimsTheWrongEnd(PlainStorage):
    """A full feed loses its newest entries."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        outcome = super().write(evolve(spec, keep=MANY), writes, report=report)
        for feed in self.of(spec).feeds.values():
            for id in sorted(feed)[spec.keep :]:
                del feed[id]
        return outcome


@breaks("C7")
class IgnoresTheCap(PlainStorage):
    """Feeds grow without end."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(evolve(spec, keep=MANY), writes, report=report)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(evolve(spec, keep=MANY), queries)


@breaks("C7")
class ShowsItsSlack(PlainStorage):
    """The slack that a storage may keep is counted."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(evolve(spec, keep=spec.keep + 2), writes, report=report)

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        return super().stats(evolve(spec, keep=spec.keep + 2), queries)


@breaks("C7")
class TrimsOneTooMany(PlainStorage):
    """`clear(keep=n)` keeps n - 1."""

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        super().clear(spec, owners, keep=max(0, keep - 1), stamp=stamp)


# --- idempotence and counts -------------------------------------------------------------------------------------


@breaks("C6")
class ForgetsIdempotence(PlainStorage):
    """Adding again adds a second entry."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.again: set[tuple[str, str, int]] = set()

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        held = self.of(spec).feeds[owner]
        self.again |= {(spec.namespace, owner, put.id) for put in write.puts if put.id in held}
        super().apply(spec, owner, write)

    def found(self, spec: FeedSpec, query: Query) -> list[Entry]:
        entries = super().found(spec, query)
        again = [entry for entry in entries if (spec.namespace, query.owner, entry.id) in self.again]
        return sorted([*entries, *again], reverse=not query.oldest_first)


@breaks("C6")
class CountsWhatItWasGiven(PlainStorage):
    """`added` is how many entries were given, not how many were new."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        outcome = super().write(spec, writes, report=report)
        return evolve(outcome, added=sum(len(write.owners) * len(write.puts) for write in writes))


@breaks("C6")
class CountsNothing(PlainStorage):
    """Counts are None although `add_counts` is declared."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return evolve(super().write(spec, writes, report=report), added=None, removed=None)


@breaks("C6")
class CountsUndeclared(PlainStorage):
    """Counts are given although `add_counts` is not declared, so that nobody relies on them."""

    capabilities = evolve(PlainStorage.capabilities, add_counts=False)


@breaks("C6")
class ReportsWhatItWasGiven(PlainStorage):
    """The report says that everything given was new."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        outcome = super().write(spec, writes, report=report)
        given = {owner: Change([put.id for put in write.puts]) for write in writes for owner in write.owners}
        return evolve(outcome, changes=given) if report else outcome


@breaks("C6")
class UpdateAdds(PlainStorage):
    """An update adds what is not there."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        upserts = [write._replace(puts=[*write.puts, *write.updates]) for write in writes]
        return super().write(spec, upserts, report=report)


@breaks("C6")
class UpdateOfARecordAdds(PlainStorage):
    """An update stores a record that does not exist."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        return super().store(namespace, records) * (not update)


# --- stamps -----------------------------------------------------------------------------------------------------


@breaks("C9")
class Resurrects(PlainStorage):
    """Removals are not remembered."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        super().apply(spec, owner, write)
        self.of(spec).removals.clear()


@breaks("C9")
class IgnoresStamps(PlainStorage):
    """What arrives last wins."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        arrival = self.__dict__.setdefault("arrivals", count(2**60))
        return super().write(spec, [_stamped(write, lambda _: next(arrival)) for write in writes], report=report)


@breaks("C9")
class TiesGoToTheAdd(PlainStorage):
    """On a tie the add wins."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        weaker = [
            write._replace(removes=[removal._replace(stamp=removal.stamp - 1) for removal in write.removes])
            for write in writes
        ]
        return super().write(spec, weaker, report=report)


@breaks("C9")
class RemovesWhateverTheStamp(PlainStorage):
    """A late removal takes out what was added anew."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        super().apply(spec, owner, write)
        for removal in write.removes:
            self.of(spec).feeds[owner].pop(removal.id, None)


@breaks("C9")
class ForbidsAddingAnew(PlainStorage):
    """What was removed once can never be added again."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        forever = [
            write._replace(removes=[removal._replace(stamp=2**62) for removal in write.removes]) for write in writes
        ]
        return super().write(spec, forever, report=report)


@breaks("C9")
class RemembersNothing(PlainStorage):
    """`remember` does nothing."""

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        pass


@breaks("C9")
class RemembersForPresentFeedsOnly(PlainStorage):
    """`remember` concerns the feeds that exist, not those that come."""

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        for removal in removes:
            for owner in self.of(spec).feeds:
                self.of(spec).removals[owner, removal.id] = removal.stamp
        super().remember(spec, updates=updates)


@breaks("C9")
class UpdateRenews(PlainStorage):
    """An update makes the entry newer than a removal that is still on its way."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        super().apply(spec, owner, write)
        feed = self.of(spec).feeds[owner]
        for update in write.updates:
            if update.id in feed:
                feed[update.id] = feed[update.id]._replace(stamp=max(feed[update.id].stamp, update.stamp))


@breaks("C9")
class ForgetsThatItWasCleared(PlainStorage):
    """A late add refills a feed that was emptied."""

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        super().clear(spec, owners, keep=keep, stamp=stamp)
        self.of(spec).cuts.clear()


@breaks("C9")
class OldRecordsOverwrite(PlainStorage):
    """A late store replaces a newer version of a record."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        if not update:
            for record in records:
                if record.payload is not None:
                    self.records[namespace].pop(record.id, None)
        return super().store(namespace, records, update=update)


@breaks("C9")
class DeletesRecords(PlainStorage):
    """A removed record leaves no tombstone."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        stored = super().store(namespace, records, update=update)
        for record in records:
            if record.payload is None:
                self.records[namespace].pop(record.id, None)
        return stored


@breaks("C9")
class UpdateOfARecordRevives(PlainStorage):
    """An update of a removed record brings it back."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        known = {record.id for record in self.load(namespace, [record.id for record in records]) if record is not None}
        if update:
            super().store(namespace, [record for record in records if record.id in known])
            return 0
        return super().store(namespace, records)


@breaks("C9")
class OlderUpdateOfARecordWins(PlainStorage):
    """Of two updates of a record, the one that arrives last stays."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        self.record_updates[namespace].clear()
        return super().store(namespace, records, update=update)


@breaks("C9")
class OlderUpdateWins(PlainStorage):
    """Of two updates of an entry, the one that arrives last stays."""

    def apply(self, spec: FeedSpec, owner: str, write: Write) -> None:
        self.of(spec).updates.clear()
        super().apply(spec, owner, write)


@breaks("C9")
class KeepsMilliseconds(PlainStorage):
    """Stamps are kept in milliseconds, so that an add and a removal soon after it look the same."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(
            spec, [_stamped(write, lambda stamp: stamp // 1000 * 1000) for write in writes], report=report
        )


# --- batches ----------------------------------------------------------------------------------------------------


class Breakable(PlainStorage):
    """Without a fault: some feeds cannot be written, which it reports."""

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        self.spoilt: set[str] = set()

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        failed = {owner for write in writes for owner in write.owners if owner in self.spoilt}
        good = [write._replace(owners=[owner for owner in write.owners if owner not in failed]) for write in writes]
        outcome = super().write(spec, good, report=report)
        return evolve(outcome, failures={owner: StorageError(f"{owner} is spoilt") for owner in failed})


@breaks("C8")
class SwallowsErrors(Breakable):
    """A feed that cannot be written is not reported."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return evolve(super().write(spec, writes, report=report), failures={})


@breaks("C8")
class StopsAtTheFirstError(Breakable):
    """The feeds after one that cannot be written are not written."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        for write in writes:
            for place, owner in enumerate(write.owners):
                if owner in self.spoilt:
                    PlainStorage.write(self, spec, [write._replace(owners=write.owners[:place])])
                    return Outcome(0, 0, failures={owner: StorageError(f"{owner} is spoilt")})
        return super().write(spec, writes, report=report)


@breaks("C8")
class DropsTheRestOfABatch(PlainStorage):
    """Only the first 500 feeds of a batch are written."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(spec, [write._replace(owners=write.owners[:500]) for write in writes], report=report)


@breaks("C8")
class DropsTheRestOfTheEntries(PlainStorage):
    """Only the first thousand entries of a batch are written."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(spec, [write._replace(puts=write.puts[:1000]) for write in writes], report=report)


@breaks("C8")
class AppliesWritesBackwards(PlainStorage):
    """The writes of one call are applied in another order."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        merged: dict[str, list[Write]] = {}
        for write in writes:
            for owner in write.owners:
                merged.setdefault(owner, []).append(write._replace(owners=[owner]))
        last = [group[-1] for group in merged.values()]
        return super().write(spec, last, report=report)


@breaks("C8")
class AnswersEachFeedOnce(PlainStorage):
    """Two queries of one feed in one read get one page."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(spec, [*{query.owner: query for query in queries}.values()])


@breaks("C8")
class AcceptsWhatItCannotDo(PlainStorage):
    """A grouped feed is accepted, and kept as a flat one, although no groups are declared."""

    def of(self, spec: FeedSpec) -> FeedClass:
        return super().of(evolve(spec, kind="flat"))


@breaks("C8")
class ChangesWhatItIsGiven(PlainStorage):
    """The caller's lists are sorted in place."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        for write in writes:
            if isinstance(write.owners, list):
                write.owners.sort()
        return super().write(spec, writes, report=report)


@breaks("C8")
class RacesBetweenThreads(PlainStorage):
    """A feed is read, changed and written back without a lock."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        feeds = self.of(spec).feeds
        before = {owner: dict(feeds[owner]) for write in writes for owner in write.owners}
        time.sleep(0.0005)
        feeds.update(before)
        return super().write(spec, writes, report=report)


# --- bytes ------------------------------------------------------------------------------------------------------


@breaks("C10")
class HydratesTheWrongEntries(PlainStorage):
    """Payloads of records stand beside the entry after theirs."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return [
            page._replace(payloads=[*(page.payloads or ())][1:] + [None] * bool(page.ids)) if query.hydrate else page
            for query, page in zip(queries, pages(self, spec, queries), strict=True)
        ]


@breaks("C10")
class DropsEntriesWithoutRecord(PlainStorage):
    """Entries without a record are left out, so that a short page looks like the end of the feed."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        found = []
        for query, page in zip(queries, pages(self, spec, queries), strict=True):
            kept = [at for at, payload in enumerate(page.payloads or ()) if payload is not None or not query.hydrate]
            found.append(_picked(page, kept))
        return found


@breaks("C25")
class EndsPayloadsAtNul(PlainStorage):
    """Payloads end at the first NUL byte."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        cut = [record._replace(payload=record.payload and record.payload.split(b"\0")[0]) for record in records]
        return super().store(namespace, cut, update=update)


@breaks("C25")
class LimitsPayloads(PlainStorage):
    """Inline payloads are cut at 64 KiB."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        cut = [
            write._replace(puts=[put._replace(payload=put.payload and put.payload[: 2**16]) for put in write.puts])
            for write in writes
        ]
        return super().write(spec, cut, report=report)


@breaks("C25")
class TakesEmptyForRemoved(PlainStorage):
    """A record with an empty payload is taken for a removed one."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        falsy = [record._replace(payload=record.payload or None) for record in records]
        return super().store(namespace, falsy, update=update)


@breaks("C25")
class DecodesPayloads(PlainStorage):
    """Payloads are kept as text."""

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        return [
            record and record._replace(payload=record.payload and record.payload.decode("utf-8", "ignore").encode())
            for record in super().load(namespace, ids)
        ]


# --- isolation --------------------------------------------------------------------------------------------------


@breaks("C26")
class IgnoresTheCaseOfOwners(PlainStorage):
    """Owners that differ only in case share a feed."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return super().write(
            spec, [write._replace(owners=[owner.lower() for owner in write.owners]) for write in writes], report=report
        )

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return super().read(spec, [query._replace(owner=query.owner.lower()) for query in queries])


@breaks("C26")
class SharesEntriesBetweenOwners(PlainStorage):
    """The feeds of one batch are one list."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        outcome = super().write(spec, writes, report=report)
        feeds = self.of(spec).feeds
        for write in writes:
            for owner in write.owners[1:]:
                feeds[owner] = feeds[write.owners[0]]
        return outcome


@breaks("C26")
class SharesEntriesBetweenFeedClasses(PlainStorage):
    """Feed classes whose key formats begin alike share their feeds."""

    def of(self, spec: FeedSpec) -> FeedClass:
        return self.classes.setdefault(spec.namespace[:20], FeedClass())


@breaks("C26")
class SharesNamespaces(PlainStorage):
    """Namespaces of records that differ only in case are one."""

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int:
        return super().store(namespace.lower(), records, update=update)

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        return super().load(namespace.lower(), ids)


@breaks("C26")
class RemembersForEveryFeedClass(PlainStorage):
    """What is remembered of one feed class concerns them all."""

    def of(self, spec: FeedSpec) -> FeedClass:
        own = super().of(spec)
        first = next(iter(self.classes.values()))
        own.removals, own.updates = first.removals, first.updates
        return own


@breaks("C26")
class FlushesNeighbours(PlainStorage):
    """`flush` deletes every namespace that begins like the one given."""

    def flush(self, namespace: str) -> None:
        prefix = namespace.removesuffix("%(user_id)s")
        for name in [*self.classes, *self.records]:
            if name.startswith(prefix):
                super().flush(name)


@breaks("C26")
class FlushesNothing(PlainStorage):
    """`flush` does nothing."""

    def flush(self, namespace: str) -> None:
        pass


@breaks("C26")
class SharesStateBetweenInstances(PlainStorage):
    """All instances are one, although the scope says otherwise."""

    first: PlainStorage | None = None

    def __init__(self, name: str = "plain") -> None:
        super().__init__(name)
        first = type(self).first = type(self).first or self
        self.classes, self.records = first.classes, first.records


# --- closing and forking ----------------------------------------------------------------------------------------


@breaks("C27")
class StaysClosed(PlainStorage):
    """A closed storage does not work again."""

    closed = False

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        if self.closed:
            raise StorageError("the connection is closed")
        return super().write(spec, writes, report=report)

    def close(self) -> None:
        self.closed = True


@breaks("C27")
class LosesWritesAfterAFork(PlainStorage):
    """Said to be shared, but what a child process writes is lost."""

    capabilities = Capabilities(scope=Scope.SHARED, add_counts=True, one_trip_hydrate=True)


@breaks("C11")
class FailsOnEmptyInput(PlainStorage):
    """An empty batch is an error, as an empty command is for many servers."""

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        if not queries:
            raise StorageError("ERR wrong number of arguments")
        return super().read(spec, queries)


# --- copying -----------------------------------------------------------------------------------------------------


@breaks("C9")
class CopiesWithTheStampsOfTheSource(PlainStorage):
    """Copies are as old as what they were made of, so that a removal before the copy takes them along."""

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        entries = self.read(source, [query])[0].entries
        return self.write(target, [Write([owner], puts=entries)]).added


@breaks("C9")
class CopiesWhatWasRemoved(PlainStorage):
    """What the target had removed is copied all the same."""

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        self.of(target).removals.clear()
        return super().copy(source, query, target, owner, stamp=stamp)


@breaks("C2")
class CopiesTheOldest(PlainStorage):
    """A limited copy takes the oldest entries."""

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        return super().copy(source, query._replace(oldest_first=True), target, owner, stamp=stamp)


@breaks("C6")
class CountsWhatItCopied(PlainStorage):
    """Counts all that were copied, and not those that were new."""

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        super().copy(source, query, target, owner, stamp=stamp)
        return len(self.read(source, [query])[0].entries)


@breaks("C6")
class MovesInsteadOfCopying(PlainStorage):
    """What was copied is gone from the source."""

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        added = super().copy(source, query, target, owner, stamp=stamp)
        for entry in self.read(source, [query])[0].entries:
            del self.of(source).feeds[query.owner][entry.id]
        return added


# --- starting ----------------------------------------------------------------------------------------------------


@breaks("C8")
class StartsInVain(PlainStorage):
    """A write that was begun is done when the next is begun, and the last one never is."""

    waiting: Callable[[], Outcome] | None = None

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        if self.waiting is not None:
            self.waiting()
        self.waiting = partial(self.write, spec, writes, report=report)
        return lambda: Outcome(0, 0)


@breaks("C8")
class StartsWithoutReportingFailures(Breakable):
    """Of a write that was begun nothing is said of the feeds that failed."""

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        end = super().start_write(spec, writes, report=report)
        return lambda: evolve(end(), failures={})


@breaks("C9")
class StampsWhatItStarts(PlainStorage):
    """A write that was begun is as old as its end."""

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        late = [write._replace(puts=[put._replace(stamp=put.stamp + 10) for put in write.puts]) for write in writes]
        return super().start_write(spec, late, report=report)


# --- helpers ----------------------------------------------------------------------------------------------------


def _by(page: Page, key: Callable[[int], Any]) -> Page:
    return _picked(page, sorted(range(len(page.ids)), key=lambda at: key(page.ids[at])))


def _picked(page: Page, places: Sequence[int]) -> Page:
    ids, payloads, stamps = page.ids, page.payloads or (), page.stamps
    return Page([ids[at] for at in places], [payloads[at] for at in places], [stamps[at] for at in places])


def _with_ids(writes: Sequence[Write], of: Callable[[int], int]) -> list[Write]:
    return [write._replace(puts=[put._replace(id=of(put.id)) for put in write.puts]) for write in writes]


def _stamped(write: Write, of: Callable[[int], int]) -> Write:
    def entries(given: Sequence[Entry]) -> Iterator[Entry]:
        return (entry._replace(stamp=of(entry.stamp)) for entry in given)

    return Write(
        write.owners,
        [*entries(write.puts)],
        [removal._replace(stamp=of(removal.stamp)) for removal in write.removes],
        [*entries(write.updates)],
    )

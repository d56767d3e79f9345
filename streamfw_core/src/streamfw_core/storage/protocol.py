"""The storage protocol: what core asks of a backend.

A storage sees owners (percent-encoded texts), ids (integers below 2**128), stamps and bytes;
never an activity, a serializer or a feed class.
It keeps two kinds of things:

- *timelines*: for each feed (a `FeedSpec` and an owner) entries ordered by id, at most `spec.keep` of them visible;
- *records*: activities by id in a namespace, stored once and referenced by timelines.

**Stamps.** Every operation carries the stamp of its publisher (microseconds).
The newest operation on an entry or a record wins, and on a tie the removal, whatever the order of arrival.
So a storage remembers, for `tombstone_ttl` seconds, what was removed and when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from attrs import field, frozen

from streamfw_core.ids import MAX_ID
from streamfw_core.keys import KeyFormat


class Scope(StrEnum):
    """Who sees what was written: this process only (`PROCESS`), or every process that uses the same server (`SHARED`)."""

    PROCESS = "process"
    SHARED = "shared"


class Survives(StrEnum):
    """What an acknowledged write outlives: nothing (`NONE`), a restart of the server (`RESTART`), or its loss (`FAILOVER`)."""

    NONE = "none"
    RESTART = "restart"
    FAILOVER = "failover"


@frozen
class Capabilities:
    """What a storage can do. What it cannot is declared here, and the conformance kit holds it to both.

    :param scope: see `Scope`.
    :param survives: see `Survives`.
    :param add_counts: `write` and `store` know in the same step how many entries were new.
    :param cas: `swap` is there.
    :param exact_members: up to how many members of a group counts are exact; 0: no groups of its own.
    :param max_timeline: the largest `keep` that it bears, or None.
    :param one_trip_hydrate: `read` returns the activities' records in the same call.
    :param ttl: tombstones expire by themselves.
    :param copies: `copy` is there (see `CopyStorage`).
    :param starts: `start_write` is there (see `StartStorage`).
    :param columns: entries may carry values of columns that feed classes declare.
    :param schema: there is a schema, and `plan_schema` is there (see `SchemaStorage`).
    :param aio: on an event loop no call blocks: it waits for nothing, or through `streamfw_core.aio.wait`.
    :param deviations: promise (such as `"C9"`) -> why this storage does not keep it.
    """

    scope: Scope = Scope.PROCESS
    survives: Survives = Survives.NONE
    add_counts: bool = False
    cas: bool = False
    exact_members: int = 0
    max_timeline: int | None = None
    one_trip_hydrate: bool = False
    ttl: bool = False
    copies: bool = False
    starts: bool = False
    columns: bool = False
    schema: bool = False
    aio: bool = False
    deviations: Mapping[str, str] = field(factory=dict)


@frozen
class FeedSpec:
    """One feed class as a storage sees it.

    :param name: the feed's name in the settings, for messages to people.
    :param key_format: how a feed's key is written; its text is the namespace, and no two feeds share one.
    :param keep: how many entries a reader may see, the newest ones.
    :param kind: `"flat"`, `"aggregated"` or `"notification"`.
    :param inline: entries carry the activity's payload, instead of a reference to its record.
    :param view: members of a group that readers get.
    :param exact_members: members of a group up to which counts must be exact.
    :param columns: extra columns of the feed, name -> type (see `storage.columns`), for storages with a schema.
    """

    name: str
    key_format: KeyFormat
    keep: int
    kind: str = "flat"
    inline: bool = False
    view: int = 15
    exact_members: int = 10_000
    columns: Mapping[str, str] = field(factory=dict)

    @property
    def namespace(self) -> str:
        """What tells this feed class from all others on the same storage."""
        return self.key_format.text

    def key(self, owner: str) -> str:
        """The key of one feed: `owner` as storages get it, percent-encoded."""
        return self.key_format.key(owner)


class Entry(NamedTuple):
    """What a timeline holds of one activity: its `id`, and the `stamp` of the operation that put it there.

    `payload` is the serialized activity where the feed keeps it inline, else None.
    `group` and `actor` say what it counts for in a grouped feed; a flat entry has None.
    Of an entry that is read, `actor` may be None there too.
    `columns` has the values of the feed's columns, in their order, None for one that is missing; reads leave it out.
    """

    id: int
    stamp: int
    payload: bytes | None = None
    group: str | None = None
    actor: str | None = None
    columns: Sequence[object] | None = None


class Removal(NamedTuple):
    """That the entry `id` was removed at `stamp`; in a grouped feed `group` says where to look, None: everywhere."""

    id: int
    stamp: int
    group: str | None = None


class Record(NamedTuple):
    """A stored activity: `id` and bytes; `payload` None: it was removed at `stamp`."""

    id: int
    stamp: int
    payload: bytes | None


class Write(NamedTuple):
    """The same operations on each of many feeds.

    :param owners: the feeds, each at most once.
    :param puts: entries to add. One that is present already is not new; of two stamps the newer stays.
    :param removes: entries to take out, remembered for this owner so that an older put that arrives later stays out.
    :param updates: entries whose payload replaces that of a present one with an older stamp; never adds.
    """

    owners: Sequence[str]
    puts: Sequence[Entry] = ()
    removes: Sequence[Removal] = ()
    updates: Sequence[Entry] = ()


class Change(NamedTuple):
    """What a write really changed in one feed: ids that are new in it (`added`) and that are gone (`removed`; not cut ones)."""

    added: Sequence[int] = ()
    removed: Sequence[int] = ()


@frozen
class Outcome:
    """What a `write` did.

    :param added: how many entries were new, over all feeds; None where the storage cannot know (capability `add_counts`).
    :param removed: how many entries are gone, likewise.
    :param failures: owner -> why nothing was written to that feed; all others were written.
    :param changes: owner -> what changed, only those where something did, and only when asked for.
    """

    added: int | None = None
    removed: int | None = None
    failures: Mapping[str, Exception] = field(factory=dict)
    changes: Mapping[str, Change] = field(factory=dict)


class Query(NamedTuple):
    """Which entries of one feed: those with `lower <= id <= upper`, in order, then `[start:stop]` of these.

    :param owner: whose feed.
    :param lower: the smallest id, and
    :param upper: the largest.
    :param start: how many are passed over.
    :param stop: exclusive; None: all.
    :param oldest_first: the order; newest first otherwise.
    :param hydrate: the namespace of the records to return with the entries; None: payloads are inline.
    :param counts: which fields of `Stats` are asked of `stats`: the others may be anything.
    """

    owner: str
    start: int = 0
    stop: int | None = None
    lower: int = 0
    upper: int = MAX_ID
    oldest_first: bool = False
    hydrate: str | None = None
    counts: Sequence[str] = ("entries", "unseen", "unread")


class Page(NamedTuple):
    """Entries of one feed, in columns: what stands at one place in each is of one entry.

    :param ids: in the order that was asked for.
    :param payloads: the activities' bytes; None for one whose record does not exist.
        None altogether when hydration was asked for and the storage does not do that in `read`; core loads the records then.
    :param stamps: may be left out when hydration was asked for, as activities are made without them.
    """

    ids: Sequence[int]
    payloads: Sequence[bytes | None] | None
    stamps: Sequence[int] = ()

    @classmethod
    def of(cls, entries: Sequence[Entry], payloads: Sequence[bytes | None] | None) -> Page:
        """A page of a storage that has entries."""
        return cls([entry.id for entry in entries], payloads, [entry.stamp for entry in entries])

    @property
    def entries(self) -> list[Entry]:
        """The entries, when hydration was not asked for."""
        return [Entry(*row) for row in zip(self.ids, self.stamps, self.payloads or (), strict=True)]


class Stats(NamedTuple):
    """Counts of one feed within the query's bounds: visible `entries` (or groups); of notifications `unseen` and `unread`."""

    entries: int
    unseen: int = 0
    unread: int = 0


@runtime_checkable
class Storage(Protocol):
    """One configured, named instance of a backend. It connects on first use, and again after a fork.

    All methods may be called from several threads at once.
    A failure of the server is raised as `StorageError` with the driver's error as its cause;
    a failure that concerns single feeds of a `write` is reported in `Outcome.failures`.

    `name` is its own in the settings; `capabilities` say what it can do.
    """

    name: str
    capabilities: Capabilities
    tombstone_ttl: float
    """Seconds for which removals are remembered. Older messages are checked against the records before they are obeyed.

    Core sets it right after the storage was made, where the settings say `tombstone_ttl` for all storages
    and the options of this one do not; so read it when it is needed, not in `__init__`.
    """

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """Make the schema for these feeds; may be called again at any time. Storages without a schema do nothing."""
        ...

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        """Apply the writes in order, each to all its feeds, atomically per feed; keep the newest `spec.keep` entries.

        One call is one round trip where the server allows that, however many feeds it concerns.

        :param report: fill `Outcome.changes`.
        """
        ...

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        """Note removals and updates for every feed of the spec, present and future, without touching their entries.

        A put that arrives later with a stamp that is not newer is refused (removal), or takes the payload of the update.
        """
        ...

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        """One page for each query. A query sees only the newest `spec.keep` entries of its feed."""
        ...

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        """The position of each id in what the query without start and stop would return; None where it is not in it."""
        ...

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        """Counts of what each query without start and stop would return."""
        ...

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        """Cut each feed down to its newest `keep` entries (0 empties it) as an operation with this stamp.

        A put that arrives later with a stamp that is not newer does not bring back what was cut:
        it is refused when its id is below the oldest entry that was kept (with `keep` 0: whatever its id).
        """
        ...

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int | None:
        """Write records; the newest stamp wins, on a tie the removal. Returns how many are new (capability `add_counts`).

        :param update: replace only the payload of a record that exists and is older, and leave its stamp:
            a removal that is older than the update, but newer than the activity, still wins when it arrives.
            An update of what is not there makes no record; it may be remembered for one that arrives later.
        """
        ...

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        """The record of each id; None where there is none. One whose payload is None was removed."""
        ...

    def flush(self, namespace: str) -> None:
        """Delete all that is stored under a namespace, of timelines and of records, and nothing else."""
        ...

    def close(self) -> None:
        """Give up connections. A closed storage connects again when it is used."""
        ...


@runtime_checkable
class CopyStorage(Storage, Protocol):
    """A storage that copies entries from feed to feed without sending them around: its capability `copies` is set."""

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        """Put the newest entries of a feed into another, as a write with this stamp would.

        Both feeds are flat and keep references.
        What is too old for a full target need not be looked at.

        :param query: which entries of the source; only `owner`, `stop` and `upper` are used.
        :param owner: of the target.
        :returns: how many were new in the target (capability `add_counts`).
        """
        ...


@runtime_checkable
class StartStorage(Storage, Protocol):
    """A storage that works on a write while its caller prepares the next: its capability `starts` is set."""

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        """Begin a `write`; what is returned waits for the outcome, and raises what `write` would.

        It is called once, by the same thread, and may do everything itself.
        Other calls may come in between, also of `start_write`.
        """
        ...


@runtime_checkable
class SchemaStorage(Storage, Protocol):
    """A storage with a schema, which `prepare` makes: its capability `schema` is set."""

    def plan_schema(self, specs: Sequence[FeedSpec]) -> list[str]:
        """What `prepare` would do for these feeds, each a statement or a sentence for people; none: all is there.

        :raises FeedConflict: what is there belongs to another feed class, or cannot become what the feed needs.
        """
        ...

"""The storage: what core asks for, by the kind of the feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from streamfw_core.doctor.findings import Finding, Now
from streamfw_core.errors import Unsupported
from streamfw_core.storage import (
    Capabilities,
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

from streamfw_cassandra.checks import check
from streamfw_cassandra.groups import EXACT_MEMBERS, Groups
from streamfw_cassandra.notes import Notes
from streamfw_cassandra.options import Options, parse
from streamfw_cassandra.records import Records
from streamfw_cassandra.running import Running
from streamfw_cassandra.schema import Schema
from streamfw_cassandra.sessions import Sessions
from streamfw_cassandra.tables import Tables, digest_of
from streamfw_cassandra.timelines import Timelines
from streamfw_cassandra.writing import Writing

__all__ = ["CassandraStorage", "create"]


def create(name: str, options: Mapping[str, object]) -> CassandraStorage:
    """The backend's factory."""
    return CassandraStorage(name, parse(name, options))


class CassandraStorage:
    """Timelines, activities, groups and marks on Apache Cassandra 4.1 and 5.

    | can | how |
    |---|---|
    | counts what an add changed | no: that would take a read before each write |
    | hydrates in the same call | where feeds keep payloads inline |
    | survives a restart | yes, and the loss of nodes as far as replicas and consistency go |
    | is seen by other processes | yes |

    In the settings: `"cassandra://10.0.0.1,10.0.0.2/feeds"`, or a mapping of `Options`.
    """

    def __init__(self, name: str, options: Options | None = None) -> None:
        options = options or Options()
        self.name = name
        self.options = options
        self.tombstone_ttl = options.tombstone_ttl
        self.sessions = Sessions(name, options)
        running = Running(self.sessions)
        self.tables = tables = Tables(options)
        self.schema = Schema(running, tables)
        self._notes = Notes(running, tables)
        writing = Writing(running, tables, self._notes)
        self._timelines = Timelines(running, writing)
        self._groups = Groups(running, writing)
        self._records = Records(running, tables)
        replicas = options.replication
        fewest = min(replicas.values()) if isinstance(replicas, Mapping) else replicas
        alone = fewest == 1 or options.write_consistency in {"ANY", "ONE", "LOCAL_ONE"}
        self.capabilities = Capabilities(
            scope=Scope.SHARED,
            survives=Survives.RESTART if alone else Survives.FAILOVER,
            exact_members=EXACT_MEMBERS,
            starts=True,
            columns=True,
            schema=True,
            ttl=True,
        )

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """Make the keyspace, where `replication` asks for that, and the tables that are missing."""
        self.schema.apply(specs)

    def plan_schema(self, specs: Sequence[FeedSpec]) -> list[str]:
        """See `SchemaStorage.plan_schema`."""
        return self.schema.plan(specs)

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return self.start_write(spec, writes, report=report)()

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        """See `StartStorage.start_write`."""
        return self._of(spec).start_write(spec, writes, report=report)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        self._notes.remember(spec, removes, updates, self.tombstone_ttl)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return self._flat(spec).read(spec, queries)

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        return self._flat(spec).locate(spec, query, ids)

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        return self._of(spec).stats(spec, queries)

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        if spec.kind == "flat":
            self._timelines.clear(spec, owners, keep, stamp)
        else:
            self._groups.clear(spec, owners, keep, stamp, self.tombstone_ttl)

    def read_groups(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        return self._grouped(spec).read(spec, queries)

    def get_groups(self, spec: FeedSpec, owner: str, keys: Sequence[str], *, hydrate: str | None) -> list[Group | None]:
        return self._grouped(spec).get(spec, owner, keys, hydrate)

    def groups_of(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        return self._grouped(spec).find(spec, owner, ids)

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        return self._grouped(spec).mark(spec, owner, keys, seen=seen, read=read, stamp=stamp)

    def version(self, spec: FeedSpec, owner: str) -> int:
        """There is none: the capability `cas` is missing."""
        raise self._no_cas(spec, owner)

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        """There is none: the capability `cas` is missing."""
        raise self._no_cas(spec, owner)

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int | None:
        self._records.store(namespace, records, self.tombstone_ttl, update=update)
        return None

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        return self._records.load(namespace, ids)

    def flush(self, namespace: str) -> None:
        self.schema.truncate(digest_of(namespace))
        self._records.flush(namespace)

    def examine(self, now: Now) -> Iterator[Finding]:
        """See `streamfw_core.doctor.Examined`."""
        return check(self.sessions, now)

    def close(self) -> None:
        self.sessions.close()

    def _of(self, spec: FeedSpec) -> Timelines | Groups:
        return self._timelines if spec.kind == "flat" else self._groups

    def _flat(self, spec: FeedSpec) -> Timelines:
        if spec.kind != "flat":
            raise Unsupported(f"feed {spec.name!r} has groups: read it with read_groups, not read or locate")
        return self._timelines

    def _grouped(self, spec: FeedSpec) -> Groups:
        if spec.kind == "flat":
            raise Unsupported(f"feed {spec.name!r} is flat and has no groups")
        return self._groups

    def _no_cas(self, spec: FeedSpec, owner: str) -> Unsupported:
        return Unsupported(
            f"feed {spec.key(owner)!r}: storage {self.name!r} never writes by what it read, so that there is no swap"
            " (capability cas): use an aggregator that only defines get_group, or keep this feed's timeline elsewhere"
        )

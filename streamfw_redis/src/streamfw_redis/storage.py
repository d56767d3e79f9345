"""The storage: what core asks for, by the kind of the feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

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

from streamfw_redis.answers import Answers
from streamfw_redis.checks import check
from streamfw_redis.flushing import flush
from streamfw_redis.group_writes import EXACT_MEMBERS
from streamfw_redis.groups import Groups
from streamfw_redis.keys import Keys
from streamfw_redis.options import Options, parse
from streamfw_redis.records import Records
from streamfw_redis.servers import connect
from streamfw_redis.timelines import Timelines

__all__ = ["RedisStorage", "create"]


def create(name: str, options: Mapping[str, object]) -> RedisStorage:
    """The backend's factory."""
    return RedisStorage(name, parse(name, options))


class RedisStorage:
    """Timelines, activities, groups and marks on Redis 6.2 and newer and on Valkey.

    | can | how |
    |---|---|
    | counts what an add changed | yes |
    | hydrates in the same call | yes, without buckets |
    | survives a restart | as far as the server's persistence goes |
    | is seen by other processes | yes |

    In the settings: `"redis://localhost:6379/0"`, `"rediss://..."`, `"redis+unix:///path.sock"`,
    `"redis+sentinel://host1,host2/mymaster/0"`, `"redis+cluster://host1,host2"`, or a mapping of `Options`.
    """

    def __init__(self, name: str, options: Options | None = None) -> None:
        options = options or Options()
        self.name = name
        self.options = options
        self.tombstone_ttl = options.tombstone_ttl
        self.servers = connect(name, options)
        self.keys = Keys(options.prefix.encode(), options.tags)
        answers = Answers(self.servers)
        self._timelines = Timelines(answers, self.keys)
        self._groups = Groups(answers, self.keys)
        self._records = Records(answers, self.keys)
        self.capabilities = Capabilities(
            scope=Scope.SHARED,
            survives=Survives.FAILOVER if options.wait_replicas else Survives.RESTART,
            add_counts=True,
            cas=True,
            exact_members=EXACT_MEMBERS,
            one_trip_hydrate=not self.keys.buckets,
            copies=not self.keys.buckets,
            starts=True,
            ttl=True,
            aio=True,
        )

    def prepare(self, specs: Sequence[FeedSpec]) -> None:
        """There is no schema."""

    def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
        return self._of(spec).write(spec, writes, self.tombstone_ttl, report=report)

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Callable[[], Outcome]:
        """See `StartStorage.start_write`."""
        if spec.kind != "flat":
            return partial(self.write, spec, writes, report=report)
        return self._timelines.start_write(spec, writes, self.tombstone_ttl, report=report)

    def remember(self, spec: FeedSpec, *, removes: Sequence[Removal] = (), updates: Sequence[Entry] = ()) -> None:
        self._records.remember(spec, removes, updates, self.tombstone_ttl)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        return self._flat(spec).read(spec, queries)

    def copy(self, source: FeedSpec, query: Query, target: FeedSpec, owner: str, *, stamp: int) -> int | None:
        """See `CopyStorage.copy`."""
        self._flat(target)
        return self._flat(source).copy(source, query, target, owner, stamp, self.tombstone_ttl)

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        return self._flat(spec).locate(spec, query, ids)

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        return self._of(spec).stats(spec, queries)

    def clear(self, spec: FeedSpec, owners: Sequence[str], *, keep: int, stamp: int) -> None:
        self._of(spec).clear(spec, owners, keep, stamp, self.tombstone_ttl)

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
        return self._grouped(spec).version(spec, owner)

    def swap(self, spec: FeedSpec, owner: str, version: int, write: Write) -> bool:
        return self._grouped(spec).swap(spec, owner, version, write, self.tombstone_ttl)

    def store(self, namespace: str, records: Sequence[Record], *, update: bool = False) -> int | None:
        return self._records.store(namespace, records, self.tombstone_ttl, update=update)

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        return self._records.load(namespace, ids)

    def flush(self, namespace: str) -> None:
        flush(self.servers, self.keys, namespace)

    def examine(self, now: Now) -> list[Finding]:
        """See `streamfw_core.doctor.Examined`."""
        return check(self, now)

    def close(self) -> None:
        self.servers.close()

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

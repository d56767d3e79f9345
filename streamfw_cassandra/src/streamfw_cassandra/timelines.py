"""The flat feeds of one storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen
from streamfw_core.storage import Change, FeedSpec, Outcome, Page, Query, Stats, Write

from streamfw_cassandra import statements as cql
from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import WRITE
from streamfw_cassandra.timeline import Timeline, excess
from streamfw_cassandra.values import pack_id, parts
from streamfw_cassandra.writing import Writing

__all__ = ["Timelines"]

ROWS_PER_LOOK: Final = 1_000
"""A request has its price, and so has an answer that is large."""
FEEDS_PER_LOOK: Final = 50
"""ScyllaDB refuses more than 100 partitions in one request."""


@frozen
class Timelines:
    """See `Timeline` for how one of them is kept."""

    running: Running
    writing: Writing

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool) -> Callable[[], Outcome]:
        """Begin a write; see `StartStorage.start_write`."""
        before = self._shown(spec, writes) if report else {}
        end = self.writing.start(spec, writes)

        def finish() -> Outcome:
            failures = end()
            outgrown = self.writing.outgrown(spec, writes, failures, _together(spec))
            self.writing.tidied(partial(self.trim, spec), outgrown)
            if not report:
                return Outcome(failures=failures)
            changes = _changes(writes, before, self._shown(spec, writes))
            return Outcome(
                failures=failures, changes={owner: changes[owner] for owner in changes if owner not in failures}
            )

        return finish

    def clear(self, spec: FeedSpec, owners: Sequence[str], keep: int, stamp: int) -> None:
        """See `Storage.clear`. A tombstone for each feed, with the stamp of the operation."""
        if keep >= spec.keep:
            return
        what = "cutting"
        asked = self.writing.statements(spec, what)
        if keep == 0:
            cuts = [asked(cql.EMPTY).bind((stamp, owner)) for owner in owners]
        else:
            newest = self.running.read([self._feed(spec, owner, what).newest(keep + 1) for owner in owners], asked.what)
            cuts = [
                asked(cql.CUT).bind((stamp, owner, pack_id(ids[keep - 1])))
                for owner, ids in zip(owners, newest, strict=True)
                if len(ids) > keep
            ]
        self.running.all(cuts, asked.what, WRITE)

    def trim(self, spec: FeedSpec, owners: Sequence[str]) -> None:
        """Delete what no reader sees: several feeds are looked at with one request, and cut with one."""
        asked = self.writing.statements(spec, "trimming")
        looks = [excess(spec, asked, some) for some in parts(owners, _together(spec))]
        found = self.running.read(looks, asked.what)
        self.writing.to_many([cut for cuts in found for cut in cuts], asked.what)

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Page]:
        """See `Storage.read`."""
        return self.running.read([self._feed(spec, query.owner).page(query) for query in queries], _reading(spec))

    def locate(self, spec: FeedSpec, query: Query, ids: Sequence[int]) -> list[int | None]:
        """See `Storage.locate`."""
        [places] = self.running.read(
            [self._feed(spec, query.owner).places(query, [*dict.fromkeys(ids)])], _reading(spec)
        )
        return [places.get(id) for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        """See `Storage.stats`."""
        counts = self.running.read([self._feed(spec, query.owner).count(query) for query in queries], _reading(spec))
        return [Stats(count) for count in counts]

    def _feed(self, spec: FeedSpec, owner: str, what: str = "reading") -> Timeline:
        return Timeline(spec, self.writing.statements(spec, what), owner)

    def _shown(self, spec: FeedSpec, writes: Sequence[Write]) -> dict[str, set[int]]:
        """Which of the entries that are written each feed shows."""
        ids: dict[str, dict[int, None]] = {}
        for write in writes:
            concerned = dict.fromkeys([*(put.id for put in write.puts), *(removal.id for removal in write.removes)])
            for owner in write.owners:
                ids.setdefault(owner, {}).update(concerned)
        found = self.running.read(
            [self._feed(spec, owner).shown([*of_owner]) for owner, of_owner in ids.items()], _reading(spec)
        )
        return dict(zip(ids, found, strict=True))


def _together(spec: FeedSpec) -> int:
    """How many feeds are looked at with one request."""
    return max(1, min(FEEDS_PER_LOOK, ROWS_PER_LOOK // (spec.keep + 1)))


def _reading(spec: FeedSpec) -> str:
    return f"reading feeds of {spec.name!r}"


def _changes(
    writes: Sequence[Write], before: Mapping[str, set[int]], after: Mapping[str, set[int]]
) -> dict[str, Change]:
    """What became of the entries that were written; what was cut does not count."""
    removed = {removal.id for write in writes for removal in write.removes}
    changes = {
        owner: Change(sorted(after[owner] - shown), sorted((shown - after[owner]) & removed))
        for owner, shown in before.items()
    }
    return {owner: change for owner, change in changes.items() if change.added or change.removed}

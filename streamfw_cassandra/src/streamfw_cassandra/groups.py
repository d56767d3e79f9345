"""Grouped feeds: the members of all groups of a feed in one partition, and groups made of them by whoever reads.

Adding, removing and updating are the writes of flat feeds, and read nothing. Marking reads, and writes a cell into each member
that is not marked yet. So whatever happens at once, nothing is lost or counted twice: there is nothing to merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from attrs import frozen
from streamfw_core.storage import Change, FeedSpec, Outcome, Query, Stats, Write
from streamfw_core.storage.groups import Group

from streamfw_cassandra import statements as cql
from streamfw_cassandra.group_rows import FACT_OF_ALL, GroupedFeed, fact_of_group, floor_fact, outlined
from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import WRITE
from streamfw_cassandra.statements import Statements
from streamfw_cassandra.unmarked import find_unmarked, hints_of, member_of, unread_row, unseen_row
from streamfw_cassandra.values import END, FIRST, LAST, pack_id, seconds
from streamfw_cassandra.writing import Writing

__all__ = ["EXACT_MEMBERS", "Groups"]

EXACT_MEMBERS = 10_000
MARKS = {(True, False): cql.SEE, (False, True): cql.READ, (True, True): cql.SEE_AND_READ}


@frozen
class Groups:
    """The grouped feeds of one storage."""

    running: Running
    writing: Writing

    # --- writing ---

    def start_write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool) -> Callable[[], Outcome]:
        """Begin a write; see `StartStorage.start_write`."""
        writes = [write._replace(puts=[put for put in write.puts if put.group is not None]) for write in writes]
        owners = [*dict.fromkeys(owner for write in writes for owner in write.owners)]
        before = self._members(spec, owners) if report else {}
        end = self.writing.start(spec, writes)

        def finish() -> Outcome:
            failures = end()
            self.writing.tidied(partial(self.trim, spec), self.writing.outgrown(spec, writes, failures))
            if not report:
                return Outcome(failures=failures)
            after = self._members(spec, owners)
            puts = {put.id for write in writes for put in write.puts}
            removes = {removal.id for write in writes for removal in write.removes}
            changes = {
                owner: Change(sorted((after[owner] - shown) & puts), sorted((shown - after[owner]) & removes))
                for owner, shown in before.items()
                if owner not in failures
            }
            return Outcome(
                failures=failures, changes={owner: change for owner, change in changes.items() if any(change)}
            )

        return finish

    def mark(
        self, spec: FeedSpec, owner: str, keys: Sequence[str] | None, *, seen: bool, read: bool, stamp: int
    ) -> list[str]:
        """See `GroupStorage.mark`."""
        [(feed, hints)] = self._unmarked(spec, [owner], read=read, keys=keys or ())
        if not (feed.groups or hints) or (keys is not None and not {*keys} <= {*feed.groups}):
            [feed] = self._outlines(spec, [owner])
        marked = [*feed.groups] if keys is None else [key for key in dict.fromkeys(keys) if key in feed.groups]
        if not (marked or (keys is None and hints)) or not (seen or read):
            return []
        asked = self.writing.statements(spec, "marking")
        facts = [FACT_OF_ALL] if keys is None else [fact_of_group(key) for key in marked]
        marks = [asked(MARKS[seen, read]).bind((stamp, owner, pack_id(fact))) for fact in facts]
        done: list[Any] = []
        hinted = {member_of(hint) for hint in hints}
        for member in (member for key in marked for member in feed.groups[key]):
            if member.seen >= seen and member.read >= read and member.id not in hinted:
                continue
            after = member._replace(seen=seen or member.seen, read=read or member.read)
            unseen, unread = unseen_row(member.id), unread_row(member.id)
            too_many = after.seen and (unseen in hints or (after.read and unread in hints))
            if after == member and not too_many:
                continue
            # Its whole state, with its newest stamp: no older removal may take away the mark for which a hint goes.
            marks.append(asked(MARKS[after.seen, after.read]).bind((member.stamp, owner, pack_id(member.id))))
            if not after.seen:
                continue
            if not member.seen or unseen in hints:
                done.append(asked(cql.REMOVE).bind((member.stamp, owner, unseen)))
            if not after.read:
                marks.append(asked(cql.UNMARKED).bind((member.stamp, owner, unread)))
            elif (member.seen and not member.read) or unread in hints:
                done.append(asked(cql.REMOVE).bind((member.stamp, owner, unread)))
        self.writing.to_one(owner, asked.what, marks, done)
        return [key for key in marked if (seen and not feed.is_seen(key)) or (read and not feed.is_read(key))]

    def clear(self, spec: FeedSpec, owners: Sequence[str], keep: int, stamp: int, ttl: float) -> None:
        """See `Storage.clear`."""
        asked = self.writing.statements(spec, "cutting")
        if keep == 0:
            self.running.all([asked(cql.EMPTY).bind((stamp, owner)) for owner in owners], asked.what, WRITE)
            return
        for owner, feed in zip(owners, self._feeds(spec, owners), strict=True):
            kept, cut = [*feed.groups][:keep], [*feed.groups][keep:]
            if not cut:
                continue
            id, data = floor_fact(feed.id_of(kept[-1]), kept)
            floor = asked(cql.FACT).bind((stamp, seconds(ttl), data, owner, pack_id(id)))
            gone = [(member.id, stamp) for key in cut for member in feed.groups[key]]
            self.writing.to_one(owner, asked.what, [floor], *_removals(asked, spec, owner, gone))

    def trim(self, spec: FeedSpec, owners: Sequence[str]) -> None:
        """Delete groups that no reader sees, each member with its own stamp: one that is added anew is not concerned."""
        asked = self.writing.statements(spec, "trimming")
        for owner, feed in zip(owners, self._outlines(spec, owners), strict=True):
            gone = [(member.id, member.stamp) for members in feed.hidden.values() for member in members]
            self.writing.to_one(owner, asked.what, *_removals(asked, spec, owner, gone))

    # --- reading ---

    def read(self, spec: FeedSpec, queries: Sequence[Query]) -> list[list[Group]]:
        """See `GroupStorage.read_groups`."""
        return [
            [feed.shown(key, query.hydrate) for key in feed.keys(query)[query.start : query.stop]]
            for query, feed in self._of(queries, partial(self._feeds, spec))
        ]

    def get(self, spec: FeedSpec, owner: str, keys: Sequence[str], hydrate: str | None) -> list[Group | None]:
        """See `GroupStorage.get_groups`."""
        [feed] = self._feeds(spec, [owner])
        return [feed.shown(key, hydrate) if key in feed.groups else None for key in keys]

    def find(self, spec: FeedSpec, owner: str, ids: Sequence[int]) -> list[str | None]:
        """See `GroupStorage.groups_of`."""
        [feed] = self._outlines(spec, [owner])
        return [feed.group_of(id) for id in ids]

    def stats(self, spec: FeedSpec, queries: Sequence[Query]) -> list[Stats]:
        """See `Storage.stats`."""
        counts = []
        asked = {count for query in queries for count in query.counts}

        def feeds(owners: Sequence[str]) -> list[GroupedFeed]:
            if "entries" in asked:
                return self._outlines(spec, owners)
            return [feed for feed, _ in self._unmarked(spec, owners, read="unread" in asked)]

        for query, feed in self._of(queries, feeds):
            keys = feed.keys(query)
            unseen, unread = (sum(not is_marked(key) for key in keys) for is_marked in (feed.is_seen, feed.is_read))
            counts.append(Stats(len(keys), unseen, unread))
        return counts

    # --- inside ---

    def _of(
        self, queries: Sequence[Query], feeds: Callable[[Sequence[str]], list[GroupedFeed]]
    ) -> Iterator[tuple[Query, GroupedFeed]]:
        owners = [*dict.fromkeys(query.owner for query in queries)]
        found = dict(zip(owners, feeds(owners), strict=True))
        return ((query, found[query.owner]) for query in queries)

    def _feeds(self, spec: FeedSpec, owners: Sequence[str]) -> list[GroupedFeed]:
        if not owners:
            return []
        asked = self.writing.statements(spec, "reading")
        pages = self.running.all([asked(cql.MEMBERS).bind((owner, LAST)) for owner in owners], asked.what)
        return [GroupedFeed.of(spec, owner, rows) for owner, rows in zip(owners, pages, strict=True)]

    def _outlines(self, spec: FeedSpec, owners: Sequence[str]) -> list[GroupedFeed]:
        """The feeds without actors, payloads and the times of marks."""
        if not owners:
            return []
        asked = self.writing.statements(spec, "reading")
        pages = self.running.all([asked(cql.OUTLINE).bind((owner, FIRST, END)) for owner in owners], asked.what)
        rows = [outlined(page) for page in pages]
        cut = [owner for owner, known in zip(owners, rows, strict=True) if known is None]
        whole = dict(zip(cut, self._feeds(spec, cut), strict=True))
        return [
            whole[owner] if known is None else GroupedFeed.of(spec, owner, known)
            for owner, known in zip(owners, rows, strict=True)
        ]

    def _unmarked(
        self, spec: FeedSpec, owners: Sequence[str], *, read: bool, keys: Sequence[str] = ()
    ) -> list[tuple[GroupedFeed, frozenset[bytes]]]:
        """See `find_unmarked`."""
        if spec.kind != "notification":
            return [(feed, frozenset()) for feed in self._outlines(spec, owners)]
        asked = self.writing.statements(spec, "reading")
        reading = [find_unmarked(asked, spec, owner, read=read, keys=keys) for owner in owners]
        return self.running.read(reading, asked.what)

    def _members(self, spec: FeedSpec, owners: Sequence[str]) -> dict[str, set[int]]:
        feeds = zip(owners, self._outlines(spec, owners), strict=True)
        return {owner: {one.id for members in feed.groups.values() for one in members} for owner, feed in feeds}


def _removals(
    asked: Statements, spec: FeedSpec, owner: str, gone: Sequence[tuple[int, int]]
) -> tuple[list[Any], list[Any]]:
    """What deletes members, each with a stamp, and then their hints: a member without would be counted by nobody."""
    remove = asked(cql.REMOVE)
    members = [remove.bind((stamp, owner, pack_id(id))) for id, stamp in gone]
    return members, [remove.bind((stamp, owner, row)) for id, stamp in gone for row in hints_of(spec, id)]

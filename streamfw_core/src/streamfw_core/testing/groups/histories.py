"""Random histories of groups, compared with a model that recomputes from scratch."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streamfw_core.storage.groups import Group
from streamfw_core.storage.protocol import Query, Removal, Write
from streamfw_core.testing import group_model, model
from streamfw_core.testing.group_model import Added, Operation, Shown
from streamfw_core.testing.groups.case import GroupCase, at, members_of
from streamfw_core.testing.promises import promise, same
from streamfw_core.testing.properties import EXAMPLES

__all__ = ["GroupHistories", "GroupHistoriesContract", "Step", "histories"]

MEMBERS = 14
KEYS = ("a", "b", "c", "d")
KEEP = 3

Step = tuple[str, list[int], int, int]
"""What is done: a word, numbers of members or groups, how late it is, and one number more."""


def histories(length: int = 14) -> st.SearchStrategy[list[Step]]:
    """Adds, removals, marks and trims of few members, so that they meet; some arrive late, some twice.

    Adds and removals that are late have the stamp of an operation before, so they come as if reordered.
    """
    numbers = st.lists(st.integers(0, MEMBERS - 1), min_size=1, max_size=5)
    late = st.sampled_from([0, 0, 1, 3, 7])
    steps = st.one_of(
        st.tuples(st.just("add"), numbers, late, st.just(0)),
        st.tuples(st.just("add"), numbers, late, st.just(0)),
        st.tuples(st.just("remove"), numbers, late, st.integers(0, 1)),
        st.tuples(st.just("both"), numbers, late, st.integers(0, MEMBERS - 1)),
        st.tuples(st.just("mark"), st.lists(st.integers(0, 3), max_size=3), st.just(0), st.integers(1, 7)),
        st.tuples(st.just("trim"), st.just([]), st.sampled_from([0, 0, 3]), st.integers(0, 3)),
        st.tuples(st.just("again"), st.just([]), st.just(0), st.integers(1, 4)),
    )
    return st.lists(steps, min_size=1, max_size=length)


class GroupHistories(GroupCase):
    """Follows histories on a storage and in the model; each has a feed and ids of its own."""

    def begin(self) -> None:
        super().begin()
        self._wide = self.grouped(keep=100, view=3)
        self._narrow = self.grouped(keep=KEEP, view=3)
        self._inline = self.grouped(keep=100, inline=True, view=100)
        self._examples = 0

    def fresh(self) -> int:
        """The first of the ids that no other history uses: what is remembered of an id concerns all feeds."""
        self._examples += 1
        return at(self._examples * 64)

    def follow(self, history: Sequence[Step], *, capped: bool) -> None:
        """Do one step after the other, and compare after each."""
        spec, base = self._narrow if capped else self._wide, self.fresh()
        owner = f"owner-{self._examples}"
        done: list[Operation] = []
        shown: list[Shown] = []
        for number, step in enumerate(history):
            for operation in self._operations(step, number, base, done):
                allowed = self._allowed(operation, done, spec.keep)
                done.append(allowed)
                before, shown = shown, group_model.shown(done, keep=spec.keep)
                self._apply(owner, allowed, before, shown, capped=capped)
            self._compare(owner, shown, history[: number + 1], capped=capped)

    def _operations(self, step: Step, number: int, base: int, done: list[Operation]) -> list[Operation]:
        kind, numbers, late, more = step
        stamp = max(1, 2 * (number + 1 - late))
        adds = [_added(base, each, stamp) for each in numbers]
        match kind:
            case "add":
                return [Operation("write", adds)]
            case "remove":
                # On a tie the removal wins, but most removals are newer than an add of the same time.
                return [Operation("write", (), [(add.id, stamp + more) for add in adds])]
            case "both":
                return [Operation("write", adds, [(_added(base, more, stamp).id, stamp + 1)])]
            case "mark":
                keys = None if more & 4 else {KEYS[each] for each in numbers}
                seen, read = bool(more & 1), bool(more & 2)
                return [Operation("mark", keys=keys, seen=seen, read=read, stamp=stamp)] if seen or read else []
            case "trim":
                return [Operation("trim", keep=more, stamp=stamp)]
            case _:
                # A redelivery of the last writes, in another order.
                return [each for each in done[: -more - 1 : -1] if each.kind == "write"]

    def _allowed(self, operation: Operation, done: list[Operation], keep: int) -> Operation:
        """The operation without adds that storages may take or refuse.

        They are redeliveries of what was cut for want of room, and may have room now,
        and of what went with a trim, and may find that its group has begun anew.
        And what comes too late but for a member that the same write may bring and take out.
        """
        feed = group_model.replayed(done, keep=keep)
        present = {add.group for add in feed.members.values()}
        coming = {add.group for add in operation.adds if feed.trimmed.get(add.id, -1) < add.stamp}

        def is_decided(add: Added) -> bool:
            if add.id in feed.members:
                return True
            if feed.cut.get(add.id, -1) >= add.stamp:
                return False
            if operation.removes and add.stamp <= feed.trims and add.group not in present:
                return False
            return feed.trimmed.get(add.id, -1) < add.stamp or add.group not in present | coming

        return operation._replace(adds=[add for add in operation.adds if is_decided(add)])

    def _apply(
        self, owner: str, operation: Operation, before: Sequence[Shown], after: Sequence[Shown], *, capped: bool
    ) -> None:
        spec = self._narrow if capped else self._wide
        match operation.kind:
            case "write":
                puts = [self.member(add.id, add.group, add.actor, add.stamp) for add in operation.adds]
                removes = [Removal(id, self.stamp(stamp)) for id, stamp in operation.removes]
                outcome = self.write(spec, Write([owner], puts, removes))
                self.counted(outcome.added, group_model.added(before, after), "members that a write in a history adds")
            case "trim":
                self.clear(spec, owner, operation.keep, operation.stamp)
            case "mark":
                keys = None if operation.keys is None else sorted(operation.keys)
                changed = self.mark(spec, owner, keys, seen=operation.seen, read=operation.read, stamp=operation.stamp)
                expected = [
                    old.key
                    for old, new in zip(before, after, strict=True)
                    if (old.seen, old.read) != (new.seen, new.read)
                ]
                same(sorted(changed), sorted(expected), "C18", "the groups that a mark changed")

    def _compare(self, owner: str, expected: Sequence[Shown], history: Sequence[Step], *, capped: bool) -> None:
        spec = self._narrow if capped else self._wide
        words = f"after {_told(history)}"
        found = self.found(spec, owner)
        same([group.key for group in found], [group.key for group in expected], "C17", f"groups {words}")
        for group, of_model in zip(found, expected, strict=True):
            self._compare_group(group, of_model, words, view=spec.view)
        counts = (len(expected), sum(not group.seen for group in expected), sum(not group.read for group in expected))
        same(self.stats(spec, owner)[:], counts, "C18", f"groups, unseen and unread {words}")
        by_key = self.groups.get_groups(spec, owner, KEYS, hydrate=None)
        keys = [group and group.key for group in by_key]
        same(
            keys, [key if key in {group.key for group in expected} else None for key in KEYS], "C15", f"by key {words}"
        )

    def _compare_group(self, found: Group, expected: Shown, words: str, *, view: int) -> None:
        of = f"of group {found.key!r} {words}"
        same(members_of(found), expected.ids[:view], "C17", f"members in view {of}")
        counts = (found.member_count, found.actor_count, found.first_id, found.exact)
        same(counts, (len(expected.ids), expected.actors, expected.ids[-1], True), "C14", f"counts {of}")
        same(found.id, expected.id, "C2", f"the id {of}")
        same((found.seen, found.read), (expected.seen, expected.read), "C19", f"seen and read {of}")
        times = tuple(self.stamp(stamp) if stamp else 0 for stamp in (expected.seen_at, expected.read_at))
        same((found.seen_at, found.read_at), times, "C19", f"when it was marked {of}")


class GroupHistoriesContract(GroupHistories):
    """What comes out of operations that nobody thought of."""

    @promise("C9", "C14", "C17", "C18", "C19")
    @EXAMPLES
    @given(histories())
    def test_histories_of_groups_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=False)

    @promise("C7", "C14", "C17", "C18", "C19")
    @EXAMPLES
    @given(histories())
    def test_histories_of_a_full_feed_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=True)

    @promise("C9", "C14")
    @EXAMPLES
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["add", "add", "remove", "update", "empty"]), st.integers(0, 5), st.integers(1, 8)
            ),
            max_size=24,
        )
    )
    def test_groups_end_the_same_in_whatever_order_operations_arrive(
        self, history: list[tuple[model.Kind, int, int]]
    ) -> None:
        base, spec = self.fresh(), self._inline
        owner = f"owner-{self._examples}"
        # An update shares no stamp with an add, whose tie nothing decides.
        operations = [
            model.Operation(kind, _added(base, number, 1).id, 2 * stamp + (kind == "update"))
            for kind, number, stamp in history
        ]
        facts = {add.id: add for add in (_added(base, number, 1) for number in range(MEMBERS))}
        for operation in [*operations, *operations[::3]]:
            self._arrive(owner, operation, facts)
        shown = model.timeline(operations)
        found: dict[int, bytes | None] = {}
        for group in self.found(spec, owner):
            found |= dict(zip(members_of(group), group.payloads or (), strict=True))
            members = [id for id in shown if facts[id].group == group.key]
            actors = len({facts[id].actor for id in members})
            words = f"of {group.key!r} after {history}"
            same((group.member_count, group.actor_count), (len(members), actors), "C14", f"counts {words}")
        same(found, shown, "C9", f"members and payloads after {history}")

    def _arrive(self, owner: str, operation: model.Operation, facts: dict[int, Added]) -> None:
        """As a manager does it: an update is remembered before it is delivered."""
        spec = self._inline
        if operation.kind == "empty":
            self.clear(spec, owner, keep=0, stamp=operation.stamp)
            return
        add = facts[operation.id]
        if operation.kind == "remove":
            group = add.group if operation.stamp % 4 else None
            self.leave(spec, owner, [operation.id], group=group, stamp=operation.stamp)
            return
        entry = self.member(operation.id, add.group, add.actor, operation.stamp, operation.payload)
        if operation.kind == "update":
            self.storage.remember(spec, updates=[entry])
            self.write(spec, Write([owner], updates=[entry]))
        else:
            self.join(spec, owner, entry)

    @promise("C2", "C3", "C18")
    @EXAMPLES
    @given(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), max_size=25),
        st.sets(st.integers(0, 9)),
        st.lists(
            st.tuples(
                st.integers(0, 7), st.integers(0, 7), st.integers(0, 9), st.none() | st.integers(0, 10), st.booleans()
            ),
            min_size=1,
            max_size=4,
        ),
    )
    def test_any_query_of_groups_finds_what_the_model_finds(
        self,
        members: list[tuple[int, int]],
        marked: set[int],
        asked: list[tuple[int, int, int, int | None, bool]],
    ) -> None:
        base, spec = self.fresh(), self._wide
        owner = f"owner-{self._examples}"
        adds = [Added(base + (time << 64) + number, 1, f"key {number}", str(time)) for number, time in members]
        done = [
            Operation("write", adds),
            Operation("mark", keys={f"key {number}" for number in marked}, seen=True, stamp=2),
        ]
        self.join(spec, owner, *(self.member(add.id, add.group, add.actor) for add in adds))
        self.mark(spec, owner, sorted(done[1].keys or ()), stamp=2)
        shown = group_model.shown(done, keep=spec.keep)
        queries = [
            Query(owner, start, stop, base + (lower << 64), base + (upper << 64), oldest_first)
            for lower, upper, start, stop, oldest_first in asked
        ]
        found = self.groups.read_groups(spec, queries)
        counted = self.storage.stats(spec, queries)
        alone = self.storage.stats(spec, [query._replace(counts=("unseen", "unread")) for query in queries])
        for query, groups, stats, marks in zip(queries, found, counted, alone, strict=True):
            within = [group for group in shown if query.lower <= group.id <= query.upper]
            ordered = within[::-1] if query.oldest_first else within
            words = f"[{query.start}:{query.stop}] from {query.lower - base} to {query.upper - base} among {members}"
            ids = [group.id for group in ordered[query.start : query.stop]]
            same([group.id for group in groups], ids, "C3", f"groups {words}")
            counts = (len(within), sum(not group.seen for group in within), len(within))
            same(stats[:], counts, "C18", f"groups, unseen and unread {words}")
            same(marks[1:], counts[1:], "C18", f"unseen and unread, where nothing else is asked for, {words}")


def _added(base: int, number: int, stamp: int) -> Added:
    """The member of this number: two share a millisecond, four groups and five actors share all."""
    return Added(base + (number // 2 << 64) + number, stamp, KEYS[number * 7 % 4], str(number % 5))


def _told(history: Sequence[Step]) -> str:
    """A history in words short enough for a message."""
    return "; ".join(f"{kind} {numbers or ''} ({late}, {more})" for kind, numbers, late, more in history)

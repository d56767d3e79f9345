"""Idempotence, counts, reports and batches."""

from __future__ import annotations

import pytest

from streamfw_core.storage.protocol import Query, Removal, Write
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase, tied

__all__ = ["WritingContract"]


class WritingContract(StorageCase):
    """What `write` does, and says that it did."""

    @promise("C6")
    def test_adding_again_changes_nothing(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.counted(self.put(spec, "a", ids).added, 3, "three new entries")
        self.counted(self.put(spec, "a", ids).added, 0, "the same delivery again")
        self.counted(self.put(spec, "a", [*ids, ids[0] + 7], stamp=5).added, 1, "three known entries and a new one")
        same(self.ids(spec, "a"), sorted([*ids, ids[0] + 7], reverse=True), "C6", "a feed after adding the same again")
        same(self.storage.stats(spec, [Query("a")])[0].entries, 4, "C6", "the count after adding the same again")

    @promise("C6")
    def test_a_single_entry_added_again_changes_nothing(self) -> None:
        spec, ids = self.spec(), tied(3)
        for id in (*ids, ids[2], ids[0], ids[1]):
            self.put(spec, "a", [id])
        same(self.ids(spec, "a"), ids[::-1], "C6", "a feed after each entry was added twice, one by one")

    @promise("C6")
    def test_an_id_twice_in_a_batch_is_one_entry(self) -> None:
        spec, (first, second) = self.spec(), tied(2)
        outcome = self.put(spec, "a", [first, second, first, first])
        self.counted(outcome.added, 2, "two entries, one of them three times in the batch")
        same(self.ids(spec, "a"), [second, first], "C6", "a batch with an id three times")
        self.counted(self.remove(spec, "a", [first, first]).removed, 1, "one entry, removed twice in the batch")

    @promise("C6")
    def test_removing_takes_out_exactly_what_it_names(self) -> None:
        spec, ids = self.spec(), tied(6)
        self.put(spec, "a", ids)
        self.counted(self.remove(spec, "a", [ids[2], ids[4]]).removed, 2, "two entries removed")
        same(self.ids(spec, "a"), [ids[5], ids[3], ids[1], ids[0]], "C6", "a feed after two were removed")
        self.counted(self.remove(spec, "a", [ids[2], ids[4]], stamp=3).removed, 0, "the same removed again")
        self.counted(self.remove(spec, "a", [ids[2] + 3], stamp=3).removed, 0, "something that was never there")
        self.counted(self.remove(spec, "nobody", [ids[0]], stamp=3).removed, 0, "something out of a feed that has none")
        same(self.ids(spec, "a"), [ids[5], ids[3], ids[1], ids[0]], "C6", "a feed after removing nothing new")

    @promise("C6")
    def test_counts_add_up_over_many_feeds(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.put(spec, "a", ids[:1])
        puts = [self.entry(id) for id in ids]
        outcome = self.write(spec, Write(["a", "b", "c"], puts=puts), Write(["d", "a"], puts=puts[:2]))
        self.counted(outcome.added, 2 + 3 + 3 + 2, "two writes to four feeds")
        removal = Write(["a", "b", "nobody"], removes=[Removal(ids[0], self.stamp(2))])
        self.counted(self.write(spec, removal).removed, 2, "one removal from three feeds, two of which had it")

    @promise("C6")
    def test_one_entry_to_many_feeds_is_counted_where_it_is_new(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.put(spec, "has it", [ids[1]])
        self.put(spec, "has a newer one", [ids[2]])
        write = Write(["has it", "has a newer one", "has nothing"], puts=[self.entry(ids[1])])
        self.counted(self.write(spec, write).added, 2, "one entry to three feeds, one of which had it")
        same(self.ids(spec, "has a newer one"), [ids[2], ids[1]], "C6", "a feed that had a newer entry")

    @promise("C6")
    def test_a_report_says_what_changed_where(self) -> None:
        spec, ids = self.spec(), tied(4)
        self.put(spec, "a", ids[:2])
        self.put(spec, "full", ids)
        write = Write(
            ["a", "b", "full"],
            puts=[self.entry(id) for id in ids[:3]],
            removes=[Removal(ids[3], self.stamp(2))],
        )
        changes = self.write(spec, write, report=True).changes
        found = {owner: (sorted(change.added), sorted(change.removed)) for owner, change in changes.items()}
        expected = {"a": ([ids[2]], []), "b": (ids[:3], []), "full": ([], [ids[3]])}
        same(found, expected, "C6", "what changed, by owner")
        same(dict(self.write(spec, write, report=True).changes), {}, "C6", "what a repeated delivery changed")

    @promise("C7", "C6")
    def test_what_a_full_feed_does_not_take_is_not_new(self) -> None:
        spec, ids = self.spec(keep=3), tied(8)
        self.put(spec, "a", ids[4:])
        outcome = self.write(spec, Write(["a"], puts=[self.entry(ids[0])]), report=True)
        self.counted(outcome.added, 0, "an entry older than all that a full feed shows")
        same(dict(outcome.changes), {}, "C6", "what an entry too old for a full feed changed")
        same(self.ids(spec, "a"), ids[:-4:-1], "C7", "a full feed after an older entry arrived")

    @promise("C8")
    def test_every_feed_of_a_batch_is_written(self) -> None:
        spec, (old, new) = self.spec(), tied(2)
        owners = [f"user-{number}" for number in range(600)]
        self.write(spec, Write(owners[::3], puts=[self.entry(old)]))
        added = self.write(spec, Write(owners, puts=[self.entry(new)])).added
        pages = self.storage.read(spec, [Query(owner) for owner in owners])
        found = {owner: [*page.ids] for owner, page in zip(owners, pages, strict=True)}
        wrong = [
            owner for number, owner in enumerate(owners) if found[owner] != ([new, old] if number % 3 == 0 else [new])
        ]
        check(not wrong, "C8", f"a batch over 600 feeds left {len(wrong)} of them wrong, such as {wrong[:3]}")
        self.counted(added, 600, "one entry to 600 feeds")

    @promise("C8")
    def test_every_entry_of_a_batch_is_written(self) -> None:
        spec, ids = self.spec(keep=2000), tied(1500)
        added = self.put(spec, "a", ids[::2] + ids[1::2]).added
        found = self.ids(spec, "a")
        check(found == ids[::-1], "C8", f"1,500 entries put at once: the feed shows {len(found)}, or in another order")
        self.counted(added, 1500, "1,500 entries at once")

    @promise("C8")
    def test_writes_of_a_batch_are_applied_in_their_order(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.write(
            spec,
            Write(["a", "b"], puts=[self.entry(id) for id in ids]),
            Write(["b"], removes=[Removal(ids[1], self.stamp(2))]),
            Write(["b", "c"], puts=[self.entry(ids[1], 3), self.entry(ids[0], 3)]),
        )
        same(self.ids(spec, "a"), ids[::-1], "C8", "the feed of the first of three writes")
        same(self.ids(spec, "b"), ids[::-1], "C8", "a feed of all three writes")
        same(self.ids(spec, "c"), ids[1::-1], "C8", "the feed of the last of three writes")

    @promise("C8")
    def test_a_feed_that_cannot_be_written_is_named_and_costs_no_other(self) -> None:
        spec, ids = self.spec(), tied(2)
        owners = ["before", "spoilt", "after"]
        if not self.spoil_feed(self.storage, spec, "spoilt"):
            pytest.skip("spoil_feed() does not make a feed that cannot be written")
        outcome = self.storage.write(spec, [Write(owners, puts=[self.entry(id) for id in ids])])
        same(sorted(outcome.failures), ["spoilt"], "C8", "the feeds that are reported as failed")
        reason = outcome.failures["spoilt"]
        check(isinstance(reason, Exception), "C8", f"the reason for a failed feed is no exception: {reason!r}")
        for owner in ("before", "after"):
            same(self.ids(spec, owner), ids[::-1], "C8", f"the feed written {owner} one that failed")

    @promise("C11")
    def test_empty_input_does_nothing(self) -> None:
        spec, namespace, storage = self.spec(), self.namespace(), self.storage
        self.put(spec, "a", [MILLISECOND])
        storage.prepare([])
        for writes in ([], [Write(["a"])], [Write([], puts=[self.entry(1)])]):
            outcome = self.write(spec, *writes)
            self.counted(outcome.added, 0, "added by an empty write")
            self.counted(outcome.removed, 0, "removed by an empty write")
        storage.remember(spec)
        storage.clear(spec, [], keep=0, stamp=self.stamp(5))
        for update in (False, True):
            storage.store(namespace, [], update=update)
        found = ([*storage.read(spec, [])], [*storage.stats(spec, [])], [*storage.load(namespace, [])])
        same(found, ([], [], []), "C11", "reads of nothing")
        same([*storage.locate(spec, Query("a"), [])], [], "C11", "positions of nothing")
        same(self.ids(spec, "a"), [MILLISECOND], "C11", "a feed after writes of nothing")

    @promise("C11")
    def test_a_feed_that_was_never_written_is_empty(self) -> None:
        spec, id = self.spec(), MILLISECOND
        same(self.ids(spec, "nobody"), [], "C11", "a feed that was never written")
        same(self.storage.stats(spec, [Query("nobody")])[0].entries, 0, "C11", "its count")
        same([*self.storage.locate(spec, Query("nobody"), [id])], [None], "C11", "a position in it")
        self.clear(spec, "nobody", keep=5, stamp=1)
        self.storage.flush(self.namespace())
        same([*self.storage.load(self.namespace(), [id])], [None], "C11", "a record in an empty namespace")

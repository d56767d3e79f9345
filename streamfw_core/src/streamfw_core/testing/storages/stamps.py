"""Stamps: the newest operation on an entry wins, on a tie the removal, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

from streamfw_core.storage.protocol import FeedSpec, Query, Removal, Write
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase, tied

__all__ = ["StampsContract"]


class StampsContract(StorageCase):
    """Late, reordered and repeated operations."""

    @promise("C9")
    def test_a_late_add_does_not_bring_back_what_was_removed(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.put(spec, "a", ids, stamp=1)
        self.remove(spec, "a", [ids[1]], stamp=5)
        for stamp in (1, 4):
            self.put(spec, "a", [ids[1]], stamp=stamp)
            self.put(spec, "a", ids, stamp=stamp)
            self.write(spec, Write(["a", "b"], puts=[self.entry(ids[1], stamp)]))
        same(self.ids(spec, "a"), [ids[2], ids[0]], "C9", "a feed after late adds of an entry that was removed")
        same(self.ids(spec, "b"), [ids[1]], "C9", "a feed from which it was not removed")

    @promise("C9")
    def test_an_add_that_comes_after_its_removal_stays_out(self) -> None:
        spec, id = self.spec(), MILLISECOND
        self.remove(spec, "a", [id], stamp=5)
        self.put(spec, "a", [id], stamp=4)
        same(self.ids(spec, "a"), [], "C9", "a feed where the removal arrived before the add")

    @promise("C9")
    def test_on_a_tie_the_removal_wins(self) -> None:
        spec, id = self.spec(), MILLISECOND
        self.put(spec, "add first", [id], stamp=3)
        self.remove(spec, "add first", [id], stamp=3)
        self.remove(spec, "removal first", [id], stamp=3)
        self.put(spec, "removal first", [id], stamp=3)
        self.write(spec, Write(["at once"], puts=[self.entry(id, 3)], removes=[Removal(id, self.stamp(3))]))
        for owner in ("add first", "removal first", "at once"):
            same(self.ids(spec, owner), [], "C9", f"an add and a removal of one stamp, {owner}")

    @promise("C9")
    def test_adding_anew_after_a_removal_works(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.put(spec, "a", ids, stamp=1)
        self.remove(spec, "a", ids, stamp=2)
        same(self.ids(spec, "a"), [], "C9", "a feed after all was removed")
        self.counted(self.put(spec, "a", ids[:2], stamp=3).added, 2, "entries added anew after their removal")
        same(self.ids(spec, "a"), ids[1::-1], "C9", "a feed after entries were added anew")

    @promise("C9")
    def test_a_late_removal_does_not_take_out_what_was_added_anew(self) -> None:
        spec, id = self.spec(), MILLISECOND
        self.put(spec, "a", [id], stamp=5)
        self.counted(self.remove(spec, "a", [id], stamp=4).removed, 0, "a removal older than the entry")
        same(self.ids(spec, "a"), [id], "C9", "a feed after a removal that is older than the entry")

    @promise("C9")
    def test_the_order_of_arrival_does_not_matter(self) -> None:
        spec, id = self.spec(), MILLISECOND
        add, remove = self._add, self._remove
        histories: dict[str, list[tuple[Callable[..., None], int]]] = {
            "added, removed, added": [(add, 1), (remove, 2), (add, 3)],
            "removed, added, removed": [(remove, 1), (add, 2), (remove, 3)],
            "added, added, removed": [(add, 1), (add, 3), (remove, 2)],
        }
        for number, (words, history) in enumerate(histories.items()):
            newest = max(history, key=lambda operation: operation[1])[0]
            for place, order in enumerate(permutations(history)):
                owner = f"{number}-{place}"
                for operation, stamp in (*order, *order[:2]):
                    operation(spec, owner, id, stamp)
                expected = [id] if newest == add else []
                arrival = ", ".join(str(stamp) for _, stamp in order)
                same(self.ids(spec, owner), expected, "C9", f"{words} (1, 2, 3), arrived as {arrival} and repeated")

    def _add(self, spec: FeedSpec, owner: str, id: int, stamp: int) -> None:
        self.put(spec, owner, [id], stamp)

    def _remove(self, spec: FeedSpec, owner: str, id: int, stamp: int) -> None:
        self.remove(spec, owner, [id], stamp)

    @promise("C9")
    def test_a_newer_add_renews_an_entry_s_stamp(self) -> None:
        spec, id = self.spec(), MILLISECOND
        self.put(spec, "a", [id], stamp=1)
        self.put(spec, "a", [id], stamp=5)
        self.put(spec, "a", [id], stamp=2)
        self.remove(spec, "a", [id], stamp=3)
        same(self.ids(spec, "a"), [id], "C9", "an entry added at 1 and 5, after the removal of 3")
        same(
            [entry.stamp for entry in self.entries(spec, "a")],
            [self.stamp(5)],
            "C9",
            "the stamp of an entry added at 1, 5 and 2",
        )

    @promise("C9")
    def test_remembered_removals_hold_for_every_feed(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.put(spec, "present", ids, stamp=1)
        self.storage.remember(spec, removes=[Removal(ids[1], self.stamp(5))])
        same(self.ids(spec, "present"), ids[::-1], "C9", "a feed that held the entry when its removal was remembered")
        for stamp in (4, 5):
            outcome = self.write(spec, Write(["new", "other"], puts=[self.entry(id, stamp) for id in ids]))
            self.counted(
                outcome.added, 4 if stamp == 4 else 0, "three entries, one remembered as removed, to two feeds"
            )
            self.put(spec, "third", [ids[1]], stamp=stamp)
        for owner in ("new", "other"):
            same(self.ids(spec, owner), [ids[2], ids[0]], "C9", "a feed that gets an entry remembered as removed")
        same(self.ids(spec, "third"), [], "C9", "a feed that gets only what is remembered as removed")
        self.put(spec, "new", [ids[1]], stamp=6)
        same(self.ids(spec, "new"), ids[::-1], "C9", "a feed that gets it anew, after the removal")

    @promise("C9")
    def test_of_remembered_removals_the_newest_counts(self) -> None:
        spec, id = self.spec(), MILLISECOND
        self.storage.remember(spec, removes=[Removal(id, self.stamp(7))])
        self.storage.remember(spec, removes=[Removal(id, self.stamp(3))])
        self.remove(spec, "a", [id], stamp=4)
        self.put(spec, "a", [id], stamp=6)
        self.put(spec, "b", [id], stamp=6)
        same(
            [self.ids(spec, owner) for owner in "ab"],
            [[], []],
            "C9",
            "an entry of 6, its removals of 7 and 3 remembered",
        )

    @promise("C9")
    def test_remembered_updates_meet_adds_that_arrive_later(self) -> None:
        spec, id = self.spec(inline=True), MILLISECOND
        self.put(spec, "present", [id], stamp=1, payload=b"old")
        self.storage.remember(spec, updates=[self.entry(id, 5, b"updated")])
        same(self.payload(spec, "present", id), b"old", "C9", "an entry that was there when its update was remembered")
        same(self.ids(spec, "late"), [], "C6", "a feed without the entry whose update was remembered")
        self.put(spec, "late", [id], stamp=1, payload=b"old")
        same(self.payload(spec, "late", id), b"updated", "C9", "an entry that arrived after its update")
        self.put(spec, "anew", [id], stamp=6, payload=b"newer")
        same(self.payload(spec, "anew", id), b"newer", "C9", "an entry newer than the remembered update")
        self.storage.remember(spec, updates=[self.entry(id, 3, b"older")])
        self.put(spec, "later", [id], stamp=1, payload=b"old")
        same(self.payload(spec, "later", id), b"updated", "C9", "an entry after an older update was remembered too")

    @promise("C6")
    def test_an_update_replaces_and_never_adds(self) -> None:
        spec, (id, other) = self.spec(inline=True), tied(2)
        self.put(spec, "a", [id], stamp=1, payload=b"old")
        outcome = self.write(spec, Write(["a", "b"], updates=[self.entry(id, 3, b"new"), self.entry(other, 3, b"new")]))
        self.counted(outcome.added, 0, "updates")
        same(self.payload(spec, "a", id), b"new", "C6", "an entry after its update")
        same(
            (self.ids(spec, "a"), self.ids(spec, "b")), ([id], []), "C6", "feeds after updates of what they do not hold"
        )

    @promise("C9")
    def test_of_updates_and_adds_the_newest_payload_stays(self) -> None:
        spec, id = self.spec(inline=True), MILLISECOND
        self.put(spec, "a", [id], stamp=3, payload=b"3")
        self.update(spec, "a", id, 2, b"2")
        same(self.payload(spec, "a", id), b"3", "C9", "an entry of 3 after an update of 2")
        self.update(spec, "a", id, 6, b"6")
        self.update(spec, "a", id, 5, b"5")
        same(self.payload(spec, "a", id), b"6", "C9", "an entry of 3 after updates of 6 and 5, in this order")
        self.put(spec, "a", [id], stamp=4, payload=b"4")
        same(self.payload(spec, "a", id), b"6", "C9", "an entry updated at 6, after an add of 4")
        self.put(spec, "a", [id], stamp=7, payload=b"7")
        same(self.payload(spec, "a", id), b"7", "C9", "an entry updated at 6, after an add of 7")

    @promise("C9")
    def test_an_update_does_not_outlive_a_removal(self) -> None:
        spec, id = self.spec(inline=True), MILLISECOND
        self.put(spec, "a", [id], stamp=1, payload=b"old")
        self.update(spec, "a", id, 3, b"new")
        self.remove(spec, "a", [id], stamp=2)
        same(self.ids(spec, "a"), [], "C9", "an entry of 1 updated at 3, after its removal of 2")
        self.update(spec, "a", id, 4, b"newer")
        same(self.ids(spec, "a"), [], "C9", "a removed entry after another update")

    @promise("C7", "C9")
    def test_emptying_a_feed_keeps_out_what_is_older(self) -> None:
        spec, ids = self.spec(), tied(6)
        for owner in ("a", "other"):
            self.put(spec, owner, ids[1:5], stamp=1)
        self.clear(spec, "a", keep=0, stamp=5)
        same(self.ids(spec, "a"), [], "C7", "a feed after it was emptied")
        same(self.storage.stats(spec, [Query("a")])[0].entries, 0, "C7", "its count")
        self.put(spec, "a", ids, stamp=4)
        for id in ids:
            self.write(spec, Write(["a", "third"], puts=[self.entry(id, 5)]))
        same(self.ids(spec, "a"), [], "C9", "an emptied feed after late adds, of any id")
        same(self.ids(spec, "other"), ids[4:0:-1], "C7", "a feed that was not emptied")
        same(self.ids(spec, "third"), ids[::-1], "C9", "a feed that was not emptied, and got the same adds")
        self.put(spec, "a", ids[2:4], stamp=6)
        same(self.ids(spec, "a"), ids[3:1:-1], "C9", "an emptied feed after newer adds")

    @promise("C7", "C9")
    def test_trimming_a_feed_keeps_the_newest(self) -> None:
        spec, ids = self.spec(), tied(8)
        self.put(spec, "a", ids[:7], stamp=1)
        self.clear(spec, "a", keep=3, stamp=5)
        same(self.ids(spec, "a"), ids[6:3:-1], "C7", "a feed of seven after it was trimmed to three")
        self.put(spec, "a", ids[:5], stamp=4)
        for id in ids[:3]:
            self.put(spec, "a", [id], stamp=5)
        same(self.ids(spec, "a"), ids[6:3:-1], "C9", "a trimmed feed after late adds of what was cut")
        self.put(spec, "a", ids[7:], stamp=4)
        same(self.ids(spec, "a"), ids[:3:-1], "C9", "a trimmed feed after a late add newer than all that was cut")
        self.put(spec, "a", ids[1:2], stamp=6)
        same(self.ids(spec, "a"), [*ids[:3:-1], ids[1]], "C9", "a trimmed feed after something old was added anew")

    @promise("C7")
    def test_trimming_to_more_than_there_is_changes_nothing(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.put(spec, "a", ids, stamp=1)
        for keep in (3, 4, 1000):
            self.clear(spec, "a", keep=keep, stamp=2)
            same(self.ids(spec, "a"), ids[::-1], "C7", f"a feed of three trimmed to {keep}")

    @promise("C9")
    def test_a_late_clearing_leaves_what_is_newer(self) -> None:
        spec, ids = self.spec(), tied(4)
        self.put(spec, "a", ids[:2], stamp=2)
        self.put(spec, "a", ids[2:], stamp=6)
        self.clear(spec, "a", keep=0, stamp=4)
        same(self.ids(spec, "a"), ids[:1:-1], "C9", "entries of 2 and 6 after a clearing of 4")
        self.clear(spec, "a", keep=0, stamp=3)
        self.put(spec, "a", ids[:2], stamp=4)
        check(not {*ids[:2]} & {*self.ids(spec, "a")}, "C9", "an older clearing made the feed forget a newer one")

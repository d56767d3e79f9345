"""Copying from feed to feed within the storage (capability `copies`)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from streamfw_core.storage.protocol import CopyStorage, FeedSpec, Query, Removal, Storage
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import StorageCase, tied

__all__ = ["CopyingContract"]


class CopyingContract(StorageCase):
    """What `copy` does is what reading and writing would do."""

    def copy(self, source: FeedSpec, target: FeedSpec, *, stop: int | None = None, stamp: int = 5, **more: Any) -> None:
        """Copy the feed of "a" into that of "b"."""
        copying = cast("CopyStorage", self.storage)
        before = len(self.ids(target, "b"))
        new = copying.copy(source, Query("a", 0, stop, **more), target, "b", stamp=self.stamp(stamp))
        if len(self.ids(target, "b")) < target.keep:
            self.counted(new, len(self.ids(target, "b")) - before, "entries that a copy adds")

    @promise("C6", "C2")
    def test_the_newest_entries_are_copied_in_their_order(self) -> None:
        only_if_copies(self.storage)
        source, target, ids = self.spec(keep=5000), self.spec(keep=5000), tied(60)
        self.put(source, "a", ids[::2])
        self.put(target, "b", ids[1::2])
        self.copy(source, target, stop=20)
        same(self.ids(target, "b"), sorted({*ids[1::2], *ids[::2][-20:]}, reverse=True), "C2", "a feed copied into")
        self.copy(source, target, upper=ids[10])
        same(
            self.ids(target, "b"),
            sorted({*ids[1::2], *ids[::2][-20:], *ids[:11:2]}, reverse=True),
            "C2",
            "a feed into which what is not newer than an id was copied",
        )
        self.copy(source, target)
        self.copy(source, target)
        same(self.ids(target, "b"), ids[::-1], "C6", "a feed into which everything was copied twice")
        same(self.ids(source, "a"), ids[::2][::-1], "C6", "the feed that was copied")

    @promise("C7")
    def test_a_full_feed_keeps_the_newest(self) -> None:
        only_if_copies(self.storage)
        source, target, ids = self.spec(keep=5000), self.spec(keep=7), tied(3000)
        self.put(source, "a", ids)
        self.put(target, "b", [ids[-1], ids[-3], ids[0]])
        self.copy(source, target)
        same(self.ids(target, "b"), ids[:-8:-1], "C7", "a feed of 7 into which 3,000 were copied")

    @promise("C9")
    def test_what_was_removed_after_the_stamp_of_the_copy_stays_out(self) -> None:
        only_if_copies(self.storage)
        source, target, ids = self.spec(), self.spec(), tied(6)
        self.put(source, "a", ids)
        self.remove(target, "b", ids[:2], stamp=6)
        self.storage.remember(target, removes=[Removal(ids[2], self.stamp(5))])
        self.copy(source, target, stamp=5)
        same(self.ids(target, "b"), ids[:2:-1], "C9", "a feed that had removed three of what was copied")
        self.copy(source, target, stamp=7)
        same(self.ids(target, "b"), ids[::-1], "C9", "the feed after a newer copy")
        self.remove(target, "b", ids[:3], stamp=6)
        same(self.ids(target, "b"), ids[::-1], "C9", "the feed after an older removal")
        self.clear(target, "b", keep=0, stamp=9)
        self.copy(source, target, stamp=8)
        check(not self.ids(target, "b"), "C9", "a feed that was emptied shows what an older copy brings")


def only_if_copies(storage: Storage) -> None:
    """Skip a test of what a storage does not offer."""
    if not storage.capabilities.copies:
        pytest.skip("there is no copy (the capability copies is not declared)")

"""Writes of which one is begun before the one before is ended (capability `starts`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from streamfw_core.storage.protocol import FeedSpec, Outcome, Removal, StartStorage, Storage, Write
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import StorageCase, tied

__all__ = ["StartingContract"]


class StartingContract(StorageCase):
    """What `start_write` does, once its end was awaited, is what `write` does."""

    def start(self, spec: FeedSpec, *writes: Write, report: bool = False) -> Callable[[], Outcome]:
        return cast("StartStorage", self.storage).start_write(spec, writes, report=report)

    @promise("C8", "C6")
    def test_writes_that_are_begun_are_done_when_they_are_ended(self) -> None:
        only_if_starts(self.storage)
        spec, ids = self.spec(), tied(6)
        owners = [f"o{number}" for number in range(1500)]
        parts = [owners[first : first + 500] for first in range(0, 1500, 500)]
        self.put(spec, "o0", ids[:1])
        ends = [self.start(spec, Write(part, puts=[self.entry(id) for id in ids]), report=True) for part in parts]
        outcomes = [end() for end in reversed(ends)][::-1]
        for owner in ("o0", "o499", "o500", "o1499"):
            same(self.ids(spec, owner), ids[::-1], "C8", f"feed {owner} after three begun writes")
        for part, outcome, known in zip(parts, outcomes, (1, 0, 0), strict=True):
            check(not outcome.failures, "C8", f"a write that should succeed reports failures: {dict(outcome.failures)}")
            self.counted(outcome.added, 500 * 6 - known, "entries that a begun write adds")
            if self.storage.capabilities.add_counts:
                same({*outcome.changes}, {*part}, "C6", "the feeds that a begun write reports")

    @promise("C9")
    def test_begun_writes_obey_their_stamps_and_others_come_between(self) -> None:
        only_if_starts(self.storage)
        spec, ids = self.spec(), tied(6)
        added = self.start(spec, Write(["a"], puts=[self.entry(id, stamp=5) for id in ids]))
        removed = self.start(
            spec, Write(["a"], removes=[Removal(ids[0], self.stamp(6)), Removal(ids[1], self.stamp(4))])
        )
        self.put(spec, "b", ids)
        same(self.ids(spec, "b"), ids[::-1], "C8", "a feed that was written while other writes were begun")
        removed()
        added()
        same(self.ids(spec, "a"), ids[:0:-1], "C9", "a feed of which one entry was removed later than it was added")

    @promise("C8")
    def test_a_begun_write_reports_the_feeds_that_failed(self) -> None:
        only_if_starts(self.storage)
        spec, ids = self.spec(), tied(2)
        if not self.spoil_feed(self.storage, spec, "spoilt"):
            pytest.skip("no feed can be spoilt (spoil_feed)")
        outcome = self.start(spec, Write(["a", "spoilt", "b"], puts=[self.entry(id) for id in ids]))()
        same({*outcome.failures}, {"spoilt"}, "C8", "the feeds that a begun write reports as failed")
        for owner in ("a", "b"):
            same(self.ids(spec, owner), ids[::-1], "C8", f"feed {owner} beside one that failed")


def only_if_starts(storage: Storage) -> None:
    """Skip a test of what a storage does not offer."""
    if not storage.capabilities.starts:
        pytest.skip("there is no start_write (the capability starts is not declared)")

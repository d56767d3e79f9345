"""Grouped feeds on Cassandra against the conformance kit, and what they do otherwise, in examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from streamfw_core.storage import FeedSpec, Removal, Write
from streamfw_core.testing import AggregatedFeedContract, GroupStorageContract, NotificationFeedContract
from streamfw_core.testing.groups.case import GroupCase, at, members_of

from tests.cassandra.feeds import OnCassandra

CUT_LATER = (
    "nothing is read before it is written, so that a group which a full feed no longer shows is deleted now and then:"
    " until then it comes back whole when it gets a new member"
)
LATE_REMOVAL = (
    "a mark is a cell beside its member, with the stamp of that: a removal that arrives after a newer add of the same member,"
    " but is older than it, takes the mark along, so that the group is unseen again"
)


class TestCassandraGroups(OnCassandra, GroupStorageContract):
    deviations: Mapping[str, str] = {
        "test_a_group_that_was_cut_is_gone_with_its_members_and_marks": CUT_LATER,
        "test_histories_of_a_full_feed_end_as_the_model_says": CUT_LATER,
        "test_histories_of_groups_end_as_the_model_says": LATE_REMOVAL,
    }


class TestCassandraGroupsThatAreTrimmedAtEveryWrite(OnCassandra, GroupStorageContract):
    options: ClassVar = {"slack": 1}
    deviations: Mapping[str, str] = {"test_histories_of_groups_end_as_the_model_says": LATE_REMOVAL}


class TestCassandraAggregatedFeeds(OnCassandra, AggregatedFeedContract):
    pass


class TestCassandraNotificationFeeds(OnCassandra, NotificationFeedContract):
    pass


class TestWhatDeviates(OnCassandra, GroupCase):
    """The declared deviations, each as short as can be."""

    # Nothing is trimmed.
    options: ClassVar = {"slack": 999_999}

    def test_a_group_for_which_there_was_no_room_comes_back_whole_with_a_new_member(self) -> None:
        spec = self.grouped(keep=2)
        for number, key in enumerate("abc"):
            self.join(spec, "a", self.member(at(number), key))
        self.mark(spec, "a", ["b", "c"])
        assert self.keys(spec, "a") == ["c", "b"]

        self.join(spec, "a", self.member(at(3), "a"))

        assert self.keys(spec, "a") == ["a", "c"]
        assert self.held(spec, "a", "a") == [at(3), at(0)]
        assert not self.group(spec, "a", "a").seen

    def test_an_old_removal_of_a_member_that_was_added_anew_takes_its_mark_along(self) -> None:
        spec = self._of_one_marked_member()
        self.join(spec, "a", self.member(at(0), stamp=5))
        assert self.group(spec, "a").seen

        self.leave(spec, "a", [at(0)], stamp=4)

        group = self.group(spec, "a")
        assert (members_of(group), group.seen, group.seen_at) == ([at(0)], False, 0)
        assert self.mark(spec, "a", stamp=6) == ["g"]
        assert self.group(spec, "a").seen

    def test_what_is_seen_then_is_what_it_would_be_had_both_arrived_in_their_order(self) -> None:
        spec = self._of_one_marked_member()
        self.leave(spec, "a", [at(0)], stamp=4)
        self.join(spec, "a", self.member(at(0), stamp=5))

        group = self.group(spec, "a")
        assert (members_of(group), group.seen, group.seen_at) == ([at(0)], False, 0)

    def test_other_members_keep_their_marks(self) -> None:
        spec = self._of_one_marked_member()
        self.join(spec, "a", self.member(at(1), "other"))
        self.mark(spec, "a", stamp=4)

        self.write(
            spec,
            Write(["a"], puts=[self.member(at(0), stamp=7)]),
            Write(["a"], removes=[Removal(at(0), self.stamp(6))]),
        )

        assert {group.key: group.seen for group in self.found(spec, "a")} == {"g": False, "other": True}

    def _of_one_marked_member(self) -> FeedSpec:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(0), stamp=1))
        self.mark(spec, "a", stamp=3)
        assert self.group(spec, "a").seen
        return spec

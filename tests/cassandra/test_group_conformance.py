"""Grouped feeds on Cassandra against the conformance kit, and what they do otherwise, in examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from hypothesis import given
from streamfw_core.storage import FeedSpec, Removal, Write
from streamfw_core.storage.groups import Group
from streamfw_core.testing import AggregatedFeedContract, NotificationFeedContract, group_model, promise
from streamfw_core.testing.group_model import Operation, Shown
from streamfw_core.testing.groups.case import GroupCase, at, members_of
from streamfw_core.testing.groups.counting import GroupCountingContract
from streamfw_core.testing.groups.histories import GroupHistories, GroupHistoriesContract, Step, histories
from streamfw_core.testing.groups.isolation import GroupIsolationContract
from streamfw_core.testing.groups.marking import GroupMarkingContract
from streamfw_core.testing.groups.reading import GroupReadingContract
from streamfw_core.testing.groups.running import GroupRunningContract
from streamfw_core.testing.groups.stamps import GroupStampsContract
from streamfw_core.testing.groups.swapping import GroupSwappingContract
from streamfw_core.testing.groups.writing import GroupWritingContract
from streamfw_core.testing.properties import EXAMPLES

from streamfw_cassandra import unmarked
from tests.cassandra.feeds import OnCassandra

CUT_LATER = (
    "nothing is read before it is written, so that a group which a full feed no longer shows is deleted now and then:"
    " until then it comes back whole when it gets a new member"
)
NEVER: Mapping[str, object] = {"slack": 999_999}
"""Nothing is trimmed: what a declared deviation concerns must not hold by chance, now and then."""
ALWAYS: Mapping[str, object] = {"slack": 1}
"""Every write trims."""


class _AllButHistories(
    OnCassandra,
    GroupReadingContract,
    GroupCountingContract,
    GroupWritingContract,
    GroupStampsContract,
    GroupMarkingContract,
    GroupIsolationContract,
    GroupRunningContract,
    GroupSwappingContract,
):
    """`GroupStorageContract` without its random histories: those that show a deviation are not found in every run."""


class _AFewAtATime:
    """What is not marked is looked for in the first rows and then in the others, in feeds as short as those of the kit too."""

    @pytest.fixture(autouse=True)
    def _a_few_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unmarked, "AT_ONCE", 2)


class TestCassandraGroups(_AFewAtATime, _AllButHistories):
    options: ClassVar = NEVER
    deviations: Mapping[str, str] = {"test_a_group_that_was_cut_is_gone_with_its_members_and_marks": CUT_LATER}


class TestCassandraGroupsThatAreTrimmedAtEveryWrite(_AllButHistories):
    options: ClassVar = ALWAYS


class _Histories(OnCassandra, GroupHistories):
    """The kit's, save for what only a read before each write could tell; `TestWhatDeviates` has an example of each.

    Left out are removals and trims that arrive after a newer add of the same member. A mark is a cell beside its member,
    with the stamp of that: whatever removes what was there before takes it along, so that the group is unseen,
    as if both had arrived in their order.

    Left out are adds older than a trim that arrive after it: they stay out also where their group began anew since.

    And a group whose members all came after it was marked does not say when that was: it is as one that began anew.
    """

    def _compare_group(self, found: Group, expected: Shown, words: str, *, view: int) -> None:
        known = expected._replace(
            seen_at=expected.seen_at if found.seen_at else 0, read_at=expected.read_at if found.read_at else 0
        )
        super()._compare_group(found, known, words, view=view)

    def _allowed(self, operation: Operation, done: list[Operation], keep: int) -> Operation:
        allowed = super()._allowed(operation, done, keep)
        feed = group_model.replayed(done, keep=keep)
        adds = [add for add in allowed.adds if add.id in feed.members or add.stamp > feed.trims]
        removes = [
            (id, stamp) for id, stamp in allowed.removes if id not in feed.members or feed.members[id].stamp <= stamp
        ]
        newest = max((member.stamp for member in feed.members.values()), default=0)
        stamp = max(allowed.stamp, newest) if allowed.kind == "trim" else allowed.stamp
        return allowed._replace(adds=adds, removes=removes, stamp=stamp)


class TestCassandraGroupHistories(_AFewAtATime, _Histories):
    options: ClassVar = NEVER

    @promise("C9", "C14", "C17", "C18", "C19")
    @EXAMPLES
    @given(histories())
    def test_histories_without_late_removals_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=False)

    test_any_query_of_groups_finds_what_the_model_finds = (
        GroupHistoriesContract.test_any_query_of_groups_finds_what_the_model_finds
    )
    test_groups_end_the_same_in_whatever_order_operations_arrive = (
        GroupHistoriesContract.test_groups_end_the_same_in_whatever_order_operations_arrive
    )
    _arrive = GroupHistoriesContract._arrive


class TestCassandraGroupHistoriesThatAreTrimmedAtEveryWrite(_Histories):
    options: ClassVar = ALWAYS

    @promise("C7", "C14", "C17", "C18", "C19")
    @EXAMPLES
    @given(histories())
    def test_histories_of_a_full_feed_without_late_removals_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=True)


class TestCassandraAggregatedFeeds(OnCassandra, AggregatedFeedContract):
    options: ClassVar = ALWAYS


class TestCassandraNotificationFeeds(OnCassandra, NotificationFeedContract):
    options: ClassVar = ALWAYS


class TestWhatDeviates(OnCassandra, GroupCase):
    """The declared deviations, each as short as can be."""

    options: ClassVar = NEVER

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

    def test_a_group_for_which_there_was_no_room_is_shown_when_another_goes(self) -> None:
        spec = self.grouped(keep=2)
        for number, key in enumerate("abc"):
            self.join(spec, "a", self.member(at(number), key))

        self.leave(spec, "a", [at(2)], group="c")

        assert self.keys(spec, "a") == ["b", "a"]
        assert self.unmarked(spec, "a") == (2, 2)

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

    def test_an_add_older_than_a_trim_stays_out_of_a_group_that_began_anew_since(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(5), "kept"), self.member(at(0), "g"))
        self.clear(spec, "a", keep=1, stamp=3)
        self.join(spec, "a", self.member(at(1), "g", stamp=4))

        self.join(spec, "a", self.member(at(2), "g", stamp=2))

        assert self.held(spec, "a") == [at(1)]

    def test_a_group_none_of_whose_members_was_there_when_it_was_marked_does_not_say_when_that_was(self) -> None:
        spec = self._of_one_marked_member()
        self.write(spec, Write(["a"], puts=[self.member(at(1), stamp=4)], removes=[Removal(at(0), self.stamp(4))]))

        group = self.group(spec, "a")
        assert (members_of(group), group.seen, group.seen_at) == ([at(1)], False, 0)

    def _of_one_marked_member(self) -> FeedSpec:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(0), stamp=1))
        self.mark(spec, "a", stamp=3)
        assert self.group(spec, "a").seen
        return spec

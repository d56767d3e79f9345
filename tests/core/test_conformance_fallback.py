"""Grouped feeds on storages that only have flat timelines, against the conformance kit."""

from hypothesis import given, settings
from streamfw_core.storage import Storage
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.testing import AggregatedFeedContract, GroupStorageContract, NotificationFeedContract, promise
from streamfw_core.testing.groups.histories import GroupHistories, Step, histories
from streamfw_core.testing.properties import EXAMPLES

from tests.core.flat_only import FlatOnly
from tests.core.kit.plain_storage import PlainStorage
from tests.core.sorted_rows import SortedRows


class TestGroupsOnAPlainStorage(GroupStorageContract):
    def make_storage(self, name: str) -> Storage:
        return GroupsOnFlat(PlainStorage(name))


class TestGroupsOnTheStarter(GroupStorageContract):
    def make_storage(self, name: str) -> Storage:
        return GroupsOnFlat(SortedRows(name))


class TestAggregatedFeeds(AggregatedFeedContract):
    def make_storage(self, name: str) -> Storage:
        return FlatOnly(name)


class TestNotificationFeeds(NotificationFeedContract):
    def make_storage(self, name: str) -> Storage:
        return FlatOnly(name)


class TestHistories(GroupHistories):
    """2,000 histories."""

    def make_storage(self, name: str) -> Storage:
        return GroupsOnFlat(FlatOnly(name))

    @promise("C9", "C14", "C17", "C18", "C19")
    @settings(EXAMPLES, max_examples=1000)
    @given(histories(30))
    def test_a_thousand_histories_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=False)

    @promise("C9", "C14", "C17", "C18", "C19")
    @settings(EXAMPLES, max_examples=1000)
    @given(histories(30))
    def test_a_thousand_histories_of_a_full_feed_end_as_the_model_says(self, history: list[Step]) -> None:
        self.follow(history, capped=True)

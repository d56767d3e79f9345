"""The starter, on the two methods in a dictionary, against the conformance kit."""

from streamfw_core.storage import FeedSpec, Storage
from streamfw_core.storage.rows import head_key, timeline_prefix
from streamfw_core.storage.starter import Swap
from streamfw_core.testing import FeedContract, StorageContract

from tests.core.sorted_rows import SortedRows


class TestStarter(StorageContract):
    def make_storage(self, name: str) -> Storage:
        return SortedRows(name)

    def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
        assert isinstance(storage, SortedRows)
        return storage.commit(spec.namespace, [Swap(head_key(timeline_prefix(owner)), None, b"no head")])


class TestFeedsOnTheStarter(FeedContract):
    def make_storage(self, name: str) -> Storage:
        return SortedRows(name)

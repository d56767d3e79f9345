"""The memory storage against the conformance kit."""

from streamfw_core.storage import Storage
from streamfw_core.testing import FeedContract, StorageContract
from streamfw_memory.storage import MemoryStorage


class TestMemoryStorage(StorageContract):
    def make_storage(self, name: str) -> Storage:
        return MemoryStorage(name)


class TestMemoryFeeds(FeedContract):
    def make_storage(self, name: str) -> Storage:
        return MemoryStorage(name)

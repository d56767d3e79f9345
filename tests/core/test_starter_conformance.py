"""The starter, on the two methods in a dictionary, against the conformance kit."""

from streamfw_core.storage import Storage
from streamfw_core.testing import StorageContract

from tests.core.sorted_rows import SortedRows


class TestStarter(StorageContract):
    def make_storage(self, name: str) -> Storage:
        return SortedRows(name)

"""Grouped feeds on storages that only have flat timelines, against the conformance kit."""

from streamfw_core.storage import Storage
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.testing import GroupStorageContract

from tests.core.kit.plain_storage import PlainStorage


class TestGroupsOnAPlainStorage(GroupStorageContract):
    def make_storage(self, name: str) -> Storage:
        return GroupsOnFlat(PlainStorage(name))

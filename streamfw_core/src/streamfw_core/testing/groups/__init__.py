"""The contract of storages with groups, in parts by subject."""

from __future__ import annotations

from streamfw_core.testing.groups.counting import GroupCountingContract
from streamfw_core.testing.groups.histories import GroupHistoriesContract
from streamfw_core.testing.groups.isolation import GroupIsolationContract
from streamfw_core.testing.groups.marking import GroupMarkingContract
from streamfw_core.testing.groups.reading import GroupReadingContract
from streamfw_core.testing.groups.running import GroupRunningContract
from streamfw_core.testing.groups.stamps import GroupStampsContract
from streamfw_core.testing.groups.swapping import GroupSwappingContract
from streamfw_core.testing.groups.writing import GroupWritingContract

__all__ = ["GroupStorageContract"]


class GroupStorageContract(
    GroupReadingContract,
    GroupCountingContract,
    GroupWritingContract,
    GroupStampsContract,
    GroupMarkingContract,
    GroupIsolationContract,
    GroupRunningContract,
    GroupSwappingContract,
    GroupHistoriesContract,
):
    """What every storage with groups has to do (capability `exact_members`), beside `StorageContract`.

    Define `make_storage`, as for `StorageContract`. Without the capability all tests are skipped.
    """

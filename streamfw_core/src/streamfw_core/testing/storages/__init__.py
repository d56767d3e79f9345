"""The contract of storages, in parts by subject."""

from __future__ import annotations

from streamfw_core.testing.storages.bytes import BytesContract
from streamfw_core.testing.storages.copying import CopyingContract
from streamfw_core.testing.storages.histories import HistoriesContract
from streamfw_core.testing.storages.isolation import IsolationContract
from streamfw_core.testing.storages.reading import ReadingContract
from streamfw_core.testing.storages.records import RecordsContract
from streamfw_core.testing.storages.running import RunningContract
from streamfw_core.testing.storages.stamps import StampsContract
from streamfw_core.testing.storages.starting import StartingContract
from streamfw_core.testing.storages.writing import WritingContract

__all__ = ["StorageContract"]


class StorageContract(
    ReadingContract,
    WritingContract,
    StampsContract,
    RecordsContract,
    BytesContract,
    IsolationContract,
    RunningContract,
    CopyingContract,
    StartingContract,
    HistoriesContract,
):
    """What every storage has to do. Define `make_storage`; see `StorageCase` for what else a subclass may say."""

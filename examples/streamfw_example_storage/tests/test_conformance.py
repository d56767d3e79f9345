"""The storage against everything that streamfw promises."""

import tempfile
from pathlib import Path

from streamfw_core.storage import FeedSpec, Storage
from streamfw_core.storage.rows import head_key, timeline_prefix
from streamfw_core.storage.starter import Swap
from streamfw_core.testing import FeedContract, StorageContract
from streamfw_example_storage.storage import SqliteStorage, create


class InANewFile:
    """Each test has a file to itself."""

    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().begin()  # type: ignore[misc]

    def end(self) -> None:
        super().end()  # type: ignore[misc]
        self.folder.cleanup()

    def make_storage(self, name: str) -> Storage:
        return create(name, {"path": str(Path(self.folder.name, "feeds.db"))})


class TestStorage(InANewFile, StorageContract):
    def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
        assert isinstance(storage, SqliteStorage)
        return storage.commit(spec.namespace, [Swap(head_key(timeline_prefix(owner)), None, b"no head")])


class TestFeeds(InANewFile, FeedContract):
    pass

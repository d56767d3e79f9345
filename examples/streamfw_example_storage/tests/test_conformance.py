"""The storage against everything that streamfw promises."""

import tempfile
from pathlib import Path

from streamfw_core.storage import Storage
from streamfw_core.testing import StorageContract
from streamfw_example_storage.storage import create


class TestSqliteStorage(StorageContract):
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().begin()

    def end(self) -> None:
        super().end()
        self.folder.cleanup()

    def make_storage(self, name: str) -> Storage:
        return create(name, {"path": str(Path(self.folder.name, "feeds.db"))})

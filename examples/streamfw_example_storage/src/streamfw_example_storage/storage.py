"""Feeds in a SQLite file: two methods on the starter, and connections."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit

from attrs import field, frozen
from attrs.validators import gt, min_len
from streamfw_core.settings import options_in_query, structure_options
from streamfw_core.storage import Capabilities, Scope, Survives
from streamfw_core.storage.starter import StarterStorage, Swap

SCHEMA = """CREATE TABLE IF NOT EXISTS feeds
    (namespace TEXT, key BLOB, value BLOB NOT NULL, PRIMARY KEY (namespace, key)) WITHOUT ROWID"""
FORWARDS = "SELECT key, value FROM feeds WHERE namespace = ? AND key BETWEEN ? AND ? ORDER BY key LIMIT ?"
BACKWARDS = "SELECT key, value FROM feeds WHERE namespace = ? AND key BETWEEN ? AND ? ORDER BY key DESC LIMIT ?"
FIND = "SELECT value FROM feeds WHERE namespace = ? AND key = ?"
PUT = "INSERT OR REPLACE INTO feeds (namespace, key, value) VALUES (?, ?, ?)"
DELETE = "DELETE FROM feeds WHERE namespace = ? AND key = ?"


@frozen
class Options:
    """`path`: the file. `timeout`: seconds to wait for other writers. `tombstone_ttl`: see `Storage`."""

    path: str = field(validator=min_len(1))
    timeout: float = field(default=30.0, validator=gt(0))
    tombstone_ttl: float = field(default=864_000.0, validator=gt(0))


class SqliteStorage(StarterStorage):
    """Timelines and records in one file, for all processes of one machine."""

    capabilities = Capabilities(Scope.SHARED, Survives.RESTART, add_counts=True, ttl=True)

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, tombstone_ttl=options.tombstone_ttl)
        self.options = options
        self._connections: dict[tuple[int, int], sqlite3.Connection] = {}

    def scan(
        self, partition: str, first: bytes, last: bytes, *, limit: int | None, backwards: bool
    ) -> list[tuple[bytes, bytes]]:
        query = BACKWARDS if backwards else FORWARDS
        limit = -1 if limit is None else limit  # SQLite's word for no limit
        return self._connection().execute(query, (partition, first, last, limit)).fetchall()

    def commit(self, partition: str, swaps: Sequence[Swap]) -> bool:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")  # takes the write lock, so that nothing changes after it was compared
        try:
            for key, old, _ in swaps:
                if (connection.execute(FIND, (partition, key)).fetchone() or (None,))[0] != old:
                    return False
            gone = [(partition, key) for key, _, new in swaps if new is None]
            changed = [(partition, key, new) for key, old, new in swaps if new is not None and new != old]
            connection.executemany(DELETE, gone)
            connection.executemany(PUT, changed)
            connection.execute("COMMIT")
            return True
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        for process, thread in [*self._connections]:
            if process == os.getpid():
                self._connections.pop((process, thread)).close()

    def _connection(self) -> sqlite3.Connection:
        """One for each thread of each process. Those from before a fork stay untouched, which SQLite asks for."""
        place = os.getpid(), threading.get_ident()
        connection = self._connections.get(place)
        if connection is None:
            connection = self._connections[place] = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        """SQLite does not wait for others to make the file a WAL database, whatever the timeout: that is tried again."""
        give_up = time.monotonic() + self.options.timeout
        connection = sqlite3.connect(
            self.options.path, self.options.timeout, isolation_level=None, check_same_thread=False
        )
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(SCHEMA)
                return connection
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    connection.close()
                    raise
                time.sleep(0.01)


def create(name: str, options: Mapping[str, object]) -> SqliteStorage:
    """The backend's factory. A URL is `sqlite-example:///absolute/path.db` or `sqlite-example://relative/path.db`."""
    given, path = dict(options), f"storages.{name}.options"
    if isinstance(url := given.pop("url", None), str):
        parts = urlsplit(url)
        said = options_in_query(Options, url, path, without={"path"})
        given = {"path": unquote(parts.netloc + parts.path), **said, **given}
    return SqliteStorage(name, structure_options(Options, given, path))

"""One Redis server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from tests.services.binaries import Binary
from tests.services.certificates import Certificate
from tests.services.process import HOST, Process

_SHUTDOWN_TIMEOUT = (7, 0)
"""The first version that waits, when it stops, for its replicas: those of a test may be paused."""


class Server(Process):
    """Keeps nothing but in memory, unless asked to.

    :param maxmemory: as Redis writes it: "10mb".
    :param maxmemory_policy: such as "allkeys-lru".
    :param appendonly: every write is on disk before it is answered, and there after `restart`, even after `kill`.
    :param certificate: connections are encrypted, and there are no others.
    :param unix_socket: it listens on the file `socket` too.
    :param replica_of: the port of its master.
    :param extra: more lines of configuration.
    """

    def __init__(
        self,
        binary: Binary,
        *,
        maxmemory: str | None = None,
        maxmemory_policy: str | None = None,
        appendonly: bool = False,
        password: str | None = None,
        certificate: Certificate | None = None,
        unix_socket: bool = False,
        replica_of: int | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        super().__init__(binary, password=password, certificate=certificate)
        self._asked = [
            "appendonly yes\nappendfsync always" if appendonly else "appendonly no",
            *([f"maxmemory {maxmemory}"] if maxmemory else []),
            *([f"maxmemory-policy {maxmemory_policy}"] if maxmemory_policy else []),
            *([f"unixsocket {self.socket}"] if unix_socket else []),
            *([f"replicaof {HOST} {replica_of}"] if replica_of else []),
            *extra,
        ]

    @property
    def socket(self) -> Path:
        """The file of the unix socket."""
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """As redis-py and streamfw read it; for TLS give `ssl_ca_certs` too."""
        secret = f":{self.password}@" if self.password else ""
        return f"{'rediss' if self.certificate else 'redis'}://{secret}{self.address}/0"

    def config(self) -> list[str]:
        lines = [*super().config(), 'save ""', "repl-diskless-sync yes", "repl-diskless-sync-delay 0"]
        if self.binary.version >= _SHUTDOWN_TIMEOUT:
            lines.append("shutdown-timeout 0")
        if self.password is not None:
            lines.append(f"masterauth {self.password}")
        return [*lines, *self._asked]

    def client(self, **options: Any) -> redis.Redis:
        """A client of redis-py, to be closed by whoever asks for it."""
        trust = {"ssl_ca_certs": str(self.certificate.file)} if self.certificate else {}
        return redis.Redis.from_url(self.url, **{**trust, **options})

    def flush(self) -> None:
        """Remove every key and every script."""
        self.ask("FLUSHALL")
        self.ask("SCRIPT", "FLUSH")

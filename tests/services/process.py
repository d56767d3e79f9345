"""One process of redis-server, on a port and in a folder of its own."""

from __future__ import annotations

import contextlib
from typing import Any

import redis

from tests.services.binaries import Binary
from tests.services.certificates import Certificate
from tests.services.ports import free_port
from tests.services.program import Program
from tests.services.waiting import wait_for

HOST = "127.0.0.1"
_TAKEN = "Address already in use"
_TRIES = 5


class Process(Program):
    """What a server and a sentinel have in common."""

    mode: tuple[str, ...] = ()

    def __init__(self, binary: Binary, *, password: str | None = None, certificate: Certificate | None = None) -> None:
        super().__init__(binary.label)
        self.binary = binary
        self.password = password
        self.certificate = certificate
        self.port = free_port()

    def config(self) -> list[str]:
        """The lines of its configuration file, which is written before the first start only: it may rewrite it."""
        lines = [f"bind {HOST}", f"dir {self.folder}", "daemonize no"]
        if self.password is not None:
            lines.append(f"requirepass {self.password}")
        if self.certificate is None:
            return [*lines, f"port {self.port}"]
        files = [f"tls-cert-file {self.certificate.file}", f"tls-key-file {self.certificate.key}"]
        return [*lines, "port 0", f"tls-port {self.port}", "tls-auth-clients no", *files]

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def launch(self) -> None:
        file = self.folder / "redis.conf"
        if not file.exists():
            file.write_text("\n".join(self.config()) + "\n", encoding="utf-8")
        self._launch([self.binary.path, file, *self.mode])

    def wait_until_ready(self) -> None:
        for _ in range(_TRIES):
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: not self.running or self._answers(), f"{self} answers")
            if self.running:
                return
            if _TAKEN not in self.log():
                break
            self._move()
        self.kill()
        raise RuntimeError(f"{self} does not start:\n{self.log()}")

    def ask(self, *words: str | int) -> Any:
        """Its bare answer to a command, on a connection of its own."""
        connection = self._connection()
        try:
            connection.send_command(*words)
            return connection.read_response()
        finally:
            connection.disconnect()

    def info(self, *command: str) -> dict[str, str]:
        """The fields that a command such as CLUSTER INFO answers with."""
        lines = str(self.ask(*command)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.binary.label} {self.address}>"

    def _answers(self) -> bool:
        """Whether it is up, and is itself: another server may have been faster to take the port."""
        return self.ask("PING") == "PONG" and self.info("INFO", "server")["process_id"] == str(self.pid)

    def _connection(self) -> Any:
        kind: Any = redis.Connection if self.certificate is None else redis.SSLConnection  # their types are incomplete
        trust = {} if self.certificate is None else {"ssl_ca_certs": str(self.certificate.file)}
        how = {
            "protocol": 2,
            "decode_responses": True,
            "encoding_errors": "surrogateescape",
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
        }
        return kind(host=HOST, port=self.port, password=self.password, **how, **trust)

    def _move(self) -> None:
        """Start on another port: some process was faster to take this one."""
        self.port = free_port()
        (self.folder / "redis.conf").unlink()
        (self.folder / "log").unlink()
        self.launch()

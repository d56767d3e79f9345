"""One RabbitMQ server."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from tests.services.ports import BUS, free_port
from tests.services.program import Program
from tests.services.waiting import wait_for

VARIABLE = "STREAMFW_RABBITMQ_SERVER"
"""Names the script `rabbitmq-server` of another RabbitMQ than the system's."""

_HOST = "127.0.0.1"
# Not /usr/sbin/rabbitmq-server: that changes to another user, or refuses to.
_DEBIAN = Path("/usr/lib/rabbitmq/lib")
_NAME = "rabbitmq-server"
_TAKEN = ("eaddrinuse", "already in use")
_TRIES = 5
_AMQP = b"AMQP\x00\x00\x09\x01"
_CONNECTION_START = b"\x00\x0a\x00\x0a"

# epmd, which tells nodes where others listen, would start as a daemon that outlives its node, on the port of the
# machine's: so there is one that belongs to the group before the server asks for it.
_SCRIPT = """
"$EPMD" -port "$ERL_EPMD_PORT" -address "$ERL_EPMD_ADDRESS" &
while
    sleep 0.05
    kill -0 $! || { echo "epmd: port $ERL_EPMD_PORT is already in use"; exit 1; }
    ! "$EPMD" -port "$ERL_EPMD_PORT" -names >/dev/null 2>&1
do :; done
exec "$0" -noinput
"""

_ERLANG = [
    "+S 2:2 +SDcpu 1:1 +SDio 2",  # schedulers: as many as cores make it fast, more make it only bigger
    "+sbwt none +sbwtdcpu none +sbwtdio none",  # no core burns while it waits
    "-kernel inet_dist_use_interface {127,0,0,1}",
]


@frozen
class RabbitBinary:
    """The script that starts a server, and the program epmd."""

    script: Path
    epmd: Path


@functools.cache
def find_rabbitmq() -> RabbitBinary | None:
    """What `VARIABLE` names, Debian's, or what is on PATH."""
    epmd = shutil.which("epmd")
    script = next(iter(_candidates()), None)
    return RabbitBinary(script, Path(epmd)) if script and epmd else None


def _candidates() -> list[Path]:
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise FileNotFoundError(f"{named} is not a server that can be run; look at {VARIABLE}")
        return [Path(named)]
    found = shutil.which(_NAME)
    return [*sorted(_DEBIAN.glob(f"rabbitmq_server-*/sbin/{_NAME}"), reverse=True), *([Path(found)] if found else [])]


class RabbitMQ(Program):
    """Without plugins, for this machine alone; durable queues and persistent messages are there after `restart`.

    :param extra: more lines of rabbitmq.conf.
    """

    patience = 30.0
    tail = 80  # the reason comes before what gave up for it

    def __init__(self, binary: RabbitBinary, *, extra: Sequence[str] = ()) -> None:
        super().__init__("rabbitmq")
        self.binary = binary
        self.port = free_port()
        self._epmd_port = free_port()
        self._extra = extra
        self._token = f"streamfw-{secrets.token_hex(8)}"

    @property
    def address(self) -> str:
        return f"{_HOST}:{self.port}"

    @property
    def url(self) -> str:
        """As Celery and Kombu read it."""
        return f"amqp://guest:guest@{self.address}//"

    @property
    def node(self) -> str:
        """The name of the node; it has the folder of its data."""
        return f"{self._token}@localhost"

    def config(self) -> list[str]:
        """The lines of its configuration file."""
        return [
            f"listeners.tcp.1 = {self.address}",
            f"cluster_name = {self._token}",
            "num_acceptors.tcp = 2",
            "vm_memory_high_watermark.absolute = 1GB",
            "disk_free_limit.absolute = 1MB",
            "log.file = false",
            "log.console = true",
            *self._extra,
        ]

    def launch(self) -> None:
        (self.folder / "rabbitmq.conf").write_text("\n".join(self.config()) + "\n", encoding="utf-8")
        (self.folder / "plugins").write_text("[].\n", encoding="utf-8")
        self._launch(["/bin/sh", "-c", _SCRIPT, self.binary.script], environment=self._environment())

    def wait_until_ready(self) -> None:
        for _ in range(_TRIES):
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: not self.running or self._answers(), f"{self} answers", within=60)
            if self.running and self._answers():
                return
            if self.running or not any(reason in self.output() for reason in _TAKEN):
                break
            self._move()
        self.kill()
        raise RuntimeError(f"{self} does not start:\n{self.log()}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def _environment(self) -> dict[str, str]:
        foreign = ("RABBITMQ_", "ERL_", "XDG_")  # settings of another server, and another place of the cookie
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {
            **own,
            "HOME": str(self.folder),  # of the cookie
            "LC_ALL": "C.UTF-8",
            "EPMD": str(self.binary.epmd),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": _HOST,
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the server, instead of waiting for it; -noinput is given
            "RABBITMQ_BASE": str(self.folder),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(self.port + BUS),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(_ERLANG),
        }

    def _answers(self) -> bool:
        """Whether it greets, by the name that it was given: another server may have been faster to take the port."""
        with socket.create_connection((_HOST, self.port), timeout=2) as connection:
            connection.sendall(_AMQP)
            kind, *_ = head = _receive(connection, 7)
            said = _receive(connection, int.from_bytes(head[3:7]))
        return kind == 1 and said.startswith(_CONNECTION_START) and self._token.encode() in said

    def _move(self) -> None:
        """Start on other ports: some process was faster to take one of these."""
        self.kill()
        self.port, self._epmd_port = free_port(), free_port()
        (self.folder / "log").unlink()
        self.launch()


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise ConnectionError("the server closed the connection")
        received += more
    return received

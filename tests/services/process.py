"""One process of redis-server, on a port and in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from typing import Any, Self

import psutil
import redis

from tests.services.binaries import Binary
from tests.services.certificates import Certificate
from tests.services.ports import free_port
from tests.services.scratch import PID, new_folder
from tests.services.waiting import wait_for

HOST = "127.0.0.1"
_TAKEN = "Address already in use"
_TRIES = 5


class Process:
    """What a server and a sentinel have in common. Entered, it runs; left, it is gone with its folder."""

    mode: tuple[str, ...] = ()

    def __init__(self, binary: Binary, *, password: str | None = None, certificate: Certificate | None = None) -> None:
        self.binary = binary
        self.password = password
        self.certificate = certificate
        self.port = free_port()
        self.folder = new_folder(binary.label)
        self._process: subprocess.Popen[bytes] | None = None

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

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None, f"{self} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether there is a process, be it paused."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it, and do not wait."""
        assert not self.running, f"{self} runs already"
        file = self.folder / "redis.conf"
        if not file.exists():
            file.write_text("\n".join(self.config()) + "\n", encoding="utf-8")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary.path, file, *self.mode],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the tests, and these end the server
            )
        (self.folder / PID).write_text(str(self.pid))

    def wait_until_ready(self) -> None:
        """Wait until it answers.

        :raises RuntimeError: with what it wrote, when it does not.
        """
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

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait_until_ready()
        return self

    def stop(self) -> None:
        """End it as an administrator does: what it keeps is on disk then."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power failure does."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """End it if it runs, and start it on the same port, with what it kept."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Let it hang: its connections stay, and it does not answer."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_for(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED, f"{self} pauses")

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

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

    def log(self) -> str:
        """The end of what it wrote."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-20:])
        return ""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

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

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)  # a paused one does not hear SIGTERM
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        (self.folder / PID).unlink(missing_ok=True)

    def _move(self) -> None:
        """Start on another port: some process was faster to take this one."""
        self.port = free_port()
        (self.folder / "redis.conf").unlink()
        (self.folder / "log").unlink()
        self.launch()

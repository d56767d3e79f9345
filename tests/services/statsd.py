"""A statsd server, of the npm package, on a port of its own."""

from __future__ import annotations

import contextlib
import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

from tests.services.npm import StatsdProgram
from tests.services.ports import free_port
from tests.services.program import Program
from tests.services.waiting import wait_for

HOST = "127.0.0.1"
_BACKEND = Path(__file__).with_name("statsd_backend.js")
_FLUSHED = "flushed "


class Statsd(Program):
    """Counts what it is sent since it was started."""

    def __init__(self, program: StatsdProgram) -> None:
        super().__init__("statsd")
        self._program = program
        self.port = free_port()
        self._management = free_port()

    def launch(self) -> None:
        config = {
            "servers": [{"server": "./servers/udp", "address": HOST, "port": self.port}],
            "mgmt_address": HOST,
            "mgmt_port": self._management,
            "backends": [str(_BACKEND)],
            "flushInterval": 100,
            "deleteIdleStats": True,
            "title": False,
        }
        file = self.folder / "config.js"
        file.write_text(json.dumps(config), encoding="utf-8")  # it takes what stands between the braces for JavaScript
        self._launch([self._program.node, self._program.folder / "stats.js", file])

    def wait_until_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not self.running or self._answers(), f"{self} answers")
        if not self.running:
            raise RuntimeError(f"{self} does not start:\n{self.log()}")

    def counters(self) -> dict[str, int]:
        """What was counted so far, all flushes together; not what statsd counts of itself."""
        total: Counter[str] = Counter()
        for flushed in self._flushes():
            total.update({name: round(count) for name, count in flushed["counters"].items() if count})
        return {name: count for name, count in total.items() if not name.startswith("statsd.")}

    def timers(self) -> dict[str, float]:
        """How many timings there were so far, those that were sampled away included."""
        total: Counter[str] = Counter()
        for flushed in self._flushes():
            for name, timings in flushed["timers"].items():
                total[name] += timings["count"]
        return {name: count for name, count in total.items() if count}

    def values(self, timer: str) -> list[float]:
        """The timings that arrived so far, in milliseconds."""
        return [value for flushed in self._flushes() for value in flushed["timers"].get(timer, {}).get("values", [])]

    @property
    def bad_lines(self) -> int:
        """How many lines it did not understand."""
        return sum(round(flushed["counters"].get("statsd.bad_lines_seen", 0)) for flushed in self._flushes())

    def wait_for_counters(self, expected: dict[str, int]) -> dict[str, int]:
        """Wait until it has counted that much, and for one more flush, and say what it has counted then.

        :raises TimeoutError: with what it has counted instead.
        """
        wait_for(lambda: self.counters() if expected.items() <= self.counters().items() else None, f"{expected}")
        flushes = len(self._flushes())
        wait_for(lambda: len(self._flushes()) > flushes, "another flush")
        return self.counters()

    def _flushes(self) -> list[dict[str, Any]]:
        lines = self.output().split("\n")[:-1]  # the last may be incomplete
        return [json.loads(line.removeprefix(_FLUSHED)) for line in lines if line.startswith(_FLUSHED)]

    def _answers(self) -> bool:
        with socket.create_connection((HOST, self._management), timeout=5) as connection:
            connection.sendall(b"health\n")
            return b"up" in connection.recv(100)

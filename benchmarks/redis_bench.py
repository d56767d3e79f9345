"""What the benchmarks of the Redis storage share: a private server, an application on it, and the old library beside it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import redis
from measure import Table, parser, show, write_json
from redis_bare import Raw
from services import Server, add_server_option, binary_of

from streamfw_core import Streams

OLD_PYTHON = "STREAMFW_OLD_PYTHON"


@attrs.define
class Bench:
    """One server that nobody else uses."""

    server: Server
    options: argparse.Namespace
    client: redis.Redis
    stack: ExitStack
    tables: list[Table] = attrs.field(factory=list)

    def streams(self, **options: object) -> Streams:
        """An application on the server."""
        found = Streams({"storages": {"default": {"backend": "redis", "options": {"url": self.server.url, **options}}}})
        self.stack.callback(found.close)
        return found

    def connection(self) -> Any:
        kind: Any = redis.Connection  # it has no types
        connection = kind(host="127.0.0.1", port=self.server.port)
        self.stack.callback(connection.disconnect)
        return connection

    def raw(self, script: str) -> Raw:
        return Raw(self.connection(), script)

    def old(self, followers: int) -> Old | None:
        """The old library, where there is one."""
        if self.options.old_python is None:
            return None
        old = Old(self.options.old_python, self.server.port, followers)
        self.stack.callback(old.close)
        return old

    def add(self, table: Table) -> None:
        show(table)
        self.tables.append(table)


@contextmanager
def redis_bench(
    description: str, *, runs: int, more: Callable[[argparse.ArgumentParser], None] | None = None
) -> Iterator[Bench]:
    """Read the command line, start the server, and write what was measured.

    :param more: adds options of one benchmark.
    """
    command = parser(description, runs=runs)
    if more is not None:
        more(command)
    add_server_option(command)
    command.add_argument(
        "--old-python",
        type=Path,
        default=os.environ.get(OLD_PYTHON),
        help=f"a Python that has the old library, to be measured too (default: ${OLD_PYTHON}); see README.md here",
    )
    options = command.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(Server(binary_of(options)))
        client = stack.enter_context(server.client())
        bench = Bench(server, options, client, stack)
        yield bench
        write_json(options.json, bench.tables, server=server_name(client), client=f"redis-py {redis.__version__}")


def server_name(client: Any) -> str:
    said = client.info("server")
    return f"Redis {said['redis_version']}" if "valkey_version" not in said else f"Valkey {said['valkey_version']}"


def commands_of(client: redis.Redis, work: Callable[[], object]) -> dict[str, tuple[int, float]]:
    """What the server did meanwhile: how often each command was called, and microseconds for each call."""
    client.config_resetstat()
    work()
    stats = client.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): (stat["calls"], stat["usec_per_call"])
        for name, stat in stats.items()
        if not name.startswith("cmdstat_config")
    }


class Old:
    """The process of the old library; `ask` waits for the answer."""

    def __init__(self, python: Path, port: int, followers: int) -> None:
        program = Path(__file__).with_name("old_library.py")
        self._process = subprocess.Popen(
            [python, "-W", "ignore", program, str(port), str(followers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        )

    def ask(self, name: str, *arguments: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the old library ended; what it wrote is above")
        return json.loads(answer)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

"""What the benchmarks of workers of Celery share: a broker, a server for the feeds, workers, and how all is seen to be done."""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field
from celery_program import READY, Program
from measure import Figure, Table, parser, show, write_json
from redis_bench import server_name
from services import Server, add_server_option, binary_of
from streamfw_core.storage import Query
from workloads import BenchFeed

from streamfw_core import Streams
from tests.services.brokers import BROKERS, Broker
from tests.services.rabbitmq import find_rabbitmq
from tests.services.workers import Worker

PATIENCE = 600.0
"""Seconds after which something must have gone wrong."""


@define
class CeleryBench:
    """A broker and a server for the feeds that nobody else uses."""

    program: Program
    options: argparse.Namespace
    client: Any
    stack: ExitStack
    tables: list[Table] = field(factory=list)

    @property
    def streams(self) -> Streams:
        return self.program.streams

    def worker(self, queue: str, processes: int, *, nice: int = 0) -> Worker:
        """A worker of Celery with a pool of processes, which runs until the end of the benchmark."""
        celery = [sys.executable, "-m", "celery", "-A", "celery_program", "worker", "-Q", queue, "-c", str(processes)]
        quiet = ["-n", f"{queue}@%h", "-l", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        command = [*(["nice", "-n", str(nice)] if nice else []), *celery, *quiet]
        here = Path(__file__).parent
        made = Worker(command, ready=READY, environment=self.program.environment(), cwd=here, name=f"worker of {queue}")
        return self.stack.enter_context(made)

    def waiting(self, queue: str) -> int:
        """How many messages are in a queue, without those that a worker has."""
        with self.program.app.connection_for_read() as connection:
            try:
                count: int = connection.default_channel.queue_declare(queue, passive=True).message_count
            except connection.channel_errors:  # nobody has sent anything yet
                return 0
            return count

    def add(self, table: Table) -> None:
        show(table)
        self.tables.append(table)


@contextmanager
def celery_bench(description: str, *, runs: int, **numbers: int) -> Iterator[CeleryBench]:
    """Read the command line, start the servers, and write what was measured.

    :param numbers: more options of the command line, with their defaults; `prefetch` is of the workers.
    """
    command = parser(description, runs=runs)
    add_server_option(command)
    command.add_argument("--broker", choices=BROKERS, default="rabbitmq", help="(default: %(default)s)")
    for name, default in numbers.items():
        command.add_argument(f"--{name}", type=int, default=default, help="(default: %(default)s)")
    options = command.parse_args()
    load = os.getloadavg()[0]
    print(f"broker: {options.broker}; load of the machine at the start: {load:.2f}")
    with ExitStack() as stack:
        server = stack.enter_context(Server(binary_of(options)))
        broker = stack.enter_context(_broker(options))
        client = stack.enter_context(server.client())
        told = {name: getattr(options, name) for name in numbers}
        made = Program(broker.url, server.url, **{name: told[name] for name in told if name == "prefetch"})
        stack.callback(made.streams.close)
        bench = CeleryBench(made, options, client, stack)
        yield bench
        write_json(
            options.json, bench.tables, server=server_name(client), broker=options.broker, load=round(load, 2), **told
        )


def _broker(options: argparse.Namespace) -> Broker:
    found = find_rabbitmq() if options.broker == "rabbitmq" else binary_of(options)
    if found is None:
        raise SystemExit("RabbitMQ is not installed: see CONTRIBUTING.md, or use --broker redis")
    return Broker.of(found)


# --- when something has arrived ---------------------------------------------------------------------------------


def wait_until(condition: Callable[[], bool], pause: float) -> None:
    """Look again and again, `pause` seconds apart."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("that takes too long: has the worker said why? Its output is in its folder")
        time.sleep(pause)


def count_since(streams: Streams, owner: int, id: int) -> int:
    """How many entries of a follower's feed are not older than this activity."""
    binding = streams.bind(BenchFeed)
    return binding.timelines.stats(binding.spec, [Query(str(owner), lower=id)])[0].entries


def newest(streams: Streams, owner: int) -> int:
    """The id of the newest entry of a follower's feed."""
    binding = streams.bind(BenchFeed)
    return binding.timelines.read(binding.spec, [Query(str(owner), 0, 1)])[0].ids[0]


def percentiles(title: str, unit: str, found: Mapping[str, Sequence[float]], bare: str) -> list[Table]:
    """Tables of the median and of the 99th percentile of what was measured of each.

    :param bare: the name of what the others are compared with.
    """
    return [
        Table(
            f"{title}, {name}", unit, [Figure(of, [round(pick(values), 2)], of == bare) for of, values in found.items()]
        )
        for name, pick in (("p50", statistics.median), ("p99", _p99))
    ]


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]

"""What metrics cost on the memory storage, where a fan-out and a read are fastest: the default, and statsd.

    python benchmarks/metrics_overhead.py [--runs N] [--json OUT]

- fan-out: one activity to 1,000 feeds, through the manager with the inline queue; read: `feed[:25]` of a feed of 100.
- bare: the same code, from whose functions every call of metrics is taken out.
- statsd: with a server that counts, and with nothing on its port; both after the same work in turn.
- the slowest of a hundred calls (p99), which a server that is gone must not change.
"""

from __future__ import annotations

import ast
import inspect
import statistics
import textwrap
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from measure import Case, Figure, Table, measure, parser, show, write_json
from services import STATSD_HOST, Statsd, find_statsd, free_port
from streamfw_core.feeds.binding import Binding, Found
from workloads import PAGE, BenchFeed, BenchManager, Source

from streamfw_core import Manager, Streams, fanout

FOLLOWERS = 1_000
PUBLISHED = 20
READS = 1_000
CALLS = 200
"""Of which the slowest of a hundred is taken, in each run."""

Switch = Callable[[], None]


class FewerFollowers(BenchManager):
    name = "bench_metrics"
    followers = FOLLOWERS


# --- without any call of metrics ---

TOLD = ("metrics", "reporting")
HOMES: list[tuple[Any, str]] = [
    (fanout, "execute"),
    (fanout, "begin"),
    (fanout, "_deliveries"),
    (fanout, "_end_delivery"),
    (Manager, "_publish"),
    (Manager, "_enqueue"),
]
"""The functions on the way of a fan-out that tell the metrics."""


class _Silencing(ast.NodeTransformer):
    """Takes out calls of metrics, contexts around what stays, and what messages carry of a trace."""

    def visit_Expr(self, node: ast.Expr) -> Any:
        self.generic_visit(node)
        return None if _tells(node) else node

    def visit_With(self, node: ast.With) -> Any:
        self.generic_visit(node)
        node.items = [item for item in node.items if not _tells(item)]
        return node if node.items else node.body

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        node.keywords = [keyword for keyword in node.keywords if keyword.arg != "trace"]
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)  # a message without its trace tells nothing any more
        return None if _tells(node) else node


def _tells(node: ast.AST) -> bool:
    return any(
        isinstance(part, ast.Attribute) and (part.attr in TOLD or part.attr == "_publishing") for part in ast.walk(node)
    )


def _silent(home: Any, name: str) -> Any:
    """The function without what it tells metrics."""
    function = getattr(home, name)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    silenced = ast.fix_missing_locations(_Silencing().visit(tree))
    assert ast.dump(silenced) != ast.dump(ast.parse(inspect.getsource(function).strip())), f"{name} tells nothing"
    found: dict[str, Any] = {}
    exec(compile(silenced, function.__code__.co_filename, "exec"), function.__globals__, found)
    return found[name]


def _silent_find(self: Binding, query: Any, *, skip_broken: bool = False) -> Found:
    return Found([], None, 0) if query.lower > query.upper else self._find(query, skip_broken)


TELLING = [(home, name, getattr(home, name)) for home, name in HOMES] + [(Binding, "find", Binding.find)]
SILENT = [(home, name, _silent(home, name)) for home, name in HOMES] + [(Binding, "find", _silent_find)]


def switch(functions: list[tuple[Any, str, Any]]) -> None:
    for home, name, function in functions:
        setattr(home, name, function)


# --- what is timed ---


class Publishing:
    """An application whose feeds are full, and a way to publish in it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.manager = FewerFollowers(streams=Streams(settings))
        self.source = Source()
        self.next = self.source.many(PUBLISHED)
        for _ in range(BenchFeed.max_length // PUBLISHED + 1):
            self.publish()
            self.advance()

    def publish(self) -> None:
        for activity in self.next:
            self.manager.add_user_activity(1, activity)

    def advance(self) -> None:
        self.next = self.source.many(PUBLISHED)

    def one(self) -> None:
        self.manager.add_user_activity(1, self.source.make())


class Reading:
    """An application with one full feed, and a way to read it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.feed = BenchFeed(13, streams=Streams(settings))
        self.feed.add_many(Source().many(BenchFeed.max_length))

    def read(self) -> None:
        feed = self.feed
        for _ in range(READS):
            feed[:PAGE]

    def one(self) -> None:
        self.feed[:PAGE]


def slowest(title: str, works: dict[str, Callable[[], object]], *, runs: int) -> Table:
    """The slowest of a hundred calls of each in each run, in microseconds; those with `default` are what others must not be."""
    values: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            taken = []
            for _ in range(CALLS):
                started = time.perf_counter()
                work()
                taken.append(time.perf_counter() - started)
            values[name].append(round(statistics.quantiles(taken, n=100, method="inclusive")[98] * 1e6, 1))
    return Table(title, "µs", [Figure(name, values[name], name.startswith("default")) for name in works])


def main() -> None:
    options = parser(__doc__ or "", runs=40).parse_args()
    with Statsd(find_statsd()) as server:
        settings: dict[str, dict[str, Any]] = {
            "default": {},
            "statsd": {"metrics": _statsd(port=server.port)},
            "statsd, server gone": {"metrics": _statsd(port=free_port())},
            "statsd, host unknown": {"metrics": _statsd(host="no-such-host.invalid")},
        }
        telling = partial(switch, TELLING)
        publishing = {name: Publishing(some) for name, some in settings.items()}
        reading = {name: Reading(some) for name, some in settings.items()}
        silent_publishing, silent_reading = Publishing({}), Reading({})

        def prepared(functions: list[tuple[Any, str, Any]], publishing: Publishing) -> Switch:
            def prepare() -> None:
                publishing.advance()
                switch(functions)

            return prepare

        fanouts = [
            Case(name, one.publish, PUBLISHED, prepared(TELLING, one)) for name, one in publishing.items()
        ]
        fanouts.append(
            Case(
                "no call of metrics",
                silent_publishing.publish,
                PUBLISHED,
                prepared(SILENT, silent_publishing),
                bare=True,
            )
        )
        reads = [Case(name, one.read, READS, telling) for name, one in reading.items()]
        reads.append(Case("no call of metrics", silent_reading.read, READS, partial(switch, SILENT), bare=True))
        tables = [
            measure("one activity to 1,000 feeds", "fan-outs", fanouts, runs=options.runs),
            measure("feed[:25] of a feed of 100", "pages", reads, runs=options.runs),
        ]
        telling()
        tables += [
            slowest("one activity to 1,000 feeds, p99", {n: p.one for n, p in publishing.items()}, runs=options.runs),
            slowest("feed[:25] of a feed of 100, p99", {n: r.one for n, r in reading.items()}, runs=options.runs),
        ]
        for table in tables:
            show(table)
        for one in (*publishing.values(), silent_publishing):
            one.manager.streams.close()
        for other in (*reading.values(), silent_reading):
            other.feed.streams.close()
    write_json(options.json, tables)


def _statsd(**options: Any) -> dict[str, Any]:
    return {"backend": "statsd", "options": {"host": STATSD_HOST, **options}}


if __name__ == "__main__":
    main()

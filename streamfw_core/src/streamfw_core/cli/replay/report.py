"""What a replay found out: as a JSON document, and as a page for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamfw_core._version import __version__
from streamfw_core.cli.output import megabytes
from streamfw_core.cli.replay.running import READ_SIZE, Published, Reads
from streamfw_core.cli.replay.verify import Verification

__all__ = ["GraphSize", "Inputs", "Report"]

_SHOWN_DIFFERENCES = 5


@frozen
class Inputs:
    """What was replayed, and with what.

    :param feed: `"flat"`, `"aggregated"` or `"notification"`.
    :param aggregator: the name of what groups the activities; None for flat feeds.
    :param graph: None where it does not matter who follows whom.
    :param storage: as it was named, without secrets.
    """

    feed: str
    aggregator: str | None
    graph: Path | None
    events: Path
    limit: int | None
    storage: str
    queue: str
    max_length: int
    seed: int

    @property
    def unit(self) -> str:
        """What a feed shows, and `max_length` counts."""
        return "activities" if self.aggregator is None else "groups"

    @property
    def feeds(self) -> str:
        """How people call these feeds."""
        return f"{self.feed} feeds" if self.aggregator is None else f"{self.feed} feeds, groups by {self.aggregator}"


@frozen
class GraphSize:
    """How large the follow graph is.

    :param largest: the followers of the one who has most.
    """

    edges: int
    followers: int
    largest: int


@frozen
class Report:
    """All results of one replay.

    :param owners_are: who may have a feed, such as `"followers"`.
    :param lengths: of all feeds that somebody may have, in ascending order; not none.
    :param loaded: the peak of memory in bytes when the files had been read, before the first event.
    :param peak: the same at the end.
    """

    inputs: Inputs
    graph: GraphSize | None
    owners_are: str
    loading: float
    published: Published
    reads: Reads
    lengths: Sequence[int]
    loaded: int | None
    peak: int | None
    verification: Verification | None

    def document(self) -> dict[str, Any]:
        """The report as JSON-compatible data; times are in seconds where nothing else is said."""
        inputs, published, reads = self.inputs, self.published, self.reads
        return {
            "streamfw": __version__,
            "inputs": {
                "feed": inputs.feed,
                "aggregator": inputs.aggregator,
                "graph": None if inputs.graph is None else str(inputs.graph),
                "events": str(inputs.events),
                "limit": inputs.limit,
                "storage": inputs.storage,
                "queue": inputs.queue,
                "max_length": inputs.max_length,
                "seed": inputs.seed,
            },
            "graph": _graph_document(self.graph),
            "loading_seconds": self.loading,
            "events": published.events,
            "deliveries": published.deliveries,
            "seconds": published.seconds,
            "publishing_seconds": published.publishing,
            "events_per_second": _rate(published.events, published.publishing),
            "deliveries_per_second": _rate(published.deliveries, published.seconds),
            "feeds": {
                "unit": inputs.unit,
                "count": len(self.lengths),
                "filled": self._filled(),
                "entries": sum(self.lengths),
                "median": self.lengths[len(self.lengths) // 2],
                "longest": self.lengths[-1],
            },
            "reads": {
                "slice": READ_SIZE,
                "count": reads.count,
                "entries": reads.entries,
                "p50_ms": reads.p50 * 1000,
                "p99_ms": reads.p99 * 1000,
                "slowest_ms": reads.slowest * 1000,
            },
            "memory": {"loaded_bytes": self.loaded, "peak_bytes": self.peak},
            "verification": _verification_document(self.verification),
        }

    def show(self, out: Console) -> None:
        """Print the report."""
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(style="bold")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(style="dim")
        for row in self._rows():
            table.add_row(*row)
        out.print(table)
        if self.verification is not None:
            _show_verification(out, self.verification, self.inputs.unit)

    def _rows(self) -> list[tuple[str, str, str]]:
        published, reads, lengths = self.published, self.reads, self.lengths
        inputs = self.inputs
        edges = "" if self.graph is None else f"; {self.graph.edges:,} edges"
        return [
            ("feed", inputs.feed, "" if inputs.aggregator is None else f"groups by aggregator {inputs.aggregator}"),
            ("events", f"{published.events:,}", f"published through storage {inputs.storage}, queue {inputs.queue}"),
            ("deliveries", f"{published.deliveries:,}", f"to {len(lengths):,} {self.owners_are}{edges}"),
            ("time", f"{published.seconds:,.1f} s", f"and {self.loading:,.1f} s to read the files"),
            ("events/s", f"{_rate(published.events, published.publishing):,.0f}", "until the last one was published"),
            ("deliveries/s", f"{_rate(published.deliveries, published.seconds):,.0f}", "until the last one was made"),
            (
                "feeds",
                f"{self._filled():,}",
                f"with {sum(lengths):,} {inputs.unit}; the longest has {lengths[-1]:,} of at most {inputs.max_length:,}",
            ),
            ("read p50", f"{reads.p50 * 1000:.3f} ms", f"feed[:{READ_SIZE}] of {reads.count:,} random users"),
            ("read p99", f"{reads.p99 * 1000:.3f} ms", f"slowest {reads.slowest * 1000:.3f} ms"),
            ("peak memory", megabytes(self.peak), f"{megabytes(self.loaded)} of it before the first event"),
        ]

    def _filled(self) -> int:
        return sum(length > 0 for length in self.lengths)


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def _graph_document(graph: GraphSize | None) -> dict[str, Any] | None:
    if graph is None:
        return None
    return {"edges": graph.edges, "followers": graph.followers, "largest_account": graph.largest}


def _verification_document(verification: Verification | None) -> dict[str, Any] | None:
    if verification is None:
        return None
    return {
        "users": verification.users,
        "equal": verification.equal,
        "filled": verification.filled,
        "choosable": verification.choosable,
        "entries": verification.entries,
        "activities": verification.activities,
        "partly": verification.partly,
        "differences": [{"user": one.user_id, "message": one.message} for one in verification.differences],
    }


def _show_verification(out: Console, verification: Verification, unit: str) -> None:
    good = not verification.differences
    line = Text(f"\n{verification.equal} of {verification.users} equal", style="bold green" if good else "bold red")
    empty = verification.users - verification.filled
    chosen = f"{verification.filled:,} of the {verification.choosable:,} feeds that are not empty"
    if empty:
        chosen += f" and {empty:,} that are"
    line.append(f" to brute force from the files ({chosen}; {_compared(verification, unit)})", style="default not bold")
    out.print(line, soft_wrap=True)
    if verification.partly:
        out.print(
            f"  {verification.partly} of them only in what is certain: groups were cut,"
            " and which activities these had by then depends on the queue",
            soft_wrap=True,
        )
    for difference in verification.differences[:_SHOWN_DIFFERENCES]:
        out.print(Text(f"  user {difference.user_id}: {difference.message}"), soft_wrap=True)
    more = len(verification.differences) - _SHOWN_DIFFERENCES
    if more > 0:
        out.print(f"  and {more} more")


def _compared(verification: Verification, unit: str) -> str:
    if unit == "activities":
        return f"{verification.activities:,} activities"
    return f"{verification.entries:,} groups with {verification.activities:,} activities"

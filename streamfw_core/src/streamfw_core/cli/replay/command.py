"""`streamfw replay`: publish a real log of events over a real follow graph, and measure it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamfw_core.cli.application import make_streams, queue_option, storage_option
from streamfw_core.cli.output import console, error_console
from streamfw_core.cli.replay import running
from streamfw_core.cli.replay.network import VERBS, Graph, HomeFeed, OwnFeed
from streamfw_core.cli.replay.outputs import check_output, check_plot, write_files
from streamfw_core.cli.replay.plot import draw
from streamfw_core.cli.replay.reading import Events, read_edges, read_events
from streamfw_core.cli.replay.report import Inputs, Report
from streamfw_core.cli.replay.verify import Verification, verify
from streamfw_core.settings.masking import mask_text
from streamfw_core.storage.protocol import Scope
from streamfw_core.streams import Streams

__all__ = ["replay"]

NOT_EQUAL = 1
STANDARD_OUTPUT = Path("-")

_file = click.Path(path_type=Path)


@click.command()
@click.option("--graph", type=_file, required=True, metavar="EDGES", help="Lines of: follower followed weight.")
@click.option("--events", type=_file, required=True, metavar="EVENTS", help="Lines of: actor object timestamp verb.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N earliest events.")
@storage_option
@queue_option
@click.option(
    "--max-length", type=click.IntRange(min=1), default=100, show_default=True, help="Activities that a feed keeps."
)
@click.option("--verify", "checked", type=click.IntRange(min=1), metavar="N", help="Check the feeds of N random users.")
@click.option("--reads", type=click.IntRange(min=1), default=2000, show_default=True, help="Feeds to read and time.")
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses the random users.")
@click.option("--json", "json_path", type=_file, metavar="OUT", help="Write a JSON document; - is standard output.")
@click.option("--plot", "plot_path", type=_file, metavar="OUT.png", help="Draw the run; also .svg and .pdf.")
def replay(
    graph: Path,
    events: Path,
    limit: int | None,
    storage: str,
    queue: str,
    max_length: int,
    checked: int | None,
    reads: int,
    seed: int,
    json_path: Path | None,
    plot_path: Path | None,
) -> int:
    """Publish a real social log through a manager, fan it out to real followers, and measure it.

    Both files may be compressed with gzip. Verbs are RT (retweet), MT (mention) and RE (reply).
    With --verify, the whole feeds of N random users are compared with what brute force finds in the files;
    one that differs makes the exit code 1.
    """
    if json_path is not None and json_path != STANDARD_OUTPUT:
        check_output(json_path, "--json")
    if plot_path is not None:
        check_plot(plot_path)
    inputs = Inputs(graph, events, limit, mask_text(storage), queue, max_length, seed)
    streams = make_streams(
        storage,
        queue,
        max_lengths={HomeFeed.name: max_length},
        metrics="streamfw_core.cli.replay.network:Deliveries",
    )
    with _Run(streams, inputs, reads, checked) as run:
        report = run.report()
        _write(run, report, json_path, plot_path)
    report.show(error_console() if json_path == STANDARD_OUTPUT else console())
    verification = report.verification
    return NOT_EQUAL if verification is not None and verification.differences else 0


class _Run:
    """One replay, from the files to the report."""

    def __init__(self, streams: Streams, inputs: Inputs, reads: int, checked: int | None) -> None:
        self.streams = streams
        self.inputs = inputs
        self.reads = reads
        self.checked = checked
        self.progress: list[tuple[float, int]] = []
        self.graph: Graph
        self.events: Events
        self._shared = any(
            store is not None and store.capabilities.scope is Scope.SHARED
            for binding in map(streams.bind, (HomeFeed, OwnFeed))
            for store in (binding.timelines, binding.activities)
        )
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._shared and self._started:
                self.streams.drain()
                running.flush(self.streams)
        finally:
            self.streams.close()

    def report(self) -> Report:
        """Replay the events."""
        err = error_console()
        began = time.perf_counter()
        with err.status("Reading the files"):
            self.events = read_events(self.inputs.events, list(VERBS), self.inputs.limit)
            self.graph = Graph(read_edges(self.inputs.graph))
        loading, loaded = time.perf_counter() - began, running.peak_memory()
        self._prepare()
        published = self._publish(err)
        followers, seed = self.graph.followers, self.inputs.seed
        with err.status("Reading feeds"):
            reads = running.read(self.streams, running.sample(followers, self.reads, seed, "reads"))
            lengths = running.feed_lengths(self.streams, self.graph)
        # Before the verification, which needs memory of its own.
        peak = running.peak_memory()
        return Report(
            inputs=self.inputs,
            edges=self.graph.edges,
            largest=self.graph.largest(),
            loading=loading,
            published=published,
            reads=reads,
            lengths=lengths,
            loaded=loaded,
            peak=peak,
            verification=self._verify(err),
        )

    def _prepare(self) -> None:
        self.streams.prepare(HomeFeed, OwnFeed)
        self._started = True
        if self._shared:
            # What a replay that was killed may have left.
            running.flush(self.streams)

    def _publish(self, err: Console) -> running.Published:
        bar = Progress(
            TextColumn("Publishing"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.completed:,.0f} events"),
            TextColumn("[dim]{task.fields[rates]}"),
            TimeRemainingColumn(),
            console=err,
        )
        with bar:
            task = bar.add_task("", total=len(self.events), rates="")

            def watch(events: int, deliveries: int, seconds: float) -> None:
                self.progress.append((seconds, deliveries))
                rates = f"{events / seconds:,.0f} events/s, {deliveries / seconds:,.0f} deliveries/s"
                bar.update(task, completed=events, rates=rates)

            return running.publish(self.streams, self.graph, self.events, watch)

    def _verify(self, err: Console) -> Verification | None:
        if self.checked is None:
            return None
        inputs = self.inputs
        with err.status("Verifying"):
            return verify(
                self.streams,
                running.sample(self.graph.followers, self.checked, inputs.seed, "verify"),
                edges=inputs.graph,
                events=inputs.events,
                limit=inputs.limit,
                max_length=inputs.max_length,
            )


def _write(run: _Run, report: Report, json_path: Path | None, plot_path: Path | None) -> None:
    contents = {}
    text = json.dumps(report.document(), indent=2)
    if json_path == STANDARD_OUTPUT:
        click.echo(text)
    elif json_path is not None:
        contents[json_path] = f"{text}\n".encode()
    if plot_path is not None:
        contents[plot_path] = draw(
            run.events,
            run.graph,
            run.progress,
            report.lengths,
            max_length=report.inputs.max_length,
            format=plot_path.suffix.lower().lstrip("."),
        )
    write_files(contents)

"""`streamfw replay`: publish a real log of events over a real follow graph, and measure it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamfw_core.cli.application import borrowed, make_streams, queue_option, storage_option
from streamfw_core.cli.output import console, error_console
from streamfw_core.cli.replay import running
from streamfw_core.cli.replay.network import VERBS, Graph, HomeFeed, OwnFeed, register_verbs
from streamfw_core.cli.replay.outputs import check_output, check_plot, write_files
from streamfw_core.cli.replay.plot import draw
from streamfw_core.cli.replay.reading import read_edges, read_events
from streamfw_core.cli.replay.report import Inputs, Report
from streamfw_core.cli.replay.verify import Verification, verify
from streamfw_core.settings.masking import mask_text
from streamfw_core.streams import Streams

__all__ = ["replay"]

NOT_EQUAL = 1
STANDARD_OUTPUT = Path("-")

_file = click.Path(path_type=Path)


@click.command(short_help="Run a real social log through a manager, and measure it.")
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
        check_output(json_path, "--json", [graph, events])
    if plot_path is not None:
        check_plot(plot_path, [graph, events, *([json_path] if json_path else [])])
    register_verbs()
    inputs = Inputs(graph, events, limit, mask_text(storage), queue, max_length, seed)
    with make_streams(storage, queue, max_lengths={HomeFeed.name: max_length}) as streams:
        run = _Run(streams, inputs)
        with borrowed(streams, HomeFeed, OwnFeed):
            report = run.report(reads, checked)
        _write(run, report, json_path, plot_path)
    report.show(error_console() if json_path == STANDARD_OUTPUT else console())
    verification = report.verification
    return NOT_EQUAL if verification is not None and verification.differences else 0


class _Run:
    """One replay: the files are read when it is made, the events published for its report."""

    def __init__(self, streams: Streams, inputs: Inputs) -> None:
        self.streams = streams
        self.inputs = inputs
        self.progress: list[tuple[float, int]] = []
        began = time.perf_counter()
        with error_console().status("Reading the files"):
            self.events = read_events(inputs.events, list(VERBS), inputs.limit)
            self.graph = Graph(read_edges(inputs.graph))
        self.loading = time.perf_counter() - began
        self.loaded = running.peak_memory()

    def report(self, reads: int, checked: int | None) -> Report:
        """Replay the events.

        :param reads: how many feeds to read and time.
        :param checked: how many feeds to verify; None: none.
        """
        streams, graph, seed = self.streams, self.graph, self.inputs.seed
        err = error_console()
        published = self._publish(err)
        with err.status("Reading feeds"):
            read = running.read(streams, running.sample(graph.followers, reads, seed, "reads"))
            lengths = running.feed_lengths(streams, graph)
        # Before the verification, which needs memory of its own.
        peak = running.peak_memory()
        verification = None
        if checked is not None:
            with err.status("Verifying"):
                verification = self._verify(running.sample(graph.followers, checked, seed, "verify"))
        return Report(
            inputs=self.inputs,
            edges=graph.edges,
            largest=graph.largest(),
            loading=self.loading,
            published=published,
            reads=read,
            lengths=lengths,
            loaded=self.loaded,
            peak=peak,
            verification=verification,
        )

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

    def _verify(self, users: Sequence[int]) -> Verification:
        inputs = self.inputs
        return verify(
            self.streams,
            users,
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

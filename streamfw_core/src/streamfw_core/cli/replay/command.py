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
from streamfw_core.cli.replay.marking import marks_of
from streamfw_core.cli.replay.network import VERBS, Graph, register_verbs
from streamfw_core.cli.replay.outputs import check_output, check_plot, write_files
from streamfw_core.cli.replay.plot import draw
from streamfw_core.cli.replay.reading import read_edges, read_events
from streamfw_core.cli.replay.report import GraphSize, Inputs, Report
from streamfw_core.cli.replay.routes import FEEDS, FollowersRoute, NotificationRoute, Route, feeds_of
from streamfw_core.cli.replay.verify import Verification, can_foretell, verify
from streamfw_core.feeds.aggregated import AggregatedFeed
from streamfw_core.feeds.grouped import GroupedBinding
from streamfw_core.settings import FeedSettings
from streamfw_core.settings.masking import mask_text
from streamfw_core.streams import Streams

__all__ = ["replay"]

NOT_EQUAL = 1
STANDARD_OUTPUT = Path("-")

_file = click.Path(path_type=Path)


def _graph_for_feed(context: click.Context, option: click.Parameter, graph: Path | None) -> Path | None:
    """The graph, which must be given where it matters who follows whom, and is not used elsewhere."""
    if context.params.get("feed") == "notification":
        return None
    if graph is None and not context.resilient_parsing:
        raise click.MissingParameter(ctx=context, param=option)
    return graph


@click.command(short_help="Run a real social log through a manager, and measure it.")
@click.option(
    "--graph", type=_file, callback=_graph_for_feed, metavar="EDGES", help="Lines of: follower followed weight."
)
@click.option("--events", type=_file, required=True, metavar="EVENTS", help="Lines of: actor object timestamp verb.")
@click.option(
    "--feed",
    type=click.Choice(list(FEEDS)),
    default="flat",
    show_default=True,
    is_eager=True,  # `--graph` looks at it.
    help="The kind of feed that is filled.",
)
@click.option(
    "--aggregator",
    metavar="NAME",
    help="What groups the activities; default: recent_verb, and notification for notification feeds.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N earliest events.")
@storage_option
@queue_option
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Activities, or groups, that a feed keeps.",
)
@click.option("--verify", "checked", type=click.IntRange(min=1), metavar="N", help="Check the feeds of N random users.")
@click.option("--reads", type=click.IntRange(min=1), default=2000, show_default=True, help="Feeds to read and time.")
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses the random users.")
@click.option("--json", "json_path", type=_file, metavar="OUT", help="Write a JSON document; - is standard output.")
@click.option("--plot", "plot_path", type=_file, metavar="OUT.png", help="Draw the run; also .svg and .pdf.")
def replay(
    graph: Path | None,
    events: Path,
    feed: str,
    aggregator: str | None,
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
    With --feed notification, mentions and replies notify the user acted upon, without fan-out and without --graph.
    With --verify, the whole feeds of N random users are compared with what brute force finds in the files;
    one that differs makes the exit code 1.
    """
    feed_class = FEEDS[feed]
    aggregator = _aggregator_for(feed, aggregator)
    files = [path for path in (graph, events) if path is not None]
    if json_path is not None and json_path != STANDARD_OUTPUT:
        check_output(json_path, "--json", files)
    if plot_path is not None:
        check_plot(plot_path, [*files, *([json_path] if json_path else [])])
    register_verbs()
    inputs = Inputs(feed, aggregator, graph, events, limit, mask_text(storage), queue, max_length, seed)
    said = FeedSettings(feed_class.name, max_length=max_length, aggregator=aggregator)
    with make_streams(storage, queue, feeds=[said]) as streams:
        _check_foretellable(streams, feed, checked)
        run = _Run(streams, inputs)
        with borrowed(streams, *feeds_of(feed)):
            report = run.report(reads, checked)
        _write(run, report, json_path, plot_path)
    report.show(error_console() if json_path == STANDARD_OUTPUT else console())
    verification = report.verification
    return NOT_EQUAL if verification is not None and verification.differences else 0


def _aggregator_for(feed: str, aggregator: str | None) -> str | None:
    """The name of the aggregator; None for flat feeds."""
    feed_class = FEEDS[feed]
    if issubclass(feed_class, AggregatedFeed):
        return aggregator or feed_class.aggregator
    if aggregator is not None:
        message = "a flat feed has no groups: use it with --feed aggregated or --feed notification"
        raise click.BadParameter(message, param_hint="'--aggregator'")
    return None


def _check_foretellable(streams: Streams, feed: str, checked: int | None) -> None:
    """Find out before the files are read whether there is such an aggregator, and whether it can be verified."""
    binding = streams.bind(FEEDS[feed])
    if checked is None or not isinstance(binding, GroupedBinding) or can_foretell(binding.aggregator):
        return
    message = (
        f"brute force cannot foretell what {type(binding.aggregator).__name__} shows, which overrides merge or rank:"
        " use another --aggregator, or no --verify"
    )
    raise click.BadParameter(message, param_hint="'--verify'")


class _Run:
    """One replay: the files are read when it is made, the events published for its report."""

    def __init__(self, streams: Streams, inputs: Inputs) -> None:
        self.streams = streams
        self.inputs = inputs
        self.feed_class = FEEDS[inputs.feed]
        self.progress: list[tuple[float, int]] = []
        self.graph: GraphSize | None = None
        began = time.perf_counter()
        with error_console().status("Reading the files"):
            self.route = self._read()
        self.loading = time.perf_counter() - began
        self.loaded = running.peak_memory()

    def _read(self) -> Route:
        inputs = self.inputs
        events = read_events(inputs.events, list(VERBS), inputs.limit)
        if inputs.graph is None:
            return NotificationRoute(self.streams, events, inputs.events)
        graph = Graph(read_edges(inputs.graph))
        self.graph = GraphSize(graph.edges, len(graph.followers), graph.largest())
        return FollowersRoute(self.streams, events, self.feed_class, graph)

    def report(self, reads: int, checked: int | None) -> Report:
        """Replay the events.

        :param reads: how many feeds to read and time.
        :param checked: how many feeds to verify; None: none.
        """
        route, seed = self.route, self.inputs.seed
        err = error_console()
        users = [] if checked is None else running.sample_filled(route, checked, seed)
        published = self._publish(err, users)
        with err.status("Reading feeds"):
            read = running.read(route, running.sample(route.owners, reads, seed, "reads"))
            lengths = running.feed_lengths(route)
        # Before the verification, which needs memory of its own.
        peak = running.peak_memory()
        verification = None
        if checked is not None:
            with err.status("Verifying"):
                verification = self._verify(users)
        return Report(
            inputs=self.inputs,
            graph=self.graph,
            owners_are=route.owners_are,
            loading=self.loading,
            published=published,
            reads=read,
            lengths=lengths,
            loaded=self.loaded,
            peak=peak,
            verification=verification,
        )

    def _publish(self, err: Console, users: Sequence[int]) -> running.Published:
        """Publish everything; in between, those who are to be verified mark their notifications."""
        events = len(self.route.events)
        marks = marks_of(self.streams, users, events) if self.inputs.feed == "notification" else {}
        bar = Progress(
            TextColumn("Publishing"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.completed:,.0f} events"),
            TextColumn("[dim]{task.fields[rates]}"),
            TimeRemainingColumn(),
            console=err,
        )
        with bar:
            task = bar.add_task("", total=events, rates="")

            def watch(done: int, deliveries: int, seconds: float) -> None:
                self.progress.append((seconds, deliveries))
                rates = f"{done / seconds:,.0f} events/s, {deliveries / seconds:,.0f} deliveries/s"
                bar.update(task, completed=done, rates=rates)

            return running.publish(self.route, watch, marks)

    def _verify(self, users: Sequence[int]) -> Verification:
        inputs = self.inputs
        return verify(
            self.streams,
            self.feed_class,
            users,
            edges=inputs.graph,
            events=inputs.events,
            limit=inputs.limit,
            choosable=len(self.route.filled()),
        )


def _write(run: _Run, report: Report, json_path: Path | None, plot_path: Path | None) -> None:
    contents = {}
    text = json.dumps(report.document(), indent=2)
    if json_path == STANDARD_OUTPUT:
        click.echo(text)
    elif json_path is not None:
        contents[json_path] = f"{text}\n".encode()
    if plot_path is not None:
        format = plot_path.suffix.lower().lstrip(".")
        contents[plot_path] = draw(run.route, run.inputs, run.progress, report.lengths, format=format)
    write_files(contents)

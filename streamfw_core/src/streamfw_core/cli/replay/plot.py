"""The plot of a replay. matplotlib is imported here, and only when a plot is asked for."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from streamfw_core.cli.replay.report import Inputs
from streamfw_core.cli.replay.routes import Route

__all__ = ["draw"]

_MAX_BARS = 400
_STEPS = (60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
_NAMES = {60: "minute", 300: "5 minutes", 900: "15 minutes", 3600: "hour", 4 * 3600: "4 hours", 86_400: "day"}


def draw(
    route: Route,
    inputs: Inputs,
    progress: Sequence[tuple[float, int]],
    lengths: Sequence[int],
    *,
    format: str,
) -> bytes:
    """Three charts, one under the other, as the bytes of an image.

    :param progress: (seconds since the start, deliveries so far), in order.
    :param lengths: of all feeds.
    :param format: `"png"`, `"svg"` or `"pdf"`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot, which keeps state of its own and may want a display.
    figure = Figure(figsize=(10, 11), layout="constrained")
    FigureCanvasAgg(figure)
    over_time, rate, distribution = figure.subplots(3)
    figure.suptitle(f"streamfw replay: {inputs.feeds}")
    _draw_log(over_time, route)
    _draw_rate(rate, progress)
    _draw_lengths(distribution, lengths, inputs)
    for axes in (over_time, rate, distribution):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=format, dpi=120)
    return buffer.getvalue()


def _draw_log(axes: Any, route: Route) -> None:
    """Where in the time of the log the deliveries fall."""
    events = route.events
    span = events.times[-1] - events.times[0]
    step = next((step for step in _STEPS if span <= step * _MAX_BARS), _STEPS[-1])
    bars: Counter[int] = Counter()
    for place, time in enumerate(events.times):
        bars[time // step] += len(route.receivers(place))
    starts = [datetime.fromtimestamp(bar * step, UTC) for bar in sorted(bars)]
    axes.bar(starts, [bars[bar] for bar in sorted(bars)], width=step / 86_400, align="edge", color="tab:blue")
    axes.set_title("Deliveries over the time of the log (UTC)", loc="left")
    axes.set_ylabel(f"deliveries per {_NAMES.get(step, f'{step // 86_400} days')}")
    axes.tick_params("x", rotation=20)


def _draw_rate(axes: Any, progress: Sequence[tuple[float, int]]) -> None:
    """How fast they were made."""
    points = [(0.0, 0), *progress]
    steps = [(one, other) for one, other in pairwise(points) if other[0] > one[0]]
    rates = [(other[1] - one[1]) / (other[0] - one[0]) for one, other in steps]
    axes.plot([other[0] for _, other in steps], rates, color="tab:green", linewidth=1)
    axes.set_title("Speed of the replay", loc="left")
    axes.set_xlabel("seconds since the start")
    axes.set_ylabel("deliveries per second")
    axes.set_ylim(bottom=0)


def _draw_lengths(axes: Any, lengths: Sequence[int], inputs: Inputs) -> None:
    """How long the feeds became."""
    counts = Counter(lengths)
    longest = max(counts)
    width = max(1, -(-(longest + 1) // 100))
    bars: Counter[int] = Counter()
    for length, count in counts.items():
        bars[length // width * width] += count
    axes.bar(list(bars), list(bars.values()), width=width, align="edge" if width > 1 else "center", color="tab:orange")
    axes.set_yscale("log")
    axes.set_title(f"Lengths of {len(lengths):,} feeds (at most {inputs.max_length:,})", loc="left")
    axes.set_xlabel(f"{inputs.unit} in the feed")
    axes.set_ylabel("feeds")

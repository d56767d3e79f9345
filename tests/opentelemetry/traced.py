"""A program whose publishing and whose workers are traced, each process into a file of its own.

python -m tests.opentelemetry.traced publishes; `streamfw worker` and Celery import it for what it configures.
Environment: TRACED_SETTINGS (JSON), TRACED_FOLDER.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, UserBaseFeed, default_streams

STREAMFW = json.loads(os.environ["TRACED_SETTINGS"])


class TracedFeed(Feed):
    name = "traced"


class TracedOwnFeed(UserBaseFeed):
    name = "traced_own"


class TracedManager(Manager):
    name = "traced"
    feed_classes: ClassVar[Any] = {"home": TracedFeed}
    user_feed_class = TracedOwnFeed
    fanout_chunk_size = 2

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return {FanoutPriority.HIGH: [1, 2, 3]}


class _OwnFile:
    """Appends to a file of the process, also after a fork."""

    def write(self, text: str) -> int:
        with Path(os.environ["TRACED_FOLDER"], f"{os.getpid()}.json").open("a", encoding="utf-8") as file:
            return file.write(text)

    def flush(self) -> None:
        """Closed is flushed."""


_exporter = ConsoleSpanExporter(out=_OwnFile(), formatter=lambda span: span.to_json(indent=None) + "\n")  # type: ignore[arg-type]
_provider = TracerProvider()
_provider.add_span_processor(SimpleSpanProcessor(_exporter))
trace.set_tracer_provider(_provider)


def main() -> None:
    with default_streams() as streams:
        TracedManager(streams=streams).add_user_activity("ada", Activity("ada", Love, 1))


if __name__ == "__main__":
    main()

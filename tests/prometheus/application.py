"""A web application with a scrape of all processes of its server, as a program would have it: served by gunicorn.

/publish publishes and reads; both say which process they came to, and /metrics is what Prometheus asks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed

FOLLOWERS = 20

control_socket_disable = True  # of gunicorn, as `child_exit` below: it would leave a file in the home folder


class ScrapedFeed(Feed):
    name = "scraped"


class ScrapedOwnFeed(UserBaseFeed):
    name = "scraped_own"


class ScrapedManager(Manager):
    name = "scraped"
    feed_classes: ClassVar[Any] = {"home": ScrapedFeed}
    user_feed_class = ScrapedOwnFeed

    def get_user_follower_ids(self, user_id: Any) -> Any:
        return {FanoutPriority.HIGH: range(FOLLOWERS)}


streams = Streams({"metrics": "prometheus"})
manager = ScrapedManager(streams=streams)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = str(os.getpid()).encode()
    if environ["PATH_INFO"] == "/publish":
        manager.add_user_activity("ada", Activity("ada", Love, int(environ["QUERY_STRING"])))
        ScrapedFeed(1, streams=streams)[:1]
    elif environ["PATH_INFO"] == "/metrics":
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        body = generate_latest(registry)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def child_exit(server: Any, worker: Any) -> None:
    """A hook of gunicorn."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]

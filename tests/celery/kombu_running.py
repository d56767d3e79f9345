"""What tests of the kombu queue share: options with queues of their own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.services.brokers import Broker

QUICK = {"attempts": 3, "pause": 0.02}


def options_for(broker: Broker, **others: Any) -> dict[str, Any]:
    """Options with queues that nobody else uses."""
    word = uuid4().hex[:8]
    names = {kind: f"{word}.{kind}" for kind in ("high", "normal", "low", "dead")}
    redis = {"transport_options": {"unacked_key": f"{word}.unacked", "unacked_index_key": f"{word}.unacked_index"}}
    return {"url": broker.url, "queues": names, "retries": QUICK, **(redis if broker.name == "redis" else {}), **others}

"""A worker of the kombu queue, as a program: python -m tests.celery.kombu_program OPTIONS PRIORITIES.

Its handler is the one of the test that started it; without one (`hold`) it waits until it is killed.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.queues import FanoutPriority

from tests.celery.remote import HandOver

ROOT = Path(__file__).parents[2]

READY = "working on"


def command(options: Mapping[str, Any], priorities: str) -> list[str]:
    """What starts it."""
    return [sys.executable, "-m", "tests.celery.kombu_program", json.dumps(options), priorities]


def main(options: str, priorities: str) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    queue = KombuQueue("kombu", json.loads(options))
    handler = HandOver(os.environ)
    queue.bind(handler, handler.given_up)
    queue.work([FanoutPriority(name) for name in priorities.split(",")], stop)
    queue.close()
    print("stopped")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The program of `celery_worker`, whose workers hand each message over to the test that runs now."""

from __future__ import annotations

import json

from streamfw_core.queues import Handler

from tests.celery.celery_worker import PROGRAM, WHERE, app, queue
from tests.celery.remote import hand_over

__all__ = ["app"]


class _Current:
    """The handler of the test that runs now."""

    said = ""
    handler: Handler

    def __call__(self, message: bytes) -> None:
        said = (PROGRAM.notes.parent / WHERE).read_text(encoding="utf-8")
        if said != self.said:
            self.handler = hand_over(json.loads(said))
            self.said = said
        self.handler(message)


queue.bind(_Current())

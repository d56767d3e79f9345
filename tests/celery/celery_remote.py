"""The program of `celery_worker`, whose workers hand each message over to the test that runs now."""

from __future__ import annotations

import json

from tests.celery.celery_worker import PROGRAM, WHERE, app, queue
from tests.celery.remote import HandOver

__all__ = ["app"]


class _Current:
    """The handler of the test that runs now."""

    said = ""
    handler: HandOver

    def __call__(self, message: bytes) -> None:
        self._found()(message)

    def given_up(self, reason: str) -> None:
        self._found().given_up(reason)

    def _found(self) -> HandOver:
        said = (PROGRAM.notes.parent / WHERE).read_text(encoding="utf-8")
        if said != self.said:
            self.handler = HandOver(json.loads(said))
            self.said = said
        return self.handler


current = _Current()
queue.bind(current, current.given_up)

"""One attempt at a message, and what becomes of it."""

from __future__ import annotations

import logging

import pytest
from streamfw_celery.attempts import Again, Dead, Done, Verdict, attempt
from streamfw_celery.options import Retries
from streamfw_core.errors import MessageError, StorageError
from streamfw_core.queues import FanoutPriority, current_task
from streamfw_core.queues.retry import MessageFailed


def tried(error: Exception | None, number: int = 1, retries: Retries | None = None) -> Verdict:
    def handler(message: bytes) -> None:
        task = current_task()
        assert task is not None
        assert (task.id, task.priority, task.attempt) == ("an id", FanoutPriority.LOW, number)
        if error is not None:
            raise error

    return attempt(
        handler, b"all", id="an id", priority=FanoutPriority.LOW, number=number, retries=retries or Retries(attempts=3)
    )


def test_nothing_remains_of_what_succeeds() -> None:
    assert tried(None) == Done()


def test_only_the_rest_is_tried_again() -> None:
    verdict = tried(MessageFailed("one feed failed", rest=b"rest", retriable=True))
    assert isinstance(verdict, Again)
    assert (verdict.rest, verdict.number) == (b"rest", 2)


@pytest.mark.parametrize("number", range(1, 12))
def test_pauses_double_up_to_a_bound_and_are_not_all_the_same(number: int) -> None:
    retries = Retries(attempts=12, pause=0.5, max_pause=30.0)
    pauses = {verdict.delay for _ in range(20) if isinstance(verdict := tried(OSError(), number, retries), Again)}
    least = min(0.5 * 2 ** (number - 1), 30.0)
    assert len(pauses) > 1
    assert all(least <= pause <= least * 1.5 for pause in pauses)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (MessageFailed("never", rest=b"rest", retriable=False), 1),
        (MessageError("no message"), 1),
        (OSError("down"), 3),
    ],
)
def test_what_cannot_succeed_or_was_tried_enough_is_dead(error: Exception, number: int) -> None:
    verdict = tried(error, number)
    assert isinstance(verdict, Dead)
    assert str(error) in verdict.reason
    assert verdict.attempts == number


@pytest.mark.parametrize("number", [1, 3])
def test_a_password_in_an_error_is_shown_nowhere(number: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    verdict = tried(StorageError("no answer from redis://me:hunter2@db/0"), number)
    assert "no answer from redis://***@db/0" in caplog.text
    assert "hunter2" not in caplog.text + repr(verdict)

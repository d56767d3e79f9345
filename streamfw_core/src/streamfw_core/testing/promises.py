"""The promises in words, the decorator that says which of them a test proves, and the error that says which one broke."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Final, ParamSpec, TypeVar

import pytest

__all__ = ["PROMISES", "PromiseBroken", "check", "promise", "promises_of", "same"]

P = ParamSpec("P")
T = TypeVar("T")

PROMISES: Final = {
    "C1": "two actors doing the same to the same thing in the same millisecond are two activities",
    "C2": "entries are totally ordered by id, newest first, ties in time included",
    "C3": "filters are exact at their boundary, and walking a feed visits every entry exactly once",
    "C4": "a feed object is immutable, and reading changes nothing",
    "C5": "ids may be integers, strings or UUIDs",
    "C6": "adding and removing are idempotent, and what is counted is what changed",
    "C7": "a feed never shows more than max_length entries, and keeps the newest ones",
    "C8": "batches are complete or raise: nothing is dropped silently",
    "C9": "what was removed does not come back, however late, reordered or repeated the add arrives",
    "C10": "an entry without its activity is skipped and counted, and breaks nothing",
    "C11": "empty input is a no-op, wrong types raise a typed error",
    "C12": "concurrent adds to one group lose nothing and make one group",
    "C13": "groups updated in the same millisecond stay apart",
    "C14": "counts of a group equal recomputation from its members",
    "C15": "a group is found by its key however far down the feed it is",
    "C16": "readers never see a group missing in the middle of an update",
    "C17": "removing members removes exactly those members",
    "C18": "unseen and unread counts equal recomputation",
    "C19": "a mark covers what existed when it was made",
    "C20": "every follower gets the activity exactly once in effect",
    "C21": "follower ids are streamed in bounded memory",
    "C22": "LOW work never delays HIGH work",
    "C23": "a task that can never succeed ends with its reason, not in an endless retry",
    "C24": "nothing stored or sent is executed, and bytes that cannot be decoded raise a typed error",
    "C25": "what is stored comes back equal, with its types",
    "C26": "no feed reaches another feed's entries, whatever its owner or key_format",
    "C27": "a connection made before a fork is not used after it",
    "C28": "after an unfollow, nothing older of that source is shown, however late it arrives",
}
"""What streamfw promises, in one line each."""


class PromiseBroken(AssertionError):
    """A promise does not hold; `promises` says which, the message in words how."""

    def __init__(self, promises: Iterable[str], words: str) -> None:
        self.promises = tuple(promises)
        super().__init__(f"{', '.join(self.promises)} broken: {words}" if self.promises else words)


def check(holds: object, name: str, words: str) -> None:
    """Raise `PromiseBroken` unless something holds."""
    if not holds:
        raise PromiseBroken([name], words)


def same(actual: T, expected: T, name: str, words: str) -> None:
    """Raise `PromiseBroken` unless two things are equal."""
    if actual != expected:
        raise PromiseBroken([name], f"{words}: got {_short(actual)}, expected {_short(expected)}")


def promise(*names: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Say which promises a test proves.

    In a `Contract` it makes the test one that no subclass can replace,
    and turns every error into a `PromiseBroken`, or into an expected failure where the promise is a declared deviation.
    """
    for name in names:
        if name not in PROMISES:
            raise ValueError(f"there is no promise {name!r}: promises are C1 to C{len(PROMISES)}")

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def proving(*args: P.args, **kwargs: P.kwargs) -> None:
            __tracebackhide__ = True
            judge = getattr(args[0], "judge", None) if args else None
            if judge is None:
                test(*args, **kwargs)
                return
            try:
                test(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever a backend raises, a promise broke
                judge(test.__name__, names, error)
            else:
                judge(test.__name__, names, None)

        proving.__dict__["streamfw_promises"] = names
        return pytest.mark.promise(*names)(proving)

    return decorate


def promises_of(test: object) -> tuple[str, ...] | None:
    """The promises that a contract test proves; None: it is no contract test."""
    names = getattr(test, "streamfw_promises", None)
    return names if isinstance(names, tuple) else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]} ... {text[-90:]} ({len(text)} characters)"

"""The canary published, waited for and taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from attrs import frozen

from streamfw_core.activity import Activity
from streamfw_core.clock import next_stamp
from streamfw_core.doctor.canary import OWN
from streamfw_core.doctor.configured import feed_classes_of, said
from streamfw_core.doctor.findings import Finding, failure, ok, warning
from streamfw_core.plugins.known import worker_command
from streamfw_core.queues.protocol import DeadLetterQueue, FanoutPriority
from streamfw_core.storage.protocol import Removal, Scope, Write
from streamfw_core.streams import CANARY
from streamfw_core.verbs import Add

if TYPE_CHECKING:
    from streamfw_core.feeds import Feed
    from streamfw_core.manager import Manager
    from streamfw_core.streams import Streams

__all__ = ["examine_canaries"]

WHAT: Final = "canary"
PAUSE: Final = 0.05
LETTERS: Final = 1000
"""Dead letters among which the reason is looked for why a canary did not arrive."""


def examine_canaries(streams: Streams, timeout: float, *, prepare: bool) -> Iterator[Finding]:
    """One for each manager of the settings.

    :param timeout: seconds within which each must arrive.
    :param prepare: whether the tables of the canaries are made where a storage has a schema.
    """
    for name in [f"{CANARY}:{listed}" for listed in streams.settings.managers] or [CANARY]:
        where = f"canary of manager {name.partition(':')[2]!r}" if ":" in name else "canary"
        try:
            manager = streams.manager(name)
            missing = _without_tables(manager, prepare)
        except Exception as error:  # noqa: BLE001 - it is not published then, and that is the finding
            yield failure(where, WHAT, f"it was not published: {said(error)}", "streamfw settings")
            continue
        if missing:
            message = f"it was not published, as it has no table on {', '.join(map(repr, missing))}"
            yield warning(where, WHAT, message, "streamfw doctor --prepare")
            continue
        yield from _Flight(where, manager, Activity(CANARY, Add, uuid4().hex), timeout).findings()


def _without_tables(manager: Manager, prepare: bool) -> list[str]:
    """The storages in which the canary has no table."""
    streams, feed_classes = manager.streams, feed_classes_of(manager)
    if not any(streams.bind(feed_class).timelines.capabilities.schema for feed_class in feed_classes):
        return []
    if prepare:
        streams.prepare(*feed_classes)
    return [*streams.plan(*feed_classes)]


@frozen
class _Flight:
    """One canary on its way."""

    where: str
    manager: Manager
    activity: Activity
    timeout: float

    def findings(self) -> Iterator[Finding]:
        started = time.monotonic()
        try:
            self.manager.add_user_activity(OWN, self.activity)
            missing = self._await(started + self.timeout)
            took = time.monotonic() - started
            if missing:
                yield self._lost(missing)
            else:
                storages = ", ".join(map(repr, self.manager.feed_classes))
                yield ok(
                    self.where, WHAT, f"it arrived at {storages} by {', '.join(FanoutPriority)} within {took:.2f} s"
                )
        except Exception as error:  # noqa: BLE001 - whatever is in its way
            yield failure(self.where, WHAT, f"it was not published or not read: {said(error)}", "see the message")
        finally:
            yield from self._take_back()

    def _await(self, until: float) -> list[tuple[type[Feed], FanoutPriority]]:
        """Where it has not arrived."""
        feeds = self.manager.feed_classes.values()
        missing = [(feed_class, priority) for feed_class in feeds for priority in FanoutPriority]
        while missing := [one for one in missing if not self._is_in(*one)]:
            if time.monotonic() > until:
                break
            time.sleep(PAUSE)
        return missing

    def _is_in(self, feed_class: type[Feed], priority: FanoutPriority) -> bool:
        # Read, not asked for its id: what comes back must be what was published.
        feed = feed_class(priority.value, streams=self.manager.streams)
        return self.activity in feed[: feed.max_length]

    def _lost(self, missing: list[tuple[type[Feed], FanoutPriority]]) -> Finding:
        streams = self.manager.streams
        priorities = [*dict.fromkeys(priority for _, priority in missing)]
        places = ", ".join(dict.fromkeys(repr(feed_class.timeline) for feed_class, _ in missing))
        message = f"it did not arrive at {places} by {', '.join(priorities)} within {self.timeout:g} s"
        reason = self._given_up()
        if reason is not None:
            hint = "start the workers with the settings and the code of this program, or mend what the reason names"
            return failure(self.where, WHAT, f"{message}: a worker gave it up: {reason}", hint)
        described = streams.settings.task_queue
        run = worker_command(described.backend, described.options, priorities)
        command = run or f"streamfw worker --queues {','.join(priorities)}"
        hint = f"see that workers run with these settings and storages, and what their logs say: {command}"
        return failure(self.where, WHAT, message, hint if streams.queue.scope is Scope.SHARED else "see the log")

    def _given_up(self) -> str | None:
        """Why a worker gave it up, which is forgotten with that; None: none did."""
        queue = self.manager.streams.queue
        if not isinstance(queue, DeadLetterQueue):
            return None
        mark = str(self.activity.serialization_id).encode()
        letters = [letter for letter in queue.dead_letters(LETTERS) if mark in letter.message]
        if not letters:
            return None
        queue.drop_dead([letter.id for letter in letters])
        return said(Exception(letters[0].reason))

    def _take_back(self) -> Iterator[Finding]:
        """Remove it, also where it is still on its way to; by its id, as somebody else's canary may fly too."""
        id, streams = self.activity.serialization_id, self.manager.streams
        try:
            for binding in map(streams.bind, feed_classes_of(self.manager)):
                stamp = next_stamp()
                binding.timelines.remember(binding.spec, removes=[Removal(id, stamp)])
                binding.discard([id], stamp)
                binding.write(Write([OWN, *FanoutPriority], removes=[Removal(id, stamp)]), report=False)
        except Exception as error:  # noqa: BLE001 - as above
            yield failure(self.where, WHAT, f"it was not removed: {said(error)}", "run `streamfw doctor` again")

"""All checks, in the order in which one is of use only if those before it found nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from streamfw_core.doctor.configured import examine_feeds, examine_plugins, examine_settings, problems_of
from streamfw_core.doctor.findings import FEEDS, NEEDED, REACHABLE, SCHEMA, SETTINGS, Finding, Level, Now, warning
from streamfw_core.doctor.publishing import examine_canaries
from streamfw_core.doctor.services import (
    examine_backlog,
    examine_queue,
    examine_queue_made,
    examine_schema,
    examine_storages,
    examine_storages_made,
    guarded,
)
from streamfw_core.settings.masking import mask_values
from streamfw_core.settings.model import secret_values

if TYPE_CHECKING:
    from streamfw_core.settings import Settings
    from streamfw_core.streams import Streams

__all__ = ["CANARY_TIMEOUT", "diagnose"]

CANARY_TIMEOUT = 10.0


def diagnose(
    source: object = None,
    *,
    canary: bool = True,
    timeout: float = CANARY_TIMEOUT,
    prepare: bool = False,
    now: Now = time.time,
) -> Iterator[Finding]:
    """Examine a set-up: plugins, settings, storages, the task queue, and a canary that is published and read back.

    Findings come as they are made, without the secrets of the settings.

    :param source: a `Streams`, which stays open, or what one is made from; None: what the environment names.
    :param canary: whether one is published; nothing else writes anything that stays.
    :param timeout: seconds within which it must arrive, for each manager of the settings.
    :param prepare: whether its tables are made first, where a storage has a schema; they stay.
    :param now: the clock of this machine.
    """
    from streamfw_core.plugins import Plugins
    from streamfw_core.settings import resolve
    from streamfw_core.streams import Streams

    with ExitStack() as stack:
        if isinstance(source, Streams):
            yield from map(_masking([]), examine_plugins(source.plugins))
            streams = source
        else:
            try:
                plugins = Plugins()
                yield from map(_masking([]), examine_plugins(plugins))
                streams = stack.enter_context(Streams(resolve(source), plugins=plugins))
            except Exception as error:  # noqa: BLE001 - a module of settings is anybody's code
                yield from map(_masking([]), problems_of(error, "settings"))
                return
        masked = _masking([*_secrets_of(streams.settings)])
        failed: set[str] = set()
        yield from map(masked, _look(streams, now, failed))
        if not canary:
            return
        if failed & NEEDED:
            yield warning(
                "canary", "canary", "it was not published, as what it needs is not there", "mend the failures above"
            )
            return
        yield from map(masked, examine_canaries(streams, timeout, prepare=prepare))


def _look(streams: Streams, now: Now, failed: set[str]) -> Iterator[Finding]:
    """What can be seen without publishing anything.

    :param failed: gets what of each failure.
    """

    told: set[tuple[str, str]] = set()

    def noted(where: str, what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        for finding in guarded(where, check, what):
            if finding.level is Level.FAILURE:
                failed.add(finding.what)
                if (finding.where, finding.message) in told:
                    continue  # an option that is wrong is wrong for each feed, too
                told.add((finding.where, finding.message))
            yield finding

    yield from examine_settings(streams.settings)
    yield from noted("task queue", SETTINGS, lambda: examine_queue_made(streams))
    has_queue = SETTINGS not in failed
    yield from noted("storages", SETTINGS, lambda: examine_storages_made(streams))
    if has_queue:
        yield from noted("managers", FEEDS, lambda: examine_feeds(streams))
    yield from noted("storages", REACHABLE, lambda: examine_storages(streams, now))
    if not failed & NEEDED:
        yield from noted("storages", SCHEMA, lambda: examine_schema(streams))
    if has_queue:
        where = f"task queue {streams.queue.name!r}"
        found = [*noted(where, REACHABLE, lambda: examine_queue(streams, now))]
        yield from found
        if not any(one.level is Level.FAILURE and one.what == REACHABLE for one in found):
            yield from examine_backlog(streams)


# --- secrets -----------------------------------------------------------------------------------------------------


def _masking(secrets: Sequence[object]) -> Callable[[Finding], Finding]:
    def masked(finding: Finding) -> Finding:
        where, message, hint = (mask_values(text, secrets) for text in (finding.where, finding.message, finding.hint))
        return finding._replace(where=where, message=message, hint=hint)

    return masked


def _secrets_of(settings: Settings) -> Iterator[object]:
    """The values that must not appear in a finding."""
    storages, queue, metrics = settings.storages.values(), settings.task_queue, settings.metrics
    for options in [*(one.options for one in storages), queue.options, *(one.options for one in metrics)]:
        yield from secret_values(options)
        yield from _passwords(options)


def _passwords(value: object) -> Iterator[str]:
    """Those of URLs, at any depth."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _passwords(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _passwords(item)
    elif isinstance(value, str) and "://" in value:
        for url in value.split(";"):
            try:
                password = urlsplit(url).password
            except ValueError:
                continue
            if password:
                yield from (password, unquote(password))

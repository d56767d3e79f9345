"""Metrics to a statsd server.

Their names and units are in the documentation, on the page about metrics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Final

from attrs import field, frozen
from attrs.validators import ge, instance_of, le
from streamfw_core.metrics import Metrics

from streamfw_statsd.gathering import Address, Gathering, PerFeed
from streamfw_statsd.libraries import Library, PythonStatsd, Statsd

if TYPE_CHECKING:
    from streamfw_core import Feed

__all__ = ["Options", "PythonStatsdMetrics", "StatsdMetrics"]

_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_ODD_IN_TAG: Final = re.compile(r"[^A-Za-z0-9_./-]")


def _check_prefix(_: object, __: object, value: str | None) -> None:
    if value is not None and not re.fullmatch(r"[A-Za-z0-9_.-]*", value):
        raise ValueError("a prefix is made of letters, digits, '_', '-' and '.', such as 'myapp.feeds'")


@frozen
class Options:
    """What `metrics.options` of both backends may say.

    :param host: of the server; looked up when there is something to send, and never by a caller.
    :param prefix: what each stat begins with, before a dot; an empty text or None: nothing.
    :param tags: at the end of each line, as DogStatsD, Telegraf and others read them; a plain statsd does not.
    """

    host: str = "localhost"
    port: int = field(default=8125, validator=[instance_of(int), ge(1), le(65535)])
    prefix: str | None = field(default="streamfw", validator=_check_prefix)
    tags: Mapping[str, str] = field(factory=dict)


class StatsdMetrics(Metrics):
    """Metrics through the library `statsd`.

    :raises SettingsError: wrong options, or the library is not there.
    """

    library: ClassVar[Callable[[], Library]] = Statsd

    def __init__(self, name: str = "statsd", options: Mapping[str, object] | None = None) -> None:
        from streamfw_core.settings import structure_options

        super().__init__(name, options)
        parsed = self.options = structure_options(Options, options or {}, "metrics.options")
        address = Address(type(self).library(), parsed.host, parsed.port)
        before = f"{parsed.prefix.rstrip('.')}." if parsed.prefix else ""
        self._gathering = Gathering(address, before=before, after=_tags(parsed.tags))
        self._fanout_latency = self._timer("fanout_latency")
        self._read_latency = self._timer("read_latency")
        self._reads = self._counter("reads")
        self._writes = self._counter("writes")
        self._deletes = self._counter("deletes")
        self._hydration_misses = self._counter("hydration_misses")
        self._decode_errors = self._counter("decode_errors")
        self._fanout = {name: self._counter(f"fanout.{name}") for name in ("add", "remove", "update")}
        self._of_none = self._gathering.counters(lambda stat: stat)

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return _Timing(self._fanout_latency[feed_class.name])

    def feed_reads_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return _Timing(self._read_latency[feed_class.name])

    def reads_noted(self, feed_class: type[Feed]) -> Callable[[int, float], None]:
        reads, latency, name = self._reads, self._read_latency, feed_class.name

        def note(activities_count: int, seconds: float) -> None:
            reads[name](activities_count)
            latency[name](seconds)

        return note

    def on_feed_read(self, feed_class: type[Feed], activities_count: int) -> None:
        self._reads[feed_class.name](activities_count)

    def on_feed_write(self, feed_class: type[Feed], activities_count: int) -> None:
        self._writes[feed_class.name](activities_count)

    def on_feed_remove(self, feed_class: type[Feed], activities_count: int) -> None:
        self._deletes[feed_class.name](activities_count)

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        self._fanout[operation][feed_class.name](activities_count)

    def on_activity_published(self, activities_count: int = 1) -> None:
        self._of_none["activities.published"](activities_count)

    def on_activity_removed(self) -> None:
        self._of_none["activities.removed"](1)

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self._hydration_misses[feed_class.name](activities_count)

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        self._decode_errors[feed_class.name](activities_count)

    def on_dead_letter(self, reason: str) -> None:
        self._of_none["dead_letters"](1)

    def close(self) -> None:
        self._gathering.close()

    def _counter(self, stat: str) -> PerFeed:
        return self._gathering.counters(lambda feed: f"{_plain(feed)}.{stat}")

    def _timer(self, stat: str) -> PerFeed:
        return self._gathering.timers(lambda feed: f"{_plain(feed)}.{stat}")


class PythonStatsdMetrics(StatsdMetrics):
    """Metrics through the library `python-statsd`.

    :raises SettingsError: wrong options, or the library is not there.
    """

    library: ClassVar[Callable[[], Library]] = PythonStatsd

    def __init__(self, name: str = "python-statsd", options: Mapping[str, object] | None = None) -> None:
        super().__init__(name, options)


class _Timing:
    """Notes the seconds between its beginning and its end."""

    __slots__ = ("_note", "_started")

    def __init__(self, note: Callable[[float], None]) -> None:
        self._note = note

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._note(perf_counter() - self._started)


def _plain(feed: str) -> str:
    """The name of a feed as part of a stat: a dot would begin another part, a colon the value."""
    return _ODD.sub("_", feed)


def _tags(tags: Mapping[str, str]) -> str:
    if not tags:
        return ""
    return "|#" + ",".join(f"{_ODD_IN_TAG.sub('_', name)}:{_ODD_IN_TAG.sub('_', value)}" for name, value in tags.items())

"""What is installed and what the settings say: nothing connects here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from streamfw_core.doctor.findings import FEEDS, SETTINGS, Finding, failure, ok, warning
from streamfw_core.errors import SettingsError
from streamfw_core.plugins.conflicts import conflicts_among
from streamfw_core.plugins.kinds import PluginStatus
from streamfw_core.plugins.suggest import did_you_mean
from streamfw_core.storage.protocol import Scope

if TYPE_CHECKING:
    from streamfw_core.feeds import Feed
    from streamfw_core.manager import Manager
    from streamfw_core.plugins import Plugins
    from streamfw_core.settings import Settings
    from streamfw_core.streams import Streams

__all__ = [
    "examine_feeds",
    "examine_plugins",
    "examine_settings",
    "feed_classes_of",
    "managers_of",
    "problems_of",
    "said",
]

_SHOW_PLUGINS = "streamfw plugins"
_SHOW_SETTINGS = "streamfw settings"


def said(error: BaseException) -> str:
    """What an error says, in one line."""
    words = " ".join(str(error).split())
    return words or type(error).__name__


def problems_of(error: Exception, where: str, what: str = SETTINGS, hint: str = _SHOW_SETTINGS) -> list[Finding]:
    """A failure for each thing that an error names."""
    if isinstance(error, SettingsError):
        return [
            failure("settings", what, f"{problem.path}: {problem.message}", problem.hint or hint)
            for problem in error.problems
        ]
    return [failure(where, what, said(error), hint)]


def examine_plugins(plugins: Plugins) -> Iterator[Finding]:
    """Which are broken, disabled, or in each other's way."""
    infos, backends = plugins.plugins(), plugins.backends()
    for info in infos:
        if info.status is PluginStatus.BROKEN:
            hint = f"python -m pip check; {_SHOW_PLUGINS} --check"
            yield failure("plugins", "broken", f"{info.provider} is broken: {info.reason}", hint)
        elif info.status is PluginStatus.DISABLED:
            hint = "leave it out of the environment variable if it is to be used"
            yield warning("plugins", "disabled", f"{info.provider} is disabled: {info.reason}", hint)
    for conflict in conflicts_among(backends):
        hint = f"uninstall one of them, or name it in STREAMFW_DISABLE_PLUGINS; {_SHOW_PLUGINS}"
        yield failure("plugins", "conflict", f"{conflict}, so none of them is used", hint)
    loaded = sum(info.status is PluginStatus.LOADED for info in infos)
    yield ok("plugins", "loaded", f"{_counted(loaded, 'plugin')} with {_counted(len(backends), 'backend')}")


def examine_settings(settings: Settings) -> Iterator[Finding]:
    """What was found and is not used."""
    for note in settings.notes:
        yield warning("settings", SETTINGS, note, _SHOW_SETTINGS)
    yield ok(
        "settings", SETTINGS, f"{_counted(len(settings.storages), 'storage')}, {_counted(len(settings.feeds), 'feed')}"
    )


def managers_of(streams: Streams) -> Iterator[tuple[str, Manager | Exception]]:
    """The managers that the settings list, or why one cannot be made."""
    for name in streams.settings.managers:
        try:
            yield name, streams.manager(name)
        except Exception as error:  # noqa: BLE001 - whatever the program's own code raises
            yield name, error


def feed_classes_of(manager: Manager) -> list[type[Feed]]:
    """Its feed classes, each once."""
    return [*dict.fromkeys((manager.user_feed_class, *manager.feed_classes.values()))]


def examine_feeds(streams: Streams) -> Iterator[Finding]:
    """Whether managers can be imported and their feeds put together: keys that two share, storages that workers do not see."""
    if not streams.settings.managers:
        yield from _no_managers(streams)
        return
    names: set[str] = set()
    failed = False
    for name, manager in managers_of(streams):
        if isinstance(manager, Exception):
            found: Iterable[Finding] = problems_of(manager, f"manager {name!r}", FEEDS)
        else:
            found = _problems_of_feeds(streams, name, manager, names)
        for finding in found:
            failed = True
            yield finding
    if failed:
        return
    yield from _unknown_feeds(streams.settings.feeds, names)
    yield ok(
        "managers", FEEDS, f"{_counted(len(streams.settings.managers), 'manager')} with {_counted(len(names), 'feed')}"
    )


def _no_managers(streams: Streams) -> Iterator[Finding]:
    hint = 'list them in the settings: "managers": {"pins": "myapp.feeds:PinManager"}'
    if streams.queue.scope is Scope.SHARED:
        message = "the settings list none, and workers find managers by that list alone"
        yield failure("managers", FEEDS, message, hint)
    else:
        yield warning("managers", FEEDS, "the settings list none, so no feed was looked at", hint)


def _problems_of_feeds(streams: Streams, name: str, manager: Manager, names: set[str]) -> Iterator[Finding]:
    """What keeps the feeds of a manager from being put together; the names of all of them are added to `names`."""
    where, count = f"manager {name!r}", 0
    try:
        _ = manager.streams
    except Exception as first:  # noqa: BLE001 - as above
        # It ends at the first feed that does not fit; all are wanted.
        try:
            classes: Iterable[type[Feed]] = feed_classes_of(manager)
        except (TypeError, AttributeError):
            classes = ()
        for feed_class in classes:
            try:
                streams.bind(feed_class)
            except Exception as error:  # noqa: BLE001 - as above
                count += 1
                yield from problems_of(error, where, FEEDS)
        if not count:
            yield from problems_of(first, where, FEEDS)
        return
    names |= {feed_class.name for feed_class in feed_classes_of(manager)}


def _unknown_feeds(described: Iterable[str], names: set[str]) -> Iterator[Finding]:
    """Names that look misspelt. Others may be of feeds without a manager, as feeds of notifications mostly are."""
    for name in described:
        if name not in names and (hint := did_you_mean(name, names)):
            yield warning("settings", FEEDS, f"feeds.{name}: no feed of the managers has this name", hint)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

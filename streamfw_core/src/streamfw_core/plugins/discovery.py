"""Which plugins are installed, and which of them the environment lets in. Nothing is imported here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from streamfw_core.errors import Problem, SettingsError
from streamfw_core.plugins.kinds import Backend, PluginInfo, PluginStatus, describe

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["DISABLE", "GROUP", "ONLY", "STRICT", "FoundPlugin", "Narrowing", "discover"]

GROUP: Final = "streamfw"

DISABLE: Final = "STREAMFW_DISABLE_PLUGINS"
ONLY: Final = "STREAMFW_ONLY_PLUGINS"
STRICT: Final = "STREAMFW_STRICT_PLUGINS"

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


@attrs.define(eq=False)
class FoundPlugin:
    """A plugin and what has become of it so far; only the loader changes it."""

    name: str
    distribution: str
    version: str | None
    target: str
    entry: EntryPoint | None = None
    status: PluginStatus = PluginStatus.PENDING
    reason: str = ""
    cause: BaseException | None = None
    loading: bool = False
    backends: tuple[Backend, ...] = ()
    hooks: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        return describe(self.name, self.distribution, self.version)

    @property
    def info(self) -> PluginInfo:
        return PluginInfo(
            name=self.name,
            distribution=self.distribution,
            version=self.version,
            target=self.target,
            status=self.status,
            reason=self.reason,
            backends=self.backends,
            hooks=self.hooks,
        )

    def answers_to(self, name: str) -> bool:
        """Whether this is the plugin, or a plugin of the distribution, that people call `name`."""
        return _folded(name) in {_folded(self.name), _folded(self.distribution)}


@attrs.frozen
class Narrowing:
    """Which plugins the environment lets in. It names them by their own or by their distribution's name."""

    disabled: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    strict: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Narrowing:
        """Read the three variables.

        :raises SettingsError: when the strict switch is neither on nor off.
        """
        strict = environ.get(STRICT, "").strip().lower()
        if strict not in _TRUE | _FALSE:
            message = f"this must be 1 or 0, is {environ[STRICT]!r}"
            raise SettingsError([Problem(f"environment variable {STRICT}", message, f"export {STRICT}=1")])
        only = _names(environ.get(ONLY, ""))
        return cls(disabled=_names(environ.get(DISABLE, "")), only=only or None, strict=strict in _TRUE)

    def refusal(self, plugin: FoundPlugin) -> str | None:
        """Why this plugin is not let in, or None."""
        if any(plugin.answers_to(name) for name in self.disabled):
            return f"{DISABLE} names it"
        if self.only is not None and not any(plugin.answers_to(name) for name in self.only):
            return f"{ONLY} does not name it"
        return None


def discover(given: Iterable[EntryPoint] | None) -> list[FoundPlugin]:
    """Every plugin among `given`, or else among the installed distributions, in a stable order."""
    found = _installed() if given is None else [_found(entry) for entry in given]
    unique = {(plugin.name, plugin.target, plugin.distribution): plugin for plugin in found}
    return [unique[key] for key in sorted(unique)]


def _installed() -> list[FoundPlugin]:
    # Imported here: it is the slowest import of all, and `given` needs none of it.
    from importlib.metadata import entry_points

    try:
        return [_found(entry) for entry in entry_points(group=GROUP)]
    except Exception:  # noqa: BLE001 (one unreadable entry_points.txt hides the plugins of all distributions)
        return _installed_one_by_one()


def _installed_one_by_one() -> list[FoundPlugin]:
    from importlib.metadata import distributions

    found: list[FoundPlugin] = []
    seen: set[str] = set()
    for distribution in distributions():
        name, version = _identity(distribution)
        if _folded(name) in seen:
            continue  # Further down sys.path: Python would not import this one.
        seen.add(_folded(name))
        try:
            found.extend(_found(entry) for entry in distribution.entry_points.select(group=GROUP))
        except Exception as error:  # noqa: BLE001 (whatever it is, it must not hide the others)
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
                broken = FoundPlugin(name, name, version, "", status=PluginStatus.BROKEN, cause=error)
                broken.reason = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"
                found.append(broken)
    return found


def _found(entry: EntryPoint) -> FoundPlugin:
    distribution, version = _identity(entry.dist)
    return FoundPlugin(entry.name, distribution, version, entry.value, entry)


def _identity(distribution: Distribution | None) -> tuple[str, str | None]:
    try:
        if distribution is not None:
            return distribution.name, distribution.version
    except Exception:  # noqa: BLE001 (unreadable metadata: the plugin may work all the same)
        return "an unknown distribution", None
    return "an unknown distribution", None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _folded(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")

"""Finding plugins, and the backends that they offer.

Registration and the calls of hooks are pluggy's.
Discovery is not: one plugin that cannot be loaded must not stop the others,
and a program that uses one backend must not import the plugins of ten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

import pluggy

from streamfw_core._version import __version__
from streamfw_core.errors import BackendBroken, PluginBroken, StreamsError
from streamfw_core.plugins import builtin, hookspecs
from streamfw_core.plugins.discovery import FoundPlugin, Narrowing, discover
from streamfw_core.plugins.kinds import (
    Backend,
    Kind,
    PluginInfo,
    PluginStatus,
    check_path,
    check_registration,
    is_path,
)
from streamfw_core.plugins.known import known_scheme
from streamfw_core.plugins.misses import conflict, not_found
from streamfw_core.plugins.suggest import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Plugins"]

OWN_CLASS = "your own class"


class Plugins:
    """The installed plugins and their backends. Thread-safe; nothing is looked for before the first question.

    :param entry_points: the plugins, instead of those that are installed.
    :param environ: instead of `os.environ`.
        `STREAMFW_DISABLE_PLUGINS` and `STREAMFW_ONLY_PLUGINS` list plugins, separated by commas;
        with `STREAMFW_STRICT_PLUGINS=1` the first question loads every plugin,
        and a broken plugin or a backend name offered twice is an error.
    :raises SettingsError: when one of these variables has a value that it cannot have.
    """

    def __init__(
        self, *, entry_points: Iterable[EntryPoint] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._narrowing = Narrowing.from_environ(os.environ if environ is None else environ)
        self._given = None if entry_points is None else tuple(entry_points)
        # Reentrant: the module of a plugin may ask for a backend while it is being imported.
        self._lock = RLock()
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._specs = frozenset(name for name in hookspecs.__all__ if name.startswith("streamfw_"))
        self._found: list[FoundPlugin] = []
        self._discovered = False
        self._complete = False
        self._hooks: frozenset[str] = frozenset()
        # More than one backend under a name is a conflict, and kept as such.
        self._by_name: dict[tuple[Kind, str], list[Backend]] = {}
        self._by_scheme: dict[tuple[Kind, str], list[Backend]] = {}

    # --- backends -------------------------------------------------------------------------------------------

    def find(self, kind: Kind, name: str) -> Backend:
        """The backend of this name, or of this URL scheme, or the user's own class given by its path.

        Core's own backends and the plugin named like the backend are asked first, the others only on a miss.

        :raises BackendNotFound: with the nearest name, or with the command that installs the backend.
        :raises BackendConflict: when two loaded plugins offer the name.
        :raises PluginBroken: only with `STREAMFW_STRICT_PLUGINS=1`.
        """
        if is_path(name):
            return Backend(kind, name, _as_target(name), OWN_CLASS, OWN_CLASS)
        return self._lookup(kind, name, scheme=False)

    def for_scheme(self, kind: Kind, scheme: str) -> Backend:
        """The backend for URLs of this scheme: the one of that name, or else the one that registered it.

        :raises BackendNotFound: and the others, as `find` does.
        """
        return self._lookup(kind, scheme.lower(), scheme=True)

    def load(self, kind: Kind, name: str) -> Callable[..., Any]:
        """Import the class (or factory) of the backend of this name.

        :raises BackendBroken: when that fails or finds nothing that can be called.
        :raises BackendNotFound: and the others, as `find` does.
        """
        return self.load_backend(self.find(kind, name))

    def load_backend(self, backend: Backend) -> Callable[..., Any]:
        """Import the class (or factory) of a backend that `find` or `for_scheme` returned.

        :raises BackendBroken: when that fails or finds nothing that can be called.
        """
        if not check_path(backend.target):
            raise _broken_backend(backend, "the path is not of the form 'module:Class'")
        module_name, _, path = backend.target.partition(":")
        try:
            value: Any = import_module(module_name)
        except (Exception, SystemExit) as error:
            raise _broken_backend(backend, _quote(error)) from error
        for attribute in path.split("."):
            try:
                value = getattr(value, attribute)
            except AttributeError as error:
                where = getattr(value, "__name__", module_name)
                near = did_you_mean(attribute, dir(value))
                reason = f"{where} has no {attribute!r}{f'; {near}' if near else ''}"
                raise _broken_backend(backend, reason) from error
        if not callable(value):
            raise _broken_backend(backend, f"it is a {type(value).__name__}, which cannot be called")
        factory: Callable[..., Any] = value
        return factory

    def backends(self, kind: Kind | None = None) -> list[Backend]:
        """Every backend, by kind and name; conflicting ones are all listed. Loads all plugins."""
        with self._lock:
            self._load_all(strict=False)
            found = [backend for offers in self._by_name.values() for backend in offers]
        order = list(Kind)
        chosen = (backend for backend in found if kind is None or backend.kind is kind)
        return sorted(chosen, key=lambda b: (order.index(b.kind), b.name, b.distribution))

    # --- plugins and their hooks ----------------------------------------------------------------------------

    def plugins(self) -> list[PluginInfo]:
        """Every plugin that was found, core's own first, with what became of it. Loads all plugins."""
        with self._lock:
            self._load_all(strict=False)
            return [plugin.info for plugin in self._found]

    @property
    def hook(self) -> pluggy.HookRelay:
        """Calls a hook of all plugins: `plugins.hook.streamfw_activity_published(...)`. Loads all plugins."""
        self._complete_once()
        return self._manager.hook

    def has_hook(self, name: str) -> bool:
        """Whether any plugin implements this hook; the arguments need not be made when none does."""
        if name not in self._specs:
            near = did_you_mean(name, self._specs)
            raise AttributeError(f"streamfw has no hook named {name!r}{f'; {near}' if near else ''}")
        self._complete_once()
        return name in self._hooks

    def register(self, plugin: object, *, name: str) -> PluginInfo:
        """Add a plugin that is not installed: any module or object with hooks, such as a program's own.

        :raises PluginBroken: when its hooks do not fit or raise.
        """
        with self._lock:
            self._discover()
            target = getattr(plugin, "__name__", type(plugin).__name__)
            found = FoundPlugin(name, "this program", None, target)
            self._found.append(found)
            self._attempt(found, lambda: plugin)
            self._count_hooks()
            if found.status is PluginStatus.BROKEN:
                self._found.remove(found)
                raise _broken_plugin(found) from found.cause
            return found.info

    # --- inside ---------------------------------------------------------------------------------------------

    def _lookup(self, kind: Kind, name: str, *, scheme: bool) -> Backend:
        with self._lock:
            self._discover()
            if self._narrowing.strict:
                self._load_all()
            known = known_scheme(kind, name)
            for plugin in self._found:
                if plugin.answers_to(name) or (known is not None and plugin.answers_to(known.distribution)):
                    self._load(plugin)
            backend = self._offered(kind, name)
            if backend is None:
                self._load_all()
                backend = self._offered(kind, name)
            if backend is None:
                offered = [offer for offers in self._by_name.values() for offer in offers]
                raise not_found(kind, name, scheme=scheme, backends=offered, plugins=self._found)
            return backend

    def _offered(self, kind: Kind, name: str) -> Backend | None:
        for table in (self._by_name, self._by_scheme):
            offers = table.get((kind, name), [])
            if len(offers) > 1:
                raise conflict(kind, name, offers, scheme=table is self._by_scheme)
            if offers:
                return offers[0]
        return None

    def _discover(self) -> None:
        if self._discovered:
            return
        own = FoundPlugin(builtin.NAME, builtin.DISTRIBUTION, __version__, builtin.__name__)
        self._found = [own, *discover(self._given)]
        for plugin in self._found[1:]:
            refusal = self._narrowing.refusal(plugin)
            if refusal is not None:
                plugin.status, plugin.reason = PluginStatus.DISABLED, refusal
        self._discovered = True
        self._attempt(own, lambda: builtin)

    def _load_all(self, *, strict: bool | None = None) -> None:
        """Load what is not loaded yet; when strict, refuse whatever is wrong with any of it."""
        self._discover()
        for plugin in list(self._found):
            self._load(plugin)
        if not any(plugin.loading for plugin in self._found):
            self._count_hooks()
            self._complete = True
        if self._narrowing.strict if strict is None else strict:
            self._refuse_broken()

    def _complete_once(self) -> None:
        # The way of every publish: without the lock, once all is loaded and nothing can be refused.
        if not self._complete or self._narrowing.strict:
            with self._lock:
                self._load_all()

    def _refuse_broken(self) -> None:
        for plugin in self._found:
            if plugin.status is PluginStatus.BROKEN:
                raise _broken_plugin(plugin) from plugin.cause
        for table in (self._by_name, self._by_scheme):
            for (kind, name), offers in table.items():
                if len(offers) > 1:
                    raise conflict(kind, name, offers, scheme=table is self._by_scheme)

    def _count_hooks(self) -> None:
        self._hooks = frozenset(hook for plugin in self._found for hook in plugin.hooks)

    def _load(self, plugin: FoundPlugin) -> None:
        if plugin.entry is not None and plugin.status is PluginStatus.PENDING and not plugin.loading:
            self._attempt(plugin, plugin.entry.load)

    def _attempt(self, plugin: FoundPlugin, load: Callable[[], object]) -> None:
        """Load a plugin and take what it offers: all of it, or, when anything is wrong, nothing."""
        plugin.loading = True
        try:
            self._admit(plugin, load())
        except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin runs anybody's code)
            plugin.status, plugin.cause = PluginStatus.BROKEN, error
            plugin.reason = str(error) if isinstance(error, _Refused) else _quote(error)
            plugin.backends, plugin.hooks = (), ()
        else:
            plugin.status = PluginStatus.LOADED
            for backend in plugin.backends:
                self._by_name.setdefault((backend.kind, backend.name), []).append(backend)
                for scheme in backend.schemes:
                    self._by_scheme.setdefault((backend.kind, scheme), []).append(backend)
        finally:
            plugin.loading = False

    def _admit(self, plugin: FoundPlugin, implementation: object) -> None:
        manager = self._manager
        if manager.is_registered(implementation):
            raise _Refused(f"its module is already loaded as {manager.get_name(implementation)}")
        try:
            manager.register(implementation, name=plugin.provider)
            plugin.hooks = self._check_hooks(implementation)
            plugin.backends = tuple(self._ask(plugin, implementation))
        except BaseException:
            if manager.is_registered(implementation):
                manager.unregister(implementation)
            raise

    def _check_hooks(self, implementation: object) -> tuple[str, ...]:
        callers = self._manager.get_hookcallers(implementation) or []
        if not callers:
            raise _Refused("it has no hooks; is @hookimpl missing above its functions?")
        for caller in callers:
            own = [impl for impl in caller.get_hookimpls() if impl.plugin is implementation]
            if not caller.has_spec() and not all(impl.optionalhook for impl in own):
                near = did_you_mean(caller.name, self._specs)
                raise _Refused(f"there is no hook named {caller.name!r}{f'; {near}' if near else ''}")
        return tuple(sorted(caller.name for caller in callers))

    def _ask(self, plugin: FoundPlugin, implementation: object) -> list[Backend]:
        others = [other for other in self._manager.get_plugins() if other is not implementation]
        offers: list[Backend] = []
        for kind in Kind:
            if kind.hook in plugin.hooks:
                call = self._manager.subset_hook_caller(kind.hook, others)
                call(register=_register_into(offers, plugin, kind))
        return offers


class _Refused(StreamsError):
    """What is wrong with a plugin, in words that need no exception type before them."""


def _register_into(offers: list[Backend], plugin: FoundPlugin, kind: Kind) -> hookspecs.Register:
    def register(name: str, target: str, *, summary: str = "", schemes: Iterable[str] = ()) -> None:
        wrong = check_registration(name, target, summary, schemes)
        if wrong is not None:
            raise _Refused(wrong)
        if any(offer.name == name and offer.kind is kind for offer in offers):
            raise _Refused(f"it registered the {kind.label} backend {name!r} twice")
        # A backend's name is one of its schemes anyway.
        further = tuple(dict.fromkeys(scheme for scheme in schemes if scheme != name))
        taken = {scheme for offer in offers if offer.kind is kind for scheme in offer.schemes}
        if twice := taken.intersection(further):
            raise _Refused(f"it registered the URL scheme {min(twice)!r} for two {kind.label} backends")
        offers.append(
            Backend(
                kind=kind,
                name=name,
                target=target,
                plugin=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                summary=summary,
                schemes=further,
            )
        )

    return register


def _as_target(path: str) -> str:
    if ":" in path:
        return path
    module, _, name = path.rpartition(".")
    return f"{module}:{name}"


def _quote(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _broken_plugin(plugin: FoundPlugin) -> PluginBroken:
    message = f"{plugin.provider[0].upper()}{plugin.provider[1:]} is broken: {plugin.reason}"
    return PluginBroken(message, plugin=plugin.name, distribution=plugin.distribution, reason=plugin.reason)


def _broken_backend(backend: Backend, reason: str) -> BackendBroken:
    if backend.plugin == OWN_CLASS:
        message = (
            f"The {backend.kind.label} backend {backend.name!r} cannot be loaded: {reason}\n"
            "  Check the path in the settings, and that the folder of the module is on sys.path."
        )
    else:
        message = (
            f"The {backend.kind.label} backend {backend.name!r} of {backend.provider} "
            f"cannot be loaded from {backend.target}: {reason}\n"
            "  Is everything installed that it requires? `python -m pip check` tells."
        )
    return BackendBroken(message, kind=str(backend.kind), name=backend.name, plugin=backend.plugin, reason=reason)

"""What to say when no backend, or more than one, has the name that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamfw_core.errors import BackendConflict, BackendNotFound
from streamfw_core.plugins.discovery import DISABLE, FoundPlugin
from streamfw_core.plugins.kinds import Backend, Kind, PluginStatus
from streamfw_core.plugins.known import KNOWN, KnownBackend, known_scheme
from streamfw_core.plugins.suggest import nearest

__all__ = ["conflict", "not_found"]


def not_found(
    kind: Kind,
    name: str,
    *,
    scheme: bool,
    backends: Iterable[Backend],
    plugins: Sequence[FoundPlugin],
) -> BackendNotFound:
    """The error for a lookup that missed, with everything that may explain it."""
    known = known_scheme(kind, name)
    available = sorted({backend.name for backend in backends if backend.kind is kind})
    # The plugin that would have offered it, as far as its name or its distribution tells.
    likely = [p for p in plugins if p.answers_to(name) or (known and p.answers_to(known.distribution))]
    failed = [plugin for plugin in likely if plugin.status in {PluginStatus.BROKEN, PluginStatus.DISABLED}]

    lines = [_head(kind, name, scheme=scheme)]
    suggestion = None
    if failed:
        lines += [_why_not(plugin) for plugin in failed]
    elif known is not None:
        lines.append(f"Install it: {known.install}")
    else:
        suggestion, line = _suggest(kind, name, available)
        if line:
            lines.append(line)
        lines += _other_kinds(kind, name, backends)
    lines.append(f"Available: {', '.join(available) or 'none'}.")
    others = [plugin for plugin in plugins if plugin not in failed]
    lines += [_why_not(plugin) for plugin in others if plugin.status is PluginStatus.BROKEN]
    if disabled := [plugin for plugin in others if plugin.status is PluginStatus.DISABLED]:
        lines.append("Disabled and not asked: " + ", ".join(f"{p.name} ({p.reason})" for p in disabled) + ".")
    lines.append("`streamfw plugins` shows what is installed.")
    return BackendNotFound(
        "\n  ".join(lines),
        kind=str(kind),
        name=name,
        suggestion=suggestion,
        install=known.install if known is not None and not likely else None,
    )


def conflict(kind: Kind, name: str, offers: Sequence[Backend], *, scheme: bool) -> BackendConflict:
    """The error for a name that several plugins offer."""
    what = f"the URL scheme {name!r}" if scheme else f"{kind.phrase} backend named {name!r}"
    lines = [f"{len(offers)} plugins offer {what}, and none of them wins by chance:"]
    lines += [f"- {offer.provider} ({offer.name!r} is {offer.target})" for offer in offers]
    lines.append(f"Uninstall all but one, or turn them off: {DISABLE}={offers[-1].distribution}")
    providers = [offer.provider for offer in offers]
    return BackendConflict("\n  ".join(lines), kind=str(kind), name=name, providers=providers)


def _head(kind: Kind, name: str, *, scheme: bool) -> str:
    if scheme:
        return f"No installed plugin offers {kind.phrase} backend for URLs that start with {name + '://'!r}."
    return f"No installed plugin offers {kind.phrase} backend named {name!r}."


def _why_not(plugin: FoundPlugin) -> str:
    reason = " ".join(plugin.reason.split())
    if plugin.status is PluginStatus.BROKEN:
        return f"{plugin.provider[0].upper()}{plugin.provider[1:]} is broken: {reason}"
    return f"{plugin.provider[0].upper()}{plugin.provider[1:]} is installed, but disabled: {reason}."


def _suggest(kind: Kind, name: str, available: Sequence[str]) -> tuple[str | None, str]:
    known: dict[str, KnownBackend] = {backend.name: backend for backend in KNOWN if backend.kind is kind}
    match = nearest(name, [*known, *available])
    if match is None:
        return None, ""
    install = "" if match in available else f" It is not installed: {known[match].install}"
    return match, f"Did you mean {match!r}?{install}"


def _other_kinds(kind: Kind, name: str, backends: Iterable[Backend]) -> list[str]:
    kinds = sorted({b.kind.phrase for b in backends if b.name == name and b.kind is not kind})
    return [f"{name!r} is the name of {phrase} backend." for phrase in kinds]

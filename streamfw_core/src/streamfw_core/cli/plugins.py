"""`streamfw plugins`: what is installed, by whom, what is turned off, what is broken and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamfw_core.cli.application import see_current_folder
from streamfw_core.cli.output import console, print_json
from streamfw_core.errors import BackendBroken
from streamfw_core.plugins import Backend, PluginInfo, Plugins, PluginStatus
from streamfw_core.plugins.conflicts import Conflict, conflicts_among

__all__ = ["plugins"]

CHECK_FAILED = 1

_STYLES = {PluginStatus.LOADED: "green", PluginStatus.DISABLED: "yellow", PluginStatus.BROKEN: "bold red"}


@click.command(short_help="Show what is installed, by whom, and what is broken.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--check", is_flag=True, help="Import every backend too, and exit with 1 if anything is broken.")
def plugins(as_json: bool, check: bool) -> int:
    """Show the installed plugins and backends, what is disabled, and what is broken and why."""
    see_current_folder()
    installed = Plugins()
    infos, backends = installed.plugins(), installed.backends()
    conflicts = conflicts_among(backends)
    unusable = _unusable(installed, backends) if check else {}
    if as_json:
        print_json(_document(infos, conflicts, unusable))
    else:
        _show(console(), infos, backends, conflicts, unusable)
    broken = any(info.status is PluginStatus.BROKEN for info in infos)
    return CHECK_FAILED if check and (broken or conflicts or unusable) else 0


def _unusable(installed: Plugins, backends: Sequence[Backend]) -> dict[Backend, str]:
    """The backends whose code cannot be imported, with the reason."""
    reasons = {}
    for backend in backends:
        try:
            installed.load_backend(backend)
        except BackendBroken as error:
            reasons[backend] = error.reason
    return reasons


def _document(
    infos: Sequence[PluginInfo], conflicts: Sequence[Conflict], unusable: dict[Backend, str]
) -> dict[str, Any]:
    return {
        "plugins": [
            {
                "name": info.name,
                "distribution": info.distribution,
                "version": info.version,
                "target": info.target,
                "status": str(info.status),
                "reason": info.reason,
                "hooks": list(info.hooks),
                "backends": [
                    {
                        "kind": str(backend.kind),
                        "name": backend.name,
                        "target": backend.target,
                        "schemes": list(backend.schemes),
                        "summary": backend.summary,
                        "broken": unusable.get(backend),
                    }
                    for backend in info.backends
                ],
            }
            for info in infos
        ],
        "conflicts": [
            {"kind": one.kind, "name": one.name, "is_scheme": one.scheme, "providers": list(one.providers)}
            for one in conflicts
        ],
    }


def _show(
    out: Console,
    infos: Sequence[PluginInfo],
    backends: Sequence[Backend],
    conflicts: Sequence[Conflict],
    unusable: dict[Backend, str],
) -> None:
    out.print(_plugin_table(infos))
    out.print()
    out.print(_backend_table(backends))
    complaints = [f"{info.provider} is {info.status}: {info.reason}" for info in infos if info.reason]
    complaints += [
        f"The {backend.kind.label} backend {backend.name!r} of {backend.provider} cannot be loaded: {why}"
        for backend, why in unusable.items()
    ]
    complaints += [f"Conflict: {conflict}" for conflict in conflicts]
    for complaint in complaints:
        out.print()
        # Texts of other people: never markup, and not wrapped.
        out.print(Text(complaint[:1].upper() + complaint[1:]), soft_wrap=True)


def _plugin_table(infos: Sequence[PluginInfo]) -> Table:
    table = Table("plugin", "distribution", "version", "status", title="Plugins", title_justify="left")
    for info in infos:
        status = Text(str(info.status), style=_STYLES.get(info.status, ""))
        table.add_row(Text(info.name), Text(info.distribution), Text(info.version or "?"), status)
    return table


def _backend_table(backends: Sequence[Backend]) -> Table:
    table = Table("kind", "name", "plugin", "what", title="Backends", title_justify="left")
    kind = None
    for backend in backends:
        if kind not in {None, backend.kind}:
            table.add_section()
        names = ", ".join([backend.name, *(f"{scheme}://" for scheme in backend.schemes if scheme != backend.name)])
        shown = "" if backend.kind is kind else backend.kind.label
        what = Text(f"{backend.summary}\n" if backend.summary else "").append(backend.target, style="dim")
        table.add_row(Text(shown), Text(names), Text(backend.plugin), what)
        kind = backend.kind
    return table

"""`streamfw settings`: the resolved settings, where each value came from, without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
from rich.table import Table
from rich.text import Text

from streamfw_core.cli.application import see_current_folder
from streamfw_core.cli.output import console, print_json
from streamfw_core.cli.queue_program import settings_of_program
from streamfw_core.errors import SettingsError
from streamfw_core.settings import Settings

__all__ = ["settings"]

SETTINGS_WRONG = 2


@click.command(short_help="Show the resolved settings and where they come from.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document, also of what is wrong.")
@click.option(
    "--settings",
    "reference",
    metavar="MODULE:ATTRIBUTE",
    help="Where the settings are, instead of what STREAMFW_SETTINGS says.",
)
def settings(as_json: bool, reference: str | None) -> int:
    """Show the resolved settings and where each value came from; secrets are masked.

    Exits with 2 when something is wrong with them, and lists everything that is.
    """
    see_current_folder()
    try:
        resolved = settings_of_program(reference)
    except SettingsError as error:
        if not as_json:
            raise
        print_json({"problems": [problem._asdict() for problem in error.problems]})
        return SETTINGS_WRONG
    if as_json:
        print_json({"settings": resolved.masked(), "origins": _origins(resolved), "notes": list(resolved.notes)})
    else:
        _show(resolved)
    return 0


def _show(resolved: Settings) -> None:
    table = Table("setting", "value", "from", title="Settings", title_justify="left")
    section = None
    for path, value in _flat("", resolved.masked()):
        top = path.partition(".")[0]
        if section not in {None, top}:
            table.add_section()
        section = top
        table.add_row(*(Text(cell, overflow="fold") for cell in (path, _shown(value), resolved.origin(path))))
    out = console()
    out.print(table)
    for note in resolved.notes:
        out.print(Text(f"note: {note}"), soft_wrap=True)


def _origins(resolved: Settings) -> dict[str, str]:
    return {path: resolved.origin(path) for path, _ in _flat("", resolved.masked())}


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Every single value with its path; what is empty is shown as such."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(f"{path}.{key}" if path else str(key), item)
    else:
        yield path, value


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return value if isinstance(value, str) else repr(value)

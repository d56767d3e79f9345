"""`streamfw doctor`: examines a running set-up, and says what to do about what it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress

import click
from rich.text import Text

from streamfw_core.cli.application import see_current_folder
from streamfw_core.cli.output import console, print_json, printable
from streamfw_core.cli.queue_program import of_program, settings_option
from streamfw_core.doctor import Finding, Level, diagnose
from streamfw_core.doctor.diagnosis import CANARY_TIMEOUT

__all__ = ["doctor"]

UNHEALTHY = 1

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "bold red"}
_WIDTH = max(map(len, Level)) + 2


@click.command(short_help="Examine a running set-up: settings, servers, workers, a canary.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=CANARY_TIMEOUT,
    show_default=True,
    help="Within which a canary must arrive.",
)
@click.option("--no-canary", is_flag=True, help="Publish nothing, and only look.")
@click.option("--prepare", is_flag=True, help="Make the tables of the canary first, where a storage has a schema.")
@settings_option
def doctor(as_json: bool, timeout: float, no_canary: bool, prepare: bool, reference: str | None) -> int:
    """Examine the program's plugins, settings, storages and task queue, and publish a canary through them.

    Exits with 1 when something fails; warnings do not count.
    """
    see_current_folder()
    with ExitStack() as stack:
        source: object = reference
        with suppress(Exception):  # what is wrong with the settings is a finding
            source = stack.enter_context(of_program(reference))
        findings = diagnose(source, canary=not no_canary, timeout=timeout, prepare=prepare)
        found = [*findings] if as_json else [*_shown(findings)]
    counts = Counter(finding.level for finding in found)
    if as_json:
        print_json({"healthy": not counts[Level.FAILURE], "findings": [finding._asdict() for finding in found]})
    else:
        console().print(Text(_summary(counts)))
    return UNHEALTHY if counts[Level.FAILURE] else 0


def _shown(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Print each as soon as it is there."""
    out = console()
    for finding in findings:
        line = Text(f"{finding.level:<{_WIDTH}}", style=_STYLES[finding.level])
        words = f"{finding.where}: {finding.message}" if finding.what in {"", finding.where} else None
        line.append(printable(words or f"{finding.where}, {finding.what}: {finding.message}"), style="default")
        if finding.hint:
            line.append(f"\n{'':<{_WIDTH}}-> {printable(finding.hint)}", style="default")
        # Not wrapped, so that commands can be copied.
        out.print(line, soft_wrap=True)
        yield finding


def _summary(counts: Counter[Level]) -> str:
    several = {Level.OK: "ok", Level.WARNING: "warnings", Level.FAILURE: "failures"}
    parts = [f"{counts[level]} {level if counts[level] == 1 else several[level]}" for level in Level]
    return f"\n{', '.join(parts)}"

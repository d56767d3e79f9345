"""Pages name what there is, all of it and nothing else: hooks, kinds, commands, options, capabilities, tags, variables.

What has a test beside its page: settings, metrics, the contract, the doctor, Django's checks, Redis, Cassandra, FastAPI's errors.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import attrs
import click
import pytest
from django.template import Library
from streamfw_core.cli.main import streamfw
from streamfw_core.metrics import Metrics
from streamfw_core.plugins import Kind, hookspecs
from streamfw_core.storage import Capabilities

from tests.docs.pages import DOCS, ROOT

HOOKS = sorted(name for name in hookspecs.__all__ if name.startswith("streamfw_"))


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def table(page: str, header: str) -> list[list[str]]:
    """The cells of the rows under a header."""
    _, found, rest = text_of(page).partition(f"{header}\n")
    assert found, f"docs/{page} has no table {header}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rest.partition("\n\n")[0].splitlines()[1:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- plugins ---


def test_hooks_for_backends_are_those_of_the_kinds() -> None:
    rows = table("plugins.md", "| kind of backend | hook | named in the settings under |")
    assert {kind: code(hook) for kind, hook, _ in rows} == {kind.label: [kind.hook] for kind in Kind}


def test_hooks_for_what_happens_are_listed_with_their_arguments() -> None:
    rows = table("plugins.md", "| hook | where | arguments |")
    shown = {code(hook)[0]: code(arguments) for hook, _, arguments in rows}
    registering = {kind.hook for kind in Kind}
    assert shown == {
        name: [*inspect.signature(getattr(hookspecs, name)).parameters] for name in HOOKS if name not in registering
    }


def test_hooks_that_are_named_exist() -> None:
    distributions = {path.name for path in ROOT.glob("**/src/streamfw_*")}
    for page in DOCS.glob("*.md"):
        for name in re.findall(r"\b(streamfw_(?:register|activity|feeds|notifications)_\w+)", page.read_text("utf-8")):
            assert name in HOOKS or name in distributions, f"{page.name} names {name}"


def test_methods_of_metrics_are_listed_with_their_arguments() -> None:
    rows = table("plugins.md", "| method | when |")
    shown = {name: arguments for cell, _ in rows for name, arguments in re.findall(r"`(\w+)(?:\(([^)]*)\))?`", cell)}
    methods = {name: method for name, method in vars(Metrics).items() if inspect.isfunction(method) and name[0] != "_"}
    assert shown.keys() == methods.keys()
    for name, arguments in shown.items():
        if arguments:
            assert arguments == _arguments(methods[name]), name


def _arguments(method: object) -> str:
    assert callable(method)
    parameters = [*inspect.signature(method).parameters.values()][1:]
    return ", ".join(
        one.name if one.default is inspect.Parameter.empty else f"{one.name}={one.default!r}" for one in parameters
    )


# --- storages ---


def test_every_capability_is_listed_with_what_the_kit_makes_of_it() -> None:
    rows = table("conformance.md", "| capability | declared | not declared |")
    declared = [field.name for field in attrs.fields(Capabilities)]
    assert sorted(code(name)[0] for name, *_ in rows) == sorted(set(declared) - {"deviations"})
    assert "`deviations`" in text_of("conformance.md") or "deviations=" in text_of("conformance.md")


# --- the command line ---


def commands_of(group: click.Group, path: str = "streamfw") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{path} {name}")


COMMANDS = dict(commands_of(streamfw))
SHARED = "## The program that a command works for"


def options_of(command: click.Command) -> set[str]:
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def sections() -> dict[str, str]:
    """Heading -> text, of the page about the command line."""
    parts = re.split(r"^(## .*)$", text_of("command-line.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def section_of(command: str) -> str:
    """The heading under which a command is, or the group that it is of."""
    while f"## {command}" not in sections():
        command, _, last = command.rpartition(" ")
        assert command, f"docs/command-line.md has no section for {last}"
    return f"## {command}"


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)])
def test_every_command_has_a_section_with_all_its_options(name: str) -> None:
    heading = section_of(name)
    text = sections()[heading] + sections()[SHARED]
    assert heading == f"## {name}" or re.search(rf"`{name.rpartition(' ')[2]}\b", text), (
        f"{heading} says nothing of {name}"
    )
    missing = {option for option in options_of(COMMANDS[name]) if not re.search(rf"[ `]{option}\b", text)}
    assert missing == set()


@pytest.mark.parametrize("heading", [heading for heading in sections() if heading.startswith("## streamfw")])
def test_every_section_is_of_a_command_and_names_no_other_option(heading: str) -> None:
    name = heading.removeprefix("## ")
    assert name in COMMANDS
    own = [command for path, command in COMMANDS.items() if path == name or path.startswith(f"{name} ")]
    known = set().union(*map(options_of, own)) | {"--settings"}
    prose = re.sub(r"\bpip install .*?`", "", sections()[heading])
    assert {*re.findall(r"(?<![\w-])--[a-z][\w-]*", prose)} <= known


def test_options_of_all_commands_are_named() -> None:
    page = text_of("command-line.md")
    rest = page.partition("\n## ")[0] + "".join(
        text for heading, text in sections().items() if not heading.startswith("## streamfw ")
    )
    general = {name for name in options_of(streamfw) if name.startswith("--")} - {"--help"}
    every = general.union(*map(options_of, COMMANDS.values()))
    assert general <= {*re.findall(r"(?<![\w-])--[a-z][\w-]*", rest)} <= every | {"--help"}


# --- the environment, and templates ---


def test_variables_of_the_environment_are_on_a_page() -> None:
    sources = [*ROOT.glob("streamfw_*/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    read = {name for path in sources for name in re.findall(r"\bSTREAMFW_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    shown = {
        name for page in DOCS.glob("*.md") for name in re.findall(r"\bSTREAMFW_[A-Z_]+\b", page.read_text("utf-8"))
    }
    assert len(read) >= 5
    assert read == {name for name in shown if not name.startswith("STREAMFW_TESTS_")}  # of somebody's tests


def test_tags_and_filters_of_templates_are_listed() -> None:
    from streamfw_django.templatetags.streamfw import register

    assert isinstance(register, Library)
    rows = re.findall(r"^\| (`\{[{%].*?) \| ", text_of("django.md"), re.MULTILINE)
    tags = {name for row in rows for name in re.findall(r"\{% (\w+)", row)}
    filters = {name for row in rows for name in re.findall(r"\\\|(\w+) \}\}", row)}
    assert (tags, filters) == ({*register.tags}, {*register.filters})

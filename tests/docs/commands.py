"""What the pages say to type is understood by the programs that are called: options, sessions, extras and files exist.

Nothing is executed. A program that is not known here makes its block one that has to be executed, or to say why not.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import click
from packaging.requirements import Requirement

from tests.docs.pages import ROOT

__all__ = ["UnknownProgramError", "check"]

_LOOP: Final = re.compile(r"^for (\w+) in ([^\n;]*); do\n(.*?)^done$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT: Final = re.compile(r"[A-Z][A-Z_]*=\S*")
_PIP_OPTIONS: Final = {"-e": 0, "--editable": 0, "--no-deps": 0, "--target": 1}
"""Of `pip install`, and how many values each has beside a requirement."""


class UnknownProgramError(AssertionError):
    """Nobody here can say whether a command is right."""


def check(code: str, *, prompt: str = "", extras: Collection[str] = ()) -> None:
    """Hold every command of a block against the program that it calls.

    :param prompt: what a command begins with, where a block has output too.
    :param extras: those of the project in the folder where somebody types this, where it is another than this repository.
    :raises AssertionError: a program would not take it, or is not known here.
    """
    for line in _LOOP.sub(_unrolled, code.replace("\\\n", " ")).splitlines():
        if line.startswith(prompt):
            for command in line.removeprefix(prompt).split(" && "):
                _check(shlex.split(command, comments=True), extras)


def _unrolled(loop: re.Match[str]) -> str:
    name, values, body = loop.groups()
    return "".join(re.sub(rf"\$({name}\b|{{{name}}})", value, body) for value in values.split())


def _check(words: list[str], extras: Collection[str]) -> None:
    while words and _ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if not words:
        return
    program, *arguments = words
    if program == "python" and arguments[:1] == ["-m"]:
        _, program, *arguments = words[1:]
    elif program == "python":
        program = "python script"
    if program == "pip":
        _pip(arguments, extras)
        return
    checking = PROGRAMS.get(program)
    if checking is None:
        raise UnknownProgramError(f"nothing checks commands of {program}")
    checking(arguments)


def _pip(arguments: list[str], extras: Collection[str]) -> None:
    assert arguments.pop(0) == "install", "only `pip install` is known"
    while arguments:
        word = arguments.pop(0)
        if word.startswith("-"):
            assert word in _PIP_OPTIONS, f"is {word} an option of pip install?"
            del arguments[: _PIP_OPTIONS[word]]
        else:
            _requirement(word, extras)


def _requirement(text: str, extras: Collection[str]) -> None:
    name, _, wanted = text.removesuffix("]").partition("[")
    if not name.startswith("."):
        requirement = Requirement(text)
        if not requirement.name.startswith("streamfw"):
            return
        name, wanted = requirement.name, ",".join(requirement.extras)
    offered = extras if name == "." and extras else _extras_of(name)
    for extra in filter(None, wanted.split(",")):
        assert extra in offered, f"{name} has no extra [{extra}]: it has {sorted(offered)}"


@cache
def _extras_of(name: str) -> set[str]:
    """The extras of a distribution by its name, or by its folder."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        root: dict[str, Any] = tomllib.load(file)["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    if name in {"streamfw", "."}:
        return {*root["extras"]}
    folder = root["siblings"].get(name, name)
    if folder == "." or not (ROOT / folder / "pyproject.toml").exists():
        raise AssertionError(f"there is no distribution {name}")
    with (ROOT / folder / "pyproject.toml").open("rb") as file:
        own: dict[str, Any] = tomllib.load(file)
    return {*own["project"].get("optional-dependencies", {})}


def _nox(arguments: list[str]) -> None:
    sessions = re.findall(
        r"^@nox\.session.*\n(?:@.*\n)*def (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    sessions += re.findall(
        r'^@nox\.session\(name="(\w+)"', (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    if "-s" in arguments:
        session = arguments[arguments.index("-s") + 1]
        assert session in sessions, f"there is no session {session}: there are {sessions}"


def _script(arguments: list[str]) -> None:
    assert (ROOT / arguments[0]).is_file(), f"there is no file {arguments[0]}"


def _streamfw(arguments: list[str]) -> None:
    from streamfw_core.cli.main import streamfw

    _click(streamfw, arguments)


def _celery(arguments: list[str]) -> None:
    from celery.bin.worker import worker

    assert arguments[0] == "-A", "name the app: celery -A APP worker"
    assert arguments[2] == "worker", f"only workers are known here, not {arguments[2]}"
    _click(worker, arguments[3:])


def _flask(arguments: list[str]) -> None:
    assert arguments[0] == "--app"
    assert arguments[2] == "streamfw", "only our own command is known here"
    _streamfw(arguments[3:])


def _click(command: click.Command, arguments: list[str]) -> None:
    """Go down to the command, and let its own parser read the options."""
    context = click.Context(command)
    while isinstance(command, click.Group):
        assert arguments, f"{command.name} wants a command"
        name, *arguments = arguments
        found = command.get_command(context, name)
        assert found is not None, f"{command.name} has no command {name}: it has {command.list_commands(context)}"
        command = found
        context = click.Context(command, parent=context, info_name=name)
    try:
        _, left, _ = command.make_parser(context).parse_args(list(arguments))
    except click.UsageError as error:
        raise AssertionError(f"{command.name}: {error.format_message()}") from error
    assert not left, f"{command.name} does not take {left}"


def _rq(arguments: list[str]) -> None:
    assert arguments[0] == "worker", "only workers are known here"
    _click(import_module("rq.cli").worker, arguments[1:])  # which does not say that it exports it


def _pytest(arguments: list[str]) -> None:
    for path in arguments:
        assert (ROOT / path).exists(), f"there is nothing at {path}"


def _nothing(arguments: list[str]) -> None:
    """Of shells; a tutorial begins with them, and a test that builds its project executes them."""


PROGRAMS: Final[Mapping[str, Callable[[list[str]], None]]] = {
    "cd": _nothing,
    "celery": _celery,
    "export": _nothing,
    "flask": _flask,
    "mkdir": _nothing,
    "nox": _nox,
    "pytest": _pytest,
    "python script": _script,
    "rq": _rq,
    "streamfw": _streamfw,
    "streamfw_core": _streamfw,
    "touch": _nothing,
}

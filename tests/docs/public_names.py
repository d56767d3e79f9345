"""What is public, and what says so: the exports of packages, their docstrings, and the directives of docs/api.md.

`python -m tests.docs.public_names` counts them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Final

import griffe
from attrs import frozen

from tests.docs.pages import DOCS, ROOT

__all__ = [
    "DISTRIBUTIONS",
    "INTERNAL",
    "PAGE",
    "Public",
    "defined",
    "exporting_packages",
    "public_names",
    "sections",
    "undocumented",
]

PAGE: Final = DOCS / "api.md"
SOURCES: Final = [*sorted(ROOT.glob("streamfw_*/src")), *sorted(ROOT.glob("plugins/*/src"))]
DISTRIBUTIONS: Final = [package.name for source in SOURCES for package in sorted(source.glob("streamfw_*"))]

INTERNAL: Final[Mapping[str, str]] = {
    "streamfw_redis.servers": "how one server, Sentinel and a cluster are reached, for the storage alone",
}
"""Packages whose exports are not public, and what they are."""

_DIRECTIVE: Final = re.compile(r"^\.\. ([\w:]+):: ([\w.]+)\n((?:   :.*\n)*)", re.MULTILINE)


@frozen
class Public:
    """A public name, or a member of a public class."""

    path: str
    has_docstring: bool
    """Or, of a member, its class says in code what it is."""
    is_shown: bool
    """By a directive of docs/api.md."""

    def __str__(self) -> str:
        lacks = ["a docstring"] * (not self.has_docstring) + ["a place in docs/api.md"] * (not self.is_shown)
        return f"{self.path} lacks {' and '.join(lacks)}" if lacks else self.path


@cache
def _packages() -> griffe.ModulesCollection:
    """All distributions, as they are written: nothing is imported."""
    loader = griffe.GriffeLoader(search_paths=[str(source) for source in SOURCES], allow_inspection=False)
    for name in DISTRIBUTIONS:
        loader.load(name)
    return loader.modules_collection


def sections() -> list[str]:
    """The modules that docs/api.md calls public."""
    return re.findall(r"^## `([\w.]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@cache
def _directives() -> dict[str, str | None]:
    """What is shown -> the members that are, as text: "" for all of them, None without the option."""
    shown: dict[str, str | None] = {}
    for kind, path, options in _DIRECTIVE.findall(PAGE.read_text(encoding="utf-8")):
        listed = re.search(r":members:(.*)", options)
        members = listed[1].strip() if listed else None
        if kind == "automodule":
            module = _packages()[path]
            shown |= {
                f"{path}.{name}": members for name, one in module.members.items() if _is_public(module, name, one)
            }
        elif path.partition(".")[0] in DISTRIBUTIONS:
            shown[defined(*path.rsplit(".", 1)).path] = members
    return shown


def _is_public(module: griffe.Object | griffe.Alias, name: str, member: griffe.Object | griffe.Alias) -> bool:
    """Whether a module that says all that is in it shows this."""
    if module.exports is not None:
        return name in module.exports
    return not name.startswith("_") and not member.is_alias and not member.is_module


def exporting_packages() -> dict[str, set[str]]:
    """Each package with `__all__`, and the paths of what it exports, where that is defined."""
    return {
        package.path: {defined(package.path, str(name)).path for name in package.exports or []}
        for name in DISTRIBUTIONS
        for package in _modules(_packages()[name])
        if package.is_init_module and package.exports
    }


def _modules(module: griffe.Object | griffe.Alias) -> Iterator[griffe.Module]:
    assert isinstance(module, griffe.Module)
    yield module
    for part in module.modules.values():
        if not part.is_alias:
            yield from _modules(part)


def defined(module: str, name: str) -> griffe.Object:
    """A name where it is defined, not where it is exported."""
    found = _packages()[module][name]
    target = found.final_target if found.is_alias else found
    assert isinstance(target, griffe.Object)
    return target


@cache
def public_names() -> tuple[Public, ...]:
    """The exports of the sections of docs/api.md, what else it shows, and the members of all these classes."""
    found = {path: _packages()[path] for path in _directives()}
    for section in sections():
        exported = [defined(section, str(name)) for name in _packages()[section].exports or []]
        found |= {object.path: object for object in exported}
    names = [Public(path, object.has_docstring, path in _directives()) for path, object in found.items()]
    members = [member for object in found.values() if isinstance(object, griffe.Class) for member in _members(object)]
    return tuple(sorted({*names, *members}, key=lambda name: name.path))


def _members(owner: griffe.Class) -> Iterator[Public]:
    """What a class has of its own and does not say again: a member that overrides has the docstring of what it overrides."""
    bases = _bases(owner)
    described = "\n".join(_docstrings([owner, *bases]))
    listed = _directives().get(owner.path)
    for name, member in owner.members.items():
        if name.startswith(("_", "test_")) or member.is_alias:
            continue
        overridden = any(name in base.members and base.members[name].has_docstring for base in bases)
        is_described = re.search(rf"`{name}[`(]|:param {name}:", described) is not None
        is_listed = listed == "" or (listed is not None and name in re.split(r",\s*", listed))
        yield Public(
            member.path,
            has_docstring=member.has_docstring or overridden or is_described or _is_described_when_made(member),
            is_shown=overridden or is_described or is_listed,
        )


def _is_described_when_made(member: griffe.Object | griffe.Alias) -> bool:
    """Whether a method that a function makes of another one has a docstring from there: only that is seen by importing it."""
    if not (isinstance(member, griffe.Attribute) and isinstance(member.value, griffe.ExprCall)):
        return False
    made = getattr(getattr(import_module(member.module.path), member.parent.name), member.name)  # type: ignore[union-attr]
    return inspect.isroutine(made) and bool(inspect.getdoc(made))


def _bases(owner: griffe.Class) -> list[griffe.Class]:
    """What a class is derived from, and the protocols that it has all members of."""
    derived = [base for base in owner.mro() if base.path.partition(".")[0] in DISTRIBUTIONS]
    members = {name for one in (owner, *derived) for name in one.members}
    return [*derived, *(protocol for protocol, asked in _protocols() if protocol is not owner and asked <= members)]


@cache
def _protocols() -> list[tuple[griffe.Class, set[str]]]:
    """Those that are shown, and what each asks for."""
    shown = (_packages()[path] for path in _directives())
    protocols = [one for one in shown if isinstance(one, griffe.Class) and "Protocol" in map(str, one.bases)]
    return [(one, {name for name in one.all_members if not name.startswith("_")}) for one in protocols]


def _docstrings(classes: Iterable[griffe.Class]) -> Iterator[str]:
    for one in classes:
        for documented in (one, one.members.get("__init__")):
            if documented is not None and documented.docstring is not None:
                yield documented.docstring.value


def undocumented() -> list[Public]:
    return [name for name in public_names() if not (name.has_docstring and name.is_shown)]


if __name__ == "__main__":
    lacking, total = undocumented(), len(public_names())
    print(*lacking, f"{total - len(lacking)} of {total} public names and members are documented", sep="\n")

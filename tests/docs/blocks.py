"""Every fenced block of whatever people read, and what becomes of it: none is only looked at.

A block is

- **executed**, by a test that executes its page (see `EXECUTED`), or all docstrings;
- **parsed**: data is read by the parser of its language, and commands by the programs that they call (`tests.docs.commands`);
- **checked**, by the test that a comment before it names: `<!-- checked by tests/docs/test_x.py::test_y -->`;
- **marked**, with the reason why none of that: `<!-- skip: next "it is a drawing" -->`;
- a **directive** of Sphinx, which the build executes.

`python -m tests.docs.blocks` counts them.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import yaml
from attrs import frozen
from markdown_it import MarkdownIt

from tests.docs import commands
from tests.docs.pages import ROOT, page_id, pages

__all__ = [
    "EXECUTED",
    "Block",
    "all_blocks",
    "blocks_of",
    "blocks_of_docstrings",
    "fate",
    "named_tests",
    "read_pages",
    "runs_with_others",
]

_DIRECTIVE: Final = re.compile(r"\{[\w-]+\}(?: .*)?")
_MARKER: Final = re.compile(r"<!--\s*(skip|checked)(?:: next| by)\s+(.*?)\s*-->\s*", re.DOTALL)
_REASON: Final = re.compile(r'"[^"]{10,}"')
_TESTS: Final = re.compile(r"tests/[\w/]+\.py::\w+(?:::\w+)?")

_PAGES: Final = "tests/docs/test_pages.py::test_examples_run"
EXECUTED: Final[Mapping[str, Mapping[str, str]]] = {
    "docs/background-tasks.md": dict.fromkeys(
        ("python", "console"), "tests/docs/test_background_tasks.py::test_who_follows_the_page_sees_what_it_says"
    ),
    "docs/cassandra.md": {"python": "tests/docs/test_cassandra.py::test_examples_run_and_so_does_the_cql"},
    "docs/choosing-a-storage.md": {"python": "tests/docs/test_choosing_a_storage.py::test_examples_run"},
    "docs/command-line.md": {
        "python": _PAGES,
        "console": "tests/core/test_cli_docs.py::test_every_command_runs",
    },
    "docs/django.md": dict.fromkeys(
        ("python", "html+django", "console"), "tests/docs/test_django.py::test_who_follows_the_page_sees_what_it_says"
    ),
    "docs/redis.md": dict.fromkeys(("python", "console"), "tests/docs/test_redis.py::test_examples_run"),
    "docs/writing-a-task-queue.md": {"python": "tests/docs/test_writing_a_task_queue.py::test_examples_run"},
}
"""Pages whose blocks a test of their own executes: language -> test. Of all others `_PAGES` executes the Python."""


@frozen
class Block:
    """A fenced block.

    :param where: the page, or the module and the name that a docstring is of.
    :param line: of its fence, in the file (in a docstring: in the docstring).
    :param marker: the comment right before it, or nothing.
    """

    where: str
    line: int
    language: str
    code: str
    marker: str = ""

    def __str__(self) -> str:
        return f"{self.where}:{self.line}, ```{self.language}"


def read_pages() -> list[Path]:
    """All that is written in Markdown, for whoever reads it."""
    return [
        *pages(),
        ROOT / "CONTRIBUTING.md",
        ROOT / "benchmarks/README.md",
        ROOT / "changelog.d/README.md",
        *sorted(ROOT.glob("streamfw_*/README.md")),
        *sorted(ROOT.glob("plugins/*/README.md")),
        *sorted(ROOT.glob("examples/*/README.md")),
    ]


def runs_with_others(page: Path) -> bool:
    """Whether the Python of a page is executed by the test of all pages, not by one of its own."""
    return EXECUTED.get(page_id(page), {"python": _PAGES})["python"] == _PAGES


def blocks_of(page: Path) -> list[Block]:
    return _blocks(page.read_text(encoding="utf-8"), page_id(page))


def blocks_of_docstrings() -> list[Block]:
    """Those in docstrings of all distributions and examples."""
    folders = [*ROOT.glob("streamfw_*/src"), *ROOT.glob("plugins/*/src"), *ROOT.glob("examples/*")]
    return [
        block for path in sorted({file for folder in folders for file in folder.rglob("*.py")}) for block in _of(path)
    ]


def all_blocks() -> list[Block]:
    return [*(block for page in read_pages() for block in blocks_of(page)), *blocks_of_docstrings()]


def _of(path: Path) -> Iterator[Block]:
    source = path.read_text(encoding="utf-8")
    if "```" not in source:
        return
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).rpartition("src.")[2].removesuffix(".__init__")
    for name, docstring in _docstrings(ast.parse(source), module):
        yield from _blocks(docstring, name)


def _docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield name, ast.get_docstring(node) or ""
        for member in node.body:
            yield from _docstrings(member, f"{name}.{getattr(member, 'name', '')}")


def _blocks(text: str, where: str) -> list[Block]:
    found: list[Block] = []
    marker = ""
    for token in MarkdownIt().parse(text):
        if token.type == "fence":
            assert token.map is not None
            found.append(Block(where, token.map[0] + 1, token.info.strip(), token.content, marker))
        marker = token.content if token.type == "html_block" else ""
    return found


# --- what becomes of one ------------------------------------------------------------------------------------------


def fate(block: Block) -> str:
    """Whether a block is executed, parsed, checked, marked, or a directive.

    :raises AssertionError: none of these, or it is not what it says.
    """
    if _DIRECTIVE.fullmatch(block.language):
        assert block.where.startswith("docs/"), f"{block} is a directive, and Sphinx does not build this page"
        return "directive"
    if block.marker.startswith(("<!-- skip", "<!-- checked")):
        return _marked(block)
    if _is_executed(block):
        return "executed"
    parse = PARSERS.get(block.language)
    if block.language in SHELLS:
        parse = partial(commands.check, prompt=SHELLS[block.language], extras=_extras_of(block.where))
    assert parse is not None, (
        f"{block} is neither executed nor parsed: write before it <!-- checked by tests/...::test_... -->"
        ' or <!-- skip: next "why it is not" -->, or give it a language that is'
    )
    try:
        parse(block.code)
    except Exception as error:
        raise AssertionError(f"{block} cannot be parsed: {error}") from error
    return "parsed"


def _marked(block: Block) -> str:
    found = _MARKER.fullmatch(block.marker)
    assert found is not None, f'{block}: write <!-- skip: next "the reason" -->, or <!-- checked by TEST -->'
    kind, says = found.groups()
    if kind == "skip":
        assert _REASON.fullmatch(says), f"{block}: say in quotes why, in ten letters or more"
        return "marked"
    assert _TESTS.findall(says), f"{block}: name the test, tests/path.py::test_name"
    for test in _TESTS.findall(says):
        assert test in named_tests(ROOT / test.partition("::")[0]), f"{block}: there is no test {test}"
    return "checked"


def named_tests(path: Path) -> set[str]:
    """The tests of a file, `path::name` or `path::Class::name`."""
    if not path.exists():
        return set()
    name = page_id(path)
    tests = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            tests |= {f"{name}::{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            tests.add(f"{name}::{node.name}")
    return tests


def _is_executed(block: Block) -> bool:
    if "/" not in block.where and not block.where.endswith(".md"):
        return block.language == "python"  # a docstring
    return block.language in EXECUTED.get(block.where, {"python": _PAGES})


def _parse_ini(code: str) -> None:
    configparser.ConfigParser(interpolation=None, strict=False).read_string(code)


def _extras_of(where: str) -> set[str]:
    """The extras of the project that a tutorial builds."""
    page = ROOT / where
    if not page.is_file():
        return set()
    projects = [tomllib.loads(block.code).get("project", {}) for block in blocks_of(page) if block.language == "toml"]
    return {extra for project in projects for extra in project.get("optional-dependencies", {})}


PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "ini": _parse_ini,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
"""Languages that are read by what reads them in earnest."""

SHELLS: Final[Mapping[str, str]] = {"console": "$ ", "sh": ""}
"""Languages of commands, and what each line with one begins with; see `tests.docs.commands`."""


def main() -> None:
    """Show how many blocks there are of each language, and what becomes of them."""
    fates = ["executed", "parsed", "checked", "marked", "directive", "LOST"]
    counts: Counter[tuple[str, str]] = Counter()
    for block in all_blocks():
        try:
            counts[block.language, fate(block)] += 1
        except AssertionError as lost:
            print(lost)
            counts[block.language, "LOST"] += 1
    print(f"{'language':<14}", *(f"{name:>9}" for name in fates))
    for language in sorted({language for language, _ in counts}):
        print(f"{language or '(none)':<14}", *(f"{counts[language, name] or '':>9}" for name in fates))
    print(f"{'all':<14}", *(f"{sum(counts[one] for one in counts if one[1] == name):>9}" for name in fates))


if __name__ == "__main__":
    main()

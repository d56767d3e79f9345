"""The pages of the documentation, and how their examples are executed.

Every ```python block runs, top to bottom, in one module per page, `myapp.feeds`, so that a page reads as one program.
Comments are checked too:

- `expression  # -> 3`: its `repr`, or what it prints, is `3` (`...` stands for anything);
- `statement  # raises SliceError: ...`: it raises an error whose type and message begin like that.

A block that cannot run has a comment before it that says why: `<!-- skip: next "needs a Django project" -->`.
"""

from __future__ import annotations

import ast
import doctest
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from unittest import SkipTest
from unittest.mock import patch

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from streamfw_core import Add, Comment, Follow, Love, verbs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MODULE = "myapp.feeds"

_EXPECTED = re.compile(r"#\s*(->|raises)\s+(.*?)\s*\Z")


def pages() -> list[Path]:
    """Everything that people read: the README files and the pages of the documentation."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name


def run_examples(page: Path, *, console: Callable[[str], str] | None = None) -> int:
    """Execute the examples of a page; returns how many.

    :param console: executes a command, and returns what it prints: for ```console blocks, which are left alone without it.
    """
    evaluators: dict[str, Callable[[Example], None]] = {"python": _evaluate}
    if console is not None:
        evaluators["console"] = partial(_evaluate_console, console)
    document = Sybil(parsers_of(page, evaluators)).parse(page)
    executed = 0
    with _as_module(document.namespace):
        for example in document.examples():
            try:
                example.evaluate()
            except SkipTest:
                continue
            executed += example.region.evaluator is _evaluate
    return executed


def parsers_of(page: Path, evaluators: Mapping[str, Callable[[Example], None]]) -> list[Any]:
    """What finds the blocks of a page, by language; also those that nothing evaluates, so that a skip can be theirs."""
    languages = {*evaluators, *re.findall(r"^ *```([\w+-]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}
    blocks = [
        CodeBlockParser(language=language, evaluator=evaluators.get(language, _pass_over)) for language in languages
    ]
    return [*blocks, SkipParser()]


def _pass_over(example: Example) -> None:
    """What `tests.docs.blocks` sees to."""


@contextmanager
def _as_module(namespace: dict[str, Any]) -> Iterator[None]:
    """Make the names of a page those of a module that can be imported, and its verbs with core's the only ones.

    Others, that this process imported before, would be in its messages.
    """
    module, package = ModuleType(MODULE), ModuleType("myapp")
    package.feeds = module  # type: ignore[attr-defined]
    module.__dict__.update(namespace)
    namespace["module"] = module
    sys.modules.update({"myapp": package, MODULE: module})
    cores = {verb.id: verb for verb in (Follow, Comment, Love, Add)}
    try:
        with patch.dict(verbs._verbs, cores, clear=True):
            yield
    finally:
        for name in ("myapp", MODULE):
            del sys.modules[name]


def _evaluate(example: Example) -> None:
    source: str = example.parsed
    module = example.document.namespace["module"].__dict__
    tree = ast.parse(source, str(example.path))
    lines = source.splitlines()
    # The line of the fence, so that a traceback points into the page.
    ast.increment_lineno(tree, example.line)
    for node in tree.body:
        assert node.end_lineno is not None
        expected = _EXPECTED.search(lines[node.end_lineno - example.line - 1])
        if expected is None:
            exec(_compiled(ast.Module([node], []), example, "exec"), module)
        else:
            where = f"{page_id(Path(example.path))}:{node.lineno}"
            _check(node, example, module, where, *expected.groups())


def _evaluate_console(console: Callable[[str], str], example: Example) -> None:
    for part in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        got = console(command)
        assert doctest.OutputChecker().check_output(expected, got, doctest.ELLIPSIS), (
            f"{page_id(Path(example.path))}:{example.line}: {command} prints\n{got}\n  and the page says\n{expected}"
        )


def _check(node: ast.stmt, example: Example, module: dict[str, Any], where: str, kind: str, text: str) -> None:
    got = "nothing was raised"
    try:
        if isinstance(node, ast.Expr):
            printed = io.StringIO()
            with redirect_stdout(printed):
                value = eval(_compiled(ast.Expression(node.value), example, "eval"), module)
            got = (printed.getvalue().rstrip("\n") or repr(value)) if kind == "->" else got
        else:
            assert kind == "raises", f"{where}: only an expression has a value"
            exec(_compiled(ast.Module([node], []), example, "exec"), module)
    except Exception as error:
        if kind != "raises":
            raise
        got = f"{type(error).__name__}: {error}"
    assert doctest.OutputChecker().check_output(f"{text}\n", f"{got}\n", doctest.ELLIPSIS), (
        f"{where}: the page says {text}\n  and it is {got}"
    )


def _compiled(tree: ast.Module | ast.Expression, example: Example, mode: str) -> CodeType:
    code: CodeType = compile(tree, str(example.path), mode, dont_inherit=True)
    return code
